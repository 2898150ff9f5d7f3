"""Which fit encoded each column of an encoded table, kept in the metadata of its schema.

Parquet files carry it; CSV files and Polars frames cannot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from gmm_pipeline.arrow.column_codec import ColumnCodec
from gmm_pipeline.arrow.encoded_rows import value_name
from gmm_pipeline.errors import StoreError

_KEY = b"gmm_pipeline.fits"
"""The metadata key; part of the format of encoded tables."""

Identities = Mapping[str, str]
"""The identity of the fit that encoded each column, by column name."""


def with_identities(schema: pa.Schema, codecs: Mapping[str, ColumnCodec]) -> pa.Schema:
    """Return a schema of encoded rows with the identities of the fits that encode them."""
    identities = {column: codec.identity for column, codec in codecs.items()}
    return schema.with_metadata({_KEY: json.dumps(identities)})


def join_identities(schemas: Iterable[pa.Schema]) -> dict[bytes, bytes]:
    """Return the metadata of a schema of encoded rows that are joined from those of other schemas.

    It is empty if none of them has identities.
    """
    joined = {key: name for each in schemas for key, name in identities_in(each.metadata).items()}
    return {_KEY: json.dumps(joined).encode()} if joined else {}


@dataclass(frozen=True)
class EncodedFile:
    """What a file or a table says of the rows that it holds: its columns, and who encoded them."""

    columns: frozenset[str]
    identities: Identities

    @classmethod
    def of(cls, schema: pa.Schema) -> EncodedFile:
        """Take it from the schema of the rows."""
        return cls(frozenset(schema.names), identities_in(schema.metadata))


def identities_in(metadata: Mapping[bytes, bytes] | None) -> Identities:
    """Return the identities in the metadata of a schema or a Parquet file; empty if it has none."""
    text = (metadata or {}).get(_KEY)
    return {} if text is None else dict(json.loads(text))


def check_identities(
    files: Iterable[EncodedFile], codecs: Mapping[str, ColumnCodec], *, generated: bool
) -> None:
    """Check that rows are decoded by the fits that encoded them.

    Parameters
    ----------
    files : iterable of EncodedFile
        Of the encoded table. Columns that they lack are passed over: decoding names them.
    codecs : mapping of str to ColumnCodec
        The fits to decode with.
    generated : bool
        Whether to decode files without identities too, such as those that a model generated.

    Raises
    ------
    StoreError
        If another fit encoded a column, or a file does not say which fit did.
    """
    for file in files:
        for column, codec in codecs.items():
            if value_name(column) not in file.columns:
                continue
            identity = file.identities.get(column)
            if identity is None and not generated:
                raise StoreError(
                    "the encoded table does not say by which fit it was encoded",
                    column=column,
                    remedy="If a model generated the rows, or this fit encoded them, use "
                    "--generated, or generated=True in Python",
                )
            if identity is not None and identity != codec.identity:
                raise StoreError(
                    f"another fit encoded the rows: {identity}, and this one is {codec.identity}",
                    column=column,
                    remedy="Decode with the fit that encoded them: `gmm-pipeline inverse` finds it "
                    "among a store's generations, TableEncoder.load(path, generation=…) loads it",
                )
