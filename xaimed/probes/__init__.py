"""Conditions under which everything is measured again; one file a probe, its PROBE is a frozen dataclass."""

ENGINE = frozenset({"motion", "moved", "planes", "probe", "schedule"})
