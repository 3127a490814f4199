"""Who may import whom, and what an import may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# A later row may import an earlier one and its own, never a later one. Modules in no row stand in MIDDLE.
RANKS = (
    {"types", "errors", "plural"},
    {"registry", "content", "optional", "stats", "store", "run", "ledger", "curvefile", "mapfile", "tables", "answers"},
    {"imaging", "data", "architectures", "adapters", "attribution", "metrics", "probes", "checks", "viz",
     "targets", "hooks", "perturb", "scene", "sanity", "explain"},
    {"report", "training", "audit", "plan"},
    {"refusals", "foresight"},
    {"ladder"},
    {"cli"},
)
MIDDLE = 2
# Attribution.to_image() and .plot() are conveniences on the type, and import the pictures when called.
ALLOWED = {("types", "viz")}
NO_TORCH = {"types", "errors", "registry", "content", "optional", "stats", "store", "run", "ledger", "curvefile",
            "mapfile", "tables", "answers", "checks", "report", "viz"}
SOURCES = sorted((ROOT / "xaimed").rglob("*.py"))


def part(path: Path) -> str:
    return path.relative_to(ROOT / "xaimed").parts[0].removesuffix(".py")


def rank(name: str) -> int:
    return next((i for i, names in enumerate(RANKS) if name in names), MIDDLE)


def imported(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name of every import in a file, those inside functions too."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.append((node.lineno, module))
            if module == "xaimed":
                found += [(node.lineno, f"xaimed.{alias.name}") for alias in node.names]
    return found


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_order_is_kept() -> None:
    wrong = []
    for path in SOURCES:
        own = part(path)
        if own in ("__init__", "__main__"):
            continue
        for line, name in imported(path):
            pieces = name.split(".")
            if pieces[0] != "xaimed" or len(pieces) == 1 or pieces[1].startswith("__"):
                continue
            if rank(pieces[1]) > rank(own) and (own, pieces[1]) not in ALLOWED:
                wrong.append(f"{path.relative_to(ROOT)}:{line} {own} imports {pieces[1]}")
    assert not wrong, "\n".join(wrong)


def test_imports_are_absolute() -> None:
    wrong = [f"{path.relative_to(ROOT)}:{line}" for path in SOURCES for line, name in imported(path)
             if name.startswith(".")]
    assert not wrong


def test_named_parts_never_mention_torch() -> None:
    pages = sorted((ROOT / "dashboards").rglob("*.py"))
    wrong = [f"{path.relative_to(ROOT)}:{line} {name}"
             for path in [*(p for p in SOURCES if part(p) in NO_TORCH), *pages]
             for line, name in imported(path) if name.split(".")[0] in ("torch", "torchvision")]
    assert not wrong


def test_streamlit_only_in_dashboards() -> None:
    wrong = [f"{path.relative_to(ROOT)}:{line}" for path in SOURCES for line, name in imported(path)
             if name.split(".")[0] == "streamlit"]
    assert not wrong


def test_named_parts_load_no_torch_by_a_detour() -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
               for path in SOURCES if part(path) in NO_TORCH]
    code = (f"import importlib, sys\nfor name in {modules!r}:\n    importlib.import_module(name)\n"
            "    assert 'torch' not in sys.modules, name\n")
    run(code)


@pytest.mark.parametrize("heavy", ["torch", "pandas", "streamlit", "matplotlib", "captum", "shap", "zarr", "pydicom"])
def test_the_command_line_starts_light(heavy: str) -> None:
    run(f"import sys\nfrom xaimed.cli.app import parser\nparser()\nassert {heavy!r} not in sys.modules")


def test_import_is_quick_and_light() -> None:
    code = ("import sys, time\nstart = time.perf_counter()\nimport xaimed\nprint(time.perf_counter() - start)\n"
            "assert 'torch' not in sys.modules and 'pandas' not in sys.modules")
    assert min(float(run(code)) for _ in range(3)) < 0.5


def test_the_public_names_are_there() -> None:
    code = ("import xaimed\nimport sys, xaimed.explain\n"
            "from xaimed import explain, load_model, open_dataset\n"
            "assert explain is sys.modules['xaimed.explain'].explain is xaimed.explain\n"
            "assert all(callable(getattr(xaimed, n)) for n in dir(xaimed) if n != '__version__')\n"
            "print(xaimed.__version__)")
    assert run(code).count(".") == 2


def test_an_unknown_name_is_an_attribute_error() -> None:
    import xaimed

    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = xaimed.nothing_like_this
