"""Writes report.pdf and cases/<case>.pdf of a run; the same bytes whenever the run is the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed import registry
from xaimed.errors import StoreError, unknown
from xaimed.ledger import Fact, backwards, now
from xaimed.plural import plural
from xaimed.report.attachments import attachments
from xaimed.report.blocks import Block, Document, Paper
from xaimed.report.case import case_document
from xaimed.report.model_card import model_card
from xaimed.report.sbom import sbom_attachment
from xaimed.report.sections.data import synthetic
from xaimed.report.signature import MARK as SIGNED
from xaimed.report.typst import Renderer
from xaimed.report.wording import given, moment
from xaimed.run import Run
from xaimed.software import code_digest
from xaimed.store import save_report
from xaimed.verifying import altered
from xaimed.viz.lettering import VARIABLE, fonts_digest, lacking

if TYPE_CHECKING:
    from xaimed.report.signature import Signer

MOST = 12  # letters that are named
REPORT = "report.pdf"
CODE, LETTERS = "code", "fonts"  # what the log names besides: digests of the code and of the fonts that wrote them


@dataclass(frozen=True)
class Making:
    """How reports are made. signer: signs report.pdf. paper: the size of the pages.

    replace_signed: a report.pdf that is signed is written over. Else it is left as it is, and nothing but pages of
    cases can be made beside it.
    """

    signer: Signer | None = None
    paper: Paper = "a4"
    replace_signed: bool = False


def write_reports(run: Run, cases: Sequence[str] | None = None,
                  progress: Callable[[int, int], None] | None = None, how: Making = Making()) -> list[Path]:
    """The paths of report.pdf and of the case pages that were written; all cases if `cases` is None.

    Beside a signed report.pdf the pages of `cases` alone are written.

    progress: called with pages done and in all. Raises NotFound for an unknown case before anything is written,
    MissingExtra without typst, StoreError where the disk does not take a file, report.pdf is signed and would have to
    be written over, the log is broken, the clock went backwards or the run is not what the audit wrote.
    """
    known = [str(name) for name in run.cases["case"]]
    chosen = known if cases is None else list(dict.fromkeys(cases))
    for name in chosen:
        if name not in known:
            raise unknown("case", name, known)
    kept = not how.replace_signed and signed(run.path / REPORT)
    if kept and (how.signer is not None or not cases):
        raise StoreError(f"{run.path / REPORT}: signed already, and a signature is someone's word; expected --case ID "
                         "for pages of cases alone, or --replace-signed to write over it")
    _refuse_clock(run)
    _refuse_changed(run)
    jobs: list[tuple[str, Callable[[], Document]]] = [] if kept else [(REPORT, partial(report_document, run))]
    jobs += [(f"cases/{name}.pdf", partial(case_document, run, name)) for name in chosen]
    digests: dict[str, Fact] = {}
    with Renderer() as renderer:
        for done, (name, make) in enumerate(jobs, start=1):
            made = renderer.pdf(replace(make(), paper=how.paper, log_head=log_head(run)))
            if how.signer is not None and name == REPORT:
                made = how.signer.signed(made, name)
            digests[name] = save_report(run, name, made)
            if progress is not None:
                progress(done, len(jobs))
    run.record("report", {**digests, CODE: code_digest(), LETTERS: fonts_digest()})
    return [run.path / name for name, _ in jobs]


def signed(path: Path) -> bool:
    """Whether the file is there and holds a signature."""
    return path.is_file() and SIGNED in path.read_bytes()


def _refuse_clock(run: Run) -> None:
    """What was written is set down in the log: not in one that is broken, nor before what stands in it."""
    entries, time = run.log_entries(), now()
    problem = backwards(entries)
    if not problem and entries and time < entries[-1].time:
        problem = f"the clock of this machine says {time}, before the {entries[-1].time} of the log's last line: set it"
    if problem:
        raise StoreError(f"{run.path / 'log.jsonl'}: {problem}; no report was written")


def _refuse_changed(run: Run) -> None:
    """No report is made, and none is signed, of a run that is not what the audit wrote."""
    problems = altered(run)[0]
    if problems:
        more = f" (and {len(problems) - 1} more: 'xaimed verify {run.path}')" if len(problems) > 1 else ""
        raise StoreError(f"{run.path}: {problems[0]}{more}; expected a run as the audit wrote it: restore it from a "
                         "copy or run the audit again; no report was written")


def unshown(run: Run) -> str:
    """A line on the letters of a run's names that no font at hand has, or ""."""
    columns = (run.cases[["case", "patient", "label", *(c for c in run.cases if c.startswith("group_"))]],
               run.truth[["label"]], run.predictions[["label"]])
    names = {str(name) for table in columns for column in table for name in table[column].dropna().unique()}
    found = lacking(json.dumps(dict(run.meta), ensure_ascii=False) + "".join(sorted(names)))
    if not found:
        return ""
    more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    return (f"no font at hand has {' '.join(found[:MOST])}{more}: printed as code points such as "
            f"<U+{ord(found[0]):04X}>; name a folder of fonts with {VARIABLE} (docs/fonts.md)")


def log_head(run: Run) -> str:
    """The head of the run's log, "" where it has none."""
    return str(run.meta.get("log", {}).get("head", ""))


def report_document(run: Run) -> Document:
    """The audit report of a run: all sections by their ORDER, with the run's files attached."""
    model, data = run.meta.get("model", {}), run.meta.get("data", {})
    card = model_card(run)
    name, title = given(model.get("name")), given(data.get("title") or data.get("name"))
    return Document(
        eyebrow="MODEL AUDIT", title=f"Audit of {name}", created=run.meta["created"], blocks=tuple(sections(run)),
        subtitle=f"{title}, split {given(data.get('split'))}: {plural(len(run.cases), 'image')} of "
                 f"{plural(run.cases['patient'].nunique(), 'patient')} · {moment(run.meta['created'])}",
        header=f"xaimed audit report · {name} · {title}",
        footer=f"model {str(model.get('digest', ''))[:16]} · run {str(run.meta.get('log', {}).get('head', ''))[:16]} "
               f"· {moment(run.meta['created'])}",
        attachments=(*attachments(run, card), sbom_attachment(run)),
        log_head=log_head(run), card=card,
        stamp="SYNTHETIC" if synthetic(run) else "", keywords=("audit", "explainability", "medical imaging"))


def sections(run: Run) -> list[Block]:
    """The blocks of every registered section, by ORDER (900 if it has none) and name."""
    modules = [(name, registry.load("report.sections", name)) for name in registry.names("report.sections")]
    modules.sort(key=lambda item: (int(getattr(item[1], "ORDER", 900)), item[0]))
    return [block for _, module in modules for block in module.section(run)]
