"""Adapters: from a task to predictions in original pixels and to scenes for attribution; one file a task."""

ENGINE = frozenset({
    "asked", "factory", "loading", "model", "modelfile", "reference", "replanned", "roi", "structure", "whole",
    "window", "wrapping",
})
