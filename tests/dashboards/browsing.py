"""A dashboard on this machine and a Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")
ROOT = Path(__file__).resolve().parents[2]
START = ("import argparse, sys; from xaimed.cli import dashboard as d; p = argparse.ArgumentParser(); "
         "d.add(p.add_subparsers()); sys.exit(d.run(p.parse_args(sys.argv[1:])))")
SECONDS = 90_000
MARKS = [pytest.mark.browser,
         pytest.mark.skipif(not Path(CHROMIUM).is_file(), reason=f"no Chromium at {CHROMIUM}: install chromium")]


@dataclass
class Seen:
    """What the browser asked for, complained about, and was refused."""

    address: str
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@contextmanager
def served(folder: Path, port: int = 0, *more: str) -> Iterator[str]:
    """The address of a dashboard of the runs in a folder; port: 0 for a free one, more: of the command line."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", START, "dashboard", str(folder), "--port", str(port),
                               "--no-browser", *more], stdout=subprocess.PIPE, text=True, cwd=folder,
                              env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (
                                  str(ROOT), os.environ.get("PYTHONPATH", ""))))})
    assert server.stdout is not None
    try:
        assert f"http://127.0.0.1:{port}" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()


@contextmanager
def looking(address: str) -> Iterator[tuple[Page, Seen]]:
    """A tab of a workstation's size, and what it saw."""
    from playwright.sync_api import sync_playwright

    seen = Seen(address)
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=SECONDS)
        tab = browser.new_page(viewport={"width": 1366, "height": 768}, color_scheme="dark")
        tab.set_default_timeout(SECONDS)
        local = (f"{address}/", f"ws://{address.removeprefix('http://')}/", "data:", "blob:")
        tab.on("request", lambda r: None if r.url.startswith(local) else seen.foreign.append(r.url))
        tab.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: seen.errors.append(str(error)))
        tab.on("response", lambda r: seen.refused.append(r.url) if r.status >= 400 else None)
        yield tab, seen
        browser.close()


def ready(tab: Page) -> None:
    """Wait until the page stands still: the script is done and no placeholder is left."""
    tab.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    tab.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0")
    tab.wait_for_timeout(300)
