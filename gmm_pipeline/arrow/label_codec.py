"""Codec of columns that are read as labels: every value is an atom, or shares the mode of the rare
ones.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat
from numpy.typing import NDArray

from gmm_pipeline.arrow.column_codec import Encoded
from gmm_pipeline.arrow.model_document import StoredModel, fit_identity
from gmm_pipeline.arrow.types import labels_of, plain_labels
from gmm_pipeline.core.coding.codec import RowCodec
from gmm_pipeline.core.coding.roundtrip import RoundTrip, count_labels
from gmm_pipeline.core.draw import DrawKey, uniforms
from gmm_pipeline.core.modes.modes import ColumnModel
from gmm_pipeline.core.modes.ranks import Ranking
from gmm_pipeline.errors import ColumnDataError


class LabelCodec:
    """Codec of columns that are read as labels.

    The labels of the atoms are numbered as these are; those that share the mode of the rare ones
    come after them.

    Parameters
    ----------
    model : ColumnModel
        Without a coordinate.
    ranking : Ranking
    field : pyarrow.Field
        What rows decode to.
    """

    def __init__(self, model: ColumnModel, ranking: Ranking, field: pa.Field) -> None:
        self.rows = RowCodec(model, ranking.mode_of_rank)
        self.field = field
        self._model = model
        self._ranking = ranking
        self._n_atoms = len(model.atoms)
        known = [
            *(atom.value for atom in model.atoms),
            *(() if model.rest is None else model.rest.labels),
        ]
        self._sought = plain_labels(labels_of(known, field))
        self._n_known = len(known)
        stand_in = None if model.rest is None else model.rest.stand_in
        self._has_stand_in = stand_in is not None
        self._labels = labels_of([*known, stand_in], field)
        self._key = DrawKey.of(model.rules.seed, f"{model.column}\0rest")
        shares = np.zeros(0) if model.rest is None else np.array(model.rest.shares)
        self._cumulative = np.cumsum(shares)

    @cached_property
    def identity(self) -> str:
        """The digest by which encoded tables name this fit."""
        return fit_identity(StoredModel(self._model, self.field), self._ranking)

    def encode(self, array: pa.Array, first_row: int) -> Encoded:
        """Encode consecutive rows."""
        found = self._number(array)
        unseen = found.is_null().to_numpy(zero_copy_only=False) if found.null_count else None
        if unseen is not None:
            self._refuse_unseen(found.null_count)
            found = found.fill_null(self._n_atoms if self._model.rules.unseen == "rest" else 0)
        atoms = np.minimum(found.to_numpy(), np.int32(self._n_atoms))
        encoded = Encoded(*self.rows.encode(np.zeros(len(array)), atoms, first_row))
        if unseen is not None and self._model.rules.unseen == "most_frequent":
            encoded.rank[unseen] = 0
        return encoded

    def decode(self, encoded: Encoded, first_row: int) -> pa.Array:
        """Decode rows to the column's own type; the rare labels' mode to its stand-in, or to each
        by its share.
        """
        _, atoms = self.rows.decode(encoded.value, encoded.rank)
        rest = atoms == self._n_atoms
        if self._has_stand_in:
            atoms = np.where(rest, self._n_known, atoms)
        elif rest.any():
            atoms = np.where(rest, self._n_atoms + self._drawn_labels(first_row, atoms.size), atoms)
        labels = self._labels.take(pa.array(atoms))
        return (labels.dictionary_encode() if pat.is_dictionary(self.field.type) else labels).cast(
            self.field.type
        )

    def compare(self, array: pa.Array, encoded: Encoded, first_row: int) -> RoundTrip:
        """Decode rows and compare them with what they were; NaN equals NaN, and null equals
        null.
        """
        before, after = plain_labels(array), plain_labels(self.decode(encoded, first_row))
        return count_labels(_same(before, after), encoded.rank, self.rows.n_modes)

    def _number(self, array: pa.Array) -> pa.Array:
        """Return the numbers of the labels that rows hold; null for those that are not known."""
        if not pat.is_dictionary(array.type):
            return pc.index_in(plain_labels(array), value_set=self._sought)
        labels = plain_labels(array.dictionary)
        numbers = pc.index_in(
            pa.concat_arrays([labels, pa.nulls(1, labels.type)]), value_set=self._sought
        )
        return numbers.take(array.indices.fill_null(len(labels)))

    def _drawn_labels(self, first_row: int, rows: int) -> NDArray[np.int64]:
        draws = uniforms(self._key, first_row, rows) * self._cumulative[-1]
        drawn: NDArray[np.int64] = np.searchsorted(self._cumulative, draws, side="right")
        return np.minimum(drawn, self._cumulative.size - 1)

    def _refuse_unseen(self, rows: int) -> None:
        policy = self._model.rules.unseen
        if policy == "error" or (policy == "rest" and self._model.rest is None):
            raise ColumnDataError(
                "holds categories or nulls that the fitted rows did not",
                column=self._model.column,
                rows=rows,
                remedy="Fit again on rows that include them, remove them, or set unseen to most_frequent, "
                "or to rest together with max_categories",
            )


def _same(before: pa.Array, after: pa.Array) -> NDArray[np.bool_]:
    """Return in which rows two arrays hold the same."""
    if pat.is_null(before.type):
        return np.ones(len(before), dtype=np.bool_)
    equal = pc.equal(before, after).fill_null(False)
    if pat.is_floating(before.type):
        equal = pc.or_(equal, pc.and_(pc.is_nan(before), pc.is_nan(after)).fill_null(False))
    same: NDArray[np.bool_] = pc.or_(equal, pc.and_(before.is_null(), after.is_null())).to_numpy(
        zero_copy_only=False
    )
    return same
