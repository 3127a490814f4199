"""Datasets and formats, one file each."""

from __future__ import annotations

ENGINE = frozenset({
    "annotations", "boxing", "columns", "copies", "dataset", "describe", "fields", "listed", "masks", "mias_windows",
    "npz", "pairs", "reference", "scores", "scoresheet", "split", "t1head", "textsheet", "volumes"})
