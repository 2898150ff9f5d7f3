"""Sketches: exact, mergeable counts of a column's values, and the coordinate of their counts."""
