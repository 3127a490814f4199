"""What a log shows of a long command: a line now and then, by the clock, with what is done and where it goes."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from xaimed.cli import progress
from xaimed.cli.progress import Told, progress_bar


def test_a_log_gets_lines_though_no_step_ends(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
                                              ) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.05)
    with progress_bar(where=Path("runs/a")) as step:
        step("cases", 1, 4)
        time.sleep(0.3)
    written = capsys.readouterr()
    lines = written.err.splitlines()
    assert len(lines) >= 2
    assert written.out == ""
    assert all(line.startswith("cases") and " 1/4 after 0:0" in line and line.endswith("-> runs/a") for line in lines)
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_a_short_command_and_a_quiet_one_write_nothing(capsys: pytest.CaptureFixture[str],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    with progress_bar() as step:
        step("cases", 1, 1)
    monkeypatch.setattr(progress, "EVERY", 0.01)
    with progress_bar(quiet=True) as step:
        step("cases", 0, 1)
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with progress_bar(where=Path("runs/a")) as step:
        step("cases", 1, 2)
    assert "1/2" in screen.getvalue()
    assert "->" not in screen.getvalue()


def test_the_clock_stops_with_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.02)

    def fail() -> None:
        with progress_bar():
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    capsys.readouterr()
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_time_left_is_that_of_the_steps_since_the_stage_began() -> None:
    told = Told(None, 0.0)
    assert told.line(5.0) == "starting     after 0:05"
    told.step("cases", 20, 40, 100.0)  # resumed: twenty were there
    assert told.line(130.0).endswith("20/40 after 2:10, time left not known yet")
    told.step("cases", 22, 40, 160.0)
    assert told.line(160.0).endswith("22/40 after 2:40, about 9:00 left")
    assert told.line(190.0).endswith("about 8:30 left")
    assert told.line(10_000.0).endswith("after 2:46:40, about 0:00 left")
    told.step("cases", 40, 40, 200.0)
    assert told.line(230.0).endswith("40/40 after 3:50, what follows is under way")
    told.step("gate", 0, 6, 240.0)
    assert told.line(250.0).startswith("gate         0/6 after 4:10")
