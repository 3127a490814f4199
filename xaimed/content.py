"""Where the things lie that a user loads, edits or runs: models, audit plans, dashboards."""

from __future__ import annotations

from pathlib import Path

from xaimed.errors import NotFound, unknown

KINDS = ("models", "audits", "dashboards")


def folder(kind: str) -> Path:
    """The folder of "models", "audits" or "dashboards", in a checkout or in the installed wheel.

    Raises NotFound for another kind, or if the installation lacks the folder.
    """
    if kind not in KINDS:
        raise unknown("content", kind, KINDS)
    package = Path(__file__).resolve().parent
    for place in (package / "content" / kind, package.parent / kind):
        if place.is_dir() and (place.parent.name == "content" or (package.parent / "pyproject.toml").is_file()):
            return place
    raise NotFound(f"the folder {kind}/ is not there beside the package; expected it in a checkout or in the wheel: "
                   "install xaimed again")
