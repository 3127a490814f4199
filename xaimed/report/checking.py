"""Is a report still what was written: signature, seal, PDF/A marks, attachments, and with the run its numbers."""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import unescape

from xaimed.errors import InputError
from xaimed.optional import need
from xaimed.report.attachments import CARD, FILES, SCORES, scores_csv
from xaimed.report.model_card import model_card
from xaimed.report.sbom import NAME as SBOM
from xaimed.report.sbom import sbom_attachment
from xaimed.report.sealing import SEAL, broken_seal, sealed_length
from xaimed.report.signature import Signature, signature_of
from xaimed.report.wording import number

if TYPE_CHECKING:
    from xaimed.run import Run

STANDARDS = {"PDF/A part 3": b"<pdfaid:part>3</pdfaid:part>", "PDF/A level A": b"<pdfaid:conformance>A<",
             "PDF/UA-1": b"<pdfuaid:part>1</pdfuaid:part>"}
ATTACHED = re.compile(rb"<rdf:li>([0-9a-f]{64}) ([^<]*)</rdf:li>")
EMBEDDED = re.compile(rb"/Type/EmbeddedFile[^>]*(?:>>)?>>\s*stream\n(.*?)\nendstream", re.DOTALL)
HEAD = re.compile(rb"<xaimed:logHead>([^<]*)</xaimed:logHead>")


@dataclass(frozen=True)
class Checked:
    """problems: one line for each thing that changed. checked: what was looked at. signature: None without one."""

    problems: tuple[str, ...]
    checked: tuple[str, ...]
    signature: Signature | None


def check_report(path: Path, run: Run | None = None) -> Checked:
    """What became of a report; with its run also whether it is the run's and prints the run's numbers.

    Raises InputError for a file that is no PDF, MissingExtra where a signature or an attachment cannot be read.
    """
    data, name = path.read_bytes(), path.name
    if not data.startswith(b"%PDF") and run is None and not SEAL.search(data):
        raise InputError(f"{path}: does not begin as a PDF does; expected a report.pdf that xaimed wrote")
    signature = signature_of(data)
    problems = [f"{name}: signature: {signature.problem}"] if signature is not None and signature.problem else []
    checked = ["seal", *(["signature"] if signature is not None else [])]
    broken: str | bool = _seal(data, signed=signature is not None)
    if broken:
        problems.append(f"{name}: {broken}")
    broken = broken or bool(problems)
    if not broken:
        problems += [f"{name}: its metadata no longer say {what}" for what, mark in STANDARDS.items()
                     if mark not in data]
        files = _attachments(data)
        problems += [f"{name}: {line}" for line in _digests(data, files)]
        checked += ["PDF/A and PDF/UA marks", f"{len(files)} attachments"]
    else:
        problems += [f"{name}: {line}" for line in _damaged(data, run)]
    if run is not None:
        problems += [f"{name}: {line}" for line in _in_log(data, run)]
        checked.append("SHA-256 in the run's log")
        if not broken:
            lines, words = _pages(data, run)
            problems += [f"{name}: {line}" for line in (*_against(data, run), *lines)]
            checked += ["log head", "attached files", words]
    return Checked(tuple(problems), tuple(checked), signature)


def _seal(data: bytes, signed: bool) -> str:
    broken = broken_seal(data)
    more = len(data) - sealed_length(data)
    if not broken and more and not signed:
        return f"{more} bytes were added behind the seal, and there is no signature over them"
    return broken


def _attachments(data: bytes) -> Mapping[str, bytes]:
    pypdf = need("pypdf", "report", "to read what a report carries")
    reader = pypdf.PdfReader(io.BytesIO(data))
    return {str(name): bytes(versions[0]) for name, versions in reader.attachments.items()}


def _damaged(data: bytes, run: Run | None) -> list[str]:
    """The attachments that a change is in, told without the file's own tables, which may be what was changed."""
    found = {hashlib.sha256(held).hexdigest() for held in _unpacked(data)}
    recorded = _recorded(data)
    if run is None:
        return [f"attachment {name}: does not fit its recorded SHA-256, so one of the two was changed"
                for name, digest in recorded.items() if digest not in found]
    return [f"attachment {name}: differs from the run's" for name, stored in _carried(run).items()
            if name in recorded and hashlib.sha256(stored).hexdigest() not in found]


