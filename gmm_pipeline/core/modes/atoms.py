"""Which of a column's numbers become atoms: declared ones, point masses, few distinct values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_pipeline.core.modes.column_model import Kind
from gmm_pipeline.core.sketch.numbers import Numbers, numbers_of
from gmm_pipeline.core.sketch.sketch import LabelCounts, Sketch
from gmm_pipeline.core.sketch.value_counts import ValueCounts
from gmm_pipeline.core.sketch.weighted_points import usual_weights

POINT_MASS_SHARE = 0.01
"""A point mass holds at least 1 % of the rows with a number: rarer ones are not worth a mode …"""
POINT_MASS_FACTOR = 10.0
"""… and ten times the rows usual around it, so that heaping at round numbers makes no atoms."""
FEW_VALUES, ROWS_PER_VALUE = 64, 20
"""At most 64 distinct numbers with 20 rows each on average are treated as categories.

With fewer rows per value, a number may be new in the next rows. The heaviest number does not count:
a column of zeros and a few measurements is no column of categories.
"""


@dataclass(frozen=True)
class AtomChoice:
    """The numbers that become atoms, sorted; the kind of column that this makes, and why."""

    values: Numbers
    kind: Kind
    reason: str


def choose_atoms(
    sketch: Sketch, *, declared: Numbers, find: bool, few: bool, max_modes: int
) -> AtomChoice:
    """Choose the atoms of a column.

    Parameters
    ----------
    sketch : Sketch
    declared : array of shape (n,), sorted
        Numbers that are atoms in any case.
    find : bool
        Whether point masses become atoms too.
    few : bool
        With `find`: whether all values become atoms where few are distinct. A constant column is an
        atom in any case.
    max_modes : int
        Most point masses; columns with at most so many distinct values have few.
    """
    if isinstance(sketch.tally.body, LabelCounts):
        n = len(sketch.tally.body.labels)
        return AtomChoice(np.empty(0), "categorical", f"categories: {_count(n, 'distinct value')}")
    numbers = sketch.numbers
    n = numbers.values.size
    if sketch.complete and (n <= 1 or (few and find and _few(numbers, max_modes))):
        return AtomChoice(
            numbers.values, "categorical", f"{_count(n, 'distinct number')}, each a mode of its own"
        )
    masses = _point_masses(sketch, declared, max_modes) if find else declared
    what = "declared atoms" if np.isin(masses, declared).all() else "point masses"
    return _choice(sketch, np.union1d(masses, declared), what)


def with_point_masses(sketch: Sketch, choice: AtomChoice, values: Numbers) -> AtomChoice:
    """Return a choice to which point masses are added."""
    return _choice(sketch, np.union1d(choice.values, values), "point masses")


def _choice(sketch: Sketch, atoms: Numbers, what: str) -> AtomChoice:
    """Return a choice of atoms, and the kind that they make of the column."""
    numbers = sketch.numbers
    found = numbers_of(atoms, numbers.values.dtype)
    if not found.size:
        return AtomChoice(found, "continuous", f"{_distinct(sketch)} and no point masses")
    rows = int(numbers.counts[np.isin(numbers.values, found)].sum())
    share = rows / max(sketch.tally.body.rows, 1)
    if rows == sketch.tally.body.rows:
        return AtomChoice(found, "categorical", f"all of its numbers are {what}")
    return AtomChoice(found, "mixed", f"{share:.1%} of its numbers are {what}")


def _few(numbers: ValueCounts, max_modes: int) -> bool:
    """Whether the distinct numbers are so few that each becomes an atom."""
    n = numbers.values.size
    others = numbers.rows - int(numbers.counts.max(initial=0))
    return n <= max_modes or (n <= FEW_VALUES and others >= ROWS_PER_VALUE * (n - 1))


def _point_masses(sketch: Sketch, declared: Numbers, most: int) -> Numbers:
    """Return undeclared numbers with far more rows than those around them, the `most` largest."""
    numbers = sketch.numbers.select(~np.isin(sketch.numbers.values, declared))
    heavy = np.flatnonzero(numbers.counts >= POINT_MASS_SHARE * sketch.tally.body.rows)
    if not heavy.size or sketch.coordinate is None:
        return numbers.values[:0]
    # Without declared atoms, whose rows would count as usual around their neighbours.
    points = sketch.points(without=declared)
    places = np.searchsorted(points.positions, sketch.coordinate.forward(numbers.values[heavy]))
    usual = usual_weights(points.weights)[places]
    masses = heavy[numbers.counts[heavy] >= POINT_MASS_FACTOR * usual]
    # Stable, so that ties go to the smaller numbers in every run.
    largest = masses[np.argsort(-numbers.counts[masses], kind="stable")[:most]]
    chosen: Numbers = numbers.values[np.sort(largest)]
    return chosen


def _distinct(sketch: Sketch) -> str:
    n = sketch.numbers.values.size
    return _count(n, "distinct number") if sketch.complete else "many distinct numbers"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
