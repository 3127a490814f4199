"""The deletion curves of a run: curves.parquet, one row a map and fill, so that a reader sees more than an area.

The file is there only where an audit measured deletion; runs of earlier versions kept the areas alone.
pyarrow is imported on use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xaimed.errors import StoreError

NAME = "curves.parquet"
VERSION = 1
TEXTS = ("case", "target", "method", "metric")
POINTS = ("fraction", "left")
MARK = b"xaimed-curves"


@dataclass(frozen=True)
class KeptCurve:
    """What is left of a prediction while a map's highest pixels are replaced; metric: "deletion[blur]".

    fraction: the share of the tissue replaced, 0 to 1, rising. left: the similarity to the untouched prediction, as a
    share of the untouched one. Both of one length.
    """

    case: str
    target: str
    method: str
    metric: str
    fraction: tuple[float, ...]
    left: tuple[float, ...]

    @property
    def fill(self) -> str:
        """What replaced the pixels: "blur" of "deletion[blur]"."""
        return self.metric.partition("[")[2].removesuffix("]")


def rows(curves: Iterable[KeptCurve]) -> list[dict[str, Any]]:
    """A row for each curve, as JSON and parquet take it."""
    return [asdict(curve) for curve in curves]


def write(path: Path, found: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows, ordered as they come. Raises OSError where the disk does not take it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [*(pa.field(name, pa.string()) for name in TEXTS), *(pa.field(name, pa.list_(pa.float32()))
                                                                  for name in POINTS)]
    schema = pa.schema(fields, metadata={MARK: str(VERSION).encode()})
    pq.write_table(pa.Table.from_pylist([dict(row) for row in found], schema=schema), path, compression="zstd")


def read(path: Path, case: str) -> tuple[KeptCurve, ...]:
    """The curves of one case, in stored order; none where the file does not exist.

    Raises StoreError for a damaged file or one of a newer version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        return ()
    try:
        version = int((pq.read_schema(path).metadata or {}).get(MARK, b"0"))
        table = pq.read_table(path, filters=[("case", "==", case)]) if version <= VERSION else None
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise StoreError(f"{path}: damaged ({type(problem).__name__}); expected the curves that the audit wrote: "
                         "restore it from a copy or run the audit again") from problem
    if table is None:
        raise StoreError(f"{path}: curves of version {version}; this xaimed reads up to {VERSION}: update xaimed")
    return tuple(_curve(row) for row in table.to_pylist())


def _curve(row: Mapping[str, Any]) -> KeptCurve:
    fraction, left = (tuple(map(float, row[name])) for name in POINTS)
    return KeptCurve(row["case"], row["target"], row["method"], row["metric"], fraction, left)
