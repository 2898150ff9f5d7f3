"""Partitions are columns: their keys are the columns' names, but for what Dagster cannot take."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from gmm_pipeline.errors import SourceError, did_you_mean
from gmm_pipeline.store.names import encode_key, encode_name


def partitions_of(fit: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a fit: one per column."""
    return dg.DynamicPartitionsDefinition(name=f"{fit}_columns")


@dataclass(frozen=True)
class PartitionKeys:
    """The partition keys of a fit's columns in an instance.

    Version 0.1.0 used folder names as keys, which escape more characters. A column whose partition
    is registered by such a key keeps it, because its history goes by it.

    Parameters
    ----------
    registered : frozenset of str
        The keys that the instance knows.
    """

    registered: frozenset[str]

    @classmethod
    def of(cls, fit: str, instance: dg.DagsterInstance) -> PartitionKeys:
        """Return the keys of a fit in an instance."""
        return cls(frozenset(instance.get_dynamic_partitions(str(partitions_of(fit).name))))

    def key(self, column: str) -> str:
        """Return the key of a column."""
        earlier = encode_name(column)
        return earlier if earlier in self.registered else encode_key(column)

    def unregistered(self, columns: Iterable[str]) -> list[str]:
        """Return the keys of those columns that the instance does not know."""
        return [key for key in map(self.key, columns) if key not in self.registered]


def column_of(key: str, columns: Sequence[str]) -> str:
    """Return the column of a partition key; raise SourceError if none of the columns has it."""
    found = columns_with([key], columns)
    if not found:
        keys = map(encode_key, columns)
        raise SourceError(f"no column has the key {key!r}", remedy=did_you_mean(key, keys))
    return found[0]


def columns_with(keys: Collection[str], columns: Iterable[str]) -> list[str]:
    """Return those of the columns that have one of the keys, in whatever instance."""
    wanted = set(keys)
    return [name for name in columns if wanted & {encode_key(name), encode_name(name)}]
