"""From tiles to slides: the score of each slide, by how much it is off the true share of tiles, and what a tile gives.

    python examples/slides.py models/bccd-tiles-coudray/model.pt --data ROOT [--slide NAME]

A slide is what the dataset calls a patient: of bccd-tiles the image of a blood smear that the tiles were cut from. Its
score of a class is the mean over its tiles of their probabilities (Coudray N et al. (2018),
doi:10.1038/s41591-018-0177-5), so each tile's share of it is its probability by the number of tiles, exactly. Without
--slide the tiles of the slide that is farthest off are listed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xaimed import load_model
from xaimed.adapters.model import Model
from xaimed.adapters.whole import WholeImage
from xaimed.architectures.inception_tile import slide_scores, tile_shares
from xaimed.data.dataset import DataRequest, Selection, opened
from xaimed.errors import InputError
from xaimed.plural import plural


@dataclass(frozen=True, eq=False)
class Slide:
    """A slide: tiles by name and label, what each gives to the score (T, classes), the true share of each class."""

    name: str
    tiles: tuple[str, ...]
    labels: tuple[str, ...]
    shares: Tensor
    truth: Tensor

    @property
    def score(self) -> Tensor:
        """(classes,): the sum of what the tiles give."""
        return self.shares.sum(dim=0)

    @property
    def off(self) -> Tensor:
        """(classes,): by how much the score is off the true share."""
        return (self.score - self.truth).abs()


def slides_of(model: Model, cases: Selection) -> list[Slide]:
    """The slides of the cases, in their order. Raises InputError for a model that does not score tiles."""
    if not isinstance(model, WholeImage) or model.file.task != "classification":
        raise InputError(f"a model of {model.file.task}; expected one that classifies tiles: bccd-tiles-coudray")
    found: dict[str, list[int]] = {}
    for index, row in enumerate(cases.rows):
        found.setdefault(row.patient, []).append(index)
    return [_slide(model, cases, name, indices) for name, indices in found.items()]


def _slide(model: WholeImage, cases: Selection, name: str, indices: Sequence[int]) -> Slide:
    with torch.no_grad():
        logits = torch.cat([model.output(model.see(cases[index]).image) for index in indices]).double()
    labels = tuple(str(cases.rows[index].label) for index in indices)
    truth = torch.tensor([labels.count(label) / len(labels) for label in model.classes], dtype=torch.float64)
    shares = tile_shares(logits)
    torch.testing.assert_close(shares.sum(dim=0), slide_scores(logits))
    return Slide(name, tuple(cases.rows[index].case for index in indices), labels, shares, truth)


def table(slide: Slide, classes: Sequence[str]) -> str:
    """What each tile of a slide gives to its score, a line a tile, then their sum and the true share."""
    wide = max(len(name) for name in slide.tiles)
    head = f"{'tile':{wide}}  {'label':10}" + "".join(f"{name:>11}" for name in classes)
    lines = [f"{tile:{wide}}  {label:10}" + "".join(f"{value:11.3f}" for value in share)
             for tile, label, share in zip(slide.tiles, slide.labels, slide.shares.tolist(), strict=True)]
    for word, values in (("score, the sum", slide.score), ("true share", slide.truth)):
        lines.append(f"{word:{wide + 12}}" + "".join(f"{value:11.3f}" for value in values.tolist()))
    return "\n".join([head, *lines])


def main(given: Sequence[str] | None = None) -> None:
    """Print the figures of all slides of the test split and the tiles of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a model.pt that classifies tiles")
    parser.add_argument("--data", type=Path, required=True, help="folder of the datasets")
    parser.add_argument("--slide", help="the slide whose tiles are listed")
    options = parser.parse_args(given)
    model = load_model(options.model, "cpu")
    cases = opened(DataRequest(str(model.file.training["dataset"]), options.data), "test")
    slides = slides_of(model, cases)
    off = torch.stack([slide.off for slide in slides])
    print(f"{plural(len(slides), 'slide')}, {plural(len(cases), 'tile')}: the score of a class is off the true share "
          f"of tiles by {off.mean():.3f} in the mean over slides and classes, by {off.max():.3f} at most")
    wanted = options.slide or slides[int(off.amax(dim=1).argmax())].name
    chosen = next((slide for slide in slides if slide.name == wanted), None)
    if chosen is None:
        raise InputError(f"no slide {wanted!r}; expected one of {slides[0].name} to {slides[-1].name}")
    print(f"\nslide {chosen.name}, what each tile gives\n{table(chosen, model.classes)}")


if __name__ == "__main__":
    main()
