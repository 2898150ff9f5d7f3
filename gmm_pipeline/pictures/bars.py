"""Bars beside names: the most frequent modes of a column, as expected and as observed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.modes import AtomMode, GaussianMode, Mode, RestMode
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.numbers import share_text
from gmm_pipeline.pictures.units import atom_text

_MOST_ATOMS, _MOST_RANKS = 20, 30
"""As many as fit on a screen; the other modes are counted, and are in the ranking's table."""
_WIDTH = 700.0
_NAMES, _SHARES = 200.0, 150.0
"""Pixels for names of 28 characters, and for "99.99 % / 99.99 %" behind the longest bar."""
_ROW = 18.0
"""Pixels from one bar to the next."""
_SMALLEST = 1e-12
"""Stands in for the longest bar if all shares are 0."""


def atoms_picture(model: ColumnModel, ranking: Ranking, field: pa.Field) -> str:
    """Draw the most frequent modes of a column without Gaussian modes, with their shares."""
    shares, others = np.split(ranking.frequencies, [_MOST_ATOMS])
    modes = (model.modes[number] for number in ranking.mode_of_rank[:_MOST_ATOMS].tolist())
    names = [_name(mode, field) for mode in modes]
    texts = [share_text(share) for share in shares.tolist()]
    elements = list(_rows(6.0, names, shares, texts, shares))
    height = 12.0 + shares.size * _ROW
    if others.size:
        note = f"{others.size:,} others: {share_text(float(others.sum()))}"
        elements.append(svg.text(_NAMES, height + 9, note, svg.MUTED))
        height += _ROW
    label = (
        f"{model.column}: shares of the {shares.size} most frequent of {model.n_modes:,} modes, "
        f"{model.rows:,} rows"
    )
    return svg.document(_WIDTH, height, label, elements)


def atoms_thumbnail(model: ColumnModel, ranking: Ranking) -> str:
    """Draw the shares of the most frequent modes as upright bars without text."""
    shares = ranking.frequencies[:_MOST_ATOMS]
    width = min((svg.SMALL_WIDTH - 2) / max(shares.size, 1), 12.0)
    heights = (svg.SMALL_HEIGHT - 2) * shares / max(float(shares.max(initial=0.0)), _SMALLEST)
    boxes = (
        (1 + place * width, svg.SMALL_HEIGHT - 1 - height, width - 1, height)
        for place, height in enumerate(heights.tolist())
    )
    label = f"shape of {model.column}"
    return svg.document(svg.SMALL_WIDTH, svg.SMALL_HEIGHT, label, [svg.rects(boxes, svg.MODES[0])])


def frequencies_picture(
    observed: NDArray[np.float64], expected: NDArray[np.float64], names: Sequence[str]
) -> str:
    """Draw the observed share of rows of each mode, with a mark at the expected one, by rank.

    Parameters
    ----------
    observed, expected : arrays of shape (n,)
        Shares of rows by rank; what is not finite is drawn as 0.
    names : sequence of str, of length n
    """
    shares = np.nan_to_num(np.stack([observed, expected])[:, :_MOST_RANKS], posinf=0.0, neginf=0.0)
    top, legend = 30.0, 19.0
    longest = shares.max(axis=0)
    ranked = [(f"{rank} {name}", svg.INK) for rank, name in enumerate(names[:_MOST_RANKS])]
    texts = [f"{share_text(one)} / {share_text(other)}" for one, other in shares.T.tolist()]
    marks = enumerate((_NAMES + _lengths(shares[1], longest)).tolist())
    ends = ((x, top + row * _ROW + 1, x, top + (row + 1) * _ROW - 1) for row, x in marks)
    elements = [
        svg.rects([(_NAMES, legend - 9, 12, 10)], svg.MODES[0]),
        svg.text(_NAMES + 18, legend, "observed"),
        svg.lines([(_NAMES + 96, legend - 10, _NAMES + 96, legend + 2)], svg.MODES[1], 3),
        svg.text(_NAMES + 104, legend, "expected"),
        *_rows(top, ranked, shares[0], texts, longest),
        svg.lines(ends, svg.MODES[1], 3),
    ]
    height = top + shares.shape[1] * _ROW + 8
    if observed.size > _MOST_RANKS:
        more = f"{observed.size - _MOST_RANKS:,} more modes"
        elements.append(svg.text(_NAMES, height + 9, more, svg.MUTED))
        height += _ROW
    label = "observed and expected share of rows of each mode, by rank"
    return svg.document(_WIDTH, height, label, elements)


def _rows(
    top: float,
    names: Sequence[tuple[str, str]],
    shares: NDArray[np.float64],
    texts: Sequence[str],
    longest: NDArray[np.float64],
) -> Iterator[str]:
    """Draw a row for each share: name and its colour, bar, and a text behind its longest mark."""
    lengths, ends = _lengths(shares, longest).tolist(), _lengths(longest, longest).tolist()
    tops = [top + row * _ROW for row in range(len(lengths))]
    boxes = (
        (_NAMES, y + 3, max(length, 0.5), _ROW - 5) for y, length in zip(tops, lengths, strict=True)
    )
    yield svg.rects(boxes, svg.MODES[0])
    for y, (name, fill), text, end in zip(tops, names, texts, ends, strict=True):
        yield svg.text(_NAMES - 8, y + 13, svg.fitted(name, _NAMES - 16), fill, "end")
        yield svg.text(_NAMES + end + 8, y + 13, text, svg.MUTED)


def _lengths(shares: NDArray[np.float64], longest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares in pixels, where the longest of all rows takes the room that there is."""
    room = _WIDTH - _NAMES - _SHARES
    return room * shares / max(float(longest.max(initial=0.0)), _SMALLEST)


def _name(mode: Mode, field: pa.Field) -> tuple[str, str]:
    """Return what to call a mode, and in which colour: muted if it is not a value itself."""
    if isinstance(mode, RestMode):
        return f"{len(mode.labels):,} rare categories", svg.MUTED
    if not isinstance(mode, AtomMode):
        return "Gaussian mode" if isinstance(mode, GaussianMode) else "tail", svg.MUTED
    if mode.value is None or mode.value == "":
        return "null" if mode.value is None else "empty text", svg.MUTED
    return atom_text(mode.value, field), svg.INK
