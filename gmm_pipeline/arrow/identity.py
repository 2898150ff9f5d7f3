"""By which fit each column of an encoded table was encoded: a note in the schema's metadata.

Parquet files carry it; CSV files and frames of Polars cannot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import pyarrow as pa

from gmm_pipeline.arrow.column_codec import ColumnCodec
from gmm_pipeline.errors import StoreError

_KEY = b"gmm_pipeline.fits"

Identities = Mapping[str, str]
"""The identity of the fit that encoded a column, by the column's name."""


def with_identities(schema: pa.Schema, codecs: Mapping[str, ColumnCodec]) -> pa.Schema:
    """Return a schema of encoded rows that says by which fits they are encoded."""
    identities = {column: codec.identity for column, codec in codecs.items()}
    return schema.with_metadata({_KEY: json.dumps(identities)})


def identities_in(metadata: Mapping[bytes, bytes] | None) -> Identities:
    """Return what the metadata of a schema or a Parquet file says; nothing if it says nothing."""
    text = (metadata or {}).get(_KEY)
    return {} if text is None else dict(json.loads(text))


def check_identities(
    found: Iterable[Identities], codecs: Mapping[str, ColumnCodec], *, generated: bool
) -> None:
    """Check that rows are decoded by the fits that encoded them.

    Parameters
    ----------
    found : iterable of mapping
        What each file of the encoded table says.
    codecs : mapping of str to ColumnCodec
        The fits to decode by.
    generated : bool
        Whether rows of files that say nothing are rows of these fits, as those of a model are.

    Raises
    ------
    StoreError
        If a column was encoded by another fit, or a file does not say by which.
    """
    for identities in found:
        for column, codec in codecs.items():
            identity = identities.get(column)
            if identity is None and not generated:
                raise StoreError(
                    "the encoded table does not say by which fit it was encoded",
                    column=column,
                    remedy="If a model generated the rows, or they come from this very fit, say so: "
                    "--generated, or generated=True in Python",
                )
            if identity is not None and identity != codec.identity:
                raise StoreError(
                    f"another fit encoded the rows: {identity}, and this one is {codec.identity}",
                    column=column,
                    remedy="Decode with the fit that encoded them: `gmm-pipeline inverse` finds it among "
                    "a store's generations, TableEncoder.load(path, generation=…) loads it",
                )
