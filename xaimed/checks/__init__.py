"""Audit questions with stable codes; each reads a run and never a model."""

ENGINE = frozenset({"asking", "check"})
