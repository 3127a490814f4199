"""Training of a detector: seeded, resumable, with a curve, kept as an average of its weights."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.training.recipe import Recipe, Schedule
from xaimed.training.samples import Sample, augmented

Report = Callable[[str], None]
Batch = tuple[list[Tensor], list[dict[str, Tensor]]]


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
class Learner:
    """The network in training, the moving average of its weights that is kept, and the optimiser."""

    model: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer


def train_detector(model: nn.Module, samples: Sequence[Sample], recipe: Recipe, work: Workspace) -> nn.Module:
    """The averaged model after all epochs of the recipe; goes on from a checkpoint where there is one."""
    plan = recipe.schedule
    model.to(work.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(_groups(model, plan), plan.rate, weight_decay=plan.decay, fused=True)
    learner = Learner(model, copy.deepcopy(model), optimiser)
    for epoch in range(_resume(work, learner), plan.epochs):
        started = time.monotonic()
        losses = _epoch(epoch, learner, samples, recipe, work)
        _keep(work, epoch, learner)
        line = {"epoch": epoch, "seconds": round(time.monotonic() - started, 1), **losses}
        with work.curve.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        left = (plan.epochs - epoch - 1) * line["seconds"] / 60
        work.say(f"epoch {epoch + 1}/{plan.epochs}: loss {losses['loss']:.3f}, about {left:.0f} min left")
    return learner.average.eval()


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


def _epoch(epoch: int, learner: Learner, samples: Sequence[Sample], recipe: Recipe, work: Workspace
           ) -> dict[str, float]:
    plan, draw = recipe.schedule, np.random.default_rng([recipe.seed, epoch])
    torch.manual_seed(recipe.seed * 1000 + epoch)
    order = _order(samples, plan, draw)
    steps = len(order) // plan.batch
    total: dict[str, float] = {}
    learner.model.train()
    batches = ([samples[i] for i in order[step * plan.batch:(step + 1) * plan.batch]] for step in range(steps))
    for step, data in enumerate(_ahead(batch(chosen, recipe, draw, work.device) for chosen in batches)):
        _set_rate(learner.optimiser, plan, epoch + step / steps)
        for key, value in _step(learner, data, plan, work).items():
            total[key] = total.get(key, 0.0) + value / steps
        done = epoch * steps + step
        _mix(learner.average, learner.model, min(plan.average, (1 + done) / (10 + done)))
    return {key: round(value, 5) for key, value in total.items()}


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The batches, each made in a thread while the one before is trained on; the order of draws stays the same."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, batches, None)
        while (ready := waiting.result()) is not None:
            waiting = pool.submit(next, batches, None)
            yield ready


def _order(samples: Sequence[Sample], plan: Schedule, draw: np.random.Generator) -> list[int]:
    lesion = [i for i, s in enumerate(samples) if len(s.boxes)]
    empty = [i for i, s in enumerate(samples) if not len(s.boxes)]
    wanted = min(plan.images, 4 * len(samples))
    with_lesion = round(wanted * plan.positive) if empty else wanted
    order = [*_draws(lesion, with_lesion, draw), *_draws(empty, wanted - with_lesion, draw)]
    draw.shuffle(order)
    return order


def _draws(pool: list[int], count: int, draw: np.random.Generator) -> list[int]:
    out: list[int] = []
    while pool and len(out) < count:
        out += [int(i) for i in draw.permutation(pool)]
    return out[:count]


def batch(chosen: Sequence[Sample], recipe: Recipe, draw: np.random.Generator, device: str) -> Batch:
    """Images padded to one size, and their boxes and labels, as torchvision's detectors take them."""
    drawn = [augmented(sample, recipe.augmentation, draw) for sample in chosen]
    height = max(image.shape[1] for image, _ in drawn)
    width = max(image.shape[2] for image, _ in drawn)
    images, targets = [], []
    for sample, (image, boxes) in zip(chosen, drawn, strict=True):
        padded = np.pad(image, ((0, 0), (0, height - image.shape[1]), (0, width - image.shape[2])))
        kept = (boxes[:, 2] - boxes[:, 0] > 4) & (boxes[:, 3] - boxes[:, 1] > 4)
        images.append(torch.from_numpy(padded).to(device))
        targets.append({"boxes": torch.tensor(boxes[kept], dtype=torch.float32, device=device).reshape(-1, 4),
                        "labels": torch.tensor(sample.labels[kept], device=device)})
    return images, targets


def _step(learner: Learner, data: Batch, plan: Schedule, work: Workspace) -> dict[str, float]:
    with torch.autocast(work.device.split(":")[0], torch.bfloat16):
        losses = learner.model(*data)
    loss = torch.stack([value.float() for value in losses.values()]).sum()
    learner.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(learner.model.parameters(), plan.clip)
    if bool(torch.isfinite(loss)):
        learner.optimiser.step()
    return {"loss": float(loss.detach()), **{key: float(value.detach()) for key, value in losses.items()}}


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
