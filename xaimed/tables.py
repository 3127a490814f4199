"""The tables of a run: their columns, the rows that a case gives, and parquet files of them.

pandas and pyarrow are imported on use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.errors import StoreError
from xaimed.types import Case, Prediction, Score

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Cell = str | int | float | bool | None
Row = Mapping[str, Cell]
NAN = float("nan")

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "cases": {"case": "string", "patient": "string", "split": "string", "label": "string", "width": "int64",
              "height": "int64", "spacing_mm": "double", "digest": "string", "synthetic": "bool"},
    "truth": {"case": "string", "target": "string", "label": "string",
              "x0": "double", "y0": "double", "x1": "double", "y1": "double"},
    "predictions": {"case": "string", "condition": "string", "target": "string", "label": "string",
                    "score": "double", "x0": "double", "y0": "double", "x1": "double", "y1": "double"},
    "scores": {"case": "string", "target": "string", "method": "string", "metric": "string",
               "condition": "string", "seed": "int64", "value": "double"},
}


def case_rows(case: Case, prediction: Prediction, scores: Sequence[Score]) -> dict[str, list[Row]]:
    """The rows of one case for each table: cases, truth, predictions (clean, then under each probe), scores."""
    said = {"clean": prediction, **prediction.probed}
    return {"cases": [_case_row(case)], "truth": _truth_rows(case), "scores": score_rows(scores),
            "predictions": [row for name, one in said.items() for row in _prediction_rows(one, name)]}


def score_rows(scores: Iterable[Score]) -> list[Row]:
    """A row of the scores table for each score."""
    return [{"case": s.case, "target": s.target, "method": s.method, "metric": s.metric,
             "condition": s.condition, "seed": s.seed, "value": float(s.value)} for s in scores]


def _case_row(case: Case) -> Row:
    groups = {f"group_{name}": value for name, value in sorted(case.groups.items())}
    return {"case": case.id, "patient": case.patient or case.id, "split": case.split, "label": case.label,
            "width": case.width, "height": case.height, "digest": case.digest, "synthetic": case.synthetic,
            "spacing_mm": NAN if case.spacing_mm is None else float(case.spacing_mm), **groups}


def _truth_rows(case: Case) -> list[Row]:
    if case.boxes:
        return [{"case": case.id, "target": f"t{i}", "label": box.label, **_edges(box.edges)}
                for i, box in enumerate(case.boxes)]
    return []


def class_truth(case: Case) -> list[Row]:
    """The truth row of a classification case: its label and no box; none when the label is unknown."""
    if case.label is None:
        return []
    return [{"case": case.id, "target": "t0", "label": case.label, **_edges((NAN, NAN, NAN, NAN))}]


def _prediction_rows(prediction: Prediction, condition: str) -> list[Row]:
    found: list[Row] = [
        {"case": prediction.case, "condition": condition, "target": d.name, "label": d.label,
         "score": float(d.score), **_edges(d.edges)} for d in prediction.detections]
    found += [{"case": prediction.case, "condition": condition, "target": name, "label": name,
               "score": float(score), **_edges((NAN, NAN, NAN, NAN))}
              for name, score in prediction.scores.items()]
    return found


def _edges(edges: tuple[float, float, float, float]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(("x0", "y0", "x1", "y1"), edges, strict=True)}


def frame(name: str, rows: Sequence[Row]) -> pd.DataFrame:
    """The pandas frame of table `name` with the fixed columns and types, group columns added where given."""
    import pyarrow as pa

    types = dict(COLUMNS[name])
    if name == "cases":
        groups = {column for row in rows for column in row if column.startswith("group_")}
        types |= dict.fromkeys(sorted(groups), "string")
    fields = [pa.field(column, pa.type_for_alias(kind)) for column, kind in types.items()]
    columns = {column: [_cell(row, column, kind) for row in rows] for column, kind in types.items()}
    table: pd.DataFrame = pa.Table.from_pydict(columns, schema=pa.schema(fields)).to_pandas()
    return table


def _cell(row: Row, column: str, kind: str) -> Cell:
    value = row.get(column, "" if column.startswith("group_") else None)
    if kind == "string" and value != value:
        return None  # as pandas writes what is not there
    return float(value) if kind == "double" and value is not None else value


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write the frame as a parquet file (zstd). Raises OSError where the disk does not take it."""
    table.to_parquet(path, engine="pyarrow", compression="zstd", index=False)


def read_parquet(path: Path) -> pd.DataFrame:
    """The frame of a parquet file of a run. Raises StoreError that names a missing or damaged file."""
    import pandas as pd
    import pyarrow as pa

    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise StoreError(f"{path}: cannot be read as parquet ({_line(problem)}); expected the table that "
                         "the audit wrote: restore it from a copy or run the audit again") from problem


def places(values: pd.Series[str], among: pd.Series[str]) -> NDArray[np.int64]:
    """Where each value stands in `among`, -1 where it does not; of very many words a tenth of an index's time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pa.large_string()
    found = pc.index_in(pa.array(values, words), value_set=pa.array(among, words)).fill_null(-1)
    where: NDArray[np.int64] = found.to_numpy().astype("int64")
    return where


def check_parquet(path: Path, name: str) -> None:
    """Raise StoreError if the footer of a table cannot be read or a column is missing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as problem:
        raise StoreError(f"{path}: damaged or missing ({_line(problem)}); expected the table that the "
                         "audit wrote: restore it from a copy or run the audit again") from problem
    missing = [column for column in COLUMNS[name] if column not in found]
    if missing:
        raise StoreError(f"{path}: column {missing[0]!r} is missing; expected {', '.join(COLUMNS[name])}")


def _line(problem: BaseException) -> str:
    return str(problem).splitlines()[0][:120] if str(problem) else type(problem).__name__
