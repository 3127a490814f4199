"""Training: from a recipe to a model.pt."""

ENGINE = frozenset({"course", "folds", "recipe", "samples"})
