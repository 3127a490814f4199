"""Pictures and figures: pure functions of tables and arrays."""
