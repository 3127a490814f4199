"""The software bill of materials of a run in CycloneDX 1.6 (ECMA-424): xaimed, the model and every package used."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from xaimed.report.blocks import Attachment

if TYPE_CHECKING:
    from xaimed.run import Run

NAME = "sbom.json"
SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 4122, the name space of URLs
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
HEX = re.compile("[0-9a-f]{64}")


def sbom(run: Run) -> dict[str, Any]:
    """The bill as a dict for JSON, the same for the same run.

    Packages are those that the run recorded as loaded, or the versions in its run.json where it recorded none.
    """
    parts = [_package(item) for item in packages(run)]
    model = _model(run)
    head = str(run.meta.get("log", {}).get("head", ""))
    tool = {"type": "application", "bom-ref": "xaimed", "name": "xaimed", "version": str(run.meta.get("xaimed", "")),
            **_hashes(run.meta.get("code"))}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, f'urn:xaimed:run:{head}')}", "version": 1,
        "metadata": {"timestamp": _time(run), "component": tool},
        "components": [model, *parts],
        "dependencies": [{"ref": "xaimed", "dependsOn": [str(p["bom-ref"]) for p in (model, *parts)]}]}


def packages(run: Run) -> list[dict[str, str]]:
    """Name, version and licence of each package of the run."""
    recorded = run.meta.get("components")
    if recorded:
        return [{str(key): str(value) for key, value in item.items()} for item in recorded]
    return [{"name": str(name), "version": str(version), "licence": ""}
            for name, version in sorted(run.meta.get("versions", {}).items()) if version != "not installed"]


def sbom_attachment(run: Run) -> Attachment:
    """The bill as a file of the report."""
    text = json.dumps(sbom(run), indent=1, ensure_ascii=False, sort_keys=True)
    return Attachment(NAME, text.encode(), "application/vnd.cyclonedx+json",
                      "Software bill of materials, CycloneDX 1.6", "supplement")


def _package(item: dict[str, str]) -> dict[str, Any]:
    name, version = item["name"], item["version"]
    kind, short = ("generic", name) if name == "python" else ("pypi", re.sub("[-_.]+", "-", name).lower())
    address = f"pkg:{kind}/{short}@{version}"
    found: dict[str, Any] = {"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address}
    if item.get("licence"):
        found["licenses"] = [{"license": {"name": item["licence"]}}]
    return found


def _model(run: Run) -> dict[str, Any]:
    model = run.meta.get("model", {})
    digest = str(model.get("digest", ""))
    facts = {"architecture": model.get("architecture"), "task": model.get("task"), "tensors sha256": digest}
    return {"type": "machine-learning-model", "bom-ref": f"model-{digest[:16] or 'unknown'}",
            "name": str(model.get("name") or "not named"), **_hashes(digest),
            "properties": [{"name": f"xaimed:{name}", "value": str(value)} for name, value in facts.items() if value]}


def _hashes(value: object) -> dict[str, Any]:
    text = str(value or "")
    return {"hashes": [{"alg": "SHA-256", "content": text}]} if HEX.fullmatch(text) else {}


def _time(run: Run) -> str:
    created = str(run.meta.get("created", ""))
    return created if TIME.fullmatch(created) else "1970-01-01T00:00:00Z"

