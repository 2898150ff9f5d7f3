"""Codec of columns that are read as numbers."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gmm_pipeline.arrow.column_codec import Encoded
from gmm_pipeline.arrow.model_document import StoredModel, fit_identity
from gmm_pipeline.arrow.numbers import NumberBatch
from gmm_pipeline.arrow.numeric_types import from_numbers, numeric_type
from gmm_pipeline.core.coding.codec import RowCodec
from gmm_pipeline.core.coding.roundtrip import Precision, RoundTrip, count_numbers
from gmm_pipeline.core.modes.modes import ColumnModel
from gmm_pipeline.core.modes.ranks import Ranking
from gmm_pipeline.core.sketch.atoms import NO_ATOM, AtomIndex, place_atoms, without_atoms
from gmm_pipeline.core.sketch.coordinate import numbers_of
from gmm_pipeline.errors import ColumnDataError, in_column

_UNSEEN = -2


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
        self._ranking = ranking
        self._coordinate = model.coordinate
        self._own_precision = numeric.precision
        values = [atom.value for atom in model.atoms]
        self._atom_numbers = numbers_of(
            [0 if value is None else value for value in values], numeric.dtype
        )
        self._atom_is_null = np.array([value is None for value in values], dtype=np.bool_)
        finite = np.flatnonzero(np.isfinite(self._atom_numbers) & ~self._atom_is_null).astype(
            np.int32
        )
        self._no_atom = NO_ATOM if model.n_continuous else _UNSEEN
        self._finite_atoms = (
            AtomIndex(self._atom_numbers[finite], finite, self._no_atom) if finite.size else None
        )

    @cached_property
    def identity(self) -> str:
        """The digest by which encoded tables name this fit."""
        return fit_identity(StoredModel(self._model, self.field), self._ranking)

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
        if replaced:
            # Any mode that there is, until it is replaced.
            atoms[unseen] = 0 if self._model.atoms else NO_ATOM
        encoded = Encoded(*self.rows.encode(x, atoms, first_row))
        if replaced:
            encoded.value[unseen], encoded.rank[unseen] = 0.0, 0
        return encoded

    def decode(self, encoded: Encoded, first_row: int) -> pa.Array:
        """Decode rows to the column's own type."""
        del first_row
        if not self._model.n_continuous:
            return pc.take(self._atoms_by_rank, pa.array(encoded.rank), boundscheck=False)
        return self._decoded(*self.rows.decode(encoded.value, encoded.rank))

    def compare(self, array: pa.Array, encoded: Encoded, first_row: int) -> RoundTrip:
        """Decode rows and compare them with what they were; NaN equals NaN, and null equals
        null.
        """
        del first_row
        x, atoms = self.rows.decode(encoded.value, encoded.rank)
        before, after = NumberBatch.of(array), NumberBatch.of(self._decoded(x, atoms))
        differently_null = np.zeros(0, dtype=np.bool_)
        if before.nulls is not None or after.nulls is not None:
            differently_null = before.is_null() ^ after.is_null()
        precision = Precision(
            self.rows.half_width_of_rank, self.rows.value_dtype, self._own_precision
        )
        stretch = self._coordinate.stretch(x)
        return count_numbers(
            before.numbers,
            after.numbers,
            differently_null,
            encoded.value,
            encoded.rank,
            precision,
            stretch,
        )

    @cached_property
    def _atoms_by_rank(self) -> pa.Array:
        """What each rank decodes to where all modes are atoms."""
        ranks = np.arange(self.rows.n_modes, dtype=self.rows.rank_dtype)
        return self._decoded(
            *self.rows.decode(np.zeros(ranks.size, dtype=self.rows.value_dtype), ranks)
        )

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
            return np.empty(batch.numbers.size)
        numbers = batch.numbers
        if atoms.size:
            low, high = self._model.range
            ordinary = self._coordinate.backward(np.array([low / 2 + high / 2]))
            numbers = without_atoms(numbers, atoms, ordinary)
        return self._within_range(self._coordinate.forward(numbers))

    def _within_range(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return coordinates; raise ColumnDataError for those beyond the fitted ones if the rules
        say so.
        """
        low, high = self._model.range
        if (
            not x.size
            or self._model.rules.out_of_range != "error"
            or (x.min() >= low and x.max() <= high)
        ):
            return x
        raise ColumnDataError(
            "holds numbers outside of the range of the fitted rows",
            column=self._model.column,
            rows=int(np.count_nonzero((x < low) | (x > high))),
            remedy="Fit again on rows that include them, or set out_of_range to clip or keep",
        )

    def _atoms(self, batch: NumberBatch) -> NDArray[np.int32]:
        """Return the atom of each row; `NO_ATOM` for numbers of continuous modes, `_UNSEEN` for
        what no mode takes.

        Empty when the column has no atoms, and all numbers are finite.
        """
        usable = batch.finite()
        if self._finite_atoms is not None:
            atoms = self._finite_atoms.find(batch.numbers)
        elif usable is None and self._model.n_continuous:
            return np.empty(0, dtype=np.int32)
        else:
            atoms = np.full(batch.numbers.size, self._no_atom, dtype=np.int32)
        if usable is not None:
            atoms[~usable] = self._special_atoms(batch, ~usable)
        return atoms

    def _special_atoms(self, batch: NumberBatch, special: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the atoms of the rows without a finite number, shape (n_special,)."""
        numbers, nulls = batch.numbers[special], batch.is_null()[special]
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
            what = (
                "nulls, NaN or infinities" if self._model.n_continuous else "values, nulls or NaN"
            )
            raise ColumnDataError(
                f"holds {what} that the fitted rows did not",
                column=self._model.column,
                rows=rows,
                remedy="Fit again on rows that include them, remove them, or set unseen = most_frequent",
            )

    def _decoded(self, x: NDArray[np.float64], atoms: NDArray[np.int32]) -> pa.Array:
        """Return rows in the column's own type, by their coordinates and atoms."""
        if not self._atom_numbers.size:
            return from_numbers(self._coordinate.backward(x), None, self.field.type)
        if self._model.n_continuous:
            numbers = self._coordinate.backward(x).copy()
        else:
            numbers = np.empty_like(self._atom_numbers, shape=x.shape)
        nulls = np.empty(atoms.size, dtype=np.bool_)
        n_nulls = place_atoms(atoms, self._atom_numbers, self._atom_is_null, numbers, nulls)
        return from_numbers(numbers, nulls if n_nulls else None, self.field.type)
