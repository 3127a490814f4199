"""The marks of an archived report: what its XMP metadata say of it, and the seal that finds a changed bit.

The marks go into an incremental update (ISO 32000-1, 7.5.6) with a new Info dictionary and XMP packet: the CHAI
applied model card, the head of the run's log, the SHA-256 of every attachment, and the seal. The seal is the SHA-256
of the whole file with zeros in its own place. It finds damage; it is no signature: who changes a file on purpose can
seal it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from xml.sax.saxutils import escape

from xaimed.errors import InputError

NAMESPACE = "urn:xaimed:archive:1/"
CUSTOM = "http://ns.adobe.com/pdfx/1.3/"
BLANK = b"0" * 64
SEAL = re.compile(rb"<xaimed:seal>([^<]*)</xaimed:seal>")
LENGTH = re.compile(rb"<xaimed:sealedBytes>([^<]*)</xaimed:sealedBytes>")
TRAILER = re.compile(rb"trailer\n<<(.*)>>\nstartxref\n(\d+)\n%%EOF\n\Z", re.DOTALL)
DESCRIBED = {
    "seal": ("Text", "SHA-256 of the first sealedBytes bytes of the file, with zeros in place of this value"),
    "sealedBytes": ("Text", "How many bytes from the start the seal covers"),
    "logHead": ("Text", "Hash of the last entry of the run's log when the run was sealed"),
    "attachments": ("bag Text", "SHA-256 and name of every attached file")}
CARD = {"chaiMcXml": ("Text", "CHAI applied model card, an XML document"),
        "chaiMcSoftwareId": ("Text", "The software that wrote the model card")}


@dataclass(frozen=True)
class Marks:
    """What is said of a file. attachments: bytes by name. card: the model card's XML (ASCII), or "".

    software: the writer of the card.
    """

    attachments: Mapping[str, bytes] = field(default_factory=dict)
    log_head: str = ""
    card: str = ""
    software: str = ""


def sealed(pdf: bytes, marks: Marks) -> bytes:
    """The PDF with its marks and seal; the same bytes for the same input.

    pdf: a file with a classic cross-reference table that ends with a line end. Raises InputError for another.
    """
    found = TRAILER.search(pdf)
    if found is None:
        raise InputError("the PDF has no classic trailer; expected one as typst writes it")
    places = _places(pdf, int(found[2]))
    entries = {name: int(number) for name, number in re.findall(rb"/(Root|Info|Size) (\d+)", found[1])}
    meta = next(n for n in places if _object(pdf, places, n).split(b"stream\n")[0].count(b"/Type/Metadata"))
    info = _with_entries(_object(pdf, places, entries[b"Info"]), marks)
    packet = _with_marks(_stream(_object(pdf, places, meta)), marks)
    objects = {entries[b"Info"]: info, meta: _metadata(meta, packet)}
    return _seal(_updated(pdf, objects, found[1], int(found[2])))


def broken_seal(pdf: bytes) -> str:
    """What is wrong with the seal in one line, or "" where every sealed byte is as it was written."""
    # A signature may repeat the metadata behind what was sealed: the first is the one.
    seal, length = SEAL.search(pdf), sealed_length(pdf)
    if seal is None or not length:
        return "no seal, or a damaged one; expected a PDF that xaimed wrote, whole"
    start, end = seal.span(1)
    if len(pdf) < length:
        return f"{len(pdf)} bytes where {length} were sealed: the file was cut off"
    whole = pdf[:start] + BLANK + pdf[end:length] if end - start == len(BLANK) else b""
    if hashlib.sha256(whole).hexdigest().encode() != seal[1]:
        return f"the seal does not fit its {length} bytes: a bit of the file was changed after it was written"
    return ""


def sealed_length(pdf: bytes) -> int:
    """How many bytes the seal covers; 0 without a seal."""
    found = LENGTH.search(pdf)
    return int(found[1]) if found and re.fullmatch(rb"\d{12}", found[1]) else 0


def _places(pdf: bytes, start: int) -> dict[int, tuple[int, int]]:
    """Where each object starts and ends, from the one cross-reference table."""
    head = re.compile(rb"xref\n0 (\d+)\s*\n").match(pdf, start)
    if head is None:
        raise InputError("the PDF has no single cross-reference table; expected one as typst writes it")
    rows = [pdf[head.end() + 20 * i:][:20] for i in range(int(head[1]))]
    starts = {number: int(row[:10]) for number, row in enumerate(rows) if row[17:18] == b"n"}
    following = sorted([*starts.values(), start])
    ends = dict(pairwise(following))
    return {number: (place, ends[place]) for number, place in starts.items()}


def _object(pdf: bytes, places: Mapping[int, tuple[int, int]], number: int) -> bytes:
    start, end = places[number]
    return pdf[start:end]


def _stream(body: bytes) -> bytes:
    start = body.index(b"stream\n") + len(b"stream\n")
    return body[start:body.rindex(b"\nendstream")]


def _with_entries(info: bytes, marks: Marks) -> bytes:
    """The Info dictionary with the card as literal strings; both are ASCII."""
    end = info.rindex(b">>")
    texts = {"chaiMcXml": marks.card, "chaiMcSoftwareId": marks.software} if marks.card else {}
    added = b"".join(f"/{key} ({_escaped(text)})\n".encode("ascii") for key, text in texts.items())
    return info[:end] + added + b">>\nendobj\n"


def _escaped(text: str) -> str:
    return re.sub(r"([\\()])", r"\\\1", text)


def _with_marks(packet: bytes, marks: Marks) -> bytes:
    """The XMP packet with the marks and the description of their schemas, which PDF/A wants."""
    schemas = _schema("xaimed archive", NAMESPACE, "xaimed", DESCRIBED)
    values = [f"<xaimed:seal>{BLANK.decode()}</xaimed:seal>", f"<xaimed:sealedBytes>{0:012d}</xaimed:sealedBytes>"]
    if marks.log_head:
        values.append(f"<xaimed:logHead>{escape(marks.log_head)}</xaimed:logHead>")
    if marks.attachments:
        rows = (f"<rdf:li>{hashlib.sha256(data).hexdigest()} {escape(name)}</rdf:li>"
                for name, data in sorted(marks.attachments.items()))
        values.append(f"<xaimed:attachments><rdf:Bag>{''.join(rows)}</rdf:Bag></xaimed:attachments>")
    if marks.card:
        schemas += _schema("Custom document properties", CUSTOM, "pdfx", CARD)
        values += [f"<pdfx:chaiMcXml>{escape(marks.card)}</pdfx:chaiMcXml>",
                   f"<pdfx:chaiMcSoftwareId>{escape(marks.software)}</pdfx:chaiMcSoftwareId>"]
    described = (f'<rdf:Description rdf:about="" xmlns:xaimed="{NAMESPACE}" xmlns:pdfx="{CUSTOM}">'
                 f"{''.join(values)}</rdf:Description>")
    packet = _before(packet, b"</rdf:Bag></pdfaExtension:schemas>", schemas)
    return _before(packet, b"</rdf:RDF>", described)


def _before(packet: bytes, place: bytes, text: str) -> bytes:
    head, found, tail = packet.rpartition(place)
    if not found:
        raise InputError(f"the PDF's metadata hold no {place.decode()}; expected an XMP packet as typst writes it")
    return head + text.encode() + found + tail


def _schema(title: str, space: str, prefix: str, properties: Mapping[str, tuple[str, str]]) -> str:
    rows = "".join(f'<rdf:li rdf:parseType="Resource"><pdfaProperty:category>external</pdfaProperty:category>'
                   f"<pdfaProperty:description>{text}</pdfaProperty:description><pdfaProperty:name>{name}"
                   f"</pdfaProperty:name><pdfaProperty:valueType>{kind}</pdfaProperty:valueType></rdf:li>"
                   for name, (kind, text) in properties.items())
    return (f'<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>{title}</pdfaSchema:schema>'
            f"<pdfaSchema:namespaceURI>{space}</pdfaSchema:namespaceURI><pdfaSchema:prefix>{prefix}</pdfaSchema:prefix>"
            f"<pdfaSchema:property><rdf:Seq>{rows}</rdf:Seq></pdfaSchema:property></rdf:li>")


def _metadata(number: int, packet: bytes) -> bytes:
    head = f"{number} 0 obj\n<</Length {len(packet)}/Type/Metadata/Subtype/XML>>\nstream\n"
    return head.encode() + packet + b"\nendstream\nendobj\n"


def _updated(pdf: bytes, objects: Mapping[int, bytes], trailer: bytes, previous: int) -> bytes:
    """The file with new versions of some objects behind it."""
    out, table = pdf, b"xref\n"
    for number, body in sorted(objects.items()):
        table += f"{number} 1\n{len(out):010d} 00000 n \n".encode()
        out += body
    return out + table + b"trailer\n<<" + trailer + f"/Prev {previous}>>\nstartxref\n{len(out)}\n%%EOF\n".encode()


def _seal(pdf: bytes) -> bytes:
    length = LENGTH.search(pdf)
    assert length is not None  # noqa: S101
    pdf = pdf[:length.start(1)] + f"{len(pdf):012d}".encode() + pdf[length.end(1):]
    start = pdf.index(b"<xaimed:seal>" + BLANK) + len(b"<xaimed:seal>")
    return pdf[:start] + hashlib.sha256(pdf).hexdigest().encode() + pdf[start + len(BLANK):]
