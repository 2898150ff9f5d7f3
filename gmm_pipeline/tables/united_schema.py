"""The columns of files that make up one table: their types are united, or do not fit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gmm_pipeline.arrow.type_families import common_type
from gmm_pipeline.errors import SourceError


@dataclass(frozen=True)
class SchemaOfFiles:
    """Consecutive or scattered files with the same columns, by their position in the table.

    Parameters
    ----------
    fields : dict of str to pyarrow.Field
    first, last : int
    """

    fields: dict[str, pa.Field]
    first: int
    last: int


@dataclass(frozen=True)
class UnitedSchema:
    """The columns of a table of several files.

    Parameters
    ----------
    schema : pyarrow.Schema
        Each type holds the values of all files.
    first_files : dict of str to int
        The number of the first file that has a column, where earlier files lack it.
    conflicts : dict of str to SourceError
        Why a column cannot be read: no type holds its values in all files, or a file lacks it.
    """

    schema: pa.Schema
    first_files: Mapping[str, int]
    conflicts: Mapping[str, SourceError]

    @classmethod
    def of(
        cls, schemas: Sequence[pa.Schema], rows: Sequence[int], names: Sequence[str]
    ) -> UnitedSchema:
        """Unite the schemas of files; a file without rows has no say.

        Parameters
        ----------
        schemas : sequence of pyarrow.Schema
        rows : sequence of int
            Of each file; at least one has some.
        names : sequence of str
            What messages call the files.
        """
        different = _different_schemas(schemas, rows)
        start = different[0].first
        fields, first_files, conflicts = [], {}, {}
        for column in dict.fromkeys(name for each in different for name in each.fields):
            holders = [each for each in different if column in each.fields]
            field = _united_field([each.fields[column] for each in holders])
            first = min(each.first for each in holders)
            conflict = _conflict(column, field, different, first, names)
            if conflict is not None:
                conflicts[column] = conflict
            if first > start:
                first_files[column] = first
            known = holders[0].fields[column] if field is None else field
            fields.append(known.with_nullable(True) if first > start else known)
        return cls(pa.schema(fields), first_files, conflicts)


def _different_schemas(schemas: Sequence[pa.Schema], rows: Sequence[int]) -> list[SchemaOfFiles]:
    """Return each schema once, with the first and the last of the files with rows that have it."""
    found: list[tuple[pa.Schema, int, int]] = []
    for number, (schema, size) in enumerate(zip(schemas, rows, strict=True)):
        if not size:
            continue
        known = next((n for n, each in enumerate(found) if each[0].equals(schema)), None)
        if known is None:
            found.append((schema, number, number))
        else:
            found[known] = (schema, found[known][1], number)
    return [
        SchemaOfFiles({field.name: field for field in schema}, first, last)
        for schema, first, last in found
    ]


def _united_field(fields: Sequence[pa.Field]) -> pa.Field | None:
    """Return the field that holds the values of some; None if there is none."""
    if len(fields) == 1:
        return fields[0]
    united = common_type(field.type for field in fields)
    nullable = any(field.nullable for field in fields)
    return None if united is None else pa.field(fields[0].name, united, nullable)


def _conflict(
    column: str,
    united: pa.Field | None,
    different: Sequence[SchemaOfFiles],
    first: int,
    names: Sequence[str],
) -> SourceError | None:
    """Return how files differ in a column that file `first` has; None if they fit together."""
    kind = next(each.fields[column].type for each in different if each.first == first)
    for each in different:
        other = each.fields.get(column)
        lacks_it = other is None and each.last > first
        if lacks_it or (united is None and other is not None and other.type != kind):
            return SourceError(
                f"files of one table differ: type {kind} in {names[first]}, "
                f"{'missing' if other is None else other.type} in {names[each.last]}",
                column=column,
                remedy="Write the files with one schema, run them as separate tables, or leave the "
                "column out",
            )
    return None
