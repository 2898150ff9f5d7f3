"""Encoding and decoding of Arrow arrays by a column's model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat
from numpy.typing import NDArray

from gmm_pipeline.arrow.numbers import NumberBatch
from gmm_pipeline.arrow.types import plain_labels, type_precision, value_type
from gmm_pipeline.core.codec import RowCodec
from gmm_pipeline.core.modes import ColumnModel
from gmm_pipeline.core.ranks import Ranking
from gmm_pipeline.core.roundtrip import RoundTrip, compare_numbers
from gmm_pipeline.errors import ColumnDataError


@dataclass(frozen=True)
class Encoded:
    """Consecutive encoded rows: value and rank, each of shape (n,)."""

    value: NDArray[np.floating]
    rank: NDArray[np.unsignedinteger]


class ColumnCodec(Protocol):
    """Encodes and decodes Arrow arrays of one column."""

    rows: RowCodec
    field: pa.Field

    def encode(self, array: pa.Array, first_row: int) -> Encoded:
        """Encode consecutive rows, the first of which has the number `first_row`."""
        ...

    def decode(self, encoded: Encoded) -> pa.Array:
        """Decode rows to the column's own type."""
        ...

    def compare(self, array: pa.Array, encoded: Encoded) -> RoundTrip:
        """Decode rows and compare them with what they were."""
        ...


def column_codec(model: ColumnModel, ranking: Ranking, field: pa.Field) -> ColumnCodec:
    """Return the codec of a fitted column of the given Arrow field."""
    if model.coordinate is None:
        return LabelCodec(model, ranking, field)
    return NumberCodec(model, ranking, field)


