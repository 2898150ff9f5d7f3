"""A hash table from numbers to atoms: which atom, if any, a row's number belongs to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import LANES, kernel
from gmm_pipeline.core.sketch.numbers import Numbers

NO_ATOM = -1
"""Stands for the atom of a number that is none."""
_LEAST_SLOT_BITS = 6
"""64 slots take 768 bytes; a smaller table would not be faster."""
_WORD = 64
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2**64 divided by the golden ratio, for multiplicative hashing."""
_ONE, _ZERO = np.uint64(1), np.uint64(0)


class AtomIndex:
    """A hash table of the numbers that are atoms; at least half of its slots are empty.

    Parameters
    ----------
    numbers : int64 or float64 array of shape (n,)
        Finite and distinct.
    atoms : int32 array of shape (n,)
        The atom of each, from 0 on.
    missing : int
        Below 0: what `find` returns for all other numbers.
    """

    def __init__(self, numbers: Numbers, atoms: NDArray[np.int32], missing: int) -> None:
        # More than twice as many slots as numbers, so that most numbers are in their first slot.
        slot_bits = max(_LEAST_SLOT_BITS, (2 * numbers.size + 1).bit_length())
        self._shift = np.uint64(_WORD - slot_bits)
        # Bits are compared, not numbers: one kernel serves int64 and float64.
        self._keys = np.zeros(1 << slot_bits, dtype=np.uint64)
        self._atoms = np.full(1 << slot_bits, missing, dtype=np.int32)
        # Of floats, −0.0 is the one number that equals another one of other bits.
        self._negative_zero = np.uint64(1 << (_WORD - 1) if numbers.dtype == np.float64 else 0)
        _fill(
            numbers.view(np.uint64),
            atoms,
            self._negative_zero,
            self._shift,
            self._keys,
            self._atoms,
        )

    def find(self, numbers: Numbers) -> NDArray[np.int32]:
        """Return the atom of each number, or `missing`, shape (n,)."""
        found = np.empty(numbers.size, dtype=np.int32)
        _find(
            numbers.view(np.uint64),
            self._negative_zero,
            self._shift,
            self._keys,
            self._atoms,
            found,
        )
        return found


@kernel
def _key(number: np.uint64, negative_zero: np.uint64) -> np.uint64:
    """Return the bits by which a number is looked up: −0.0 has those of 0.0."""
    return _ZERO if number == negative_zero else number


@kernel
def _first_slot(key: np.uint64, shift: np.uint64) -> np.uint64:
    """Return the first slot to try for a key: the leading bits of its product with a constant.

    Multiplicative hashing spreads consecutive numbers over the table (Knuth, 1973, "The art of
    computer programming" 3, section 6.4).
    """
    return (key * _GOLDEN) >> shift


@kernel
def _slot_of(
    key: np.uint64, shift: np.uint64, keys: NDArray[np.uint64], atoms: NDArray[np.int32]
) -> np.uint64:
    """Return the slot of a key, or the empty slot where it would go (linear probing)."""
    slot = _first_slot(key, shift)
    while atoms[slot] >= 0 and keys[slot] != key:
        slot = (slot + _ONE) & np.uint64(keys.size - 1)
    return slot


@kernel
def _fill(
    numbers: NDArray[np.uint64],
    atoms_of: NDArray[np.int32],
    negative_zero: np.uint64,
    shift: np.uint64,
    keys: NDArray[np.uint64],
    atoms: NDArray[np.int32],
) -> None:
    """Enter numbers and their atoms into an empty table."""
    for i in range(numbers.size):
        key = _key(numbers[i], negative_zero)
        slot = _slot_of(key, shift, keys, atoms)
        keys[slot], atoms[slot] = key, atoms_of[i]


@kernel
def _find(
    numbers: NDArray[np.uint64],
    negative_zero: np.uint64,
    shift: np.uint64,
    keys: NDArray[np.uint64],
    atoms: NDArray[np.int32],
    found: NDArray[np.int32],
) -> None:
    """Look up numbers: all in their first slot, then the few that were displaced from it."""
    # Whether a row is an atom is unpredictable, so the first loop has no branch on it: a
    # mispredicted branch costs more than the work that it would save.
    displaced, n_displaced = np.empty(numbers.size, dtype=np.int64), 0
    for i in range(numbers.size):
        key = _key(numbers[i], negative_zero)
        slot = _first_slot(key, shift)
        found[i] = atoms[slot]
        displaced[n_displaced] = i
        n_displaced += (atoms[slot] >= 0) & (keys[slot] != key)
    for i in displaced[:n_displaced]:
        found[i] = atoms[_slot_of(_key(numbers[i], negative_zero), shift, keys, atoms)]


@kernel
def replace_atoms(numbers: Numbers, atoms: NDArray[np.int32], replacement: Numbers) -> Numbers:
    """Return numbers, (n,), with those that are atoms replaced by another one, (1,)."""
    others = np.empty_like(numbers)
    for i in range(numbers.size):
        others[i] = numbers[i] if atoms[i] == NO_ATOM else replacement[0]
    return others


def split_atoms(numbers: Numbers, atoms: NDArray[np.int32], counts: NDArray[np.int64]) -> Numbers:
    """Add the rows of each atom to `counts`, (n_atoms,); return the other numbers in order."""
    others = np.empty_like(numbers)
    # Rows of one atom often follow one another: they take turns in LANES tables.
    counted = np.zeros((LANES, 1 + counts.size), dtype=np.int64)
    size = _split_atoms(numbers, atoms, counted, others)
    counts += counted[:, 1:].sum(axis=0)
    return others[:size]


@kernel
def _split_atoms(
    numbers: Numbers, atoms: NDArray[np.int32], counted: NDArray[np.int64], others: Numbers
) -> int:
    """Count atoms in `counted`, (LANES, 1 + n_atoms); return how many other numbers there are."""
    size = 0
    for i in range(numbers.size):
        # Written always, counted only if it is no atom: no branch on what is unpredictable.
        others[size] = numbers[i]
        size += atoms[i] == NO_ATOM
        counted[i & (LANES - 1), 1 + atoms[i]] += 1
    return size


@kernel
def place_atoms(
    atoms: NDArray[np.int32],
    numbers_of_atoms: Numbers,
    null_of_atoms: NDArray[np.bool_],
    numbers: Numbers,
    nulls: NDArray[np.bool_],
) -> int:
    """Write the numbers and nulls of rows that are atoms; return the number of nulls.

    `numbers` and `nulls` have one entry a row; rows that are no atom keep their number.
    """
    n_nulls = 0
    for i in range(atoms.size):
        # A valid index in any case, so that the selections below compile without a branch.
        atom, is_atom = max(atoms[i], 0), atoms[i] >= 0
        numbers[i] = numbers_of_atoms[atom] if is_atom else numbers[i]
        nulls[i] = is_atom & null_of_atoms[atom]
        n_nulls += nulls[i]
    return n_nulls
