"""What the fonts at hand can show: text for reports and figures with nothing left out silently.

Latin, Greek and Cyrillic letters come with the package, Ethiopic ones with the extra `fonts`; for all others the
variable XAIMED_FONTS names one or more folders of TrueType and OpenType files, such as those of Debian's package
fonts-noto-cjk, /usr/share/fonts/opentype/noto.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from xaimed.errors import InputError, XaimedError
from xaimed.optional import need

FONTS = Path(__file__).resolve().parents[1] / "report" / "fonts"
EXTRA = "justmytype_intl_africa"
VARIABLE = "XAIMED_FONTS"
KINDS = (".ttf", ".otf", ".ttc")
HIDDEN = ("Cc", "Cf", "Cs", "Co")


def printable(text: str) -> str:
    """The text with every character that the fonts lack, and every control character, as <U+XXXX>."""
    known = glyphs(font_folders())
    if text.isascii() and text.isprintable():
        return text  # the fonts of the package have these
    return "".join(c if ord(c) in known and unicodedata.category(c) not in HIDDEN else
                   (" " if c in "\n\t\r" else f"<U+{ord(c):04X}>") for c in text)


def lacking(text: str) -> tuple[str, ...]:
    """The letters of a text that no font at hand has, once each, in their order; control characters are none."""
    known = glyphs(font_folders())
    return tuple(dict.fromkeys(c for c in text if ord(c) not in known and unicodedata.category(c) not in HIDDEN
                               and c not in "\n\t\r"))


def font_folders() -> tuple[Path, ...]:
    """The package's own folder, the extra's, then those of XAIMED_FONTS. Raises InputError for one that is none."""
    given = tuple(Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name)
    for folder in given:
        if not folder.is_dir():
            raise InputError(f"{VARIABLE} names {folder}, which is not a folder; "
                             "expected a folder of .ttf, .otf or .ttc files")
    return FONTS, *_extra(), *given


def further_fonts(folders: tuple[Path, ...]) -> list[Path]:
    """The font files beyond the package's own, in the order of the folders and their names."""
    return [path for folder in folders[1:] for path in sorted(folder.rglob("*")) if path.suffix.lower() in KINDS]


def fonts_digest() -> str:
    """The sha256 (hex) over the names and bytes of all font files at hand: the same fonts draw the same report."""
    return _digest(font_folders())


@cache
def _digest(folders: tuple[Path, ...]) -> str:
    whole = hashlib.sha256()
    for path in [*sorted(folders[0].glob("*.ttf")), *further_fonts(folders)]:
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


@cache
def glyphs(folders: tuple[Path, ...] = (FONTS,)) -> frozenset[int]:
    """The code points that all fonts of the package have, and those that any further font has."""
    own = [_points(path) for path in sorted(folders[0].glob("*.ttf"))]
    if not own:
        raise XaimedError(f"{folders[0]}: no fonts; expected those that come with xaimed: install it again")
    return frozenset.intersection(*own).union(*(_points(path) for path in further_fonts(folders)))


@cache
def _extra() -> tuple[Path, ...]:
    spec = find_spec(EXTRA)
    return tuple(Path(place) / "fonts" for place in (spec.submodule_search_locations or ())) if spec else ()


def _points(path: Path) -> frozenset[int]:
    need("matplotlib", "report", "to read the report's fonts")
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(str(path)).get_charmap())
    except RuntimeError as problem:
        raise InputError(f"{path}: {problem}; expected a TrueType or OpenType font") from problem
