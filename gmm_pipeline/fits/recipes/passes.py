"""Recipes that pass over a column's rows by an engine: its copy, its sketch, its encoded rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from gmm_pipeline.arrow.column_codec import column_codec
from gmm_pipeline.arrow.column_types import reading_of
from gmm_pipeline.arrow.encoded_tables import encoded_schema
from gmm_pipeline.arrow.field_text import stored_schema
from gmm_pipeline.arrow.parquet_column import ParquetColumn
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.errors import in_column
from gmm_pipeline.fits import illustrations
from gmm_pipeline.fits.fitting import sketch_request
from gmm_pipeline.fits.recipes.growth import (
    continued_contents,
    existing_parts,
    holds_first_rows,
    is_of_first_parts,
)
from gmm_pipeline.fits.stages import FEATURE_RANK, MODEL, RAW, SKETCH, SOURCE, TRANSFORMED
from gmm_pipeline.fits.stored_columns import stored_column
from gmm_pipeline.fits.summaries import join_round_trips, round_trip_summary, sketch_summary
from gmm_pipeline.store.model_files import MODEL_FILE, read_model
from gmm_pipeline.store.ranking_files import RANKING_FILE, read_ranking
from gmm_pipeline.store.result import Product, Result, StageOutput
from gmm_pipeline.store.sketch_files import SKETCH_FILE, read_sketch, write_sketch
from gmm_pipeline.store.snapshot import check_belonging

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from gmm_pipeline.fits.settings import ColumnSettings

Guard = Callable[[], AbstractContextManager[None]]
"""Returns a context that raises SourceError at its end if the source's files changed in it."""


def raw(
    column: ParquetColumn,
    source_digests: Sequence[str],
    settings: ColumnSettings,
    engine: Engine,
    last: Result | None = None,
    guard: Guard = nullcontext,
) -> Product:
    """Return the recipe of a column's copy.

    Parameters
    ----------
    column : ParquetColumn
        The column in its source.
    source_digests : sequence of str
        Digests of the source after each batch of files that was added to it; the last is of the
        source as it is now.
    settings : ColumnSettings
    engine : Engine
    last : Result or None
        The column's last copy; new rows are written beside it if the source only became longer.
    guard : callable
        Returns the context in which the source is read, so that a copy of two versions of the
        source is not published. See `LocalTable.require_unchanged`.

    Raises
    ------
    UnsupportedTypeError
        If the column's type cannot be encoded.
    """
    reading_of(column.field, settings.kind)
    if last is not None and not holds_first_rows(last, column, source_digests, settings):
        last = None

    def write(folder: Path) -> StageOutput:
        with guard():
            files = engine.copy(column, folder, existing_parts(last))
        return StageOutput({"type": str(column.field.type)}, files)

    return Product(
        column=column.field.name,
        stage=RAW.name,
        origin=RAW.origin({SOURCE: source_digests[-1]}, settings),
        rows=column.rows,
        write=write,
        columns=_types(stored_schema(column.field)),
        keeps=last,
        continues=continued_contents(last),
    )


def sketch(
    raw: Result, settings: ColumnSettings, engine: Engine, last: Result | None = None
) -> Product:
    """Return the recipe of a column's sketch.

    The last sketch is extended by the new rows if the column only became longer.
    """
    column = stored_column(raw)
    contents = {RAW.name: raw.manifest.content}
    if last is not None and not is_of_first_parts(last, SKETCH, raw, contents, settings):
        last = None

    def write(folder: Path) -> StageOutput:
        request = sketch_request(settings)
        with in_column(column.field.name):
            if last is None:
                new_sketch = engine.sketch(column, request)
            else:
                before = read_sketch(last.file(SKETCH_FILE))
                new_sketch = engine.extend_sketch(before, column, request)
        write_sketch(folder / SKETCH_FILE, new_sketch)
        return StageOutput(sketch_summary(new_sketch))

    return Product(
        column=column.field.name,
        stage=SKETCH.name,
        origin=SKETCH.origin(contents, settings),
        rows=column.rows,
        write=write,
        columns={},
        continues=continued_contents(last),
    )


def transformed(
    raw: Result,
    model: Result,
    feature_rank: Result,
    settings: ColumnSettings,
    engine: Engine,
    last: Result | None = None,
) -> Product:
    """Return the recipe of a column's encoded rows, each compared with what it decodes to.

    New rows are written beside the last ones if the column only became longer and the same modes
    encode it.

    Raises
    ------
    StoreError
        If the ranking is not of this model.
    """
    check_belonging(model.manifest, feature_rank.manifest)
    column = stored_column(raw)
    stored = read_model(model.checked_file(MODEL_FILE))
    codec = column_codec(stored.model, read_ranking(feature_rank.file(RANKING_FILE)), column.field)
    contents = {
        RAW.name: raw.manifest.content,
        MODEL.name: model.manifest.content,
        FEATURE_RANK.name: feature_rank.manifest.content,
    }
    if last is not None and not is_of_first_parts(last, TRANSFORMED, raw, contents, settings):
        last = None

    def write(folder: Path) -> StageOutput:
        with in_column(column.field.name):
            round_trip, files = engine.encode(column, codec, folder, existing_parts(last))
            summary = round_trip_summary(round_trip, codec)
        if last is not None:
            summary = join_round_trips(last.manifest.summary, summary)
        return StageOutput(summary, files)

    return Product(
        column=column.field.name,
        stage=TRANSFORMED.name,
        origin=TRANSFORMED.origin(contents, settings),
        rows=column.rows,
        write=write,
        columns=_types(encoded_schema({column.field.name: codec})),
        keeps=last,
        continues=continued_contents(last),
        illustrate=illustrations.of_transformed(feature_rank),
    )


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema}
