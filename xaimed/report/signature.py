"""PAdES signatures of a report (ETSI EN 319 142-1, level B-B, with a time stamp B-T), by pyHanko on use.

The signature is invisible, an incremental update that leaves PDF/A and PDF/UA as they are. No network is used unless
a time-stamp server is named.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from xaimed.errors import InputError, StoreError
from xaimed.optional import need

FIELD = "xaimedSignature"
PURPOSE = "to sign a report and to check a signature"
MARK = b"/ByteRange"


@dataclass(frozen=True)
class Signing:
    """How a report is signed. key: PKCS#12 with key and certificate. password: of the key, b"" for none.

    reason: the meaning of the signature. timestamp: URL of an RFC 3161 server, or "".
    """

    key: Path
    password: bytes = b""
    reason: str = ""
    timestamp: str = ""


@dataclass(frozen=True)
class Signature:
    """A signature in a file. problem: "" where the file is what was signed, else one line.

    signer: the certificate's name. fingerprint: its SHA-256. reason, time: as signed; time is the signer's clock
    unless `stamped`. The certificate's issuer is not judged.
    """

    signer: str
    fingerprint: str
    reason: str
    time: str
    stamped: bool
    problem: str = ""


class Signer:
    """A key that is read once; raises InputError for a wrong password or a file that is no PKCS#12."""

    def __init__(self, signing: Signing) -> None:
        need("pyhanko", "sign", PURPOSE)
        self._signing = signing
        self._signer, self.name = _opened(signing)

    def signed(self, pdf: bytes, what: str) -> bytes:
        """The PDF with the signature. Raises StoreError where it is signed already or the server does not answer."""
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import fields, signers, timestamps

        if MARK in pdf:
            raise StoreError(f"{what}: signed already; expected a report without a signature: a second one would "
                             "change what the first one covers")
        meta = signers.PdfSignatureMetadata(
            field_name=FIELD, md_algorithm="sha256", name=self.name, reason=self._signing.reason or None,
            subfilter=fields.SigSeedSubFilter.PADES)
        stamper = timestamps.HTTPTimeStamper(self._signing.timestamp) if self._signing.timestamp else None
        out = io.BytesIO()
        try:
            signers.PdfSigner(meta, signer=self._signer, timestamper=stamper).sign_pdf(
                IncrementalPdfFileWriter(io.BytesIO(pdf)), output=out)
        # An answer that is no stamp breaks the parser with a ValueError.
        except (timestamps.TimestampRequestError, OSError, ValueError) as problem:
            raise StoreError(f"the time-stamp server {self._signing.timestamp} gave no stamp: {problem}; "
                             "check the address, or sign without --timestamp") from problem
        return out.getvalue()


def _opened(signing: Signing) -> tuple[Any, str]:
    from cryptography.hazmat.primitives.serialization import pkcs12
    from pyhanko.sign import signers

    data = signing.key.read_bytes()
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(data, signing.password or None)
    except (ValueError, TypeError) as problem:
        raise InputError(f"{signing.key}: wrong password, or no PKCS#12 file; expected the .p12 of the signer and its "
                         "password by --password-file or XAIMED_SIGN_PASSWORD") from problem
    if key is None or certificate is None:
        raise InputError(f"{signing.key}: holds no key with its certificate; expected a PKCS#12 file with both")
    signer = signers.SimpleSigner.load_pkcs12_data(data, other_certs=[], passphrase=signing.password or None)
    if signer is None or signer.signing_cert is None:
        raise InputError(f"{signing.key}: its kind of key cannot sign; expected RSA or an elliptic curve")
    return signer, _name(signer.signing_cert)


