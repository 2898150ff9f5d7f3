"""What Dagster's web UI shows of assets and results: numbers of manifests, schemas, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.fits.stages import FEATURE_RANK, RAW, TRANSFORMED, Stage
from gmm_pipeline.orchestration.source_asset import source_key

if TYPE_CHECKING:
    from pydantic import JsonValue

    from gmm_pipeline.store.manifest import Manifest
    from gmm_pipeline.store.result import Result

_LEFT_OUT = ("rows", "frequencies")
"""Of summaries: the rows are told as Dagster tells them, frequencies are drawn."""
_CONSTANTS = ("drift_threshold",)
"""Numbers that are the same each time: as text, they are not plotted."""
_SCHEMA = "dagster/column_schema"
_MOST_RECORDS = 20
"""Continuous modes that a table lists: a column has ten, unless a setting says otherwise, and a few
tails."""
_RANKING = {
    "rank": ("int64", "from the most frequent mode, 0"),
    "mode": ("int64", "the number of the mode in the model"),
    "type": ("string", "gaussian, tail, atom or rest"),
    "value": ("string", "of an atom; for dates and times what the middle of the mode decodes to"),
    "weight": ("double", "of a Gaussian mode within the mixture, otherwise the share of rows"),
    "mean": ("double", "dates in days and times in seconds since 1970"),
    "std": ("double", "in the units of the mean"),
    "low": ("double", "the lowest number that the mode may take"),
    "high": ("double", "the highest number that the mode may take"),
    "frequency": ("double", "the expected share of rows"),
}
"""Columns of the table of modes: type and meaning."""


def definition_metadata(stage: Stage) -> dict[str, dg.TableSchema]:
    """Return metadata of an asset that is the same for all of its partitions."""
    if stage is not FEATURE_RANK:
        return {}
    columns = [dg.TableColumn(name, *said) for name, said in _RANKING.items()]
    return {_SCHEMA: dg.TableSchema(columns)}


def result_metadata(
    result: Result, key: dg.AssetKey, illustrations: Mapping[str, str]
) -> dict[str, dg.MetadataValue]:
    """Return the metadata of a materialisation.

    Parameters
    ----------
    result : Result
    key : AssetKey
        Of the asset that was materialised.
    illustrations : dict of str to str
        Markdown by name.
    """
    manifest = result.manifest
    return {
        **{name: dg.MetadataValue.md(text) for name, text in illustrations.items()},
        "column": dg.MetadataValue.text(manifest.column),
        **_row_count(manifest),
        "bytes": dg.MetadataValue.int(manifest.size),
        "seconds": dg.MetadataValue.float(round(manifest.seconds, 3)),
        "path": dg.MetadataValue.path(str(result.folder)),
        **{
            name: dg.MetadataValue.text(str(value)) if name in _CONSTANTS else _value(value)
            for name, value in manifest.summary.items()
            if name not in _LEFT_OUT and value != []
        },
        **_table(manifest, key),
    }


def _row_count(manifest: Manifest) -> dict[str, dg.MetadataValue]:
    """Return the rows of a result that is a table."""
    rows: Mapping[str, JsonValue] = {
        RAW.name: manifest.rows,
        FEATURE_RANK.name: manifest.summary.get("modes"),
        TRANSFORMED.name: manifest.rows,
    }
    count = rows.get(manifest.stage)
    return {"dagster/row_count": dg.MetadataValue.int(count)} if isinstance(count, int) else {}


def _table(manifest: Manifest, key: dg.AssetKey) -> dict[str, dg.MetadataValue]:
    """Return the schema of a result with rows, and the column upstream that it comes from."""
    if not manifest.columns:
        return {}
    columns = [dg.TableColumn(name, kind) for name, kind in manifest.columns.items()]
    fit, *_ = key.path
    upstream = source_key(fit) if manifest.stage == RAW.name else dg.AssetKey([fit, RAW.asset])
    read = [dg.TableColumnDep(upstream, manifest.column)]
    lineage = dg.TableColumnLineage(dict.fromkeys(manifest.columns, read))
    return {
        _SCHEMA: dg.MetadataValue.table_schema(dg.TableSchema(columns)),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(lineage),
    }


def _value(value: JsonValue) -> dg.MetadataValue:
    """Return a value so that the web UI plots it, if it is a number, or shows it as a table."""
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float):
        return dg.MetadataValue.float(value)
    if isinstance(value, list):
        return _records(value[:_MOST_RECORDS])
    return dg.MetadataValue.text(str(value))


def _records(values: list[JsonValue]) -> dg.MetadataValue:
    """Return a list of records of the same fields as a table."""
    records = [value for value in values if isinstance(value, dict)]
    names = records[0] if records else {}
    return dg.MetadataValue.table(
        [dg.TableRecord(each) for each in records],  # type: ignore[arg-type]
        dg.TableSchema([dg.TableColumn(name, type(names[name]).__name__) for name in names]),
    )
