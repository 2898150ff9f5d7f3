"""The commands `demo`, `run` and `retry`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from gmm_pipeline.fits.column_stages import Refit
from gmm_pipeline.fits.demo import DEMO_FIT, demo_spec
from gmm_pipeline.fits.limits import Limits
from gmm_pipeline.fits.prepare import EngineChoice, FitRequest, Prepared, prepare, prepare_stored
from gmm_pipeline.fits.progress import Outcome
from gmm_pipeline.fits.run_record import RunRecord, last_run
from gmm_pipeline.fits.snapshots import commit
from gmm_pipeline.fits.spec import FitSpec, load_spec
from gmm_pipeline.fits.stages import Stage
from gmm_pipeline.interfaces.cli.csv_report import warn_of_csv
from gmm_pipeline.interfaces.cli.display import print_json, print_table, stderr
from gmm_pipeline.interfaces.cli.lost_columns import print_lost_columns
from gmm_pipeline.interfaces.cli.options import (
    engine_options,
    json_option,
    limit_options,
    request_options,
    store_option,
)
from gmm_pipeline.interfaces.cli.progress import run_progress
from gmm_pipeline.interfaces.cli.summary import FIELDS, summary_row
from gmm_pipeline.orchestration.instance import prepare_home
from gmm_pipeline.orchestration.shown_fits import is_shown
from gmm_pipeline.store.store import Store


@click.command()
@engine_options
@limit_options
@store_option
@json_option
def demo(engine: EngineChoice, limits: Limits, store: Path, *, as_json: bool) -> None:
    """Encode the bundled flights of New York City, decode them, and compare.

    The table has 336,776 rows.

    \b
    Examples:
      gmm-pipeline demo
      gmm-pipeline demo --store /tmp/store
      gmm-pipeline demo --engine spark
    """
    folder = Store(store).fit(DEMO_FIT)
    spec = load_spec(folder) if folder.spec_path.exists() else demo_spec(store)
    start(prepare_stored(engine.of(spec), folder), limits, refit=False, as_json=as_json)


@click.command()
@request_options
@limit_options
@click.option("--refit", is_flag=True, help="Recompute everything.")
@store_option
@json_option
def run(request: FitRequest, limits: Limits, store: Path, *, refit: bool, as_json: bool) -> None:
    """Fit and encode the columns of SOURCE.

    What is missing or stale is computed, everything else stays as it is.

    SOURCE is a Parquet or CSV file, a folder of them, or a quoted glob.

    \b
    Examples:
      gmm-pipeline run sales.parquet
      gmm-pipeline run 'sales/2025-*.csv' --fit sales --csv nulls=NA
      gmm-pipeline run sales.parquet --engine spark --spark-config spark.master=spark://HOST:7077
      gmm-pipeline run sales.parquet --columns 'amount,price_*' --set amount.max_modes=5
    """
    prepared = prepare(request, store)
    warn_of_csv(prepared.table.csv)
    print_lost_columns(prepared.spec, prepared.folder)
    start(prepared if refit else prepared.with_adopted(), limits, refit=refit, as_json=as_json)


@click.command()
@click.option("--fit", default=None, help="Name of the fit; by default that of the last run.")
@limit_options
@store_option
@json_option
def retry(fit: str | None, limits: Limits, store: Path, *, as_json: bool) -> None:
    """Continue the last run: compute what failed, and what the run did not get to.

    The source and the settings are those of that run. If it was one with --refit, the rest is
    recomputed.

    \b
    Examples:
      gmm-pipeline retry
      gmm-pipeline retry --fit sales
    """
    folder = Store(store).require_present_fit(fit or last_run(Store(store)))
    record = RunRecord.read(folder)
    _run(prepare_stored(load_spec(folder), folder), limits, record, as_json=as_json)


def start(prepared: Prepared, limits: Limits, *, refit: bool, as_json: bool) -> None:
    """Run what is missing or stale, or everything."""
    prepared.save()
    record = RunRecord.of(prepared.statuses(), refit=refit)
    if record.columns:
        record.write(prepared.folder)
    _run(prepared, limits, record, as_json=as_json)


def _run(prepared: Prepared, limits: Limits, record: RunRecord, *, as_json: bool) -> None:
    """Do what remains of a run, print a summary, and exit with 1 if a column failed."""
    started = time.perf_counter()
    spec, folder = prepared.spec, prepared.folder
    left = {status.column: record.remaining(status) for status in prepared.statuses()}
    work = {column: stages for column, stages in left.items() if stages}
    for column in left.keys() - work.keys():
        folder.column(column).tidy()
    refit = Refit.ALL if record.refit else Refit.NONE
    if work:
        outcomes = _execute(prepared, limits, work, refit)
    else:
        # A run that was killed may have left results that no reader sees yet.
        commit(spec, folder, spec.columns)
        outcomes = []
        _show_results(prepared, limits)
    errors = {outcome.column: outcome.error for outcome in outcomes if outcome.error is not None}
    seconds = {outcome.column: outcome.seconds for outcome in outcomes}
    entries = [summary_row(status, seconds, errors) for status in prepared.statuses()]
    elapsed = time.perf_counter() - started
    if as_json:
        print_json(
            {"fit": spec.name, "store": str(folder.path), "seconds": elapsed, "columns": entries}
        )
    else:
        print_table(list(FIELDS.values()), [[entry[name] for name in FIELDS] for entry in entries])
        _print_ending(spec, folder.path, len(work), len(errors), elapsed)
    for column, message in errors.items():
        stderr().print(
            f"failed: {message if repr(column) in message else f'{column!r}: {message}'}",
            markup=False,
        )
    _print_source_changes(prepared)
    if errors:
        raise click.exceptions.Exit(1)


def _print_source_changes(prepared: Prepared) -> None:
    """Print the files of the source that changed during this run."""
    changes = prepared.changes()
    if changes:
        stderr().print(
            f"The source changed during this run: {', '.join(changes)}. Run again to use the files "
            "as they are now.",
            markup=False,
        )


def _execute(
    prepared: Prepared, limits: Limits, work: Mapping[str, Sequence[Stage]], refit: Refit
) -> list[Outcome]:
    """Run columns and return how they ended."""
    console, spec = stderr(), prepared.spec
    console.print(
        f"{spec.name}: {len(work)} of {len(spec.columns)} columns to do; starting Dagster …",
        markup=False,
    )
    from gmm_pipeline.orchestration.execution import DagsterRunner

    runner = DagsterRunner(prepared.folder.path.parent, limits.threads, limits.memory)
    for message in runner.remarks():
        console.print(message, markup=False)
    with run_progress(len(work), sum(map(len, work.values()))) as progress:
        outcomes = runner.run(prepared, work, progress, refit)
    runner.show_results(prepared)
    return outcomes


def _show_results(prepared: Prepared, limits: Limits) -> None:
    """Let Dagster show the results that are up to date: its history may be new, or wiped."""
    store = prepared.folder.path.parent
    if is_shown(prepare_home(store), prepared.folder):
        return
    from gmm_pipeline.orchestration.execution import DagsterRunner

    runner = DagsterRunner(store, limits.threads, limits.memory)
    synced = runner.show_results(prepared)
    if synced.is_new:
        stderr().print(f"Dagster did not know all of the fit: {synced}.", markup=False)


def _print_ending(spec: FitSpec, folder: Path, worked: int, failed: int, elapsed: float) -> None:
    console = stderr()
    if not worked:
        console.print("Everything is up to date; nothing was done.")
    else:
        console.print(
            f"{worked - failed} of {worked} columns done in {elapsed:.1f} s"
            + (f", {failed} failed." if failed else ".")
        )
    column = shlex.quote(spec.columns[0] if spec.name != DEMO_FIT else "arr_delay")
    options = f"--fit {spec.name} --store {shlex.quote(str(folder.parent))}"
    console.print(f"Results are in {folder}. What to do next:", markup=False)
    console.print(f"  gmm-pipeline show {column} {options}", markup=False)
    console.print(
        f"  gmm-pipeline export {options} --out {spec.name}_encoded.parquet", markup=False
    )
    console.print(f"  gmm-pipeline status {options}", markup=False)