def signature_of(pdf: bytes) -> Signature | None:
    """The signature of a PDF, checked without a network; None where it carries none.

    Raises MissingExtra without pyHanko.
    """
    if MARK not in pdf:
        return None
    need("pyhanko", "sign", PURPOSE)
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader

    try:
        found = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        if len(found) != 1:
            return _broken(f"{len(found)} signatures; expected one")
        return _judged(found[0], pdf)
    # A damaged file breaks a parser in more ways than the parser's own errors.
    except (PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, OverflowError,
            NotImplementedError, RecursionError, LookupError, ArithmeticError, RuntimeError) as problem:
        return _broken(f"cannot be read ({type(problem).__name__}): the file was changed after it was signed")


def _broken(problem: str) -> Signature:
    return Signature("", "", "", "", stamped=False, problem=problem)


def _judged(embedded: Any, pdf: bytes) -> Signature:
    from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    certificate = embedded.signer_cert
    context = ValidationContext(trust_roots=[certificate], allow_fetching=False)
    with _quiet():
        status = validate_pdf_signature(embedded, context)
    problem, stamp = "", status.timestamp_validity
    if not (status.intact and status.valid):
        problem = "does not fit: a bit of what was signed, or of the signature, was changed"
    elif stamp is not None and not (stamp.intact and stamp.valid):
        problem = "does not fit its time stamp: a bit of the stamp was changed"
    elif status.coverage != SignatureCoverageLevel.ENTIRE_FILE:
        problem = "does not cover the whole file: something was added after it was signed"
    elif not _as_written(embedded, pdf):
        problem = "is not written as xaimed writes it: a bit of its container was changed"
    entries = embedded.sig_object
    claimed = embedded.self_reported_timestamp
    return Signature(_name(certificate), certificate.sha256.hex(), str(entries.get("/Reason", "")),
                     _moment(stamp.timestamp if stamp is not None else claimed), stamp is not None, problem)


def _as_written(embedded: Any, pdf: bytes) -> bool:
    """Whether the container holds the signature as one DER structure, in upper-case digits, and zeros behind it.

    The signature itself does not cover these bytes.
    """
    ranges = [int(number) for number in embedded.sig_object["/ByteRange"]]
    held = pdf[ranges[0] + ranges[1]:ranges[2]]
    from asn1crypto import cms

    content = cms.ContentInfo.load(bytes.fromhex(held[1:-1].decode()), strict=False)
    written = bytes(content.dump(force=True)).hex().upper().encode()
    return (held[:1] == b"<" and held[-1:] == b">" and held[1:-1] == written.ljust(len(held) - 2, b"0")
            and _expected(content["content"], "v1") and _stamps_expected(content["content"]["signer_infos"][0]))


def _expected(signed: Any, version: str) -> bool:
    """Whether the fields of the CMS structure that no signature covers say what RFC 5652 has them say here."""
    signers, algorithms = signed["signer_infos"], signed["digest_algorithms"]
    return (signed["version"].native == version and len(signers) == 1 and signers[0]["version"].native == "v1"
            and len(algorithms) == 1 and algorithms[0].dump() == signers[0]["digest_algorithm"].dump())


def _stamps_expected(signer: Any) -> bool:
    """Whether what stands beside the signature, not covered by it, is nothing or one time stamp as RFC 3161 has it."""
    beside = signer["unsigned_attrs"].native and list(signer["unsigned_attrs"])
    if not beside:
        return True
    if len(beside) != 1 or beside[0]["type"].native != "signature_time_stamp_token" or len(beside[0]["values"]) != 1:
        return False
    token = beside[0]["values"][0]
    return bool(token["content_type"].native == "signed_data" and _expected(token["content"], "v3"))


def _name(certificate: Any) -> str:
    subject = certificate.subject.native
    return str(subject.get("common_name") or certificate.subject.human_friendly)


def _moment(time: datetime | None) -> str:
    return time.astimezone().isoformat() if time is not None else ""


@contextmanager
def _quiet() -> Iterator[None]:
    """pyHanko logs the trace of every signature that does not fit; the caller is told in one line."""
    loggers = [logging.getLogger(name) for name in ("pyhanko", "pyhanko_certvalidator")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
