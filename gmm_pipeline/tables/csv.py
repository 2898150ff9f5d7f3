"""Converts CSV to Parquet, so that columns can be read one by one."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

    from gmm_pipeline.tables.files import SourceFiles


def header(path: Path) -> list[str]:
    """Return the column names in the first line of a CSV file."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file), [])


@dataclass(frozen=True)
class CsvStaging:
    """A folder of Parquet forms of CSV files, each named by the files and options it depends on.

    Parameters
    ----------
    folder : Path
        It need not exist yet.
    nulls : sequence of str
        Texts that mean null, besides the empty field.
    """

    folder: Path
    nulls: Sequence[str]

    def parquet_of(self, files: SourceFiles, schema: pa.Schema | None) -> Path:
        """Return the Parquet form of files; they are converted unless it is there.

        Raises
        ------
        SourceError
            If the files cannot be read as CSV, or changed since they were found.
        """
        options = json.dumps([files.fingerprint(), list(self.nulls), schema and schema.to_string()])
        target = self.folder / f"{hashlib.sha256(options.encode()).hexdigest()[:16]}.parquet"
        if not target.exists():
            convert(files, target, self.nulls, schema)
        return target


def convert(
    files: SourceFiles, target: Path, null_values: Sequence[str], schema: pa.Schema | None
) -> None:
    """Write the rows of CSV files to a Parquet file, streaming; it appears complete or not at all.

    Parameters
    ----------
    files : SourceFiles
    target : Path
    null_values : sequence of str
        Texts that mean null, besides the empty field.
    schema : pyarrow.Schema, optional
        The types of known columns; those of the others are inferred from all rows.

    Raises
    ------
    SourceError
        If a file cannot be read as CSV, or changed since it was found.
    """
    import polars as pl

    target.parent.mkdir(parents=True, exist_ok=True)
    paths = files.files
    try:
        with atomic_write(target) as partial, files.require_unchanged():
            known = _agreed_types(paths, null_values) if schema is None else _polars_types(schema)
            names = header(paths[0])
            table = pl.scan_csv(
                list(paths),
                null_values=["", *null_values],
                infer_schema_length=None,
                try_parse_dates=True,
                schema_overrides={name: dtype for name, dtype in known.items() if name in names},
            )
            # The form is read once or a few times: lz4 costs less time than it saves on most disks.
            table.sink_parquet(partial, compression="lz4", row_group_size=ROWS_PER_GROUP)
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"CSV cannot be read: {str(error).splitlines()[0]}",
            remedy="Check the delimiter and the quoting of the file, or convert it to Parquet",
        ) from error


def _polars_types(schema: pa.Schema) -> dict[str, pl.DataType]:
    import polars as pl

    types = cast("pl.DataFrame", pl.from_arrow(schema.empty_table())).schema
    # Left to inference, Polars reads dates and times in several formats; given a type, in one.
    return {
        name: dtype for name, dtype in types.items() if dtype != pl.Null and not dtype.is_temporal()
    }


def _agreed_types(files: Sequence[Path], null_values: Sequence[str]) -> dict[str, pl.DataType]:
    """Return one type for each column whose inferred type differs between files, if there is one.

    Files whose rows are all null in a column have no say in its type.
    """
    import polars as pl

    if len(files) == 1:
        return {}
    frames = [
        pl.scan_csv(
            file, null_values=["", *null_values], infer_schema_length=None, try_parse_dates=True
        )
        for file in files
    ]
    schemas = [frame.collect_schema() for frame in frames]
    agreed: dict[str, pl.DataType] = {}
    for name in schemas[0]:
        if len({schema.get(name) for schema in schemas}) == 1:
            continue
        found = {
            schema[name]
            for frame, schema in zip(frames, schemas, strict=True)
            if name in schema and not frame.select(pl.col(name).is_null().all()).collect().item()
        }
        if found == {pl.Int64(), pl.Float64()}:
            found = {pl.Float64()}
        if pl.String() in found:
            found = {pl.String()}
        if len(found) == 1:
            agreed[name] = found.pop()
    return agreed
