"""Sketches: exact, mergeable counts of a column's values, and the coordinate that they are counted
on.
"""
