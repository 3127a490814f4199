"""`xaimed dashboard`: its settings, its errors in one line, and how it starts and stops."""

from __future__ import annotations

import argparse
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from xaimed.cli import dashboard
from xaimed.errors import InputError, MissingExtra, NotFound

START = ("import argparse, sys; from xaimed.cli import dashboard as d; p = argparse.ArgumentParser(); "
         "d.add(p.add_subparsers()); sys.exit(d.run(p.parse_args(sys.argv[1:])))")


def options(runs: Path, port: int | None = None) -> argparse.Namespace:
    return argparse.Namespace(runs=runs, port=port, no_browser=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_missing_folder_and_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such folder"):
        dashboard.run(options(tmp_path / "none"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        dashboard.run(options(tmp_path / "file"))


def test_missing_streamlit_gives_the_pip_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "streamlit"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "streamlit", None)
    with pytest.raises(MissingExtra, match=r"pip install 'xaimed\[dashboard\]'"):
        dashboard.run(options(tmp_path))


def test_port_in_use_or_out_of_range_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="in use"):
            dashboard.run(options(tmp_path, taken.getsockname()[1]))
    for port in (0, 70000, -1):
        with pytest.raises(InputError, match="1 to 65535"):
            dashboard.run(options(tmp_path, port))


def test_settings_keep_everything_on_this_machine() -> None:
    line = dashboard.command(9000)
    for setting in ("--server.address=127.0.0.1", "--browser.gatherUsageStats=false",
                    "--client.showErrorDetails=none", "--server.enableXsrfProtection=true",
                    "--server.headless=true", "--client.toolbarMode=minimal", "--server.fileWatcherType=none",
                    "--server.maxUploadSize=1", "--server.port=9000"):
        assert setting in line
    assert Path(line[4]).name == "app.py"
    assert Path(line[4]).is_file()


def test_streamlit_knows_every_setting() -> None:
    pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
    from streamlit import config

    known = set(config.get_config_options())
    assert set(dashboard.SETTINGS) | set(dashboard.THEME) <= known


@pytest.mark.browser
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_on_loopback_and_stops_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
    port = free_port()
    server = subprocess.Popen([sys.executable, "-c", START, "dashboard", str(tmp_path), "--port", str(port),
                               "--no-browser"], stdout=subprocess.PIPE, text=True, cwd=tmp_path,
                              env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])})
    assert server.stdout is not None
    try:
        assert re.search(rf"http://127\.0\.0\.1:{port} ", server.stdout.readline())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/_stcore/health")
        assert connection.getresponse().status == 200
        connection.close()
        listening = Path("/proc/net/tcp").read_text() if Path("/proc/net/tcp").is_file() else ""
        assert f"00000000:{port:04X}" not in listening, "it must not listen on all interfaces"
    finally:
        server.send_signal(how)
        code = server.wait(30)
    assert code == 0
    assert "stopped" in server.stdout.read()
    server.stdout.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server must be gone"
