"""surroundings: the hardware, the switches of determinism and the packages with which a run was made."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

from xaimed.software import NEEDED

# They are loaded by others in passing; they build and install packages, and no result depends on them.
BUILDING = {"setuptools", "pip", "wheel"}


def surroundings() -> dict[str, Any]:
    """What run.json holds as `hardware`, `determinism`, `threads` and `components`; nothing names the machine."""
    return {"hardware": _hardware(), "determinism": _determinism(), "threads": _threads(), "components": components()}


def components() -> list[dict[str, str]]:
    """Name, version and licence of Python and of every installed package that is loaded or needed, by name.

    At the end of an audit more is loaded than at its start. xaimed itself is not among them.
    """
    from importlib.metadata import metadata, packages_distributions

    owners = packages_distributions()
    loaded = {name.partition(".")[0] for name in tuple(sys.modules)}
    installed = {name for given in owners.values() for name in given}
    used = {owner for module in loaded for owner in owners.get(module, ())} | (installed & {*NEEDED})
    names = sorted(used - BUILDING - {"xaimed"}, key=str.lower)
    found = [{"name": "python", "version": platform.python_version(), "licence": "PSF-2.0"}]
    for name in names:
        told = metadata(name)
        found.append({"name": str(told["Name"]), "version": str(told["Version"]), "licence": _licence(told)})
    return found


def _licence(told: Any) -> str:
    """The SPDX expression, else the names in the classifiers, else ""."""
    if told.get("License-Expression"):
        return str(told["License-Expression"])
    classes = [str(text) for text in told.get_all("Classifier") or ()]
    return " / ".join(text.rpartition(" :: ")[2] for text in classes if text.startswith("License :: "))


def _hardware() -> dict[str, Any]:
    found: dict[str, Any] = {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()}
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_mb"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def _threads() -> int:
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else 1


def _determinism() -> dict[str, Any]:
    """The switches of torch that decide whether a run repeats bit by bit; {} where torch was not used."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    return {"deterministic_algorithms": bool(torch.are_deterministic_algorithms_enabled()),
            "cudnn_deterministic": bool(torch.backends.cudnn.deterministic),
            "cudnn_benchmark": bool(torch.backends.cudnn.benchmark),
            "matmul_precision": str(torch.get_float32_matmul_precision()),
            "cublas_workspace": os.environ.get("CUBLAS_WORKSPACE_CONFIG", "not set"),
            "python_hash_seed": os.environ.get("PYTHONHASHSEED", "not set")}
