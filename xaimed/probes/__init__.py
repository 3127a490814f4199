"""Conditions under which everything is measured again."""
