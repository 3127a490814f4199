"""What software made a run: a digest of the package's code, and the versions of what it stands on."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import xaimed

# Packages that a result depends on.
NEEDED = ("xaimed", "torch", "torchvision", "numpy", "opencv-python-headless", "scipy", "scikit-image")


def code_digest() -> str:
    """sha256 (hex) over the names and bytes of all Python files of the package."""
    root = Path(xaimed.__file__).parent
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def versions() -> dict[str, str]:
    """Python's version and that of each package that a result depends on, or "not installed"."""
    from importlib.metadata import PackageNotFoundError, version

    out = {"python": platform.python_version()}
    for name in NEEDED:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out
