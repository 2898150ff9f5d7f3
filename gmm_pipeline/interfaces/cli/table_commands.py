"""`transform`, `inverse`, `export` and `show`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mode

import click
import polars as pl

from gmm_pipeline.arrow import tables
from gmm_pipeline.arrow.files import check_target, write_file
from gmm_pipeline.arrow.parquet import batches, side_by_side
from gmm_pipeline.engines.local.files import find_files
from gmm_pipeline.errors import SourceError, StoreError, did_you_mean
from gmm_pipeline.interfaces.cli.display import print_json, print_table, stderr
from gmm_pipeline.interfaces.cli.options import (
    csv_null_option,
    fit_option,
    json_option,
    out_option,
    store_option,
    threads_option,
)
from gmm_pipeline.interfaces.cli.specs import source_files
from gmm_pipeline.interfaces.table_encoder import TableEncoder
from gmm_pipeline.orchestration.fit_spec import load_spec
from gmm_pipeline.orchestration.stages import TRANSFORMED
from gmm_pipeline.storage.store import FitFolder, Store


@click.command()
@click.argument("source")
@fit_option
@out_option("The encoded rows, narrow")
@csv_null_option
@store_option
@threads_option
def transform(source: str, fit: str, out: Path, csv_nulls: tuple[str, ...], store: Path, threads: int) -> None:
    """Encode the rows of SOURCE with an existing fit.

    \b
    Examples:
      gmm-pipeline transform new_rows.parquet --fit sales --out encoded.parquet
    """
    folder = Store(store).require_fit(fit)
    check_target(out, [*find_files(source).files, *source_files(folder)])
    encoder = _encoder(folder, threads, csv_nulls)
    rows = write_file(out, tables.encoded_schema(encoder.codecs()), encoder.encode_batches(source))
    stderr().print(f"{rows:,} rows encoded in {out}", markup=False)


@click.command()
@click.argument("encoded")
@fit_option
@out_option("The decoded rows")
@store_option
@threads_option
def inverse(encoded: str, fit: str, out: Path, store: Path, threads: int) -> None:
    """Decode ENCODED, a file of encoded or synthetic rows, narrow or wide.

    \b
    Examples:
      gmm-pipeline inverse synthetic.parquet --fit sales --out synthetic_sales.parquet
      gmm-pipeline inverse encoded.parquet --fit sales --out sales_again.csv
    """
    folder = Store(store).require_fit(fit)
    check_target(out, [*find_files(encoded).files, *source_files(folder)])
    encoder = _encoder(folder, threads, ())
    rows = write_file(out, tables.decoded_schema(encoder.codecs()), encoder.decode_batches(encoded))
    stderr().print(f"{rows:,} rows decoded in {out}", markup=False)


@click.command()
@fit_option
@out_option("The encoded table")
@click.option("--wide", is_flag=True, help="One-hot ranks: a column of 0 and 1 for each mode.")
@store_option
def export(fit: str, out: Path, store: Path, *, wide: bool) -> None:
    """Write the encoded table of a fit to one file.

    \b
    Examples:
      gmm-pipeline export --fit flights --out flights.parquet
      gmm-pipeline export --fit flights --out flights_wide.parquet --wide
    """
    folder = Store(store).require_present_fit(fit)
    check_target(out, source_files(folder))
    codecs = _encoder(folder, 0, ()).codecs()
    encoded = {name: folder.column(name).require(TRANSFORMED.name) for name in codecs}
    _check_rows({name: result.manifest.rows for name, result in encoded.items()})
    narrow = side_by_side([batches(result.tables()) for result in encoded.values()])
    if wide:
        rows = write_file(out, tables.wide_schema(codecs), (tables.widened(batch, codecs) for batch in narrow))
    else:
        rows = write_file(out, tables.encoded_schema(codecs), narrow)
    stderr().print(f"{rows:,} rows of {len(codecs)} columns in {out}", markup=False)


@click.command()
@click.argument("column")
@fit_option
@store_option
@json_option
def show(column: str, fit: str, store: Path, *, as_json: bool) -> None:
    """Show the modes of COLUMN by rank.

    Means and standard deviations are in the column's units; frequency is the share of rows that a mode is expected to
    get.

    \b
    Examples:
      gmm-pipeline show arr_delay --fit flights
    """
    folder = Store(store).require_fit(fit)
    columns = load_spec(folder).columns
    if column not in columns:
        raise SourceError(f"fit {fit!r} has no column {column!r}", remedy=did_you_mean(column, columns))
    modes = TableEncoder.load(folder.path, at=folder.at).modes(column)
    if as_json:
        print_json({"column": column, "modes": modes.to_dicts()})
        return
    null = (pl.col("type") == "atom") & pl.col("value").is_null()
    shown = modes.drop("mode").with_columns(
        pl.when(null).then(pl.lit("null")).otherwise(pl.col("value")).alias("value")
    )
    print_table(shown.columns, shown.iter_rows(), title=f"{column}: {len(modes)} modes")


def _check_rows(rows: Mapping[str, int]) -> None:
    """Raise StoreError if columns have different numbers of rows, as when one of them could not be continued."""
    usual = mode(rows.values())
    others = [name for name, number in rows.items() if number != usual]
    if others:
        raise StoreError(
            f"{rows[others[0]]:,} rows are encoded, {usual:,} of the other columns",
            column=others[0],
            remedy="Run again; `gmm-pipeline status` says what stands in the way",
        )


def _encoder(folder: FitFolder, threads: int, csv_nulls: tuple[str, ...]) -> TableEncoder:
    """Return the encoder of a fit, after saying which of its columns are not fitted."""
    encoder = TableEncoder.load(folder.path, at=folder.at, threads=threads or None, csv_nulls=csv_nulls or None)
    missing = [name for name in load_spec(folder).columns if name not in encoder.columns]
    if missing:
        stderr().print(f"Left out, for they are not fitted: {', '.join(missing)}", markup=False)
    return encoder
