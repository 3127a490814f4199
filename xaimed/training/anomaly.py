"""Training of an autoencoder on the squared error of what it rebuilds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.adapters.modelfile import ModelFile
from xaimed.training.example import Batch, dense_lesson, normalised
from xaimed.training.loop import learned
from xaimed.training.recipe import Recipe
from xaimed.training.settling import calibration, image_scores, model_of, outputs, youden
from xaimed.training.trainer import Study
from xaimed.types import Case

NORMAL_SHARE = 0.95  # of the normal validation images, where validation holds nothing abnormal


class Anomaly:
    """Trains networks that give their input back; option `noise`: the deviation of what is added to the input."""

    def train(self, study: Study) -> nn.Module:
        """The averaged network, which has learned to rebuild the training cases, whatever their label."""
        recipe = study.recipe
        noise = float(str(recipe.options.get("noise", 0.0)))

        def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
            images = normalised(data.images, recipe)
            return {"squared error": functional.mse_loss(network(images + noise * torch.randn_like(images)), images)}

        return learned(study.network, dense_lesson(study, lambda _: None, losses), recipe, study.work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The operating point: Youden's best, or the 95th percentile of the scores where all cases are normal.

        Where some are abnormal, also the line that makes a probability of the error, which is none by itself.
        """
        del recipe
        found = outputs(model_of(file, device), cases)[2]
        score = image_scores(found, file.classes[0])
        values, odd = [score[case.id] for case in cases], [case.label == file.classes[0] for case in cases]
        point = youden(values, odd) if any(odd) else float(torch.tensor(values).quantile(NORMAL_SHARE))
        return replace(file, operating_point=point, calibration=calibration(found, cases, file.classes))


TRAINER = Anomaly()
