"""What a report is made of: small frozen blocks. Sections give them, renderers draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "warn", "neutral"]
Paper = Literal["a4", "us-letter"]
Align = Literal["left", "right", "centre"]
NOT_ASSESSED = "NOT ASSESSED"


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 opens a section, level 2 a part of it. contents.opening gives those of an audit report."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Text:
    """A paragraph; `small` for notes under tables and figures."""

    text: str
    small: bool = False


@dataclass(frozen=True)
class Badge:
    """A short word in a coloured frame, such as "pass": the word carries the meaning, the colour helps."""

    text: str
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Badges:
    """A row of badges."""

    items: tuple[Badge, ...]


@dataclass(frozen=True)
class Notice:
    """A framed statement with a title: a verdict, a warning."""

    title: str
    text: str
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Mono:
    """A digest or another text to be read letter by letter."""

    text: str


@dataclass(frozen=True)
class PageOf:
    """The page on which the section with this heading begins, or a dash where the report has none."""

    heading: str


Cell = str | Badge | Mono | PageOf


@dataclass(frozen=True)
class Pairs:
    """Names and values, one pair a line."""

    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True)
class Column:
    """A column: its title, alignment and share of the width; share 0 = as wide as its content."""

    title: str
    align: Align = "left"
    share: float = 0.0


@dataclass(frozen=True)
class Table:
    """A table with a caption, a header that repeats on every page, and a note on rules and units.

    annex: its rows are stored elsewhere too, so that it may be cut short where a page has no room for it.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    annex: bool = False


@dataclass(frozen=True)
class Picture:
    """Bytes of an SVG or PNG picture and the text that says what it shows."""

    data: bytes
    alt: str
    kind: Literal["svg", "png"] = "svg"


@dataclass(frozen=True)
class Figure:
    """A picture with a caption; width as a share of the text's width."""

    picture: Picture
    caption: str
    width: float = 1.0


@dataclass(frozen=True)
class Bar:
    """A colour bar: its strip, the values at its ends and middle, and the unit."""

    strip: Picture
    low: str
    middle: str
    high: str
    unit: str


@dataclass(frozen=True)
class Panel:
    """One picture of a gallery: title, colour bar, badges and a note."""

    title: str
    picture: Picture
    bar: Bar | None = None
    badges: tuple[Badge, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Gallery:
    """Panels side by side, `columns` in a row; all pictures of one row share one height in cm."""

    panels: tuple[Panel, ...]
    columns: int
    height: float = 6.0


@dataclass(frozen=True)
class SignOff:
    """Empty lines for the people who review: name, what the signature means, date; after a note on what to say."""

    roles: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class PageBreak:
    """The next block opens a page."""


Block = (Heading | Text | Badges | Notice | Pairs | Table | Figure | Gallery | SignOff | PageBreak)


@dataclass(frozen=True)
class Attachment:
    """A file carried inside the document: name, bytes, media type, what it is and how it belongs to the document."""

    name: str
    data: bytes
    media_type: str
    description: str
    relationship: Literal["data", "supplement"] = "data"


@dataclass(frozen=True)
class Document:
    """A whole report: title, running header, footer, blocks, attachments and time (UTC ISO 8601).

    eyebrow: the short line above the title. stamp: a word in the header of every page ("SYNTHETIC"), or "".
    log_head: the head of the run's log. card: the CHAI applied model card as XML. Both go into the metadata.
    short: it has to fit on two pages, in less room if need be (fitting.py).
    """

    eyebrow: str
    title: str
    subtitle: str
    header: str
    footer: str
    created: str
    blocks: tuple[Block, ...]
    attachments: tuple[Attachment, ...] = ()
    stamp: str = ""
    keywords: tuple[str, ...] = ()
    log_head: str = ""
    card: str = ""
    paper: Paper = "a4"
    short: bool = False
