"""Which letters are printed: the package's, those of the extra and of a folder given; the rest as code points."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pypdf
import pytest

from xaimed.errors import InputError
from xaimed.report.blocks import Document, Heading, Text
from xaimed.report.typst import Renderer
from xaimed.viz.figures import blank, style, svg
from xaimed.viz.lettering import VARIABLE, font_folders, further_fonts, glyphs, lacking, printable

AMHARIC, ARMENIAN = "ጤና", "Առ"
NOTO = Path("/usr/share/fonts/opentype/noto")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a font that has Armenian letters, named by the variable."""
    from matplotlib import get_data_path

    shutil.copy(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def text_of(word: str) -> str:
    """What a reader finds in a report whose title, text and figure hold the word; a missing glyph in a figure warns."""
    with style():
        figure, axes = blank(3, 2)
        axes.set_title(printable(word))
    svg(figure)
    document = Document("e", printable(word), "", "h", "f", "2026-11-22T12:00:00Z", (Heading("One", 1), Text(word)))
    with Renderer() as renderer:
        pages = pypdf.PdfReader(io.BytesIO(renderer.pdf(document))).pages
        return "".join(page.extract_text() for page in pages)


def test_a_letter_that_no_font_has_is_its_code_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert printable("Größe, Ελλάδα, Жук\t1") == "Größe, Ελλάδα, Жук 1"
    assert printable("a" + ARMENIAN[0] + "\u202e") == "a<U+0531><U+202E>"


def test_a_folder_of_fonts_adds_its_letters_to_report_and_figure(folder: Path) -> None:
    assert folder in font_folders()
    assert any(path.name == "DejaVuSans.ttf" for path in further_fonts(font_folders()))
    assert printable(ARMENIAN) == ARMENIAN
    assert ARMENIAN in text_of(ARMENIAN)


def test_amharic_comes_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("justmytype_intl_africa", reason="the extra 'fonts' is not installed")
    monkeypatch.delenv(VARIABLE, raising=False)
    assert printable(AMHARIC) == AMHARIC
    assert AMHARIC in text_of(AMHARIC)


def test_what_is_no_folder_and_no_font_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"XAIMED_FONTS names .*none, which is not a folder; expected a folder"):
        printable("a")
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"bad.ttf: .*; expected a TrueType or OpenType font"):
        glyphs(font_folders())


def test_the_letters_that_cannot_be_shown_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert lacking("a 漢字漢\n\u202e") == ("漢", "字")
    assert lacking("Größe, Ελλάδα, Жук") == ()


def test_the_collections_of_debian_s_noto_cjk_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    if not list(NOTO.glob("*.ttc")):
        pytest.skip("fonts-noto-cjk is not installed")
    monkeypatch.setenv(VARIABLE, str(NOTO))
    words = "漢字 かな 한글"
    assert printable(words) == words
    assert lacking(words) == ()
    assert "漢字" in text_of(words)
