"""`xaimed audit --paper FILE`: the audit of a publication, as text or JSON, and as a PDF with --out FILE.pdf."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.errors import InputError

if TYPE_CHECKING:
    from xaimed.paper.audit import PaperAudit


def run_paper(options: argparse.Namespace) -> int:
    """0 if the paper's numbers do not contradict each other, 1 if they do."""
    from xaimed.paper.audit import PaperAudit
    from xaimed.paper.sheet import read_sheet
    from xaimed.paper.telling import as_json, told

    if options.model is not None or options.predictions or options.truth:
        raise InputError("--paper with a model or tables; expected the TOML file of a paper alone")
    out = Path(options.out) if options.out else None
    if out is not None and out.suffix.lower() != ".pdf":
        raise InputError(f"--out {out}; with --paper expected a file that ends with .pdf")
    audit = PaperAudit(read_sheet(Path(options.paper)))
    text = json.dumps(as_json(audit), indent=1, ensure_ascii=False) if options.json else told(audit)
    if out is not None:
        _write(audit, out)
        text += "" if options.json else f"\nreport     {out}"
    print(text)
    return int(audit.contradicted)


def _write(audit: PaperAudit, out: Path) -> None:
    from xaimed.ledger import now
    from xaimed.report.paper import paper_document
    from xaimed.report.typst import Renderer

    with Renderer() as renderer:
        out.write_bytes(renderer.pdf(paper_document(audit, now())))
