"""The source of a dataset: an external asset upstream of `raw`, which runs observe."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from gmm_pipeline.fits.prepare import Prepared
    from gmm_pipeline.fits.source_ledger import SourceFile
    from gmm_pipeline.orchestration.datasets import Dataset

_FILES_LISTED = 10
"""The files that an observation lists, newest first: all of them are in the fit's `source.json`."""
_MOST_COLUMNS = 1000
"""Columns up to which an observation has the table's schema: about 100 kB of history."""
_GROUP = "sources"
_DATA_VERSION_TAG = "dagster/data_version"
_KINDS = {".csv": "csv", ".parquet": "parquet"}


def source_key(fit: str) -> dg.AssetKey:
    """Return the key of a fit's source.

    It does not begin as the keys of the fit's assets, nor is it of their group: commands refuse to
    materialise a selection such as `key:sales/*` or `group:sales` that something external is in.
    """
    return dg.AssetKey(f"{fit}_source")


def source_asset(dataset: Dataset) -> dg.AssetSpec:
    """Return the source of a dataset as an asset that something else makes."""
    kind = _KINDS.get(Path(dataset.source).suffix.lower())
    return dg.AssetSpec(
        source_key(dataset.name),
        group_name=_GROUP,
        description="\n\n".join(
            filter(None, [f"The table that is read: {dataset.source}", dataset.description])
        ),
        owners=list(dataset.owners),
        kinds={kind} if kind else None,
    )


def source_observation(prepared: Prepared) -> dg.AssetObservation:
    """Return what a run sees of its source: version, files, rows and schema.

    Raises
    ------
    SourceError
        If the source could not be opened.
    """
    table, files = prepared.table, prepared.ledger.files
    newest = sorted(files, key=lambda file: -file.modified)
    schema = [dg.TableColumn(field.name, str(field.type)) for field in table.schema]
    metadata: dict[str, dg.MetadataValue] = {
        "source": dg.MetadataValue.path(prepared.spec.source),
        "files": dg.MetadataValue.int(len(files)),
        "bytes": dg.MetadataValue.int(sum(file.size for file in files)),
        "newest_files": _listed(newest[:_FILES_LISTED]),
        "dagster/row_count": dg.MetadataValue.int(table.rows),
        "dagster/last_updated_timestamp": dg.MetadataValue.timestamp(_seconds(newest[0])),
    }
    if len(schema) <= _MOST_COLUMNS:
        metadata["dagster/column_schema"] = dg.MetadataValue.table_schema(dg.TableSchema(schema))
    return dg.AssetObservation(
        source_key(prepared.spec.name),
        metadata=metadata,
        tags={_DATA_VERSION_TAG: prepared.digests[-1]},
    )


def _listed(files: list[SourceFile]) -> dg.MetadataValue:
    columns = [dg.TableColumn("path"), dg.TableColumn("bytes", "int"), dg.TableColumn("modified")]
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"path": file.path, "bytes": file.size, "modified": _moment(file)})
            for file in files
        ],
        dg.TableSchema(columns),
    )


def _seconds(file: SourceFile) -> float:
    return file.modified / 1e9


def _moment(file: SourceFile) -> str:
    return dt.datetime.fromtimestamp(_seconds(file), dt.UTC).isoformat(" ", "seconds")
