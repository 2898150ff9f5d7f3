"""Atoms are found by their numbers, replaced by another number, and written back."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.atom_index import (
    NO_ATOM,
    AtomIndex,
    place_atoms,
    replace_atoms,
    split_atoms,
)

INTEGERS = st.one_of(st.integers(-6, 6), st.integers(-(2**63), 2**63 - 1))
FLOATS = st.one_of(st.integers(-6, 6).map(float), st.floats(allow_nan=False, allow_infinity=False))


def index_of(numbers: NDArray[Any], otherwise: int = NO_ATOM) -> AtomIndex:
    """Return an index in which the atoms are numbered in the order of their numbers."""
    return AtomIndex(numbers, np.arange(numbers.size, dtype=np.int32), otherwise)


def check_found(atoms: set[Any], rows: list[Any], dtype: type) -> None:
    numbers = np.array(sorted(atoms), dtype=dtype)
    number_of = {number: atom for atom, number in enumerate(numbers.tolist())}
    every = np.array([*rows, *numbers.tolist()], dtype=dtype)
    assert index_of(numbers, -2).find(every).tolist() == [
        number_of.get(number, -2) for number in every.tolist()
    ]


@given(st.sets(INTEGERS), st.lists(INTEGERS))
def test_integers_are_found(atoms: set[int], rows: list[int]) -> None:
    check_found(atoms, rows, np.int64)


@given(st.sets(FLOATS), st.lists(FLOATS))
def test_floats_are_found(atoms: set[float], rows: list[float]) -> None:
    check_found(atoms, rows, np.float64)


@pytest.mark.parametrize("atom", [0.0, -0.0])
def test_zeros_of_both_signs_are_one_atom(atom: float) -> None:
    assert index_of(np.array([atom, 1.0])).find(np.array([-0.0, 0.0, 1.0, np.nan])).tolist() == [
        0,
        0,
        1,
        NO_ATOM,
    ]


@given(st.lists(st.integers(-5, 5)), st.sets(st.integers(-6, 6)))
def test_rows_of_atoms_are_counted_and_the_other_numbers_keep_their_order(
    rows: list[int], apart: set[int]
) -> None:
    numbers, atoms = np.array(rows, dtype=np.int64), np.array(sorted(apart), dtype=np.int64)
    counts = np.zeros(atoms.size, dtype=np.int64)
    others = split_atoms(numbers, index_of(atoms).find(numbers), counts)
    assert counts.tolist() == [rows.count(number) for number in atoms.tolist()]
    assert others.tolist() == [number for number in rows if number not in apart]


@given(st.lists(st.integers(-5, 5)), st.sets(st.integers(-6, 6), min_size=1), st.data())
def test_replaced_atoms_are_written_back(
    rows: list[int], atoms: set[int], data: st.DataObject
) -> None:
    numbers, of_atoms = np.array(rows, dtype=np.int64), np.array(sorted(atoms), dtype=np.int64)
    is_null = np.array(
        data.draw(st.lists(st.booleans(), min_size=of_atoms.size, max_size=of_atoms.size))
    )
    found = index_of(of_atoms).find(numbers)
    others = replace_atoms(numbers, found, np.array([99]))
    assert others.tolist() == [99 if number in atoms else number for number in rows]
    nulls = np.empty(numbers.size, dtype=np.bool_)
    n_nulls = place_atoms(found, of_atoms, is_null, others, nulls)
    assert others.tolist() == rows
    assert nulls.tolist() == [atom >= 0 and bool(is_null[atom]) for atom in found.tolist()]
    assert n_nulls == nulls.sum()
