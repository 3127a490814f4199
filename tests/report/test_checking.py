"""xaimed verify of a report, signed and not: what changed is found and named, and wrong keys are one line."""

from __future__ import annotations

import random
import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.example_run import example_run as make
from xaimed import ledger
from xaimed.cli.app import main
from xaimed.report import checking
from xaimed.report.attachments import scores_csv
from xaimed.report.checking import check_report
from xaimed.report.sbom import sbom_attachment
from xaimed.report.typst import Renderer
from xaimed.report.write import report_document, write_reports
from xaimed.run import Run
from xaimed.viz.lettering import FONTS, VARIABLE

pytest.importorskip("pypdf")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an unsigned report; read only."""
    path = make(tmp_path_factory.mktemp("plain"), 2)
    assert main(["report", str(path), "--no-cases"]) == 0
    return path


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Path:
    """A run with a signed report; read only."""
    path = make(tmp_path_factory.mktemp("signed"), 2)
    assert main(["report", str(path), "--no-cases", "--sign", str(key), "--password-file", str(key.parent / "pw.txt"),
                 "--signer-reason", "Reviewed (and approved)"]) == 0
    return path


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_an_untouched_report_is_unchanged(plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = str(plain / "report.pdf")
    assert main(["verify", report]) == 0
    assert "no signature" in said(capsys)
    assert main(["verify", report, "--run", str(plain)]) == 0
    out = said(capsys)
    assert "every page's text against the report made again" in out
    assert "7 attachments" in out


def test_an_untouched_signed_report_is_unchanged(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(signed / "report.pdf"), "--run", str(signed)]) == 0
    out = said(capsys)
    assert "signed by Test Signer" in out
    assert "meaning: Reviewed (and approved)" in out
    assert main(["verify", str(signed)]) == 0


def test_a_flipped_bit_of_an_unsigned_report_is_found(plain: Path, tmp_path: Path) -> None:
    data, draw = (plain / "report.pdf").read_bytes(), random.Random(1)
    copy, run = tmp_path / "copy.pdf", Run.open(plain)
    for _ in range(60):
        changed = bytearray(data)
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        copy.write_bytes(changed)
        assert check_report(copy, run).problems
        if changed.startswith(b"%PDF"):
            assert check_report(copy).problems


def test_a_flipped_bit_of_a_signed_report_is_found(signed: Path, tmp_path: Path) -> None:
    data, draw, copy = (signed / "report.pdf").read_bytes(), random.Random(2), tmp_path / "copy.pdf"
    start = data.index(b"/Contents <") + len(b"/Contents <")
    places = [*draw.sample(range(start, start + 1300), 50), data.index(b">", start) - 1,
              *draw.sample(range(5, len(data)), 25), len(data) - 1]
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << draw.randrange(8)
        copy.write_bytes(changed)
        assert check_report(copy).problems, place


@pytest.mark.parametrize("name", ["sbom.json", "run.json", "scores.csv"])
def test_a_changed_byte_of_an_attachment_is_named(plain: Path, tmp_path: Path, name: str) -> None:
    data, run, copy = (plain / "report.pdf").read_bytes(), Run.open(plain), tmp_path / "report.pdf"
    size = {"sbom.json": len(sbom_attachment(run).data), "scores.csv": len(scores_csv(run.scores))}
    wanted = size.get(name) or (plain / name).stat().st_size
    packed = data.index(b"stream\n", data.index(b"/Size %d/" % wanted)) + 40
    copy.write_bytes(data[:packed] + bytes([data[packed] ^ 1]) + data[packed + 1:])
    for problems, words in ((check_report(copy, run).problems, "differs from the run's"),
                            (check_report(copy).problems, "does not fit its recorded SHA-256")):
        named = [line for line in problems if "attachment" in line]
        assert len(named) == 1
        assert f"attachment {name}: {words}" in named[0]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"x"])
def test_a_packed_file_may_end_with_any_byte(end: bytes) -> None:
    packed = zlib.compress(bytes([end[0] - 1]))  # the check sum behind it ends with 1 plus the sum of the bytes
    assert packed.endswith(end)
    head = b"1 0 obj\n<</Length %d/Type/EmbeddedFile/Filter/FlateDecode/Params<</Size 3>>>>\nstream\n" % len(packed)
    assert checking._unpacked(head + packed + b"\nendstream\nendobj\n") == [zlib.decompress(packed)]


def test_a_forged_bill_of_materials_with_a_fitting_seal_is_named(plain: Path, tmp_path: Path) -> None:
    """Somebody makes the whole report again with one package's version changed by a byte, seal and digests too."""
    run = Run.open(plain)
    forged = Run.open(plain)
    version = forged.meta["versions"]["numpy"]
    forged.meta = {**forged.meta, "versions": {"numpy": version[:-1] + ("0" if version[-1] != "0" else "1")}}
    document = report_document(run)
    parts = tuple(part for part in document.attachments if part.name != "sbom.json")
    with Renderer() as renderer:
        made = renderer.pdf(replace(document, attachments=(*parts, sbom_attachment(forged))))
    (tmp_path / "report.pdf").write_bytes(made)
    assert check_report(tmp_path / "report.pdf").problems == ()
    named = [line for line in check_report(tmp_path / "report.pdf", run).problems if "attachment" in line]
    assert named == ["report.pdf: attachment sbom.json: differs from the run's"]


