"""A run with its reports, made once for all tests of the reports; read only."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests import example_run as example
from tests.table_runs import SCORES, TRUTH, table_run
from xaimed.report.write import write_reports
from xaimed.run import Run
from xaimed.store import Store
from xaimed.types import Box, Case, Prediction

NASTY = '#import "/x": *; *bold* $x^2$ <label> @ref `raw` \\u{41} // no /* no */ [a](b) 漢 \u202e'


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The example run of six cases with report.pdf and the pages of ex001 and ex003."""
    run = Run.open(example.example_run(tmp_path_factory.mktemp("reported")))
    write_reports(run, ["ex001", "ex003"])
    return run


@pytest.fixture(scope="session")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose labels, names, groups and findings are full of markup, with all its reports."""
    drawn = example.draw(0)
    box = replace(drawn.case.boxes[0], label=NASTY)
    case = Case("ex000", drawn.case.image, NASTY, (Box(NASTY, *box.edges),), patient="p", split="test",
                groups={"site": NASTY}, synthetic=False)
    found = Prediction("ex000", tuple(replace(d, label=NASTY) for d in drawn.prediction.detections), {NASTY: 0.5})
    entries = [(replace(entry, label=NASTY, note=NASTY), values) for entry, values in drawn.entries]
    meta = example.meta([drawn], 0)
    meta["model"] = {"name": NASTY, "task": "detection", "operating_point": 0.5}
    meta["data"] = {"name": NASTY, "title": NASTY, "synthetic": False, "warnings": [NASTY]}
    findings = [replace(f, title=NASTY, statement=NASTY, evidence={NASTY: NASTY}) for f in example.findings(1)]
    results = example.results(1)
    bent = replace(results, estimates=tuple(replace(e, name=e.name + NASTY, rule=NASTY) for e in results.estimates),
                   curves={f"froc[{NASTY}]": results.curves["froc[IoU >= 0.2]"]})
    axis = example.axis(1).assign(accuracy_name=NASTY)
    with Store.create(tmp_path_factory.mktemp("nasty") / "run", example.PLAN, meta) as store:
        store.add_case(case, found, entries, drawn.scores)
        run = store.finish(bent, findings, example.dataset_scores(), axis)
    write_reports(run)
    return run


@pytest.fixture(scope="session")
def tabled(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run made from tables of two models and two readers alone, with report.pdf and the page of case "a"."""
    scores = [line.split(",") for line in SCORES.strip().splitlines()]
    spoken = [["score_reader_one", "score_reader_two"], *([f"{0.1 * (i % 7):.1f}", f"{0.15 * (i % 5):.2f}"]
                                              for i in range(len(scores) - 1))]
    table = "\n".join(",".join((*row, *more)) for row, more in zip(scores, spoken, strict=True))
    run = table_run(tmp_path_factory.mktemp("tabled") / "run", TRUTH, table, margin=0.2)
    write_reports(run, ["a"])
    return run


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed key made for the tests, password "secret" in pw.txt beside it."""
    pytest.importorskip("pyhanko")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import pkcs12

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Signer")])
    usage = x509.KeyUsage(True, True, *[False] * 7)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
            .serial_number(7).not_valid_before(dt.datetime(2026, 1, 1)).not_valid_after(dt.datetime(2046, 1, 1))
            .add_extension(usage, critical=True).sign(private, hashes.SHA256()))
    folder = tmp_path_factory.mktemp("key")
    data = pkcs12.serialize_key_and_certificates(
        b"t", private, made, None, serialization.BestAvailableEncryption(b"secret"))
    (folder / "key.p12").write_bytes(data)
    (folder / "pw.txt").write_text("secret\n")
    return folder / "key.p12"


def text_of(path: Path) -> str:
    """The text layer of a PDF with runs of white space as one space; skips where pdftotext is not installed."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    done = subprocess.run(["pdftotext", "-raw", str(path), "-"], capture_output=True, check=True)
    return " ".join(done.stdout.decode().split())
