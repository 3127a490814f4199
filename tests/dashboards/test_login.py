"""The login by OpenID Connect in a real Chromium, with a provider on this machine: nothing before, a name after."""

from __future__ import annotations

import secrets
import shutil
import socket
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
pytest.importorskip("authlib", reason="authlib is not installed: the extra 'dashboard'")
pytest.importorskip("httpx", reason="httpx is not installed: the extra 'dashboard'")
pytest.importorskip("cryptography", reason="cryptography is not installed: the extra 'sign'")
pytest.importorskip("playwright", reason="playwright is not installed")

from tests.dashboards.browsing import MARKS, looking, ready, served
from tests.dashboards.provider import CLIENT, PERSON, Provider, provider
from xaimed.journal import Journal

pytestmark = MARKS


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configured(file: Path, issuer: str, port: int) -> Path:
    """The login file that the command line takes."""
    lines = {"redirect_uri": f"http://localhost:{port}/oauth2callback", "cookie_secret": secrets.token_hex(32),
             "client_id": CLIENT, "client_secret": secrets.token_hex(8),
             "server_metadata_url": f"{issuer}/.well-known/openid-configuration"}
    file.write_text("[auth]\n" + "".join(f'{name} = "{value}"\n' for name, value in lines.items()))
    return file


def test_nothing_is_shown_before_the_login_and_the_person_is_recorded_after_it(example_run: Path,
                                                                             tmp_path: Path) -> None:
    runs, port = tmp_path / "runs", free_port()
    shutil.copytree(example_run, runs / "demo")
    with provider() as issuer:
        login = configured(tmp_path / "login.toml", issuer, port)
        with served(runs, port, "--login", str(login)) as address, looking(address) as (tab, seen):
            here = f"http://localhost:{port}"
            tab.goto(f"{here}/case?run=demo&case=ex000")
            tab.get_by_text("Log in to see it").wait_for()
            ready(tab)
            assert tab.get_by_text("ex000").count() == 0
            assert not Journal(runs).path.exists(), "nobody looked at anything"
            tab.get_by_role("button", name="Log in").click()
            tab.get_by_text("example-detector").first.wait_for()
            ready(tab)
            assert Provider.asked.count("/authorize") == Provider.asked.count("/token") == 1
            tab.get_by_role("link", name="Provenance", exact=True).click()
            tab.get_by_text("Record of what was done").wait_for()
            outside = [url for url in seen.foreign if not url.startswith((here, issuer, f"ws://localhost:{port}/"))]
            assert outside == []
        people = {str(line.facts["reader"]) for line in Journal(runs).lines("view")}
    assert people == {PERSON["preferred_username"]}


def test_a_forged_cookie_lets_nobody_in(example_run: Path, tmp_path: Path) -> None:
    runs, port = tmp_path / "runs", free_port()
    shutil.copytree(example_run, runs / "demo")
    with provider() as issuer:
        login = configured(tmp_path / "login.toml", issuer, port)
        with served(runs, port, "--login", str(login)) as address, looking(address) as (tab, _):
            tab.context.add_cookies([{"name": "_streamlit_user", "url": f"http://localhost:{port}",
                                      "value": '{"sub": "x", "is_logged_in": true}'}])
            tab.goto(f"http://localhost:{port}/?run=demo")
            tab.get_by_text("Log in to see it").wait_for()
            assert tab.get_by_text("example-detector").count() == 0
