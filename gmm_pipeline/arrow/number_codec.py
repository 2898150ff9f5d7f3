"""Encode and decode columns of numbers."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gmm_pipeline.arrow.decimal_places import counted_type, rounded, with_places
from gmm_pipeline.arrow.encoded_rows import EncodedRows
from gmm_pipeline.arrow.model_document import StoredModel, fit_identity
from gmm_pipeline.arrow.number_batch import NumberBatch
from gmm_pipeline.arrow.numeric_types import from_numbers, numeric_type
from gmm_pipeline.arrow.out_of_range import (
    KnownNumbers,
    refuse_out_of_range,
    refuse_without_mode,
)
from gmm_pipeline.arrow.unseen import refuse_unseen_numbers
from gmm_pipeline.core.coding.decode_rows import Within
from gmm_pipeline.core.coding.round_trip import RoundTrip, Tolerance, count_numbers
from gmm_pipeline.core.coding.row_codec import RowCodec
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.atom_index import NO_ATOM, AtomIndex, place_atoms, replace_atoms
from gmm_pipeline.core.sketch.numbers import Numbers, numbers_of
from gmm_pipeline.errors import in_column

_UNSEEN = -2
"""Stands for the atom of nulls, NaN and infinities that no mode takes.

Below NO_ATOM, which means a continuous mode.
"""
_WITHOUT_MODE = -3
"""Stands for the atom of finite numbers that no mode takes."""


class NumberCodec:
    """The codec of a column that is read as numbers.

    Parameters
    ----------
    model : ColumnModel
        With a coordinate.
    ranking : Ranking
    field : pyarrow.Field
        The type of decoded rows.
    within : Within, optional
        What decoded numbers stay within; see `default_within`.
    """

    def __init__(
        self,
        model: ColumnModel,
        ranking: Ranking,
        field: pa.Field,
        within: Within | None = None,
    ) -> None:
        self._counted = counted_type(field.type, model.coordinate)
        numeric = numeric_type(self._counted)
        if model.coordinate is None or numeric is None:
            raise ValueError("a model of labels encodes no numbers")
        self.rows = RowCodec(model, ranking.mode_of_rank, within)
        self.field = field
        self._model = model
        self._ranking = ranking
        self._coordinate = model.coordinate
        self._numeric = numeric
        values = [atom.value for atom in model.atoms]
        self._atom_numbers = numbers_of(
            [0 if value is None else value for value in values], numeric.dtype
        )
        self._atom_is_null = np.array([value is None for value in values], dtype=np.bool_)
        finite = np.flatnonzero(np.isfinite(self._atom_numbers) & ~self._atom_is_null).astype(
            np.int32
        )
        # Without continuous modes, a number that is no atom has no mode.
        self._no_atom = NO_ATOM if model.n_continuous else _WITHOUT_MODE
        self._finite_atoms = (
            AtomIndex(self._atom_numbers[finite], finite, self._no_atom) if finite.size else None
        )

    @cached_property
    def identity(self) -> str:
        """The digest by which encoded tables name this fit."""
        return fit_identity(StoredModel(self._model, self.field), self._ranking)

    def encode(self, array: pa.Array, first_row: int) -> EncodedRows:
        """Encode consecutive rows."""
        batch = NumberBatch.of(self._in_counted_places(array))
        atoms = self._atoms(batch)
        if self._model.rules.out_of_range == "clip":
            batch, atoms = self._clipped(batch, atoms)
        if not self._model.n_continuous:
            refuse_without_mode(int(np.count_nonzero(atoms == _WITHOUT_MODE)), self._model)
        unseen = atoms == _UNSEEN
        replaced = bool(unseen.any())
        if replaced:
            refuse_unseen_numbers(self._model, int(np.count_nonzero(unseen)))
        with in_column(self._model.column):
            x = self._coordinates(batch, atoms)
        if replaced:
            # Any valid mode will do: rank 0, the most frequent mode, is written over it below.
            atoms[unseen] = 0 if self._model.atoms else NO_ATOM
        encoded = EncodedRows(*self.rows.encode(x, atoms, first_row))
        if replaced:
            # Rank 0 is the most frequent mode; value 0 is its mean or middle, or the atom itself.
            encoded.value[unseen], encoded.rank[unseen] = 0.0, 0
        return encoded

    def decode(self, encoded: EncodedRows, first_row: int) -> pa.Array:
        """Decode rows to the column's own type."""
        del first_row
        if not self._model.n_continuous:
            # Ranks were checked when the rows were read.
            return pc.take(self._atoms_by_rank, pa.array(encoded.rank), boundscheck=False)
        return self._decoded(*self.rows.decode(encoded.value, encoded.rank))

    def compare(self, array: pa.Array, encoded: EncodedRows, first_row: int) -> RoundTrip:
        """Decode rows and compare them with the original; NaN equals NaN, and null equals null."""
        del first_row
        x, atoms = self.rows.decode(encoded.value, encoded.rank)
        before, after = (
            NumberBatch.of(with_places(rows, self._counted))
            for rows in (array, self._decoded(x, atoms))
        )
        differently_null = np.zeros(0, dtype=np.bool_)
        if before.nulls is not None or after.nulls is not None:
            differently_null = before.is_null() ^ after.is_null()
        precision = Tolerance(
            self.rows.half_width_of_rank, self.rows.value_dtype, self._numeric.precision
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
        """What each rank decodes to, for columns whose modes are all atoms."""
        ranks = np.arange(self.rows.n_modes, dtype=self.rows.rank_dtype)
        return self._decoded(
            *self.rows.decode(np.zeros(ranks.size, dtype=self.rows.value_dtype), ranks)
        )

    def _clipped(
        self, batch: NumberBatch, atoms: NDArray[np.int32]
    ) -> tuple[NumberBatch, NDArray[np.int32]]:
        """Return rows, and their atoms, with the nearest known number in the place of new ones."""
        new: NDArray[np.bool_] | slice = atoms == self._no_atom if atoms.size else slice(None)
        numbers = batch.numbers.copy()
        numbers[new] = self._known.nearest(numbers[new])
        clipped = NumberBatch(numbers, batch.nulls)
        return clipped, self._atoms(clipped)

    @cached_property
    def _known(self) -> KnownNumbers:
        return KnownNumbers.of(self._model, self._coordinate)

    def _coordinates(self, batch: NumberBatch, atoms: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the coordinate of each row that is no atom; that of other rows is meaningless."""
        if not self._model.n_continuous:
            return np.empty(batch.numbers.size)
        numbers = batch.numbers
        if atoms.size:
            # Atoms may have no coordinate: the middle of the range stands in for them.
            low, high = self._model.range
            ordinary = self._coordinate.backward(np.array([low / 2 + high / 2]))
            numbers = replace_atoms(numbers, atoms, ordinary)
        x = self._coordinate.forward(numbers)
        refuse_out_of_range(x, self._model)
        return x

    def _atoms(self, batch: NumberBatch) -> NDArray[np.int32]:
        """Return the atom of each row.

        It is `NO_ATOM` for continuous modes, and `_UNSEEN` or `_WITHOUT_MODE` if no mode takes the
        row. Empty when the column has no atoms and all numbers are finite.
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

    def _decoded(self, x: NDArray[np.float64], atoms: NDArray[np.int32]) -> pa.Array:
        """Return rows in the column's own type, from their coordinates and atoms."""
        if not self._atom_numbers.size:
            numbers = self._numeric.within_bounds(self._coordinate.backward(x))
            return self._in_own_type(numbers, None)
        if self._model.n_continuous:
            # A copy, because the coordinate may have returned x itself.
            numbers = self._numeric.within_bounds(self._coordinate.backward(x)).copy()
        else:
            numbers = np.empty_like(self._atom_numbers, shape=x.shape)
        nulls = np.empty(atoms.size, dtype=np.bool_)
        n_nulls = place_atoms(atoms, self._atom_numbers, self._atom_is_null, numbers, nulls)
        return self._in_own_type(numbers, nulls if n_nulls else None)

    def _in_counted_places(self, array: pa.Array) -> pa.Array:
        """Return rows in the type that the fit counted; decimals may have fewer places there."""
        if array.type != self._counted and self._model.rules.out_of_range == "clip":
            array = rounded(array, self._counted)
        with in_column(self._model.column):
            return with_places(array, self._counted)

    def _in_own_type(self, numbers: Numbers, nulls: NDArray[np.bool_] | None) -> pa.Array:
        array = from_numbers(numbers, nulls, self._counted)
        return array if self._counted == self.field.type else array.cast(self.field.type)
