"""The PDF of a document by typst: PDF/A-3a and PDF/UA-1, the same bytes for the same document.

Content reaches the template as JSON, so that no text of a label or a file name is ever read as markup.
Characters that no font at hand has are printed as their code points. typst is imported on use.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from xaimed import __version__
from xaimed.errors import StoreError
from xaimed.optional import need
from xaimed.report.blocks import Attachment, Document, Picture
from xaimed.report.fitting import MOST_PAGES, pages, tighter
from xaimed.report.sealing import Marks, sealed
from xaimed.viz.lettering import font_folders, printable

if TYPE_CHECKING:
    import typst

HERE = Path(__file__).resolve().parent
LINE = 96  # letters that fit into the header beside its stamp
KINDS = {"SignOff": "signoff", "PageBreak": "pagebreak"}


class Renderer:
    """Renders documents one after another; a context manager that holds a private folder for the pictures."""

    def __init__(self) -> None:
        compiler = need("typst", "report", "to write PDF reports").Compiler
        self._folder = tempfile.TemporaryDirectory(prefix="xaimed-report-")
        self._root = Path(self._folder.name)
        (self._root / "template.typ").write_bytes((HERE / "template.typ").read_bytes())
        self._compiler: typst.Compiler = compiler(
            self._root / "template.typ", root=self._root, font_paths=list(font_folders()), ignore_system_fonts=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._folder.cleanup()

    def pdf(self, document: Document) -> bytes:
        """The document as PDF bytes. Raises StoreError where the document cannot be drawn."""
        # A reader and a signature expect the last line to end; typst leaves the line end out.
        return sealed(self._fitted(document) + b"\n", _marks(document))

    def _fitted(self, document: Document) -> bytes:
        """The document as it is, or in the first of the tighter ways in which a short one keeps to its pages."""
        made = self._compiled(document)
        ways = tighter(document) if document.short else iter(())
        while pages(made) > MOST_PAGES and (way := next(ways, None)) is not None:
            made = self._compiled(way)
        return made

    def _compiled(self, document: Document) -> bytes:
        typst = need("typst", "report", "to write PDF reports")
        with tempfile.TemporaryDirectory(dir=self._root) as folder:
            text = json.dumps(self._plain(document, Path(folder)), ensure_ascii=False, allow_nan=False)
            try:
                made = self._compiler.compile(
                    sys_inputs={"document": text}, format="pdf", pdf_standards=["a-3a", "ua-1"],
                    timestamp=_moment(document.created))
            except typst.TypstError as problem:
                raise StoreError(f"the report {document.title!r} could not be drawn: {problem.message}; "
                                 "please report this with the run's run.json") from problem
        return cast(bytes, made)

    def _plain(self, document: Document, folder: Path) -> Mapping[str, object]:
        keep = _Files(folder, self._root)
        plain = cast(dict[str, object], _plain(replace(document, card=""), keep.path))
        moment = _moment(document.created)
        return {**plain, "header": shortened(printable(document.header)),
                "date": [*moment.timetuple()[:6]]}


def shortened(text: str, most: int = LINE) -> str:
    """The text, cut with an ellipsis where it is longer than a line of the header."""
    return text if len(text) <= most else text[:most - 1].rstrip() + "…"


class _Files:
    """Writes pictures and attachments into the renderer's folder and names them from its root."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root, self._count = folder, root, 0

    def path(self, data: bytes, suffix: str) -> str:
        self._count += 1
        target = self._folder / f"{self._count}{suffix}"
        target.write_bytes(data)
        return "/" + target.relative_to(self._root).as_posix()


Keep = Callable[[bytes, str], str]


def _plain(value: object, keep: Keep) -> object:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Picture):
        return {"path": keep(value.data, f".{value.kind}"), "format": value.kind, "alt": printable(value.alt)}
    if isinstance(value, Attachment):
        return {"path": keep(value.data, ".bin"), "name": value.name, "media_type": value.media_type,
                "description": printable(value.description), "relationship": value.relationship}
    if is_dataclass(value) and not isinstance(value, type):
        name = type(value).__name__
        found = {f.name: _plain(getattr(value, f.name), keep) for f in fields(value)}
        return {**found, "kind": KINDS.get(name, name.lower())}
    if isinstance(value, tuple):
        return [_plain(item, keep) for item in value]
    return value


def _marks(document: Document) -> Marks:
    return Marks({item.name: item.data for item in document.attachments}, document.log_head, document.card,
                 f"xaimed {__version__}")


def _moment(created: str) -> datetime:
    try:
        return datetime.fromisoformat(created).astimezone(UTC)
    except ValueError as problem:
        raise StoreError(f"run.json: created is {created!r}; expected a UTC time such as "
                         "2026-11-22T12:00:00Z") from problem
