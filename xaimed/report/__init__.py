"""The report: blocks, sections and renderers."""
