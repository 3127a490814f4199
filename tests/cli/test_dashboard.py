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
    line = dashboard.command(dashboard.Place(9000))
    for setting in ("--server.address=127.0.0.1", "--browser.gatherUsageStats=false",
                    "--client.showErrorDetails=none", "--server.enableXsrfProtection=true",
                    "--server.headless=true", "--client.toolbarMode=minimal", "--server.fileWatcherType=none",
                    "--server.maxUploadSize=1", "--server.port=9000"):
        assert setting in line
    assert Path(line[4]).name == "app.py"
    assert Path(line[4]).is_file()


LOGIN = """[auth]
redirect_uri = "https://reader.example.org/oauth2callback"
cookie_secret = "not a real one"
client_id = "xaimed"
client_secret = "not a real one"
server_metadata_url = "https://login.example.org/.well-known/openid-configuration"
"""


def elsewhere(tmp_path: Path, **more: object) -> argparse.Namespace:
    return argparse.Namespace(runs=tmp_path, port=free_port(), no_browser=True, **{
        "host": "0.0.0.0", "login": None, "behind_proxy": False, **more})


def test_another_address_wants_a_login_or_the_users_word(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="add --login FILE"):
        dashboard.run(elsewhere(tmp_path))
    place = dashboard._place(elsewhere(tmp_path, behind_proxy=True))
    assert (place.host, place.login) == ("0.0.0.0", "proxy")
    assert "--server.address=0.0.0.0" in dashboard.command(place)
    assert not any("allowedHosts" in word for word in dashboard.command(place))


def test_a_login_file_that_lacks_something_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard.optional, "need", lambda *_: None)
    file = tmp_path / "oidc.toml"
    with pytest.raises(NotFound, match="no such file"):
        dashboard._place(elsewhere(tmp_path, login=file))
    file.write_text(LOGIN.replace("cookie_secret", "cookie"))
    with pytest.raises(InputError, match="lacks cookie_secret"):
        dashboard._place(elsewhere(tmp_path, login=file))
    file.write_text("[auth")
    with pytest.raises(InputError, match="no TOML"):
        dashboard._place(elsewhere(tmp_path, login=file))
    file.write_text(LOGIN)
    line = dashboard.command(dashboard._place(elsewhere(tmp_path, login=file)))
    assert f"--secrets.files={file}" in line
    assert "--server.allowedHosts=reader.example.org" in line
    assert "not a real one" not in " ".join(line), "a secret on the command line is read by everyone on the machine"


def test_login_without_authlib_gives_the_pip_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "authlib", None)
    with pytest.raises(MissingExtra, match="authlib"):
        dashboard._place(elsewhere(tmp_path, login=tmp_path / "oidc.toml"))


def test_on_this_machine_only_its_own_names_lead_to_it() -> None:
    names = [word for word in dashboard.command(dashboard.Place(9000)) if "allowedHosts" in word]
    assert names == ["--server.allowedHosts=127.0.0.1", "--server.allowedHosts=localhost"]


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
