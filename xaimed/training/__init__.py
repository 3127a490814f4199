"""Training: from a recipe to a model.pt; a file here that is no engine trains the networks of its task."""

ENGINE = frozenset({"contrastive", "course", "example", "folds", "greedy", "loop", "partition", "recipe",
                    "samples", "settling", "trainer", "wavelet_choice"})
