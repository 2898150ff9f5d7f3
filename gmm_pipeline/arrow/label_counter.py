"""Counting of categories: by the numbers that dictionaries give them, so that few values are looked
at.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.types as pat
from numpy.typing import NDArray

from gmm_pipeline.arrow.column_types import plain_labels
from gmm_pipeline.arrow.counters import body_of
from gmm_pipeline.core.sketch.sketch import Label, LabelCounts, Specials, Tally

_MOST_HELD = 1 << 16
"""Labels of different arrays that are held before equal ones are looked for."""


class LabelCounter:
    """Counts the categories of a column."""

    def __init__(self) -> None:
        self._counts: Counter[Label] = Counter()
        self._specials = Specials()
        self._held: list[tuple[pa.Array, NDArray[np.int64]]] = []
        self._n_held = 0

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        encoded = (
            array if pat.is_dictionary(array.type) else plain_labels(array).dictionary_encode()
        )
        indices = encoded.indices.drop_null().to_numpy().astype(np.intp, copy=False)
        counts = np.bincount(indices, minlength=len(encoded.dictionary))
        used = np.flatnonzero(counts)
        self._specials = self._specials.merge(Specials(nulls=encoded.indices.null_count))
        self._held.append(
            (_counted_once(plain_labels(encoded.dictionary.take(pa.array(used)))), counts[used])
        )
        self._n_held += used.size
        if self._n_held > _MOST_HELD:
            self._settle()

    def add_tally(self, tally: Tally) -> None:
        """Count rows that were counted before."""
        body = body_of(tally, LabelCounts)
        self._specials = self._specials.merge(tally.specials)
        self._counts.update(dict(zip(body.labels, body.counts.tolist(), strict=True)))

    def tally(self) -> Tally:
        """Return what was counted so far."""
        self._settle()
        return Tally(self._specials, LabelCounts.of(self._counts))

    def _settle(self) -> None:
        """Count what is held by its values."""
        if not self._held:
            return
        labels, counts = zip(*self._held, strict=True)
        encoded = pa.concat_arrays(labels).dictionary_encode(null_encoding="encode")
        sums = np.zeros(len(encoded.dictionary), dtype=np.int64)
        np.add.at(sums, encoded.indices.to_numpy(), np.concatenate(counts))
        for value, rows in zip(encoded.dictionary.to_pylist(), sums.tolist(), strict=True):
            if value is None:
                self._specials = self._specials.merge(Specials(nulls=rows))
            elif value != value:  # noqa: PLR0124 - only NaN differs from itself
                self._specials = self._specials.merge(Specials(nans=rows))
            else:
                self._counts[value] += rows
        self._held, self._n_held = [], 0


def _counted_once(labels: pa.Array) -> pa.Array:
    """Return labels in a type of which those of many arrays fit into one."""
    return labels.cast(pa.large_string()) if pat.is_string(labels.type) else labels
