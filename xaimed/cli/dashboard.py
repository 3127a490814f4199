"""`xaimed dashboard RUNS`: the dashboard in a browser on this machine; nothing leaves it."""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from xaimed import content, optional
from xaimed.errors import InputError, NotFound

HOST = "127.0.0.1"
PORT = 8501
START_SECONDS = 60.0
STOP_SECONDS = 5.0
EXAMPLES = """examples:
  xaimed dashboard runs                  all runs of a folder
  xaimed dashboard runs/demo             one run
  xaimed dashboard runs --port 9000 --no-browser

The dashboard listens on 127.0.0.1 only. From elsewhere, use a tunnel: ssh -L 8501:127.0.0.1:8501 HOST
"""
# Streamlit's own defaults listen on all interfaces, send usage statistics and print errors into the page.
SETTINGS: Mapping[str, str] = {
    "server.address": HOST, "server.headless": "true", "server.enableXsrfProtection": "true",
    "server.enableCORS": "true", "server.fileWatcherType": "none", "server.runOnSave": "false",
    "server.maxUploadSize": "1", "server.enableStaticServing": "false", "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false", "browser.serverAddress": HOST, "client.showErrorDetails": "none",
    "client.showErrorLinks": "false", "client.toolbarMode": "minimal", "global.developmentMode": "false",
    "logger.level": "error", "logger.hideWelcomeMessage": "true",
}
THEME: Mapping[str, str] = {
    "theme.baseFontSize": "14", "theme.headingFontWeights": "600", "theme.baseRadius": "small",
    "theme.light.primaryColor": "#1f6fb2", "theme.light.backgroundColor": "#fbfcfd",
    "theme.light.secondaryBackgroundColor": "#eef2f5", "theme.light.textColor": "#1b2733",
    "theme.light.borderColor": "#d5dde4",
    "theme.dark.primaryColor": "#4ea3e3", "theme.dark.backgroundColor": "#101418",
    "theme.dark.secondaryBackgroundColor": "#1a2026", "theme.dark.textColor": "#e3e8ec",
    "theme.dark.borderColor": "#2c353d",
}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `dashboard`."""
    command = subparsers.add_parser("dashboard", help="open the dashboard of one run or of a folder of runs",
                                    epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("runs", nargs="?", default="runs", metavar="RUNS", type=Path,
                         help="a run folder or a folder of runs (default: runs)")
    command.add_argument("--port", type=int, help=f"port on 127.0.0.1 (default: {PORT}, or the next free one)")
    command.add_argument("--no-browser", action="store_true", help="print the address, open no browser")


def run(options: argparse.Namespace) -> int:
    """0 after Ctrl-C. Raises NotFound for a missing folder, InputError for a port in use, MissingExtra."""
    runs = _runs_folder(options.runs)
    for module in ("streamlit", "plotly"):
        optional.need(module, "dashboard", "to open the dashboard")
    port = _port(options.port)
    with _stopped_by_signals(), _server(runs, port) as server:
        _wait(server, port)
        address = f"http://{HOST}:{port}"
        print(f"Dashboard of {runs} at {address} (Ctrl-C stops it)", flush=True)
        if not options.no_browser:
            webbrowser.open(address)
        return _serve(server)


def _runs_folder(path: Path) -> Path:
    if not path.exists():
        raise NotFound(f"{path}: no such folder; expected a run or a folder of runs: `xaimed audit` makes one")
    if not path.is_dir():
        raise InputError(f"{path}: is a file; expected a run folder or a folder of runs")
    return path.resolve()


def _port(asked: int | None) -> int:
    candidates = range(PORT, PORT + 50) if asked is None else [asked]
    for port in candidates:
        if 0 < port < 65536 and _free(port):
            return port
    if asked is not None and not 0 < asked < 65536:
        raise InputError(f"port {asked}; expected 1 to 65535")
    raise InputError(f"port {candidates[0]} is in use or not allowed; choose another with --port")


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def command(port: int) -> list[str]:
    """The command line of the server, with every setting spelled out."""
    settings = {**SETTINGS, **THEME, "server.port": str(port), "browser.serverPort": str(port)}
    return [sys.executable, "-m", "streamlit", "run", str(content.folder("dashboards") / "app.py"),
            *(f"--{name}={value}" for name, value in settings.items())]


@contextmanager
def _server(runs: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a process of its own session, ended with the block."""
    folder = content.folder("dashboards")
    # The pages import each other as `dashboards.x`, from a checkout and from a wheel.
    paths = [str(folder.parent), str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "XAIMED_RUNS": str(runs), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    server = subprocess.Popen(command(port), cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            raise InputError(f"the dashboard's server ended with code {server.returncode} before it was ready; "
                             "see the lines above")
        if _healthy(port):
            return
        time.sleep(0.1)
    raise InputError(f"the dashboard's server did not answer within {START_SECONDS:g} s; try another --port")


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _serve(server: subprocess.Popen[bytes]) -> int:
    try:
        code = server.wait()
    except KeyboardInterrupt:
        print("stopped", flush=True)
        return 0
    raise InputError(f"the dashboard's server ended by itself with code {code}; see the lines above")


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """A request to terminate ends the server too, as Ctrl-C does, even where a shell started it without Ctrl-C."""
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
