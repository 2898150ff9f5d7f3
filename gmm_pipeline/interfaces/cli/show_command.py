"""`show`: the modes of a column."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from gmm_pipeline.errors import SourceError, StoreError, did_you_mean
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.interfaces.cli.display import print_json, print_table, stderr
from gmm_pipeline.interfaces.cli.options import fit_option, json_option, store_option
from gmm_pipeline.store.ranking_files import ranking_table
from gmm_pipeline.store.store import Store

_SHOWN_MODES = 50
"""A screenful. A column of 300,000 categories would take minutes to print."""


@click.command()
@click.argument("column")
@fit_option
@click.option("--all", "every", is_flag=True, help="Show all modes, however many there are.")
@store_option
@json_option
def show(column: str, fit: str, store: Path, *, every: bool, as_json: bool) -> None:
    """Show the modes of COLUMN by rank: the most frequent ones, if there are many.

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
    rows = shown if every else shown.head(_SHOWN_MODES)
    print_table(shown.columns, rows.iter_rows(), title=f"{column}: {len(modes):,} modes")
    if len(rows) < len(modes):
        stderr().print(
            f"The {len(rows)} most frequent of {len(modes):,} modes. --all shows the others as "
            "well, --json prints all for machines.",
            markup=False,
        )
