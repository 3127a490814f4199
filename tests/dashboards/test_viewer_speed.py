"""How long a mammogram of full size takes to open, to be drawn again and to show its finest pixels."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import cast

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from tests.dashboards.browsing import MARKS, looking, ready, served
from tests.dashboards.exams import exam_run, large_run
from tests.dashboards.test_viewer import middle, stage

pytestmark = [*MARKS, pytest.mark.slow, pytest.mark.timeout(400)]
# Draws the viewer anew at every frame while the image is dragged, and gives the milliseconds of each.
PAN = """async (stage) => {
  const send = (type, x) => stage.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: 400, button: 0,
    pointerId: 1, shiftKey: true, bubbles: true, composed: true }));
  stage.setPointerCapture = () => undefined;
  const edge = stage.getBoundingClientRect(), times = [];
  send("pointerdown", edge.x + 150);
  let last = performance.now();
  for (let i = 0; i < 60; i++) {
    send("pointermove", edge.x + 150 + 40 * Math.sin(i / 6));
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  send("pointerup", edge.x + 150);
  return times.sort((a, b) => a - b);
}"""


def test_a_mammogram_of_full_size_opens_fast_and_pans_smoothly(tmp_path: Path) -> None:
    exam_run(tmp_path / "warm")
    large_run(tmp_path / "large")
    with served(tmp_path) as address, looking(address) as (tab, _):
        tab.goto(f"{address}/case?run=warm&case=ex000")
        stage(tab, "ex000").wait_for()
        ready(tab)
        began = time.perf_counter()
        tab.goto(f"{address}/case?run=large&case=big0", wait_until="commit")
        tab.locator('.stage[data-shown="big0"][data-map="d0/grad_cam"]').wait_for()
        opened = time.perf_counter() - began
        for case in ("big1", "big2", "big3"):
            stage(tab, case).wait_for()
        exam = time.perf_counter() - began
        tab.keyboard.press("n")
        tab.mouse.move(*middle(stage(tab, "big0")))
        tab.mouse.wheel(0, -900)
        tab.mouse.wheel(0, -900)
        tab.wait_for_timeout(1500)
        frames = cast(list[float], stage(tab, "big0").evaluate(PAN))
    print(f"first view {opened:.2f} s, four views {exam:.2f} s, frame median {frames[30]:.1f} ms, "
          f"slowest of 20 {frames[56]:.1f} ms; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    assert opened < 1.5
    assert frames[30] < 34
