"""Training: from a recipe to a model.pt; a file here that is no engine trains the networks of its task."""

ENGINE = frozenset({"adversary", "contrastive", "course", "example", "folds", "greedy", "loop", "partition", "recipe",
                    "samples", "settling", "trainer", "wavelet_choice"})
