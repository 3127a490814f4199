"""Names, plug-ins of other distributions, and what goes wrong with them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from xaimed import content, optional, registry
from xaimed.errors import InputError, MissingExtra, NotFound, XaimedError


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path that is an installed distribution; write entry points to `entries`."""
    info = tmp_path / "thirdparty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thirdparty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._entries.cache_clear()
    yield tmp_path
    registry._entries.cache_clear()
    for name in [n for n in sys.modules if n.startswith("thirdparty_")]:
        del sys.modules[name]


def offer(folder: Path, entries: str) -> None:
    (folder / "thirdparty-1.0.dist-info" / "entry_points.txt").write_text(entries)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_names_are_the_files_of_the_package(kind: str) -> None:
    folder = Path(registry.__file__).parent.joinpath(*kind.split("."))
    files = {path.stem for path in folder.glob("*.py")}
    names = registry.names(kind)
    assert list(names) == sorted(names)
    found = {name.replace("-", "_") for name in names}
    assert found <= files - {"__init__"}
    engine = getattr(sys.modules[f"xaimed.{kind}"], "ENGINE", frozenset())
    assert files - found - {"__init__"} == {stem for stem in files if stem in engine or
                                                 (stem.startswith("_") and stem != "__init__")}


def test_names_import_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "xaimed.cli.list", raising=False)
    assert "list" in registry.names("cli")
    assert "xaimed.cli.list" not in sys.modules
    assert registry.summary("cli", "list").startswith("`xaimed list`")
    assert "xaimed.cli.list" not in sys.modules


def test_a_hyphen_stands_for_an_underscore(distribution: Path) -> None:
    (distribution / "thirdparty_set.py").write_text('"""A set of a third party."""\n')
    offer(distribution, "[xaimed.data]\nour-set = thirdparty_set\n")
    assert "our-set" in registry.names("data")
    assert registry.load("data", "our-set") is registry.load("data", "our_set")
    assert registry.load("data", "our-set").__name__ == "thirdparty_set"
    assert registry.summary("data", "our-set") == "A set of a third party."


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(NotFound, match="unknown command 'lisst'; did you mean 'list'"):
        registry.load("cli", "lisst")
    with pytest.raises(NotFound, match="unknown command"):
        registry.summary("cli", "lisst")
    with pytest.raises(NotFound, match="unknown kind of plug-in 'metric'; did you mean 'metrics'"):
        registry.names("metric")


def test_a_name_claimed_twice_is_refused_only_when_it_is_wanted(distribution: Path) -> None:
    offer(distribution, "[xaimed.cli]\nlist = thirdparty_list\n")
    assert registry.names("cli").count("list") == 1
    with pytest.raises(InputError, match="thirdparty_list"):
        registry.load("cli", "list")


@pytest.mark.parametrize(("source", "value", "says"), [
    (None, "thirdparty_gone", "cannot be imported"),
    ("import no_such_module_anywhere", "thirdparty_bad", "no_such_module_anywhere"),
    ("thing = 3", "thirdparty_value:thing", "is a int"),
])
def test_a_broken_plugin_is_a_known_error(distribution: Path, source: str | None, value: str, says: str) -> None:
    if source is not None:
        (distribution / f"{value.partition(':')[0]}.py").write_text(source)
    offer(distribution, f"[xaimed.probes]\nbroken = {value}\n")
    with pytest.raises(XaimedError, match=says):
        registry.load("probes", "broken")


def test_content_is_found_in_the_checkout() -> None:
    root = Path(registry.__file__).parents[1]
    for kind in content.KINDS:
        assert content.folder(kind) == root / kind
    with pytest.raises(NotFound, match="did you mean 'models'"):
        content.folder("model")


def test_content_is_found_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "xaimed"
    (package / "content" / "models").mkdir(parents=True)
    (tmp_path / "site-packages" / "audits").mkdir()
    monkeypatch.setattr(content, "__file__", str(package / "content.py"))
    assert content.folder("models") == package / "content" / "models"
    with pytest.raises(NotFound, match="install xaimed again"):
        content.folder("audits")  # a stranger's folder of that name beside an installed package is not ours


def test_need_imports_or_says_how_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert optional.need("json.decoder", "dicom", "to test").__name__ == "json.decoder"
    with pytest.raises(MissingExtra, match=r"no_such_package is not installed; it is needed to test: "
                                           r"pip install 'xaimed\[dicom\]'"):
        optional.need("no_such_package.part", "dicom", "to test")
    (tmp_path / "thirdparty_cracked.py").write_text("import no_such_dependency")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        optional.need("thirdparty_cracked", "dicom", "to test")