def test_what_is_added_behind_is_found(plain: Path, signed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.pdf"
    for run in (plain, signed):
        copy.write_bytes((run / "report.pdf").read_bytes() + b"%\n")
        assert check_report(copy).problems


def test_a_report_of_another_run_is_named(plain: Path, signed: Path, tmp_path: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    other = make(tmp_path, 3)
    assert main(["verify", str(plain / "report.pdf"), "--run", str(other)]) == 1
    out = said(capsys)
    for piece in ("not in the log", "log head is not", "attachment results.json: differs",
                  "attachment run.json: differs", "pages do not show"):
        assert piece in out


@pytest.mark.parametrize(("arguments", "words"), [
    (["--password-file", "WRONG"], "wrong password"), ([], "wrong password"),
    (["--sign", "nowhere.p12"], "nowhere.p12"), (["--sign", "WRONG"], "no PKCS#12")])
def test_a_key_that_does_not_open_is_one_line(plain: Path, key: Path, tmp_path: Path, arguments: list[str], words: str,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("guess\n")
    given = [str(wrong) if a == "WRONG" else a for a in arguments]
    assert main(["report", str(plain), "--no-cases", "--sign", str(key), *given]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert "guess" not in error


def test_the_password_may_come_from_the_environment(key: Path, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAIMED_SIGN_PASSWORD", "secret")
    path = make(tmp_path, 1)
    assert main(["report", str(path), "--no-cases", "--sign", str(key)]) == 0
    assert check_report(path / "report.pdf").signature is not None


def test_a_report_is_not_signed_twice_nor_written_over(signed: Path, key: Path,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    before = (signed / "report.pdf").read_bytes()
    key_options = ["--sign", str(key), "--password-file", str(key.parent / "pw.txt")]
    for options in (key_options, []):
        assert main(["report", str(signed), "--no-cases", *options]) == 2
        error = capsys.readouterr().err
        assert "signed already" in error
        assert error.count("\n") == 1
    assert (signed / "report.pdf").read_bytes() == before


def test_pages_of_cases_are_made_beside_a_signed_report(signed: Path, tmp_path: Path,
                                                        capsys: pytest.CaptureFixture[str]) -> None:
    """Only the flag writes over a signature."""
    path = tmp_path / "copy"
    shutil.copytree(signed, path)
    before = (path / "report.pdf").read_bytes()
    case = str(Run.open(path).cases["case"].iloc[0])
    assert main(["report", str(path), "--case", case]) == 0
    assert "signed, left as it is" in capsys.readouterr().out
    assert (path / "report.pdf").read_bytes() == before
    assert (path / "cases" / f"{case}.pdf").is_file()
    assert main(["verify", str(path)]) == 0
    assert main(["report", str(path)]) == 2
    assert "--replace-signed" in capsys.readouterr().err
    assert main(["report", str(path), "--no-cases", "--replace-signed"]) == 0
    assert b"/ByteRange" not in (path / "report.pdf").read_bytes()
    assert main(["verify", str(path)]) == 0


def test_a_run_that_was_changed_gets_no_report_and_no_signature(key: Path, tmp_path: Path,
                                                                capsys: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path, 1)
    findings = path / "findings.json"
    findings.write_text(findings.read_text().replace('"concern"', '"pass"'))
    for options in (["--sign", str(key), "--password-file", str(key.parent / "pw.txt")], []):
        assert main(["report", str(path), "--no-cases", *options]) == 2
        error = capsys.readouterr().err
        assert "findings.json: changed" in error
        assert error.count("\n") == 1
    assert not (path / "report.pdf").exists()


def test_a_report_that_prints_other_numbers_than_its_run_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                  capsys: pytest.CaptureFixture[str]) -> None:
    """Every stored number still stands somewhere in the text, and all files and digests fit."""
    path = make(tmp_path, 2)
    with monkeypatch.context() as forged:
        forged.setattr("xaimed.report.sections.decision.measured", lambda e: "0.999 (0.990 to 1.000)")
        assert main(["report", str(path), "--no-cases"]) == 0
    capsys.readouterr()
    assert main(["verify", str(path / "report.pdf"), "--run", str(path)]) == 1
    out = said(capsys)
    assert "does not say what the run gives when it is made again" in out
    assert out.count("report.pdf: page") == 1


def test_a_report_of_other_code_is_checked_by_its_numbers_and_says_so(plain: Path, monkeypatch: pytest.MonkeyPatch
                                                                      ) -> None:
    monkeypatch.setattr("xaimed.report.redrawing.code_digest", lambda: "0" * 64)
    monkeypatch.setattr("xaimed.report.checking.model_card", lambda run: "<worded otherwise>")
    found = check_report(plain / "report.pdf", Run.open(plain))
    assert found.problems == ()
    assert "not made again: it was written by another version of xaimed" in found.checked[-1]


def test_a_report_drawn_with_other_fonts_is_unchanged_and_said_not_to_be_made_again(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    shutil.copy(FONTS / "OpenSans-Regular.ttf", fonts / "Another.ttf")
    run = Run.open(make(tmp_path / "run", 2))
    with monkeypatch.context() as drawn:
        drawn.setenv(VARIABLE, str(fonts))
        write_reports(run, [])
        assert "made again" not in check_report(run.path / "report.pdf", run).checked[-1].partition("the report ")[0]
    found = check_report(run.path / "report.pdf", run)
    assert found.problems == ()
    assert "not made again: it was drawn with other fonts than those at hand" in found.checked[-1]
    assert VARIABLE in found.checked[-1]


def test_an_untouched_case_page_is_unchanged_and_that_of_another_run_is_not(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = make(tmp_path / "a", 2), make(tmp_path / "b", 3)
    assert main(["report", str(first), "--case", "ex001"]) == 0
    page = str(first / "cases" / "ex001.pdf")
    assert main(["verify", page, "--run", str(first)]) == 0
    capsys.readouterr()
    assert main(["verify", page, "--run", str(second)]) == 1
    assert "log head is not" in said(capsys)


def test_options_of_signing_want_a_key(plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(plain), "--signer-reason", "x"]) == 2
    assert "without --sign" in capsys.readouterr().err


def test_a_clock_that_goes_backwards_is_one_line(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    path = shutil.copytree(plain, tmp_path / "run")
    monkeypatch.setattr(ledger, "now", lambda: "2001-01-01T00:00:00Z")
    Run.open(path).record("report", {})
    assert main(["verify", str(path)]) == 2
    error = capsys.readouterr().err
    assert "2001-01-01T00:00:00Z" in error
    assert error.count("\n") == 1


def test_no_report_is_written_where_the_clock_goes_backwards(plain: Path, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by a machine that is behind the log, nor into a log that went back before, nor into a broken one."""
    path = shutil.copytree(plain, tmp_path / "run")
    (path / "report.pdf").unlink()
    with monkeypatch.context() as behind:
        behind.setattr("xaimed.report.write.now", lambda: "2001-01-01T00:00:00Z")
        assert main(["report", str(path), "--no-cases"]) == 2
        first = capsys.readouterr().err
        behind.setattr(ledger, "now", lambda: "2001-01-01T00:00:00Z")
        Run.open(path).record("report", {})
    assert main(["report", str(path), "--no-cases"]) == 2
    second = capsys.readouterr().err
    log = path / "log.jsonl"
    log.write_text(log.read_text().replace("report", "Report", 1))
    assert main(["report", str(path), "--no-cases"]) == 2
    third = capsys.readouterr().err
    for error, words in ((first, "the clock of this machine says"), (second, "the clock was set back"),
                         (third, "does not fit the chain")):
        assert words in error
        assert error.count("\n") == 1
    assert not (path / "report.pdf").exists()


def test_what_is_no_report_is_one_line(plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.pdf").write_text("hello")
    for arguments in ([str(tmp_path / "x.pdf")], [str(tmp_path / "none.pdf")], [str(plain), "--run", str(plain)],
                      [str(plain / "report.pdf"), "--run", str(tmp_path)]):
        assert main(["verify", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1
