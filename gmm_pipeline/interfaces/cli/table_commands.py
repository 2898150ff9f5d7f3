"""`transform`, `inverse`, `export` and `show`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mode

import click
import polars as pl
import pyarrow as pa

from gmm_pipeline.arrow import encoded_tables as tables
from gmm_pipeline.arrow.table_file import write_file
from gmm_pipeline.core.coding.decode_rows import Within
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.errors import SourceError, StoreError, did_you_mean
from gmm_pipeline.fits.prepare import EngineChoice
from gmm_pipeline.fits.snapshots import view_remarks
from gmm_pipeline.fits.spec import FitSpec, source_files
from gmm_pipeline.fits.stages import TRANSFORMED
from gmm_pipeline.fits.stored_columns import stored_columns
from gmm_pipeline.interfaces.cli.display import print_json, print_table, stderr
from gmm_pipeline.interfaces.cli.options import (
    csv_option,
    engine_options,
    fit_option,
    json_option,
    out_option,
    store_option,
    threads_option,
)
from gmm_pipeline.interfaces.cli.table_output import check_output, open_engine
from gmm_pipeline.interfaces.table_encoder import TableEncoder
from gmm_pipeline.interfaces.written_tables import is_folder, write_parts
from gmm_pipeline.store.fit_view import FitView
from gmm_pipeline.store.ranking_files import ranking_table
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.write import write_csv
from gmm_pipeline.tables.files import find_files
from gmm_pipeline.tables.table_rows import narrow_rows, wide_rows
from gmm_pipeline.tables.user_tables import encoded_files_of


@click.command()
@click.argument("source")
@fit_option
@out_option("The encoded rows, narrow")
@csv_option
@engine_options
@store_option
@threads_option
def transform(
    source: str,
    fit: str,
    out: Path,
    csv: CsvDialect,
    engine: EngineChoice,
    store: Path,
    threads: int,
) -> None:
    """Encode the rows of SOURCE with an existing fit.

    \b
    Examples:
      gmm-pipeline transform new_rows.parquet --fit sales --out encoded.parquet
      gmm-pipeline transform new_rows --fit sales --out encoded --engine spark
    """
    folder = Store(store).require_fit(fit)
    check_output(out, [*find_files(source).files, *source_files(folder)], engine)
    with open_engine(engine, threads) as row_engine, folder.reading() as view:
        encoder = _encoder(view, threads, csv, row_engine)
        if is_folder(out):
            rows = encoder.transform_to(source, out)
        else:
            rows = write_file(
                out, tables.encoded_schema(encoder.codecs()), encoder.encode_batches(source)
            )
    stderr().print(f"{rows:,} rows encoded in {out}", markup=False)


@click.command()
@click.argument("encoded")
@click.option(
    "--generated",
    is_flag=True,
    help="Decode rows that do not name their fit, as a model generates them, with this fit.",
)
@click.option(
    "--within",
    type=click.Choice(["range", "type"]),
    help="Keep decoded numbers within the range of the fitted rows, or only within what their type "
    "holds. By default range, and type for columns with out_of_range = keep.",
)
@fit_option
@out_option("The decoded rows")
@engine_options
@store_option
@threads_option
def inverse(
    encoded: str,
    fit: str,
    out: Path,
    engine: EngineChoice,
    store: Path,
    threads: int,
    *,
    generated: bool,
    within: Within | None,
) -> None:
    """Decode ENCODED, a file or folder of encoded or synthetic rows, narrow or wide.

    Encoded Parquet names the fit that encoded each column. That fit decodes it, even an earlier
    generation. CSV and generated rows name none; --generated decodes them with the fit of --fit.

    \b
    Examples:
      gmm-pipeline inverse synthetic.parquet --fit sales --generated --out synthetic_sales.parquet
      gmm-pipeline inverse encoded.parquet --fit sales --out sales_again.csv
      gmm-pipeline inverse encoded --fit sales --out sales_again --engine spark
    """
    folder = Store(store).require_fit(fit)
    check_output(out, [*find_files(encoded).files, *source_files(folder)], engine)
    with open_engine(engine, threads) as row_engine, folder.reading(newest=True) as view:
        encoder = _decoder(view, encoded, threads, row_engine)
        if is_folder(out):
            rows = encoder.inverse_transform_to(encoded, out, generated=generated, within=within)
        else:
            batches = encoder.decode_batches(encoded, generated=generated, within=within)
            rows = _write_decoded(out, encoder, batches, FitSpec.model_validate(view.fit))
    stderr().print(f"{rows:,} rows decoded in {out}", markup=False)


@click.command()
@fit_option
@out_option("The encoded table")
@click.option("--wide", is_flag=True, help="One-hot ranks: a column of 0 and 1 for each mode.")
@engine_options
@store_option
@threads_option
def export(
    fit: str,
    out: Path,
    engine: EngineChoice,
    store: Path,
    threads: int,
    *,
    wide: bool,
) -> None:
    """Write the encoded table of a fit to one file or folder.

    \b
    Examples:
      gmm-pipeline export --fit flights --out flights.parquet
      gmm-pipeline export --fit flights --out flights_wide.parquet --wide
      gmm-pipeline export --fit flights --out flights_parts --engine spark
    """
    folder = Store(store.absolute()).require_present_fit(fit)
    check_output(out, source_files(folder), engine)
    with open_engine(engine, threads) as row_engine, folder.reading() as view:
        codecs = _encoder(view, threads).codecs()
        encoded = {name: view.require(name, TRANSFORMED.name) for name in codecs}
        _check_rows({name: result.manifest.rows for name, result in encoded.items()})
        columns = [column for result in encoded.values() for column in stored_columns(result)]
        table = wide_rows(columns, codecs) if wide else narrow_rows(columns, codecs)
        if is_folder(out):
            rows = write_parts(out, lambda _: table, row_engine)
        else:
            rows = write_file(out, table.schema, table.batches(range(table.rows)))
    stderr().print(f"{rows:,} rows of {len(codecs)} columns in {out}", markup=False)


@click.command()
@click.argument("column")
@fit_option
@store_option
@json_option
def show(column: str, fit: str, store: Path, *, as_json: bool) -> None:
    """Show the modes of COLUMN by rank.

    Means and standard deviations are in the column's units. Frequency is the expected share of
    rows in the mode.

    \b
    Examples:
      gmm-pipeline show arr_delay --fit flights
    """
    folder = Store(store).require_fit(fit)
    with folder.reading(newest=True) as view:
        columns = FitSpec.model_validate(view.fit).columns
        if column not in columns:
            raise SourceError(
                f"fit {fit!r} has no column {column!r}", remedy=did_you_mean(column, columns)
            )
        fitted = view.column_fit(column)
    if fitted is None:
        raise StoreError(
            f"column {column!r} is not fitted",
            remedy=f"`gmm-pipeline status --fit {fit}` says why",
        )
    modes = pl.DataFrame(ranking_table(fitted.stored, fitted.ranking))
    if as_json:
        print_json({"column": column, "modes": modes.to_dicts()})
        return
    null = (pl.col("type") == "atom") & pl.col("value").is_null()
    shown = modes.drop("mode").with_columns(
        pl.when(null).then(pl.lit("null")).otherwise(pl.col("value")).alias("value")
    )
    print_table(shown.columns, shown.iter_rows(), title=f"{column}: {len(modes)} modes")


def _write_decoded(
    out: Path, encoder: TableEncoder, batches: Iterator[pa.RecordBatch], spec: FitSpec
) -> int:
    """Write decoded rows to a file; CSV in the form of the CSV that was fitted, if it was CSV."""
    schema = tables.decoded_schema(encoder.codecs())
    if out.suffix.lower() == ".csv" and spec.csv_found is not None:
        return write_csv(out, schema, batches, spec.csv_found)
    return write_file(out, schema, batches)


def _check_rows(rows: Mapping[str, int]) -> None:
    """Raise StoreError if columns have different numbers of rows.

    That happens when rows were added and one of the columns failed.
    """
    usual = mode(rows.values())
    others = [name for name, number in rows.items() if number != usual]
    if others:
        raise StoreError(
            f"{rows[others[0]]:,} rows are encoded, but {usual:,} of the other columns",
            column=others[0],
            remedy="See why with `gmm-pipeline status`, then run `gmm-pipeline retry`",
        )


def _encoder(
    view: FitView, threads: int, csv: CsvDialect | None = None, engine: Engine | None = None
) -> TableEncoder:
    """Return the encoder of a fit; print which columns it lacks or has from an earlier fit."""
    encoder = TableEncoder.of_view(view, threads=threads or None, engine=engine, csv=csv)
    for remark in view_remarks(view):
        stderr().print(remark, markup=False)
    return encoder


def _decoder(view: FitView, encoded: str, threads: int, engine: Engine) -> TableEncoder:
    """Return the decoder of a table: each column by the fit that the table names, if it does.

    Columns that the fit no longer has are decoded as well.
    """
    encoder = _encoder(view, threads, engine=engine)
    codecs = encoder.codecs()
    named: dict[str, set[str]] = {}
    for file in encoded_files_of(encoded):
        for name, identity in file.identities.items():
            named.setdefault(name, set()).add(identity)
    others = {
        name: next(iter(identities))
        for name, identities in named.items()
        if len(identities) == 1 and (name not in codecs or identities != {codecs[name].identity})
    }
    found = view.folder.find_fits(others)
    for name in others.keys() - found.keys() - codecs.keys():
        raise StoreError(
            f"no generation of the fit is the one that encoded the rows: {others[name]}",
            column=name,
            remedy="Decode with the fit that encoded them",
        )
    return encoder.replace_fits(found)