def _unpacked(data: bytes) -> list[bytes]:
    """What the embedded files hold, as far as it unpacks."""
    held = []
    for match in EMBEDDED.finditer(data):
        try:
            held.append(zlib.decompress(match[1]))
        except zlib.error:
            continue
    return held


def _recorded(data: bytes) -> dict[str, str]:
    """The SHA-256 of each attachment that the metadata hold."""
    sealed = data[:sealed_length(data)]
    return {unescape(name.decode(errors="replace")): digest.decode() for digest, name in ATTACHED.findall(sealed)}


def _digests(data: bytes, files: Mapping[str, bytes]) -> list[str]:
    """Every attachment against the SHA-256 that the metadata hold."""
    recorded = _recorded(data)
    lines = [f"attachment {name}: {'missing' if name not in files else 'changed'}"
             for name, digest in recorded.items() if hashlib.sha256(files.get(name, b"")).hexdigest() != digest]
    return lines + [f"attachment {name}: not among those that were recorded" for name in sorted({*files} - {*recorded})]


def _in_log(data: bytes, run: Run) -> list[str]:
    digest = hashlib.sha256(data).hexdigest()
    written = {str(value) for entry in run.log_entries() if entry.event == "report" for value in entry.facts.values()}
    line = f"its SHA-256 {digest[:16]}... is not in the log of {run.path}: it was changed, or is of another run"
    return [] if digest in written else [line]


def _against(data: bytes, run: Run) -> list[str]:
    """The log head and the attached files against the run."""
    from xaimed.report.redrawing import of_other_code

    found, head = HEAD.search(data), str(run.meta["log"]["head"])
    lines = [] if found and found[1].decode() == head else [f"its log head is not {head[:16]}..., that of {run.path}"]
    wanted, files = _carried(run), _attachments(data)
    if of_other_code(data, run):  # what another version made of the run may be worded otherwise
        wanted = {name: stored for name, stored in wanted.items() if name not in (SCORES, CARD, SBOM)}
    if not wanted.keys() & files.keys():
        return lines
    return lines + [f"attachment {name}: differs from the run's" for name, stored in wanted.items()
                    if files.get(name) != stored]


def _pages(data: bytes, run: Run) -> tuple[list[str], str]:
    """What the pages say against the run, and how that was looked at: the report made again where it can be."""
    from xaimed.report.redrawing import redrawn

    found = redrawn(data, run)
    if not isinstance(found, str):
        return found, "every page's text against the report made again"
    if not _carried(run).keys() & _attachments(data).keys():
        return [], f"not its pages ({found})"
    return _printed(data, run), f"printed numbers, each somewhere in the text (not made again: {found})"


def _carried(run: Run) -> dict[str, bytes]:
    """What the report of a run carries, by name."""
    stored = {name: (run.path / name).read_bytes() for name, _, _ in FILES}
    return {**stored, SCORES: scores_csv(run.scores), CARD: model_card(run).encode(), SBOM: sbom_attachment(run).data}


def _printed(data: bytes, run: Run) -> list[str]:
    """Stored estimates, findings and digests that the text of the pages does not show."""
    pypdf = need("pypdf", "report", "to read what a report carries")
    text = _bare("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages))
    words = {f"{e.name}, {e.rule or 'no rule'}, {e.group}: {number(e.value)}": number(e.value)
             for e in run.results.estimates}
    words |= {f"finding {f.code}": f.code for f in run.findings}
    words |= {"the log head": str(run.meta["log"]["head"]),
              "the model's digest": str(run.meta.get("model", {}).get("digest", ""))}
    return [f"the pages do not show {what}" for what, word in words.items() if _bare(word) not in text]


def _bare(text: str) -> str:
    return "".join(text.split())


def certified(signature: Signature) -> str:
    """Who signed, when and why, in one line; the issuer is not judged."""
    clock = "time stamp" if signature.stamped else "the signer's clock"
    return (f"signed by {signature.signer} at {signature.time} ({clock})"
            f"{f', meaning: {signature.reason}' if signature.reason else ''}; certificate SHA-256 "
            f"{signature.fingerprint}, its issuer was not judged")
