"""A classifier: a probability for each class, and scenes whose scalar is a logit, a probability or a contrast.

A network with one logit z and two classes means the second by it: it stands for the logits -z and z.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xaimed.adapters.whole import Seen, WholeImage
from xaimed.errors import ModelError, TargetError
from xaimed.target_names import ClassName, class_name
from xaimed.targets import Scalar, Target, at_step, class_logit, class_probability, contrast, log_odds
from xaimed.types import Prediction


class Classifier(WholeImage):
    """A network that gives logits (B, classes), or (B, steps, classes), as a Model.

    Task "classification": one class an image (softmax). "multilabel": each class by itself (sigmoid).
    """

    kind = "classifier"

    @property
    def exclusive(self) -> bool:
        """Whether an image has exactly one class."""
        return self.file.task != "multilabel" and not self._paired

    _paired = False  # one logit for two classes

    def prediction(self, seen: Seen) -> Prediction:
        """The probability of each class."""
        logits = self.logits(seen.output)
        scores = {name: float(self._probability(logits, i)[0]) for i, name in enumerate(self.classes)}
        return Prediction(seen.case.id, scores=scores)

    def shown(self, seen: Seen) -> list[Target]:
        """The class with the highest score; for several labels every class at or above the operating point first."""
        scores = self.prediction(seen).scores
        best = sorted(scores, key=lambda name: -scores[name])
        above = [name for name in best if scores[name] >= self.file.operating_point]
        chosen = above if self.file.task == "multilabel" and above else best[:1]
        return [Target(name, name) for name in chosen]

    def named(self, seen: Seen, name: str) -> Target:
        """The target "malignant", "malignant-benign", "probability:malignant", "odds:malignant", any with "@step"."""
        del seen
        return Target(name, class_name(name, self.classes).label)

    def scalar(self, seen: Seen, target: Target) -> Scalar:
        """The logit, probability, log-odds or contrast of a class; the likeness is its probability."""
        asked = class_name(target.name, self.classes)
        self._check_step(seen.output, asked)
        return Scalar(target, lambda _, output: self._value(output, asked),
                      lambda _, output: self._likeness(output, asked))

    def _check_step(self, output: Tensor, asked: ClassName) -> None:
        if asked.step is None:
            return
        if output.ndim != 3 or not -output.shape[1] <= asked.step < output.shape[1]:
            steps = f"0 to {output.shape[1] - 1}" if output.ndim == 3 else "no step: the output has none"
            raise TargetError(f"step {asked.step} of class {asked.label!r}; expected {steps}")

    def logits(self, output: Tensor, step: int | None = None) -> Tensor:
        """(B, classes) of the output, at one time step or the last. Raises ModelError for another size."""
        found = at_step(output, -1 if step is None else step) if output.ndim == 3 else output
        count, width = len(self.classes), found.numel() // found.shape[0]
        if count == 2 and width == 1:
            self._paired = True
            return torch.cat([-found.reshape(-1, 1), found.reshape(-1, 1)], dim=1)
        if found.ndim > 2 or width != count:
            raise ModelError(f"{self.file.architecture!r} gives {tuple(output.shape)} for one image, {width} logits; "
                             f"expected {count}, one a class ({', '.join(self.classes)}): give as many classes")
        return found.reshape(-1, count)

    def own(self, evidence: Tensor, target: Target) -> Tensor:
        """(B, h, w): the evidence for the class, less that for the other class of a contrast."""
        asked, count = class_name(target.name, self.classes), len(self.classes)
        planes = torch.cat([-evidence, evidence], dim=1) if (count, evidence.shape[1]) == (2, 1) else evidence
        if planes.shape[1] != count:
            raise ModelError(f"{self.file.architecture!r} gives evidence for {evidence.shape[1]} classes; expected "
                             f"{count} ({', '.join(self.classes)})")
        found = planes[:, self.classes.index(asked.label)]
        return found - planes[:, self.classes.index(asked.other)] if asked.other else found

    def _value(self, output: Tensor, asked: ClassName) -> Tensor:
        logits, index = self.logits(output, asked.step), self.classes.index(asked.label)
        if asked.kind == "contrast":
            return contrast(logits, index, self.classes.index(asked.other))
        if asked.kind == "probability":
            return self._probability(logits, index)
        if asked.kind == "odds" and self.exclusive and len(self.classes) > 1:
            return log_odds(logits, index)
        return class_logit(logits, index)

    def _likeness(self, output: Tensor, asked: ClassName) -> Tensor:
        logits = self.logits(output, asked.step)
        first = self._probability(logits, self.classes.index(asked.label))
        if not asked.other:
            return first
        both = first + self._probability(logits, self.classes.index(asked.other))
        return first / both.clamp(min=1e-12)

    def _probability(self, logits: Tensor, index: int) -> Tensor:
        return class_probability(logits, index, self.exclusive and len(self.classes) > 1)


ADAPTER = Classifier
