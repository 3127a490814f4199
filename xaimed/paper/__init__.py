"""The audit of a publication: which confusion matrices fit the figures that a paper prints, and what contradicts."""
