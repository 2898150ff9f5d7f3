"""Count categories by their dictionary indices, so that each label is looked at once a batch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.types as pat
from numpy.typing import NDArray

from gmm_pipeline.arrow.column_types import plain_labels
from gmm_pipeline.arrow.counters import body_of
from gmm_pipeline.core.sketch.sketch import Label, LabelCounts, Specials, Tally
from gmm_pipeline.errors import ColumnDataError

_MAX_PENDING = 1 << 16
"""Labels of different arrays that are collected before equal ones are summed: bounds the memory."""


class LabelCounter:
    """Counts the categories of a column."""

    def __init__(self) -> None:
        self._counts: Counter[Label] = Counter()
        self._specials = Specials()
        self._pending: list[tuple[pa.Array, NDArray[np.int64]]] = []
        self._n_pending = 0

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        encoded = (
            array if pat.is_dictionary(array.type) else plain_labels(array).dictionary_encode()
        )
        # Counting small integers is much cheaper than counting labels.
        indices = encoded.indices.drop_null().to_numpy().astype(np.intp, copy=False)
        counts = np.bincount(indices, minlength=len(encoded.dictionary))
        # A dictionary may hold labels that no row of this array has.
        used = np.flatnonzero(counts)
        self._specials = self._specials.merge(Specials(nulls=encoded.indices.null_count))
        self._pending.append(
            (
                _with_large_offsets(plain_labels(encoded.dictionary).take(pa.array(used))),
                counts[used],
            )
        )
        self._n_pending += used.size
        # Summing seldom: each time, all pending labels are hashed.
        if self._n_pending > _MAX_PENDING:
            self._sum_pending()

    def add_tally(self, tally: Tally) -> None:
        """Add rows that were counted before."""
        body = body_of(tally, LabelCounts)
        self._specials = self._specials.merge(tally.specials)
        self._counts.update(dict(zip(body.labels, body.counts.tolist(), strict=True)))

    def tally(self) -> Tally:
        """Return the counts so far."""
        self._sum_pending()
        return Tally(self._specials, LabelCounts.of(self._counts))

    def _sum_pending(self) -> None:
        """Sum the collected counts by label."""
        if not self._pending:
            return
        labels, counts = zip(*self._pending, strict=True)
        # Dictionaries may hold nulls as labels, too.
        encoded = pa.concat_arrays(labels).dictionary_encode(null_encoding="encode")
        sums = np.zeros(len(encoded.dictionary), dtype=np.int64)
        np.add.at(sums, encoded.indices.to_numpy(), np.concatenate(counts))
        values = _as_python(encoded.dictionary, sums)
        for value, rows in zip(values, sums.tolist(), strict=True):
            if value is None:
                self._specials = self._specials.merge(Specials(nulls=rows))
            elif value != value:  # noqa: PLR0124 - only NaN differs from itself
                self._specials = self._specials.merge(Specials(nans=rows))
            else:
                self._counts[value] += rows
        self._pending, self._n_pending = [], 0


def _as_python(labels: pa.Array, counts: NDArray[np.int64]) -> list[Label | None]:
    """Return labels as Python values; raise ColumnDataError with the rows of those that cannot be.

    Parquet does not check that text is UTF-8, and Arrow does not when it reads it.
    """
    try:
        values: list[Label | None] = labels.to_pylist()
    except UnicodeDecodeError as error:
        broken = [not _is_utf8(each) for each in labels.cast(pa.large_binary()).to_pylist()]
        raise ColumnDataError(
            "holds text that is not UTF-8",
            rows=int(counts[np.array(broken)].sum()),
            remedy="Write the file again with the text in UTF-8, or leave the column out",
        ) from error
    return values


def _is_utf8(text: bytes | None) -> bool:
    try:
        (text or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _with_large_offsets(labels: pa.Array) -> pa.Array:
    """Return labels in a type in which those of many arrays fit into one array."""
    return labels.cast(pa.large_string()) if pat.is_string(labels.type) else labels
