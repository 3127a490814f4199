"""Settings from TOML: a frozen dataclass from a table, unknown keys refused with the nearest name."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from xaimed.errors import NotFound, PlanError, unknown

T = TypeVar("T")


def read_table(path: Path, what: str) -> dict[str, Any]:
    """The parsed TOML file. Raises NotFound for no file, PlanError for bad TOML."""
    if not path.is_file():
        raise NotFound(f"no {what} at {path}; expected a TOML file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path.name}: not valid TOML: {error}; expected a {what}") from error


def settings(kind: type[T], table: object, where: str) -> T:
    """A dataclass of `kind` whose fields are the table's; lists become tuples, whole numbers fit float fields.

    TOML has no null: "none" stands for None where a field may be None.

    Raises PlanError for an unknown key, with the nearest name, a missing one, or a value of another type.
    """
    if not isinstance(table, Mapping):
        raise PlanError(f"{where} is {table!r}; expected a table")
    known = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values = {}
    for key, value in table.items():
        if key not in known:
            raise PlanError(str(unknown(f"key in {where}", str(key), known)))
        absent = "None" in str(known[key].type) and value in (None, "none")
        values[key] = None if absent else _fitting(value, known[key].default, f"{where}.{key}")
    lacking = [name for name, field in known.items() if name not in values
               and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING]
    if lacking:
        raise PlanError(f"{where}: lacks {', '.join(lacking)}; expected the fields {', '.join(known)}")
    return kind(**values)


def _fitting(value: object, default: object, where: str) -> object:
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(default, bool | int | float | str):
        whole = isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool)
        if type(value) is not type(default) and not whole:
            raise PlanError(f"{where} = {value!r}; expected {type(default).__name__}, such as {default!r}")
    return value
