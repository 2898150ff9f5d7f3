"""How each stage's result is made from those before it. Plain functions: the assets call them, and so do tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_pipeline.arrow.codecs import column_codec
from gmm_pipeline.arrow.fields import original_field, stored_schema
from gmm_pipeline.arrow.parquet import open_reader
from gmm_pipeline.arrow.tables import encoded_schema
from gmm_pipeline.arrow.types import reading_of
from gmm_pipeline.core.ranks import Ranking, rank_modes
from gmm_pipeline.core.sketch import Sketch
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.local.parquet_column import ParquetColumn
from gmm_pipeline.errors import in_column
from gmm_pipeline.orchestration.fitting import fit_modes, sketch_request
from gmm_pipeline.orchestration.stages import FEATURE_RANK, MODEL, RAW, SKETCH, SOURCE, TRANSFORMED
from gmm_pipeline.orchestration.summaries import model_summary, ranking_summary, round_trip_summary, sketch_summary
from gmm_pipeline.storage.column_folder import Product, Result
from gmm_pipeline.storage.manifest import Origin
from gmm_pipeline.storage.model_files import MODEL_FILE, StoredModel, read_model, write_model
from gmm_pipeline.storage.ranking_files import RANKING_FILE, read_ranking, write_ranking
from gmm_pipeline.storage.sketch_files import SKETCH_FILE, read_sketch, write_sketch

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from pydantic import JsonValue

    from gmm_pipeline.orchestration.settings import ColumnSettings


def raw(column: ParquetColumn, source_digest: str, settings: ColumnSettings, engine: LocalEngine) -> Product:
    """Return the recipe of a column's copy; raise UnsupportedTypeError if its type cannot be encoded."""
    reading_of(column.field, settings.kind)

    def write(folder: Path) -> dict[str, JsonValue]:
        engine.copy(column, folder)
        return {"type": str(column.field.type)}

    return Product(
        column=column.field.name,
        stage=RAW.name,
        origin=RAW.origin({SOURCE: source_digest}, settings),
        rows=column.rows,
        write=write,
        columns=_types(stored_schema(column.field)),
    )


def sketch(raw: Result, settings: ColumnSettings, engine: LocalEngine) -> Product:
    """Return the recipe of a column's sketch."""
    column = stored_column(raw)

    def write(folder: Path) -> dict[str, JsonValue]:
        with in_column(column.field.name):
            sketched = engine.sketch(column, sketch_request(settings))
        write_sketch(folder, sketched)
        return sketch_summary(sketched)

    return Product(
        column=column.field.name,
        stage=SKETCH.name,
        origin=SKETCH.origin({RAW.name: raw.manifest.content}, settings),
        rows=column.rows,
        write=write,
        columns={},
    )


def model(raw: Result, sketch: Result, settings: ColumnSettings) -> Product:
    """Return the recipe of a column's model."""
    name = raw.manifest.column

    def write(folder: Path) -> dict[str, JsonValue]:
        with in_column(name):
            field = _original_field(raw)
            fitted = fit_modes(read_sketch(sketch.file(SKETCH_FILE)), field, settings)
        write_model(folder, StoredModel(fitted, field))
        return model_summary(fitted)

    return Product(
        column=name,
        stage=MODEL.name,
        origin=MODEL.origin({RAW.name: raw.manifest.content, SKETCH.name: sketch.manifest.content}, settings),
        rows=raw.manifest.rows,
        write=write,
        columns={},
    )


def feature_rank(sketch: Result, model: Result, settings: ColumnSettings) -> Product:
    """Return the recipe of a column's ranking."""

    def write(folder: Path) -> dict[str, JsonValue]:
        stored = read_model(model.file(MODEL_FILE))
        ranking = rank_modes(stored.model, read_sketch(sketch.file(SKETCH_FILE)))
        write_ranking(folder, stored, ranking)
        return ranking_summary(ranking)

    return Product(
        column=sketch.manifest.column,
        stage=FEATURE_RANK.name,
        origin=FEATURE_RANK.origin(
            {SKETCH.name: sketch.manifest.content, MODEL.name: model.manifest.content}, settings
        ),
        rows=sketch.manifest.rows,
        write=write,
        columns={},
    )


def transformed(
    raw: Result, model: Result, feature_rank: Result, settings: ColumnSettings, engine: LocalEngine
) -> Product:
    """Return the recipe of a column's encoded rows, compared on the way with what they decode to."""
    column = stored_column(raw)
    stored = read_model(model.file(MODEL_FILE))
    codec = column_codec(stored.model, read_ranking(feature_rank.file(RANKING_FILE)), column.field)

    def write(folder: Path) -> dict[str, JsonValue]:
        with in_column(column.field.name):
            return round_trip_summary(engine.encode(column, codec, folder), codec)

    contents = {
        RAW.name: raw.manifest.content,
        MODEL.name: model.manifest.content,
        FEATURE_RANK.name: feature_rank.manifest.content,
    }
    return Product(
        column=column.field.name,
        stage=TRANSFORMED.name,
        origin=TRANSFORMED.origin(contents, settings),
        rows=column.rows,
        write=write,
        columns=_types(encoded_schema({column.field.name: codec})),
    )


def products_without_rows(
    column: str, sketched: Sketch | None, stored: StoredModel, ranking: Ranking, settings: ColumnSettings
) -> list[Product]:
    """Return the products of a column that was fitted outside of a store: its sketch, if at hand, model and ranking."""
    origin = Origin(inputs={}, settings=settings.model_dump(mode="json"))
    model = stored.model

    def write_stored_sketch(folder: Path) -> dict[str, JsonValue]:
        if sketched is None:
            raise ValueError("there is no sketch to write")
        write_sketch(folder, sketched)
        return sketch_summary(sketched)

    def write_stored_model(folder: Path) -> dict[str, JsonValue]:
        write_model(folder, stored)
        return model_summary(model)

    def write_stored_ranking(folder: Path) -> dict[str, JsonValue]:
        write_ranking(folder, stored, ranking)
        return ranking_summary(ranking)

    writers = {SKETCH: write_stored_sketch, MODEL: write_stored_model, FEATURE_RANK: write_stored_ranking}
    return [
        Product(column=column, stage=stage.name, origin=origin, rows=model.rows, write=write, columns={})
        for stage, write in writers.items()
        if stage is not SKETCH or sketched is not None
    ]


def stored_column(raw: Result) -> ParquetColumn:
    """Return the rows of a stored column."""
    files = raw.tables()
    with open_reader(files[0]) as reader:
        field = reader.schema_arrow.field(0)
    return ParquetColumn(field, tuple(files), tuple(_rows(file) for file in files))


def _rows(file: Path) -> int:
    with open_reader(file) as reader:
        rows: int = reader.metadata.num_rows
    return rows


def _original_field(raw: Result) -> pa.Field:
    with open_reader(raw.tables()[0]) as reader:
        return original_field(reader.schema_arrow)


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema}
