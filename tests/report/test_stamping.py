"""An RFC 3161 time stamp in the signature, from a server of the test's own on this machine; and servers that fail."""

from __future__ import annotations

import datetime as dt
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

pytest.importorskip("pyhanko")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.example_run import example_run as make
from xaimed.cli.app import main
from xaimed.report.checking import check_report

WHEN = dt.datetime(2026, 11, 20, 10, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def answers() -> dict[str, bytes]:
    """What a server keeps between requests."""
    return {}


@pytest.fixture(scope="module")
def authority(answers: dict[str, bytes]) -> Iterator[str]:
    """The address of a time-stamp server that answers every request as of WHEN."""
    from asn1crypto import keys, tsp
    from asn1crypto import x509 as asn1
    from pyhanko.sign.timestamps import DummyTimeStamper

    private = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Clock")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
            .serial_number(8).not_valid_before(dt.datetime(2026, 1, 1)).not_valid_after(dt.datetime(2046, 1, 1))
            .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .sign(private, hashes.SHA256()))
    der = serialization.Encoding.DER
    key = private.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    clock = DummyTimeStamper(asn1.Certificate.load(made.public_bytes(der)), keys.PrivateKeyInfo.load(key),
                             fixed_dt=WHEN)

    def reply(request: bytes) -> tuple[int, bytes]:
        answers["request"] = request
        return 200, clock.request_tsa_response(tsp.TimeStampReq.load(request)).dump()

    with served(reply) as address:
        yield address


@contextmanager
def served(reply: object) -> Iterator[str]:
    """The address of a server on this machine that answers with (status, body) of what `reply` makes of a request."""
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = reply(self.rfile.read(int(self.headers["Content-Length"])))  # type: ignore[operator]
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def signing(run: Path, key: Path, address: str) -> int:
    return main(["report", str(run), "--no-cases", "--sign", str(key), "--password-file", str(key.parent / "pw.txt"),
                 "--timestamp", address])


def test_the_time_of_the_signature_is_that_of_the_server(tmp_path: Path, key: Path, authority: str,
                                                         answers: dict[str, bytes],
                                                         capsys: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path, 1)
    assert signing(path, key, authority) == 0
    found = check_report(path / "report.pdf")
    assert found.problems == ()
    assert found.signature is not None
    assert found.signature.stamped
    assert dt.datetime.fromisoformat(found.signature.time) == WHEN
    assert len(answers["request"]) < 200, "a digest leaves the machine, not the report"
    assert main(["verify", str(path / "report.pdf"), "--run", str(path)]) == 0
    assert "(time stamp)" in capsys.readouterr().out


def test_a_changed_bit_of_the_stamp_is_found(tmp_path: Path, key: Path, authority: str) -> None:
    path = make(tmp_path, 1)
    assert signing(path, key, authority) == 0
    data, draw, copy = (path / "report.pdf").read_bytes(), random.Random(4), tmp_path / "copy.pdf"
    start = data.index(b"/Contents <") + len(b"/Contents <")
    held = data[start:data.index(b">", start)].rstrip(b"0").lower()
    kind = bytes.fromhex("060b2a864886f70d010910020e").hex().encode()  # the object identifier of a signature's stamp
    token = held.index(kind)
    clock = [i for i in range(token, len(held)) if held.startswith(b"Test Clock".hex().encode(), i)]
    places = [token + 2, token + 25, *clock, *draw.sample(range(token, len(held)), 60)]
    missed = []
    for place in places:
        changed = bytearray(data)
        changed[start + place:start + place + 1] = b"%X" % (int(data[start + place:start + place + 1], 16) ^ 1)
        copy.write_bytes(changed)
        missed += [] if check_report(copy).problems else [place - token]
    assert not missed


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


@pytest.mark.parametrize("address", ["", "none", "file:///etc/hostname", "127.0.0.1"])
def test_a_server_that_cannot_be_reached_is_one_line_and_leaves_no_report(
        tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str], address: str) -> None:
    path = make(tmp_path, 1)
    assert signing(path, key, address or closed_port()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "time-stamp server" in error
    assert not (path / "report.pdf").exists()


@pytest.mark.parametrize(("status", "body"), [(500, b""), (200, b"hello"), (200, b""), (200, b"0" * 40)])
def test_a_server_that_answers_something_else_is_one_line(tmp_path: Path, key: Path, status: int, body: bytes,
                                                          capsys: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path, 1)
    with served(lambda request: (status, body)) as address:
        assert signing(path, key, address) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "gave no stamp" in error