class NumberCodec:
    """Codec of columns that are read as numbers."""

    def __init__(self, model: ColumnModel, ranking: Ranking, field: pa.Field) -> None:
        if model.coordinate is None:
            raise ValueError("a model of labels encodes no numbers")
        self.rows = RowCodec(model, ranking.mode_of_rank)
        self._model = model
        self.field = field
        self._coordinate = model.coordinate
        self._has_gaussians = bool(model.gaussians)
        dtype = np.int64 if pat.is_integer(field.type) else np.float64
        values = [atom.value for atom in model.atoms]
        self._atom_numbers = np.array([0 if value is None else value for value in values], dtype=dtype)
        self._atom_is_null = np.array([value is None for value in values], dtype=np.bool_)
        self._finite_atoms = np.flatnonzero(np.isfinite(self._atom_numbers) & ~self._atom_is_null).astype(np.int32)

    def encode(self, array: pa.Array, first_row: int) -> Encoded:
        """Encode consecutive rows, the first of which has the number `first_row`."""
        batch = NumberBatch.of(array)
        atoms = self._atoms(batch)
        if self._has_gaussians:
            continuous = batch.numbers if self._coordinate.step == 0 else np.where(atoms < 0, batch.numbers, 0)
            x = self._coordinate.forward(continuous)
        else:
            x = np.zeros(len(array))
        return Encoded(*self.rows.encode(x, atoms, first_row))

    def decode(self, encoded: Encoded) -> pa.Array:
        """Decode rows to the column's own type."""
        numbers, nulls = self._decode_numbers(encoded)
        return pa.array(numbers, mask=nulls if nulls.any() else None).cast(self.field.type, safe=False)

    def compare(self, array: pa.Array, encoded: Encoded) -> RoundTrip:
        """Decode rows and compare them with what they were."""
        before, after = NumberBatch.of(array), NumberBatch.of(self.decode(encoded))
        same_nulls = _same_nulls(before.nulls, after.nulls, len(array))
        half_widths = self.rows.half_width_of_rank[encoded.rank]
        kept = slice(None) if same_nulls is None else same_nulls
        compared = compare_numbers(
            before.numbers[kept],
            after.numbers[kept],
            encoded.value[kept],
            half_widths[kept],
            type_precision(self.field.type),
        )
        lost = len(array) - compared.rows
        return compared.merge(RoundTrip(rows=lost, changed=lost))

    def _atoms(self, batch: NumberBatch) -> NDArray[np.int32]:
        """Return the atom of each row, −1 for those that Gaussian modes take; raise if neither holds a value."""
        atoms = np.full(batch.numbers.size, -1, dtype=np.int32)
        if self._finite_atoms.size:
            candidates = self._atom_numbers[self._finite_atoms]
            positions = np.minimum(np.searchsorted(candidates, batch.numbers), candidates.size - 1)
            found = candidates[positions] == batch.numbers
            atoms[found] = self._finite_atoms[positions[found]]
        usable = batch.finite()
        if usable is not None:
            atoms[~usable] = self._special_atoms(batch, ~usable)
        if not self._has_gaussians:
            self._refuse_unseen(int(np.count_nonzero((atoms < 0) & (True if usable is None else usable))), "values")
        return atoms

    def _special_atoms(self, batch: NumberBatch, special: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the atoms of the rows without a finite number, shape (n_special,)."""
        numbers = batch.numbers[special]
        nulls = np.zeros(numbers.size, dtype=np.bool_) if batch.nulls is None else batch.nulls[special]
        atoms = np.full(numbers.size, -1, dtype=np.int32)
        for number, atom in enumerate(self._model.atoms):
            if atom.value is None:
                atoms[nulls] = number
            elif isinstance(atom.value, float) and not math.isfinite(atom.value):
                same = np.isnan(numbers) if math.isnan(atom.value) else numbers == atom.value
                atoms[same & ~nulls] = number
        self._refuse_unseen(int(np.count_nonzero(atoms < 0)), "nulls, NaN or infinities")
        return atoms

    def _refuse_unseen(self, rows: int, what: str) -> None:
        if rows:
            raise ColumnDataError(
                f"holds {what} that the fitted rows did not",
                column=self._model.column,
                rows=rows,
                remedy="Fit again on rows that include them, or remove them",
            )

    def _decode_numbers(self, encoded: Encoded) -> tuple[NDArray[np.float64] | NDArray[np.int64], NDArray[np.bool_]]:
        x, atoms = self.rows.decode(encoded.value, encoded.rank)
        held = atoms >= 0
        numbers = self._coordinate.backward(x)
        if held.any():
            numbers = numbers.copy()
            numbers[held] = self._atom_numbers[atoms[held]]
        nulls = np.zeros(held.size, dtype=np.bool_)
        nulls[held] = self._atom_is_null[atoms[held]]
        return numbers, nulls


class LabelCodec:
    """Codec of columns that are read as labels: every value is an atom."""

    def __init__(self, model: ColumnModel, ranking: Ranking, field: pa.Field) -> None:
        self.rows = RowCodec(model, ranking.mode_of_rank)
        self._column = model.column
        self.field = field
        self._labels = pa.array([atom.value for atom in model.atoms], value_type(field.type))
        self._sought = plain_labels(self._labels)

    def encode(self, array: pa.Array, first_row: int) -> Encoded:
        """Encode consecutive rows, the first of which has the number `first_row`."""
        atoms = pc.index_in(plain_labels(array), value_set=self._sought)
        if atoms.null_count:
            raise ColumnDataError(
                "holds categories or nulls that the fitted rows did not",
                column=self._column,
                rows=atoms.null_count,
                remedy="Fit again on rows that include them, or remove them",
            )
        return Encoded(*self.rows.encode(np.zeros(len(array)), atoms.to_numpy(), first_row))

    def decode(self, encoded: Encoded) -> pa.Array:
        """Decode rows to the column's own type."""
        _, atoms = self.rows.decode(encoded.value, encoded.rank)
        return self._labels.take(pa.array(atoms)).cast(self.field.type)

    def compare(self, array: pa.Array, encoded: Encoded) -> RoundTrip:
        """Decode rows and compare them with what they were."""
        before, after = plain_labels(array), plain_labels(self.decode(encoded))
        if pat.is_null(before.type):
            return RoundTrip(rows=len(array), exact=len(array))
        equal = pc.equal(before, after).fill_null(False)
        if pat.is_floating(before.type):
            equal = pc.or_(equal, pc.and_(pc.is_nan(before), pc.is_nan(after)).fill_null(False))
        both_null = pc.and_(before.is_null(), after.is_null())
        exact = pc.sum(pc.or_(equal, both_null)).as_py() or 0
        return RoundTrip(rows=len(array), exact=exact, changed=len(array) - exact)


def _same_nulls(
    before: NDArray[np.bool_] | None, after: NDArray[np.bool_] | None, rows: int
) -> NDArray[np.bool_] | None:
    """Return in which rows both sides are null or both are not; None when that is so in all."""
    if before is None and after is None:
        return None
    none = np.zeros(rows, dtype=np.bool_)
    same = (none if before is None else before) == (none if after is None else after)
    return None if same.all() else same
