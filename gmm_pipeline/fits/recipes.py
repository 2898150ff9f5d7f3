"""How each stage's result is made from those before it. Plain functions: the assets call them, and
so do tests.

Where the stage's last result is given and the column only became longer since, its files are kept
and only what the new rows call for is written beside them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from gmm_pipeline.arrow.column_codec import column_codec
from gmm_pipeline.arrow.column_types import reading_of
from gmm_pipeline.arrow.encoded_tables import encoded_schema
from gmm_pipeline.arrow.field_text import original_field, stored_schema
from gmm_pipeline.arrow.model_document import StoredModel
from gmm_pipeline.arrow.parquet import open_reader
from gmm_pipeline.arrow.parquet_column import ParquetColumn
from gmm_pipeline.arrow.parquet_rows import Footers
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.engines.engine import NO_PARTS, Engine, ExistingParts, RowsFitter, no_rows_fitter
from gmm_pipeline.errors import StoreError, in_column
from gmm_pipeline.fits import illustrations
from gmm_pipeline.fits.fitting import fit_modes, sketch_request
from gmm_pipeline.fits.refitting import decide
from gmm_pipeline.fits.stages import (
    FEATURE_RANK,
    MODEL,
    RAW,
    SKETCH,
    SOURCE,
    TRANSFORMED,
    TYPE,
    Stage,
)
from gmm_pipeline.fits.summaries import (
    join_round_trips,
    model_summary,
    ranking_summary,
    round_trip_summary,
    sketch_summary,
)
from gmm_pipeline.store.manifest import Manifest, Origin
from gmm_pipeline.store.model_files import MODEL_FILE, read_model, write_model
from gmm_pipeline.store.ranking_files import RANKING_FILE, read_ranking, write_ranking
from gmm_pipeline.store.result import Product, Result, StageOutput
from gmm_pipeline.store.sketch_files import (
    FITTED_SKETCH_FILE,
    SKETCH_FILE,
    read_sketch,
    write_sketch,
)
from gmm_pipeline.store.snapshot import check_belonging

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from gmm_pipeline.fits.settings import ColumnSettings
    from gmm_pipeline.store.column_folder import ColumnFolder
    from gmm_pipeline.store.fit_view import ColumnFit

Guard = Callable[[], AbstractContextManager[None]]
_REMEMBERED = 32
"""Contents that a result tells to have grown from: more than ever come between two looks at it."""


def raw(
    column: ParquetColumn,
    source_digests: Sequence[str],
    settings: ColumnSettings,
    engine: Engine,
    last: Result | None = None,
    guard: Guard = nullcontext,
) -> Product:
    """Return the recipe of a column's copy; raise UnsupportedTypeError if its type cannot be
    encoded.

    Parameters
    ----------
    column : ParquetColumn
    source_digests : sequence of str
        Of the source as it was after each batch of files.
    settings : ColumnSettings
    engine : Engine
    last : Result or None
        The copy that there is, to be continued if the source only became longer.
    guard : callable
        Returns a context for reading the source: it raises SourceError if files changed meanwhile,
        so that a copy of two versions is not published. See `LocalTable.require_unchanged`.
    """
    reading_of(column.field, settings.kind)
    kept = last if last is not None and _continued(last, column, source_digests, settings) else None

    def write(folder: Path) -> StageOutput:
        with guard():
            files = engine.copy(column, folder, _written(kept))
        return StageOutput({"type": str(column.field.type)}, files)

    return Product(
        column=column.field.name,
        stage=RAW.name,
        origin=RAW.origin({SOURCE: source_digests[-1]}, settings),
        rows=column.rows,
        write=write,
        columns=_types(stored_schema(column.field)),
        keeps=kept,
        continues=_continues(kept),
    )


def sketch(
    raw: Result, settings: ColumnSettings, engine: Engine, last: Result | None = None
) -> Product:
    """Return the recipe of a column's sketch; the last one is extended if the column only became
    longer.
    """
    column = stored_column(raw)
    contents = {RAW.name: raw.manifest.content}
    known = last if last is not None and _extends(SKETCH, last, raw, contents, settings) else None

    def write(folder: Path) -> StageOutput:
        request = sketch_request(settings)
        with in_column(column.field.name):
            if known is None:
                sketched = engine.sketch(column, request)
            else:
                sketched = engine.extend_sketch(
                    read_sketch(known.file(SKETCH_FILE)), column, request
                )
        write_sketch(folder / SKETCH_FILE, sketched)
        return StageOutput(sketch_summary(sketched))

    return Product(
        column=column.field.name,
        stage=SKETCH.name,
        origin=SKETCH.origin(contents, settings),
        rows=column.rows,
        write=write,
        columns={},
        continues=_continues(known),
    )


def model(
    raw: Result,
    sketch: Result,
    settings: ColumnSettings,
    last: Result | None = None,
    fit_rows: RowsFitter = no_rows_fitter,
) -> Product:
    """Return the recipe of a column's model: the last one where rows were added that it suits,
    otherwise a new fit.

    Methods that are fitted to all rows, not to the sketch, are fitted by `fit_rows`.
    """
    name = raw.manifest.column
    origin = MODEL.origin(
        {TYPE: str(raw.manifest.summary["type"]), SKETCH.name: sketch.manifest.content}, settings
    )
    decision = decide(last, sketch, origin, settings)
    kept = None if decision.fit else last

    def write(folder: Path) -> StageOutput:
        if kept is not None:
            return StageOutput({**kept.manifest.summary, **decision.summary(settings)})
        with in_column(name):
            field = _original_field(raw)
            fitted = fit_modes(read_sketch(sketch.file(SKETCH_FILE)), field, settings, fit_rows)
        write_model(folder, StoredModel(fitted, field))
        shutil.copyfile(sketch.file(SKETCH_FILE), folder / FITTED_SKETCH_FILE)
        return StageOutput({**model_summary(fitted), **decision.summary(settings)})

    return Product(
        column=name,
        stage=MODEL.name,
        origin=origin,
        rows=raw.manifest.rows if kept is None else kept.manifest.rows,
        write=write,
        columns={},
        keeps=kept,
        illustrate=illustrations.of_model(sketch),
    )


def feature_rank(model: Result, settings: ColumnSettings, last: Result | None = None) -> Product:
    """Return the recipe of a ranking by the rows that the model was fitted to; the last one, if it
    is of this model.
    """
    origin = FEATURE_RANK.origin({MODEL.name: model.manifest.content}, settings)
    kept = last if last is not None and last.manifest.origin == origin else None

    def write(folder: Path) -> StageOutput:
        if kept is not None:
            return StageOutput(kept.manifest.summary)
        if FITTED_SKETCH_FILE not in model.manifest.files:
            raise StoreError(
                f"{model.folder} does not hold the sketch that it was fitted to",
                column=model.manifest.column,
                remedy="Fit it again with `gmm-pipeline run --refit`",
            )
        stored = read_model(model.checked_file(MODEL_FILE))
        ranking = rank_modes(stored.model, read_sketch(model.file(FITTED_SKETCH_FILE)))
        write_ranking(folder, stored, ranking)
        return StageOutput(ranking_summary(ranking))

    return Product(
        column=model.manifest.column,
        stage=FEATURE_RANK.name,
        origin=origin,
        rows=model.manifest.rows,
        write=write,
        columns={},
        keeps=kept,
    )


def transformed(
    raw: Result,
    model: Result,
    feature_rank: Result,
    settings: ColumnSettings,
    engine: Engine,
    last: Result | None = None,
) -> Product:
    """Return the recipe of a column's encoded rows, compared on the way with what they decode
    to.
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
    kept = (
        last if last is not None and _extends(TRANSFORMED, last, raw, contents, settings) else None
    )

    def write(folder: Path) -> StageOutput:
        with in_column(column.field.name):
            outcome, files = engine.encode(column, codec, folder, _written(kept))
            summary = round_trip_summary(outcome, codec)
        return StageOutput(
            summary if kept is None else join_round_trips(kept.manifest.summary, summary), files
        )

    return Product(
        column=column.field.name,
        stage=TRANSFORMED.name,
        origin=TRANSFORMED.origin(contents, settings),
        rows=column.rows,
        write=write,
        columns=_types(encoded_schema({column.field.name: codec})),
        keeps=kept,
        continues=_continues(kept),
        illustrate=illustrations.of_transformed(feature_rank),
    )


