"""What Dagster's web UI shows of a result: the numbers of its manifest, and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.fits.stages import RAW

if TYPE_CHECKING:
    from pydantic import JsonValue

    from gmm_pipeline.store.result import Result


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
    values: dict[str, dg.MetadataValue] = {
        name: dg.MetadataValue.md(text) for name, text in illustrations.items()
    }
    values |= {
        "column": dg.MetadataValue.text(manifest.column),
        "rows": dg.MetadataValue.int(manifest.rows),
        "bytes": dg.MetadataValue.int(manifest.size),
        "seconds": dg.MetadataValue.float(round(manifest.seconds, 3)),
        "path": dg.MetadataValue.path(str(result.folder)),
    }
    values |= {name: _value(value) for name, value in manifest.summary.items()}
    if manifest.columns:
        columns = [dg.TableColumn(name, kind) for name, kind in manifest.columns.items()]
        values["dagster/column_schema"] = dg.MetadataValue.table_schema(dg.TableSchema(columns))
    if manifest.columns and manifest.column not in manifest.columns:
        copied = dg.TableColumnDep(dg.AssetKey([*key.path[:-1], RAW.asset]), manifest.column)
        lineage = dg.TableColumnLineage({name: [copied] for name in manifest.columns})
        values["dagster/column_lineage"] = dg.MetadataValue.column_lineage(lineage)
    return values


def _value(value: JsonValue) -> dg.MetadataValue:
    """Return a value so that the web UI plots it, if it is a number."""
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float):
        return dg.MetadataValue.float(value)
    if isinstance(value, list):
        return dg.MetadataValue.json(value)
    return dg.MetadataValue.text(str(value))
