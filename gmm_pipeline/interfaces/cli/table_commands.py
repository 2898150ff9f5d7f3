"""`transform`, `inverse` and `export`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mode

import click
import pyarrow as pa

from gmm_pipeline.arrow import encoded_tables as tables
from gmm_pipeline.arrow.column_codec import Codecs
from gmm_pipeline.arrow.table_file import write_file
from gmm_pipeline.core.coding.decode_rows import Within
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.errors import SourceError, StoreError
from gmm_pipeline.fits.prepare import EngineChoice
from gmm_pipeline.fits.snapshots import view_remarks
from gmm_pipeline.fits.spec import FitSpec, known_source, source_files
from gmm_pipeline.fits.stages import TRANSFORMED
from gmm_pipeline.fits.stored_columns import stored_columns
from gmm_pipeline.interfaces.cli.display import stderr
from gmm_pipeline.interfaces.cli.options import (
    csv_option,
    engine_options,
    fit_option,
    out_option,
    store_option,
    threads_option,
)
from gmm_pipeline.interfaces.cli.table_output import check_output, open_engine
from gmm_pipeline.interfaces.table_encoder import TableEncoder
from gmm_pipeline.interfaces.written_tables import is_folder, write_parts
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.fit_view import FitView
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.write import write_csv
from gmm_pipeline.tables.files import find_files
from gmm_pipeline.tables.table_rows import narrow_rows, wide_rows
from gmm_pipeline.tables.user_tables import encoded_files_of

_MAX_WIDTH = 2000
"""Few tables of mixtures and categories are wider, and few programs like tables that are."""


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
    _check_output(out, folder, engine, source)
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
    _check_output(out, folder, engine, encoded)
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
@click.option(
    "--max-width",
    type=click.IntRange(min=1),
    default=_MAX_WIDTH,
    show_default=True,
    help="Columns that a wide table may have; a wider one is refused.",
)
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
    max_width: int,
) -> None:
    """Write the encoded table of a fit to one file or folder.

    \b
    Examples:
      gmm-pipeline export --fit flights --out flights.parquet
      gmm-pipeline export --fit flights --out flights_wide.parquet --wide
      gmm-pipeline export --fit flights --out flights_parts --engine spark
    """
    folder = Store(store.absolute()).require_present_fit(fit)
    _check_output(out, folder, engine)
    with open_engine(engine, threads) as row_engine, folder.reading() as view:
        codecs = _encoder(view, threads).codecs()
        encoded = {name: view.require(name, TRANSFORMED.name) for name in codecs}
        _check_rows({name: result.manifest.rows for name, result in encoded.items()})
        columns = [column for result in encoded.values() for column in stored_columns(result)]
        if wide:
            _check_width(codecs, max_width)
        table = wide_rows(columns, codecs) if wide else narrow_rows(columns, codecs)
        if is_folder(out):
            rows = write_parts(out, lambda _: table, row_engine)
        else:
            rows = write_file(out, table.schema, table.batches(range(table.rows)))
    width = f", {len(table.schema):,} columns wide" if wide else ""
    stderr().print(f"{rows:,} rows of {len(codecs)} columns{width} in {out}", markup=False)


def _check_output(out: Path, folder: FitFolder, engine: EngineChoice, *read: str) -> None:
    """Raise SourceError if writing to `out` touches a fit's source or what the command reads."""
    inputs = [file for source in read for file in find_files(source).files]
    source = known_source(folder)
    sources = read if source is None else (*read, source)
    check_output(out, [*inputs, *source_files(folder)], sources, engine)


def _check_width(codecs: Codecs, most: int) -> None:
    """Raise SourceError if the wide table of some columns has more than `most` columns."""
    ranks = {name: codec.rows.n_modes for name, codec in codecs.items()}
    width = len(ranks) + sum(ranks.values())
    if width > most:
        widest = max(ranks, key=lambda name: ranks[name])
        raise SourceError(
            f"the wide table would have {width:,} columns, {ranks[widest]:,} of them for the modes "
            f"of {widest!r}",
            remedy=f"Allow it by --max-width {width}, or encode fewer categories: max_categories "
            "gives rare ones a mode in common, --columns '!NAME' leaves a column out",
        )


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
