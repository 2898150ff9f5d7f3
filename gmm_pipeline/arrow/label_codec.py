"""Encode and decode columns of labels: each is an atom, or shares the mode of rare categories."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat
from numpy.typing import NDArray

from gmm_pipeline.arrow.column_types import labels_of, plain_labels, with_dictionary
from gmm_pipeline.arrow.encoded_rows import EncodedRows
from gmm_pipeline.arrow.model_document import StoredModel, fit_identity
from gmm_pipeline.arrow.unseen import refuse_unseen_labels
from gmm_pipeline.core.coding.round_trip import RoundTrip, count_labels
from gmm_pipeline.core.coding.row_codec import RowCodec
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.uniform_draw import DrawKey, uniforms


class LabelCodec:
    """The codec of a column that is read as labels.

    Labels have the numbers of their atoms; labels that share the mode of rare categories come after
    them.

    Parameters
    ----------
    model : ColumnModel
        Without a coordinate.
    ranking : Ranking
    field : pyarrow.Field
        The type of decoded rows.
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
        # A stream of its own: decoding must not repeat the draws of encoding.
        self._key = DrawKey.of(model.rules.seed, f"{model.column}\0rest")
        shares = np.zeros(0) if model.rest is None else np.array(model.rest.shares)
        self._cumulative = np.cumsum(shares)

    @cached_property
    def identity(self) -> str:
        """The digest by which encoded tables name this fit."""
        return fit_identity(StoredModel(self._model, self.field), self._ranking)

    def encode(self, array: pa.Array, first_row: int) -> EncodedRows:
        """Encode consecutive rows."""
        found = self._number(array)
        unseen = found.is_null().to_numpy(zero_copy_only=False) if found.null_count else None
        if unseen is not None:
            refuse_unseen_labels(self._model, found.null_count)
            # Any number will do for most_frequent: rank 0 is written over it below.
            found = found.fill_null(self._n_atoms if self._model.rules.unseen == "rest" else 0)
        # Rare labels are numbered after the atoms; their shared mode is the first number after.
        atoms = np.minimum(found.to_numpy(), np.int32(self._n_atoms))
        encoded = EncodedRows(*self.rows.encode(np.zeros(len(array)), atoms, first_row))
        if unseen is not None and self._model.rules.unseen == "most_frequent":
            encoded.rank[unseen] = 0
        return encoded

    def decode(self, encoded: EncodedRows, first_row: int) -> pa.Array:
        """Decode rows to the column's own type.

        The mode of rare categories decodes to its stand-in, or to a label drawn by the labels'
        shares.
        """
        _, atoms = self.rows.decode(encoded.value, encoded.rank)
        rest = atoms == self._n_atoms
        if self._has_stand_in:
            atoms = np.where(rest, self._n_known, atoms)
        elif rest.any():
            atoms = np.where(rest, self._n_atoms + self._drawn_labels(first_row, atoms.size), atoms)
        labels = self._labels.take(pa.array(atoms))
        if pat.is_dictionary(self.field.type):
            # Before version 26, Arrow encodes no 16-bit floats; 32-bit ones it casts to them.
            wide = labels.cast(pa.float32()) if pat.is_float16(labels.type) else labels
            return with_dictionary(wide, self.field.type)
        return labels.cast(self.field.type)

    def compare(self, array: pa.Array, encoded: EncodedRows, first_row: int) -> RoundTrip:
        """Decode rows and compare them with the original; NaN equals NaN, and null equals null."""
        before, after = plain_labels(array), plain_labels(self.decode(encoded, first_row))
        return count_labels(_same(before, after), encoded.rank, self.rows.n_modes)

    def _number(self, array: pa.Array) -> pa.Array:
        """Return the numbers of the rows' labels; null for labels that are unseen."""
        if not pat.is_dictionary(array.type):
            return pc.index_in(plain_labels(array), value_set=self._sought)
        # Looking up the dictionary's labels instead of each row's; null has a number too.
        labels = plain_labels(array.dictionary)
        numbers = pc.index_in(
            pa.concat_arrays([labels, pa.nulls(1, labels.type)]), value_set=self._sought
        )
        return numbers.take(array.indices.fill_null(len(labels)))

    def _drawn_labels(self, first_row: int, rows: int) -> NDArray[np.int64]:
        """Draw rare labels for rows by their shares, as offsets among the rare labels."""
        draws = uniforms(self._key, first_row, rows) * self._cumulative[-1]
        drawn: NDArray[np.int64] = np.searchsorted(self._cumulative, draws, side="right")
        # Rounding may put the largest draw at the very end of the cumulative shares.
        return np.minimum(drawn, self._cumulative.size - 1)


def _same(before: pa.Array, after: pa.Array) -> NDArray[np.bool_]:
    """Return in which rows two arrays hold the same."""
    # Arrow has no comparison of null arrays.
    if pat.is_null(before.type):
        return np.ones(len(before), dtype=np.bool_)
    equal = pc.equal(before, after).fill_null(False)
    if pat.is_floating(before.type):
        equal = pc.or_(equal, pc.and_(pc.is_nan(before), pc.is_nan(after)).fill_null(False))
    same: NDArray[np.bool_] = pc.or_(equal, pc.and_(before.is_null(), after.is_null())).to_numpy(
        zero_copy_only=False
    )
    return same
