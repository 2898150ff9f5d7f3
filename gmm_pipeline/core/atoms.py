"""Which atom holds a number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coordinate import Numbers
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.values import hash_of

NO_ATOM = -1
_LEAST_SLOTS = 64


class AtomIndex:
    """A hash table of numbers that stand for themselves.

    Parameters
    ----------
    numbers : int64 or float64 array of shape (n,)
        Finite and different from one another.
    atoms : int32 array of shape (n,)
        The atom of each.
    """

    def __init__(self, numbers: Numbers, atoms: NDArray[np.int32]) -> None:
        slots = max(_LEAST_SLOTS, 1 << (2 * numbers.size + 1).bit_length())
        self._keys = np.zeros(slots, dtype=np.uint64)
        self._atoms = np.full(slots, NO_ATOM, dtype=np.int32)
        _fill(_bits(numbers), atoms, self._keys, self._atoms)

    def find(self, numbers: Numbers, out: NDArray[np.int32]) -> None:
        """Write the atom of each number that has one to `out`, shape (n,); −0.0 is 0.0."""
        _find(_bits(numbers), self._keys, self._atoms, out)


def _bits(numbers: Numbers) -> NDArray[np.uint64]:
    return (numbers + numbers.dtype.type(0)).view(np.uint64)


@kernel
def _slot_of(bits: np.uint64, keys: NDArray[np.uint64], atoms: NDArray[np.int32]) -> int:
    """Return the slot that holds some bits, or the empty one where they would be."""
    mask = keys.size - 1
    slot = int(hash_of(bits)) & mask
    # Both are asked in any case: whether the first holds is hard to foresee, whether both do is not.
    while (atoms[slot] != NO_ATOM) & (keys[slot] != bits):
        slot = (slot + 1) & mask
    return slot


@kernel
def _fill(
    bits: NDArray[np.uint64], atoms_of: NDArray[np.int32], keys: NDArray[np.uint64], atoms: NDArray[np.int32]
) -> None:
    for i in range(bits.size):
        slot = _slot_of(bits[i], keys, atoms)
        keys[slot], atoms[slot] = bits[i], atoms_of[i]


@kernel
def _find(bits: NDArray[np.uint64], keys: NDArray[np.uint64], atoms: NDArray[np.int32], out: NDArray[np.int32]) -> None:
    for i in range(bits.size):
        atom = atoms[_slot_of(bits[i], keys, atoms)]
        out[i] = out[i] if atom == NO_ATOM else atom


@kernel
def place_atoms(
    atoms: NDArray[np.int32],
    numbers_of_atoms: Numbers,
    null_of_atoms: NDArray[np.bool_],
    numbers: Numbers,
    nulls: NDArray[np.bool_],
) -> int:
    """Write the numbers of the rows that are atoms to `numbers`, and which are null to `nulls`; return how many are."""
    n_nulls = 0
    for i in range(atoms.size):
        if atoms[i] >= 0:
            numbers[i] = numbers_of_atoms[atoms[i]]
            nulls[i] = null_of_atoms[atoms[i]]
            n_nulls += nulls[i]
        else:
            nulls[i] = False
    return n_nulls
