"""The sections of a report, one file each: `section(run) -> list[Block]`, printed by rising ORDER."""
