"""Codec of columns that are read as numbers."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.arrow.encoded import Encoded
from gmm_pipeline.arrow.numbers import NumberBatch
from gmm_pipeline.arrow.numeric_types import from_numbers, numeric_type
from gmm_pipeline.core.codec import RowCodec
from gmm_pipeline.core.coordinate import Numbers
from gmm_pipeline.core.modes import ColumnModel
from gmm_pipeline.core.ranks import Ranking
from gmm_pipeline.core.roundtrip import Precision, RoundTrip, count_numbers
from gmm_pipeline.errors import ColumnDataError, in_column

_UNSEEN = -2
_NO_ATOM = -1


class NumberCodec:
    """Codec of columns that are read as numbers.

    Parameters
    ----------
    model : ColumnModel
        With a coordinate.
    ranking : Ranking
    field : pyarrow.Field
        What rows decode to.
    """

    def __init__(self, model: ColumnModel, ranking: Ranking, field: pa.Field) -> None:
        numeric = numeric_type(field.type)
        if model.coordinate is None or numeric is None:
            raise ValueError("a model of labels encodes no numbers")
        self.rows = RowCodec(model, ranking.mode_of_rank)
        self.field = field
        self._model = model
        self._coordinate = model.coordinate
        self._own_precision = numeric.precision
        values = [atom.value for atom in model.atoms]
        self._atom_numbers = np.array([0 if value is None else value for value in values], dtype=numeric.dtype)
        self._atom_is_null = np.array([value is None for value in values], dtype=np.bool_)
        self._finite_atoms = np.flatnonzero(np.isfinite(self._atom_numbers) & ~self._atom_is_null).astype(np.int32)

    def encode(self, array: pa.Array, first_row: int) -> Encoded:
        """Encode consecutive rows."""
        batch = NumberBatch.of(array)
        if self._model.n_continuous and self._model.rules.out_of_range == "clip":
            batch = self._clipped(batch)
        atoms = self._atoms(batch)
        unseen = atoms == _UNSEEN
        replaced = bool(unseen.any())
        if replaced:
            self._refuse_unseen(int(np.count_nonzero(unseen)))
        with in_column(self._model.column):
            x = self._coordinates(batch, atoms)
        encoded = Encoded(*self.rows.encode(x, atoms, first_row))
        if replaced:
            encoded.value[unseen], encoded.rank[unseen] = 0.0, 0
        return encoded

    def decode(self, encoded: Encoded, first_row: int) -> pa.Array:
        """Decode rows to the column's own type."""
        del first_row
        x, atoms = self.rows.decode(encoded.value, encoded.rank)
        numbers, nulls = self._numbers(x, atoms)
        return from_numbers(numbers, nulls if nulls.any() else None, self.field.type)

    def compare(self, array: pa.Array, encoded: Encoded, first_row: int) -> RoundTrip:
        """Decode rows and compare them with what they were; NaN equals NaN, and null equals null."""
        before, after = NumberBatch.of(array), NumberBatch.of(self.decode(encoded, first_row))
        same = _same(before, after)
        n_modes = self.rows.n_modes
        if same.all():
            nothing = np.empty(0)
            return count_numbers(same, nothing, nothing, encoded.value, encoded.rank, n_modes)
        original, decoded = before.numbers[~same], after.numbers[~same]
        with np.errstate(invalid="ignore", over="ignore"):
            errors = np.nan_to_num(np.abs(decoded.astype(np.float64) - original), nan=np.inf)
        for nulls in (before.nulls, after.nulls):
            if nulls is not None:
                errors[nulls[~same]] = np.inf
        precision = Precision(self.rows.half_width_of_rank, self.rows.value_dtype, self._own_precision)
        different = Encoded(encoded.value[~same], encoded.rank[~same])
        x, _ = self.rows.decode(different.value, different.rank)
        tolerance = precision.tolerance(original, different.rank, self._coordinate.stretch(x))
        return count_numbers(same, errors, tolerance, encoded.value, encoded.rank, n_modes)

    def _clipped(self, batch: NumberBatch) -> NumberBatch:
        """Return rows with each finite number as the nearest one that the fit knows of."""
        low, high = self._coordinate.backward(np.array(self._model.range))
        usable = batch.finite()
        numbers = batch.numbers.copy()
        chosen = slice(None) if usable is None else usable
        numbers[chosen] = np.clip(self._coordinate.nearest(numbers[chosen]), low, high)
        return NumberBatch(numbers, batch.nulls)

    def _coordinates(self, batch: NumberBatch, atoms: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the coordinate of each row that no atom holds; whatever elsewhere."""
        if not self._model.n_continuous:
            return np.zeros(atoms.size)
        free = atoms == _NO_ATOM
        if free.all():
            return self._within_range(self._coordinate.forward(batch.numbers))
        x = np.zeros(atoms.size)
        x[free] = self._within_range(self._coordinate.forward(batch.numbers[free]))
        return x

    def _within_range(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return coordinates; raise ColumnDataError for those beyond the fitted ones if the rules say so."""
        low, high = self._model.range
        if not x.size or self._model.rules.out_of_range != "error" or (x.min() >= low and x.max() <= high):
            return x
        raise ColumnDataError(
            "holds numbers outside of the range of the fitted rows",
            column=self._model.column,
            rows=int(np.count_nonzero((x < low) | (x > high))),
            remedy="Fit again on rows that include them, or set out_of_range to clip or keep",
        )

    def _atoms(self, batch: NumberBatch) -> NDArray[np.int32]:
        """Return the atom of each row; `_NO_ATOM` for numbers of continuous modes, `_UNSEEN` for what no mode takes."""
        atoms = np.full(batch.numbers.size, _NO_ATOM if self._model.n_continuous else _UNSEEN, dtype=np.int32)
        if self._finite_atoms.size:
            candidates = self._atom_numbers[self._finite_atoms]
            positions = np.minimum(np.searchsorted(candidates, batch.numbers), candidates.size - 1)
            found = candidates[positions] == batch.numbers
            atoms[found] = self._finite_atoms[positions[found]]
        usable = batch.finite()
        if usable is not None:
            atoms[~usable] = self._special_atoms(batch, ~usable)
        return atoms

    def _special_atoms(self, batch: NumberBatch, special: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the atoms of the rows without a finite number, shape (n_special,)."""
        numbers = batch.numbers[special]
        nulls = np.zeros(numbers.size, dtype=np.bool_) if batch.nulls is None else batch.nulls[special]
        atoms = np.full(numbers.size, _UNSEEN, dtype=np.int32)
        for number, atom in enumerate(self._model.atoms):
            if atom.value is None:
                atoms[nulls] = number
            elif isinstance(atom.value, float) and not math.isfinite(atom.value):
                same = np.isnan(numbers) if math.isnan(atom.value) else numbers == atom.value
                atoms[same & ~nulls] = number
        return atoms

    def _refuse_unseen(self, rows: int) -> None:
        if self._model.rules.unseen != "most_frequent":
            what = "nulls, NaN or infinities" if self._model.n_continuous else "values, nulls or NaN"
            raise ColumnDataError(
                f"holds {what} that the fitted rows did not",
                column=self._model.column,
                rows=rows,
                remedy="Fit again on rows that include them, remove them, or set unseen = most_frequent",
            )

    def _numbers(self, x: NDArray[np.float64], atoms: NDArray[np.int32]) -> tuple[Numbers, NDArray[np.bool_]]:
        held = atoms >= 0
        numbers = self._coordinate.backward(x)
        nulls = np.zeros(held.size, dtype=np.bool_)
        if held.any():
            numbers = numbers.copy()
            numbers[held] = self._atom_numbers[atoms[held]]
            nulls[held] = self._atom_is_null[atoms[held]]
        return numbers, nulls


def _same(before: NumberBatch, after: NumberBatch) -> NDArray[np.bool_]:
    """Return in which rows two batches hold the same."""
    same: NDArray[np.bool_] = before.numbers == after.numbers
    if before.numbers.dtype.kind == "f":
        same |= np.isnan(before.numbers) & np.isnan(after.numbers)
    if before.nulls is None and after.nulls is None:
        return same
    none = np.zeros(same.size, dtype=np.bool_)
    nulls_before = none if before.nulls is None else before.nulls
    nulls_after = none if after.nulls is None else after.nulls
    return np.where(nulls_before | nulls_after, nulls_before & nulls_after, same)
