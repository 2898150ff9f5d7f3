"""Bars beside names: the most frequent atoms of a column, and ranks with what was observed beside
what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.modes import AtomMode, GaussianMode, RestMode
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.labels import atom_text
from gmm_pipeline.pictures.numbers import share_text

MOST_ATOMS = 20
MOST_RANKS = 30
_WIDTH = 700.0
_ROW = 18.0
_NAME = 200.0


def atoms_picture(
    model: ColumnModel, ranking: Ranking, field: pa.Field, *, title: str | None = None
) -> str:
    """Draw the most frequent modes of a column without numbers on a line, with their shares of
    rows.
    """
    shares = ranking.frequencies[:MOST_ATOMS]
    modes = [model.modes[number] for number in ranking.mode_of_rank[:MOST_ATOMS]]
    heading = svg.heading(title)
    top = 6.0 + heading.height
    longest = max(float(shares.max(initial=0.0)), 1e-12)
    room = _WIDTH - _NAME - 90
    elements = [heading.element]
    for row, (mode, share) in enumerate(zip(modes, shares.tolist(), strict=True)):
        y = top + row * _ROW
        name, plain = _name(mode, field)
        elements += [
            svg.text(_NAME - 8, y + 13, name, anchor="end", style="normal" if plain else "italic"),
            svg.rect(_NAME, y + 3, max(room * share / longest, 0.5), _ROW - 5, svg.COMPONENTS[0]),
            svg.text(_NAME + room * share / longest + 6, y + 13, share_text(share), fill=svg.MUTED),
        ]
    height = top + len(modes) * _ROW + 6
    others = ranking.frequencies[MOST_ATOMS:]
    if others.size:
        elements.append(
            svg.text(
                _NAME,
                height + 9,
                f"{others.size:,} others: {share_text(float(others.sum()))}",
                fill=svg.MUTED,
            )
        )
        height += 18
    label = f"{model.column}: shares of the {len(modes)} most frequent of {model.n_modes:,} modes, {model.rows:,} rows"
    return svg.document(_WIDTH, height, label, elements)


def atoms_thumbnail(model: ColumnModel, ranking: Ranking) -> str:
    """Draw the shares of the most frequent modes as a few bars without text."""
    shares = ranking.frequencies[:MOST_ATOMS]
    longest = max(float(shares.max(initial=0.0)), 1e-12)
    width = min(118 / max(shares.size, 1), 12.0)
    bars = [
        svg.rect(
            1 + place * width,
            31 - 30 * share / longest,
            width - 1,
            30 * share / longest,
            svg.COMPONENTS[0],
        )
        for place, share in enumerate(shares.tolist())
    ]
    return svg.document(120, 32, f"shape of {model.column}", bars)


def frequencies_picture(
    observed: NDArray[np.float64],
    expected: NDArray[np.float64],
    names: Sequence[str],
    *,
    title: str | None = None,
) -> str:
    """Draw the observed share of rows of each mode beside the expected one, by rank.

    Parameters
    ----------
    observed, expected : arrays of shape (n,)
        Shares of rows by rank.
    names : sequence of str, of length n
        What to call the modes.
    title : str, optional
    """
    shown = min(observed.size, MOST_RANKS)
    heading = svg.heading(title)
    top = 30.0 + heading.height
    finite = np.nan_to_num(np.stack([observed, expected])[:, :shown], posinf=0.0, neginf=0.0)
    longest = max(float(finite.max(initial=0.0)), 1e-12)
    room = _WIDTH - _NAME - 150
    elements = [
        heading.element,
        svg.rect(_NAME, top - 20, 12, 10, svg.COMPONENTS[0]),
        svg.text(_NAME + 18, top - 11, "observed"),
        svg.lines([(_NAME + 96, top - 21, _NAME + 96, top - 9)], svg.COMPONENTS[1], width=3),
        svg.text(_NAME + 104, top - 11, "expected"),
    ]
    for rank in range(shown):
        y = top + rank * _ROW
        seen, awaited = (float(share) for share in finite[:, rank])
        mark = _NAME + room * awaited / longest
        name = svg.fitted(f"{rank}  {names[rank]}", _NAME - 16)
        elements += [
            svg.text(_NAME - 8, y + 13, name, anchor="end"),
            svg.rect(_NAME, y + 3, max(room * seen / longest, 0.5), _ROW - 5, svg.COMPONENTS[0]),
            svg.lines([(mark, y + 1, mark, y + _ROW - 1)], svg.COMPONENTS[1], width=3),
            svg.text(
                _NAME + room * max(seen, awaited) / longest + 8,
                y + 13,
                f"{share_text(seen)} / {share_text(awaited)}",
                fill=svg.MUTED,
            ),
        ]
    height = top + shown * _ROW + 8
    if observed.size > shown:
        elements.append(
            svg.text(_NAME, height + 9, f"{observed.size - shown:,} more modes", fill=svg.MUTED)
        )
        height += 18
    return svg.document(
        _WIDTH, height, "observed and expected share of rows of each mode, by rank", elements
    )


def _name(mode: object, field: pa.Field) -> tuple[str, bool]:
    """Return what to call a mode, and whether that is its value as it is."""
    if isinstance(mode, RestMode):
        return f"{len(mode.labels):,} rare categories", False
    if not isinstance(mode, AtomMode):
        return "Gaussian mode" if isinstance(mode, GaussianMode) else "tail", False
    if mode.value is None or mode.value == "":
        return "null" if mode.value is None else "empty text", False
    return svg.fitted(atom_text(mode.value, field), _NAME - 16), True