def publish_without_rows(
    column: ColumnFolder, fit: ColumnFit, settings: ColumnSettings
) -> dict[str, Manifest]:
    """Publish a column that was fitted outside of a store: its sketch, if at hand, model and ranking.

    Returns the manifests by stage. Each names the content of the one before, so that results of two
    fits are never taken for those of one.
    """
    model, name, sketched = fit.stored.model, fit.stored.model.column, fit.sketch()

    def write_stored_model(folder: Path) -> StageOutput:
        write_model(folder, fit.stored)
        if sketched is not None:
            write_sketch(folder / FITTED_SKETCH_FILE, sketched)
        return StageOutput(model_summary(model))

    def write_stored_sketch(folder: Path) -> StageOutput:
        if sketched is None:
            raise ValueError("there is no sketch to write")
        write_sketch(folder / SKETCH_FILE, sketched)
        return StageOutput(sketch_summary(sketched))

    def write_stored_ranking(folder: Path) -> StageOutput:
        write_ranking(folder, fit.stored, fit.ranking)
        return StageOutput(ranking_summary(fit.ranking))

    writers = {MODEL: write_stored_model, FEATURE_RANK: write_stored_ranking}
    if sketched is not None:
        writers = {SKETCH: write_stored_sketch, **writers}
    published: dict[str, Manifest] = {}
    for stage, write in writers.items():
        origin = Origin(
            inputs={before: manifest.content for before, manifest in published.items()},
            settings=settings.model_dump(mode="json"),
        )
        product = Product(
            column=name, stage=stage.name, origin=origin, rows=model.rows, write=write, columns={}
        )
        published[stage.name] = column.publish(product).manifest
    return published


