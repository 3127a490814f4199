"""`xaimed dashboard RUNS`: the dashboard in a browser on this machine; nothing leaves it.

On another address it listens only where people log in (OIDC), or where the user says that a reverse proxy stands before
it that lets in whom it knows.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from xaimed import content, optional
from xaimed.errors import InputError, NotFound

HOST = "127.0.0.1"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What an OIDC login needs; cookie_secret signs the cookie of who is logged in.
LOGIN_KEYS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
PORT = 8501
START_SECONDS = 60.0
STOP_SECONDS = 5.0
EXAMPLES = """examples:
  xaimed dashboard runs                  all runs of a folder
  xaimed dashboard runs/demo             one run
  xaimed dashboard runs --port 9000 --no-browser
  xaimed dashboard runs --host 10.0.0.5 --login oidc.toml

The dashboard listens on 127.0.0.1. From elsewhere, use a tunnel: ssh -L 8501:127.0.0.1:8501 HOST
Another --host wants --login FILE, a TOML file whose table [auth] names an OpenID Connect provider (redirect_uri,
cookie_secret, client_id, client_secret, server_metadata_url), or --behind-proxy: your word that nobody reaches this
port but a reverse proxy that lets in whom it knows, encrypts, and names the person in X-Forwarded-User.
"""
# Streamlit's own defaults listen on all interfaces, send usage statistics and print errors into the page.
SETTINGS: Mapping[str, str] = {
    "server.headless": "true", "server.enableXsrfProtection": "true",
    "server.enableCORS": "true", "server.fileWatcherType": "none", "server.runOnSave": "false",
    "server.maxUploadSize": "1", "server.enableStaticServing": "false", "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false", "client.showErrorDetails": "none",
    "client.showErrorLinks": "false", "client.toolbarMode": "minimal", "global.developmentMode": "false",
    "logger.level": "error", "logger.hideWelcomeMessage": "true",
}
THEME: Mapping[str, str] = {
    "theme.baseFontSize": "14", "theme.headingFontWeights": "600", "theme.baseRadius": "small",
    "theme.light.primaryColor": "#1f6fb2", "theme.light.backgroundColor": "#fbfcfd",
    "theme.light.secondaryBackgroundColor": "#eef2f5", "theme.light.textColor": "#1b2733",
    "theme.light.borderColor": "#d5dde4",
    # White words on the primary colour have a contrast of 4.7 to 1; links stand on the background and are lighter.
    "theme.dark.primaryColor": "#2b78b8", "theme.dark.linkColor": "#4ea3e3", "theme.dark.backgroundColor": "#101418",
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
    command.add_argument("--host", "--address", default=HOST, help=f"address to listen on (default: {HOST})")
    who = command.add_mutually_exclusive_group()
    who.add_argument("--login", metavar="FILE", type=Path, help="people log in by OpenID Connect as FILE says")
    who.add_argument("--behind-proxy", action="store_true", help="a reverse proxy stands before it and checks who asks")


@dataclass(frozen=True)
class Place:
    """Where the server listens and who may look: login "" (who is on this machine), "oidc" or "proxy"."""

    port: int
    host: str = HOST
    login: str = ""
    secrets: Path | None = None


def run(options: argparse.Namespace) -> int:
    """0 after Ctrl-C.

    Raises NotFound for a missing folder, InputError for a port in use or an address without a login, MissingExtra.
    """
    runs = _runs_folder(options.runs)
    for module in ("streamlit", "plotly"):
        optional.need(module, "dashboard", "to open the dashboard")
    place = _place(options)
    with _stopped_by_signals():
        try:
            with _server(runs, place) as server:
                _wait(server, place)
                address = f"http://{_shown(place.host)}:{place.port}"
                print(f"Dashboard of {runs} at {address} (Ctrl-C stops it)", flush=True)
                if not options.no_browser:
                    webbrowser.open(address)
                code = server.wait()
        except KeyboardInterrupt:
            print("stopped", flush=True)
            return 0
    raise InputError(f"the dashboard's server ended by itself with code {code}; see the lines above")


def _place(options: argparse.Namespace) -> Place:
    host = str(getattr(options, "host", HOST))
    secrets, proxy = getattr(options, "login", None), bool(getattr(options, "behind_proxy", False))
    if host not in LOOPBACK and secrets is None and not proxy:
        raise InputError(f"--host {host} would show the cases to everyone who reaches it; expected {HOST}: add --login "
                         "FILE (OpenID Connect) or --behind-proxy, or use a tunnel")
    if secrets is not None:
        for module in ("authlib", "httpx"):
            optional.need(module, "dashboard", "to log people in")
        _login(secrets)
    return Place(_port(options.port, host), host, "oidc" if secrets else "proxy" if proxy else "",
                 secrets.resolve() if secrets else None)


def _login(secrets: Path) -> Mapping[str, str]:
    """The table [auth] of the file. Raises NotFound, InputError: no TOML, a key missing."""
    if not secrets.is_file():
        raise NotFound(f"{secrets}: no such file; expected a TOML file with a table [auth]: see --help")
    try:
        found: Mapping[str, str] = tomllib.loads(secrets.read_text(encoding="utf-8")).get("auth", {})
    except ValueError as problem:
        raise InputError(f"{secrets}: no TOML ({problem}); expected a table [auth]: mend the file") from problem
    missing = [key for key in LOGIN_KEYS if not found.get(key)]
    if missing:
        raise InputError(f"{secrets}: [auth] lacks {', '.join(missing)}; expected {', '.join(LOGIN_KEYS)}: add them")
    return found


def _shown(host: str) -> str:
    """The address as a browser on this machine takes it."""
    return {"0.0.0.0": HOST, "::": HOST}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - not bound here


def _runs_folder(path: Path) -> Path:
    if not path.exists():
        raise NotFound(f"{path}: no such folder; expected a run or a folder of runs: `xaimed audit` makes one")
    if not path.is_dir():
        raise InputError(f"{path}: is a file; expected a run folder or a folder of runs")
    return path.resolve()


def _port(asked: int | None, host: str = HOST) -> int:
    candidates = range(PORT, PORT + 50) if asked is None else [asked]
    for port in candidates:
        if 0 < port < 65536 and _free(port, host):
            return port
    if asked is not None and not 0 < asked < 65536:
        raise InputError(f"port {asked}; expected 1 to 65535")
    raise InputError(f"port {candidates[0]} of {host} is in use or not allowed; choose another with --port")


def _free(port: int, host: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def command(place: Place) -> list[str]:
    """The command line of the server, with every setting spelled out."""
    settings = {**SETTINGS, **THEME, "server.address": place.host, "browser.serverAddress": _shown(place.host),
                "server.port": str(place.port), "browser.serverPort": str(place.port)}
    if place.secrets is not None:
        settings["secrets.files"] = str(place.secrets)
    return [sys.executable, "-m", "streamlit", "run", str(content.folder("dashboards") / "app.py"),
            *(f"--{name}={value}" for name, value in settings.items()),
            *(f"--server.allowedHosts={name}" for name in _names(place))]


def _names(place: Place) -> list[str]:
    """The names by which browsers may ask for the server: another name that leads here is a trick (DNS rebinding).

    None, which is any, behind a proxy: it is known there by the name that the proxy has.
    """
    if place.login == "proxy":
        return []
    own = [urlsplit(_login(place.secrets)["redirect_uri"]).hostname or ""] if place.secrets else []
    return list(dict.fromkeys(name for name in [*LOOPBACK[:2], _shown(place.host), *own] if name))


@contextmanager
def _server(runs: Path, place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a process of its own session, ended with the block."""
    folder = content.folder("dashboards")
    # The pages import each other as `dashboards.x`, from a checkout and from a wheel.
    paths = [str(folder.parent), str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "XAIMED_RUNS": str(runs), "XAIMED_LOGIN": place.login,
                   "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    server = subprocess.Popen(command(place), cwd=folder, env=environment, stdin=subprocess.DEVNULL,
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


def _wait(server: subprocess.Popen[bytes], place: Place) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            raise InputError(f"the dashboard's server ended with code {server.returncode} before it was ready; "
                             "see the lines above")
        if _healthy(place):
            return
        time.sleep(0.1)
    raise InputError(f"the dashboard's server did not answer within {START_SECONDS:g} s; try another --port")


def _healthy(place: Place) -> bool:
    connection = http.client.HTTPConnection(_shown(place.host).strip("[]"), place.port, timeout=2)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


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
