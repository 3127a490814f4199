"""Plug-ins by name: a file of a package is a plug-in, its stem is the name, it is imported on use.

A package lists the files that are its engine and no plug-ins in `__init__.py` as ENGINE. Other
distributions add plug-ins by entry points of the group "xaimed.<kind>" that name a module. Datasets are
shown as they are spelled in the world, with hyphens (mini-mias); every name is understood in both spellings.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from xaimed.errors import InputError, unknown

KINDS = (
    "data",
    "architectures",
    "adapters",
    "attribution",
    "metrics",
    "probes",
    "checks",
    "report.sections",
    "training",
    "cli",
)


def names(kind: str) -> tuple[str, ...]:
    """The sorted names of the plug-ins of a kind, without importing any. Raises NotFound for an unknown kind."""
    stems = sorted({*_stems(kind), *_entries(kind)})
    return tuple(stem.replace("_", "-") for stem in stems) if kind == "data" else tuple(stems)


def load(kind: str, name: str) -> ModuleType:
    """The module of a plug-in; a hyphen in the name may stand for an underscore.

    Raises NotFound with the nearest names, InputError if two distributions claim the name.
    """
    stem = name.replace("-", "_")
    entry = _entries(kind).get(stem)
    if stem in _stems(kind):
        if entry is not None:
            raise InputError(f"{kind} {stem!r} comes with xaimed and from {entry.value}; "
                             "expected one: uninstall or rename the other")
        return importlib.import_module(f"xaimed.{kind}.{stem}")
    if entry is None:
        raise unknown(_singular(kind), name, names(kind))
    return _loaded(entry, kind)


def summary(kind: str, name: str) -> str:
    """The first line of a plug-in's docstring, read from its source without importing it; "" if it has none."""
    stem = name.replace("-", "_")
    entry = _entries(kind).get(stem)
    if entry is None and stem not in _stems(kind):
        raise unknown(_singular(kind), name, names(kind))
    spec = importlib.util.find_spec(entry.module if entry else f"xaimed.{kind}.{stem}")
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return ""
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf8"))) or ""
    return text.partition("\n")[0]


@cache
def classes(package: str) -> dict[str, str]:
    """The public classes of a package's files, each with the dotted name of its module; nothing is imported."""
    found: dict[str, str] = {}
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf8"))
            found |= {node.name: f"{package}.{path.stem}" for node in tree.body
                      if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
    return found


@cache
def _stems(kind: str) -> frozenset[str]:
    if kind not in KINDS:
        raise unknown("kind of plug-in", kind, KINDS)
    package = importlib.import_module(f"xaimed.{kind}")
    engine: frozenset[str] = getattr(package, "ENGINE", frozenset())
    found = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg}
    return frozenset(stem for stem in found - engine if not stem.startswith("_"))


@cache
def _entries(kind: str) -> dict[str, EntryPoint]:
    if kind not in KINDS:
        raise unknown("kind of plug-in", kind, KINDS)
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=f"xaimed.{kind}"):
        stem = entry.name.replace("-", "_")
        if stem in found and found[stem].value != entry.value:
            raise InputError(f"{kind} {stem!r} comes from {found[stem].value} and from {entry.value}; "
                             "expected one: uninstall or rename the other")
        found[stem] = entry
    return found


def _loaded(entry: EntryPoint, kind: str) -> ModuleType:
    try:
        module: object = entry.load()
    except (ImportError, AttributeError) as error:
        raise InputError(f"{kind} {entry.name!r}: {entry.value} cannot be imported ({error}); "
                         "expected a module: mend or uninstall its distribution") from error
    if not isinstance(module, ModuleType):
        raise InputError(f"{kind} {entry.name!r}: {entry.value} is a {type(module).__name__}; "
                         "expected a module: mend the entry point")
    return module


def _singular(kind: str) -> str:
    words = {"data": "dataset", "attribution": "method", "cli": "command", "report.sections": "report section",
             "training": "training task"}
    return words.get(kind, kind.removesuffix("s"))
