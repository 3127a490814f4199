"""The loop of a training: seeded, resumable, with a curve, kept as an average of the network's weights."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.training.recipe import Recipe, Schedule

Report = Callable[[str], None]
B = TypeVar("B")


@dataclass(frozen=True)
class Workspace:
    """Where a training keeps its checkpoint and its curve, and where it tells of its progress."""

    folder: Path
    say: Report
    device: str = "cpu"

    @property
    def checkpoint(self) -> Path:
        """The state after the last finished epoch."""
        return self.folder / "checkpoint.pt"

    @property
    def curve(self) -> Path:
        """One JSON line an epoch."""
        return self.folder / "curve.jsonl"


@dataclass(frozen=True, eq=False)
class Lesson(Generic[B]):
    """What is learned. steps: batches an epoch. batches: those of an epoch, by its own draws. losses: of one batch.

    The network is trained on the sum of the losses.
    """

    steps: int
    batches: Callable[[np.random.Generator], Iterator[B]]
    losses: Callable[[nn.Module, B], Mapping[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Learner:
    """The network in training, the moving average of its weights that is kept, and the optimiser."""

    model: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer


def learned(model: nn.Module, lesson: Lesson[B], recipe: Recipe, work: Workspace) -> nn.Module:
    """The averaged network after all epochs of the recipe; goes on from a checkpoint where there is one."""
    plan = recipe.schedule
    _placed(model, work.device)
    optimiser = torch.optim.AdamW(_groups(model, plan), plan.rate, (plan.momentum, 0.999), weight_decay=plan.decay,
                                  fused=True)
    learner = Learner(model, copy.deepcopy(model), optimiser)
    for epoch in range(_resume(work, learner), plan.epochs):
        started = time.monotonic()
        losses = _epoch(epoch, learner, lesson, recipe)
        _keep(work, epoch, learner)
        line = {"epoch": epoch, "seconds": round(time.monotonic() - started, 1), **losses}
        with work.curve.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        left = (plan.epochs - epoch - 1) * line["seconds"] / 60
        work.say(f"epoch {epoch + 1}/{plan.epochs}: loss {losses['loss']:.3f}, about {left:.0f} min left")
    return learner.average.eval()


def _placed(model: nn.Module, device: str) -> None:
    # Twice as fast on a CPU, and exact; a network of volumes cannot take it.
    if all(weight.ndim < 5 for weight in model.parameters()):
        model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        model.to(device)


def _epoch(epoch: int, learner: Learner, lesson: Lesson[B], recipe: Recipe) -> dict[str, float]:
    plan, draw = recipe.schedule, np.random.default_rng([recipe.seed, epoch])
    torch.manual_seed(recipe.seed * 1000 + epoch)
    total: dict[str, float] = {}
    learner.model.train()
    for step, data in enumerate(_ahead(lesson.batches(draw))):
        _set_rate(learner.optimiser, plan, epoch + step / lesson.steps)
        for key, value in _step(learner, lesson.losses(learner.model, data), plan).items():
            total[key] = total.get(key, 0.0) + value / lesson.steps
        done = epoch * lesson.steps + step
        _mix(learner.average, learner.model, min(plan.average, (1 + done) / (10 + done)))
    return {key: round(value, 5) for key, value in total.items()}


def _step(learner: Learner, losses: Mapping[str, Tensor], plan: Schedule) -> dict[str, float]:
    loss = torch.stack([value.float() for value in losses.values()]).sum()
    learner.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(learner.model.parameters(), plan.clip)
    if bool(torch.isfinite(loss)):
        learner.optimiser.step()
    return {"loss": float(loss.detach()), **{key: float(value.detach()) for key, value in losses.items()}}


def finished(work: Workspace, plan: Schedule) -> bool:
    """Whether the checkpoint in the work folder is that of the last epoch."""
    if not work.checkpoint.is_file():
        return False
    state = torch.load(work.checkpoint, weights_only=True, map_location="cpu", mmap=True)
    return int(state["epoch"]) + 1 >= plan.epochs


def _groups(model: nn.Module, plan: Schedule) -> list[dict[str, object]]:
    # Adam moves every weight by about the rate, so a layer of 25 000 inputs needs a smaller one than a convolution.
    wide = [p for part in model.modules() if isinstance(part, nn.Linear) for p in part.parameters()]
    known = {id(p) for p in wide}
    rest = [p for p in model.parameters() if id(p) not in known]
    return [{"params": rest, "share": 1.0}, {"params": wide, "share": plan.linear}]


def _ahead(batches: Iterator[B]) -> Iterator[B]:
    """The batches, each made in a thread while the one before is trained on; the order of draws stays the same."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, batches, None)
        while (ready := waiting.result()) is not None:
            waiting = pool.submit(next, batches, None)
            yield ready


def _set_rate(optimiser: torch.optim.Optimizer, plan: Schedule, epoch: float) -> None:
    rise = min(1.0, (epoch + 0.01) / plan.warmup) if plan.warmup else 1.0
    rate = plan.rate * rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * epoch / plan.epochs)))
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"]


@torch.no_grad()
def _mix(average: nn.Module, model: nn.Module, decay: float) -> None:
    new = model.state_dict()
    for key, value in average.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(new[key], 1 - decay)
        else:
            value.copy_(new[key])


def _keep(work: Workspace, epoch: int, learner: Learner) -> None:
    fresh = work.checkpoint.with_suffix(".new")
    torch.save({"epoch": epoch, "model": learner.model.state_dict(), "average": learner.average.state_dict(),
                "optimiser": learner.optimiser.state_dict()}, fresh)
    fresh.replace(work.checkpoint)


def _resume(work: Workspace, learner: Learner) -> int:
    work.folder.mkdir(parents=True, exist_ok=True)
    if not work.checkpoint.is_file():
        return 0
    state = torch.load(work.checkpoint, weights_only=True, map_location=work.device)
    learner.model.load_state_dict(state["model"])
    learner.average.load_state_dict(state["average"])
    learner.optimiser.load_state_dict(state["optimiser"])
    work.say(f"going on after epoch {state['epoch'] + 1}")
    return int(state["epoch"]) + 1