def stored_column(raw: Result) -> ParquetColumn:
    """Return the rows of a stored column."""
    return stored_columns(raw)[0]


def stored_columns(result: Result) -> list[ParquetColumn]:
    """Return the columns of a result's table."""
    files, footers = tuple(result.tables()), Footers()
    file_rows = tuple(footers.of(file).rows for file in files)
    return [
        ParquetColumn(field, files, file_rows, footers=footers)
        for field in footers.of(files[0]).schema
    ]


def _original_field(raw: Result) -> pa.Field:
    with open_reader(raw.tables()[0]) as reader:
        return original_field(reader.schema_arrow)


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema}


def _continued(
    last: Result, column: ParquetColumn, source_digests: Sequence[str], settings: ColumnSettings
) -> bool:
    """Whether a copy holds the first rows of a column, from before files were added."""
    before = last.manifest.origin.inputs.get(SOURCE, "")
    same = RAW.origin({SOURCE: before}, settings) == last.manifest.origin
    return same and before in source_digests[:-1] and _original_field(last) == column.field


def _extends(
    stage: Stage, last: Result, raw: Result, contents: Mapping[str, str], settings: ColumnSettings
) -> bool:
    """Whether a result is what would be made of the first parts of a column's copy, others having
    come after.
    """
    before = last.manifest.origin.inputs.get(RAW.name, "")
    same = stage.origin({**contents, RAW.name: before}, settings) == last.manifest.origin
    return same and before != contents[RAW.name] and raw.manifest.leading_files(before) is not None


def _written(kept: Result | None) -> ExistingParts:
    return NO_PARTS if kept is None else ExistingParts(kept.manifest.rows, len(kept.tables()))


def _continues(kept: Result | None) -> tuple[str, ...]:
    return () if kept is None else (*kept.manifest.continues, kept.manifest.content)[-_REMEMBERED:]
