"""Adapters: from a task to predictions in original pixels and to scenes for attribution; one file a task."""

ENGINE = frozenset({
    "archive", "asked", "building", "factory", "loading", "model", "modelfile", "parts", "reference", "replanned",
    "roi", "structure", "whole", "window", "wrapping",
})
