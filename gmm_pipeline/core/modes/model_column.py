"""Assemble the model of a column from its atoms, its continuous modes and its sketch."""

from __future__ import annotations

import math
from dataclasses import replace

from gmm_pipeline.core.modes.atoms import AtomChoice
from gmm_pipeline.core.modes.column_model import ColumnModel, EncodingRules
from gmm_pipeline.core.modes.continuous_part import ContinuousPart
from gmm_pipeline.core.modes.modes import AtomMode, RestMode
from gmm_pipeline.core.modes.rare_categories import category_modes
from gmm_pipeline.core.sketch.sketch import Label, LabelCounts, Sketch, Specials


def model_column(
    sketch: Sketch,
    column: str,
    choice: AtomChoice,
    part: ContinuousPart,
    rules: EncodingRules,
    *,
    max_categories: int | None = None,
    stand_in: Label | None = None,
) -> ColumnModel:
    """Assemble the model of a column.

    Parameters
    ----------
    sketch : Sketch
        Of at least one row.
    column : str
        The column's name; it is also part of the key of the column's uniform draws.
    choice : AtomChoice
        Which numbers are atoms.
    part : ContinuousPart
        The modes of the other numbers.
    rules : EncodingRules
    max_categories : int, optional
        With more categories than this, the rarest share one mode.
    stand_in : Label, optional
        The category that this shared mode decodes to.
    """
    values, rest = _value_modes(sketch, choice, max_categories)
    reason = choice.reason
    if rest is not None:
        rest = replace(rest, stand_in=stand_in)
        rows = round(rest.weight * sketch.rows)
        reason += f", of which the {len(rest.labels):,} rarest ({rows:,} rows) share a mode"
    return ColumnModel(
        column=column,
        rows=sketch.rows,
        kind=choice.kind,
        reason=reason,
        gaussians=part.gaussians,
        dropped=part.dropped,
        tails=part.tails,
        atoms=_special_atoms(sketch.tally.specials, sketch.rows) + values,
        rest=rest,
        coordinate=sketch.coordinate,
        range=sketch.extents(choice.values).range
        if part.gaussians or part.tails
        else (math.inf, -math.inf),
        fit=part.fit,
        rules=rules,
    )


def _value_modes(
    sketch: Sketch, choice: AtomChoice, max_categories: int | None
) -> tuple[tuple[AtomMode, ...], RestMode | None]:
    """Return the atoms of the column's values, and the mode that rare categories share."""
    body = sketch.tally.body
    if isinstance(body, LabelCounts):
        return category_modes(body, sketch.rows, max_categories)
    numbers = sketch.numbers
    counts = dict(zip(numbers.values.tolist(), numbers.counts.tolist(), strict=True))
    values = choice.values.tolist()
    return tuple(AtomMode(value, counts.get(value, 0) / sketch.rows) for value in values), None


def _special_atoms(specials: Specials, rows: int) -> tuple[AtomMode, ...]:
    """Return an atom for each of null, NaN and the infinities that any row holds."""
    counts = (
        (None, specials.nulls),
        (math.nan, specials.nans),
        (math.inf, specials.positive_infinities),
        (-math.inf, specials.negative_infinities),
    )
    return tuple(AtomMode(value, count / rows) for value, count in counts if count)
