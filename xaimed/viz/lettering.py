"""What the fonts of the package can show: text for reports and figures with nothing left out silently."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from xaimed.errors import XaimedError
from xaimed.optional import need

FONTS = Path(__file__).resolve().parents[1] / "report" / "fonts"
HIDDEN = ("Cc", "Cf", "Cs", "Co")


def printable(text: str) -> str:
    """The text with every character that the fonts lack, and every control character, as <U+XXXX>."""
    known = glyphs()
    return "".join(c if ord(c) in known and unicodedata.category(c) not in HIDDEN else
                   (" " if c in "\n\t\r" else f"<U+{ord(c):04X}>") for c in text)


@cache
def glyphs() -> frozenset[int]:
    """The code points that all fonts of the package have."""
    need("matplotlib", "report", "to read the report's fonts")
    from matplotlib.ft2font import FT2Font

    sets = [frozenset(FT2Font(str(path)).get_charmap()) for path in sorted(FONTS.glob("*.ttf"))]
    if not sets:
        raise XaimedError(f"{FONTS}: no fonts; expected those that come with xaimed: install it again")
    return frozenset.intersection(*sets)
