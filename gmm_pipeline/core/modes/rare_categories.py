"""The setting `max_categories`: the rarest categories of a column share one mode."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.modes.modes import AtomMode, RestMode
from gmm_pipeline.core.sketch.sketch import LabelCounts


def category_modes(
    body: LabelCounts, rows: int, max_categories: int | None
) -> tuple[tuple[AtomMode, ...], RestMode | None]:
    """Return an atom for each frequent category, and one mode for the rare ones.

    Parameters
    ----------
    body : LabelCounts
    rows : int
        All rows of the column, nulls included.
    max_categories : int or None
        With more categories than this, the `max_categories` − 1 most frequent get an atom each, in
        the order of the categories, and all others share a mode. Ties go to the first category.
    """
    shares = body.counts / rows
    frequent = np.ones(len(body.labels), dtype=np.bool_)
    if max_categories is not None and len(body.labels) > max_categories:
        # One less than allowed, as the shared mode counts too.
        frequent[np.argsort(-body.counts, kind="stable")[max_categories - 1 :]] = False
    atoms = tuple(AtomMode(body.labels[i], float(shares[i])) for i in np.flatnonzero(frequent))
    return atoms, _shared_mode(body, shares, np.flatnonzero(~frequent))


def _shared_mode(
    body: LabelCounts, shares: NDArray[np.float64], rare: NDArray[np.int64]
) -> RestMode | None:
    if not rare.size:
        return None
    weight = float(shares[rare].sum())
    labels = tuple(body.labels[i] for i in rare)
    return RestMode(labels, tuple((shares[rare] / weight).tolist()), weight)
