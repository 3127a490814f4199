"""`xaimed list`: what there is, by name."""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from xaimed import content, registry
from xaimed.errors import InputError

Rows = dict[str, str]
EXAMPLES = """examples:
  xaimed list                 everything
  xaimed list methods         the attribution methods
  xaimed list models --json   for another program
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "list", help="show methods, models, datasets and other parts by name",
        description="Show what there is, by the name that other commands and plans use.", epilog=EXAMPLES)
    parser.add_argument("what", nargs="?", choices=tuple(LISTS), help="one list; all of them if left out")
    parser.add_argument("--json", action="store_true", help="print one JSON object: list, name, description")


def run(options: argparse.Namespace) -> int:
    """0, after the lists are printed."""
    found = {what: LISTS[what]() for what in ([options.what] if options.what else LISTS)}
    print(json.dumps(found, indent=2) if options.json else _text(found), end="\n" if options.json else "")
    return 0


def plugins(kind: str) -> Rows:
    """Name to first line of the docstring, for the plug-ins of a kind."""
    return {name: registry.summary(kind, name) for name in registry.names(kind)}


def models() -> Rows:
    """Path of each model.pt that comes with xaimed to what its card says of it."""
    return {_near(path): _described(path.with_name("card.toml"))
            for path in sorted(content.folder("models").glob("*/model.pt"))}


def plans() -> Rows:
    """Name of each audit plan to what it says of itself."""
    return {path.stem: _described(path) for path in sorted(content.folder("audits").glob("*.toml"))}


LISTS: Mapping[str, Callable[[], Rows]] = {
    "methods": lambda: plugins("attribution"),
    "models": models,
    "datasets": lambda: plugins("data"),
    "architectures": lambda: plugins("architectures"),
    "metrics": lambda: plugins("metrics"),
    "checks": lambda: plugins("checks"),
    "probes": lambda: plugins("probes"),
    "plans": plans,
}


def _text(found: Mapping[str, Rows]) -> str:
    lines = []
    for what, rows in found.items():
        width = max(map(len, rows), default=0)
        lines += [what, *(f"  {name:<{width}}  {text}".rstrip() for name, text in rows.items() or [("none", "")]), ""]
    return "\n".join(lines[:-1]) + "\n"


def _near(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _described(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        table = tomllib.loads(path.read_text(encoding="utf8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML ({error}); expected a card or plan: mend the file") from error
    return next((str(table[key]) for key in ("title", "summary", "description") if key in table), "")
