"""`demo` and `run`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from gmm_pipeline.fits.column_stages import Refit
from gmm_pipeline.fits.demo import DEMO_FIT, demo_spec
from gmm_pipeline.fits.prepare import Prepared, prepare_stored
from gmm_pipeline.fits.progress import Outcome
from gmm_pipeline.fits.run_record import RunRecord, last_run
from gmm_pipeline.fits.settings import EngineName
from gmm_pipeline.fits.source_ledger import current_ledger, save_ledger
from gmm_pipeline.fits.spec import FitSpec, default_fit_name, load_spec, save_spec
from gmm_pipeline.fits.stages import Stage
from gmm_pipeline.interfaces.cli.display import print_json, print_table, stderr
from gmm_pipeline.interfaces.cli.options import (
    engine_options,
    json_option,
    memory_option,
    source_options,
    store_option,
    threads_option,
)
from gmm_pipeline.interfaces.cli.progress import run_progress
from gmm_pipeline.interfaces.cli.specs import given_spec, on_engine, with_adopted
from gmm_pipeline.interfaces.cli.summary import FIELDS, summary_row
from gmm_pipeline.store.store import FitFolder, Store
from gmm_pipeline.tables.open_table import open_batches


@click.command()
@engine_options
@store_option
@threads_option
@memory_option
@json_option
def demo(
    engine: EngineName,
    spark_config: tuple[str, ...],
    store: Path,
    threads: int,
    memory: int,
    *,
    as_json: bool,
) -> None:
    """Encode the bundled flights of New York City, 336,776 rows, and compare them with what they
    decode to.

    \b
    Examples:
      gmm-pipeline demo
      gmm-pipeline demo --store /tmp/store
      gmm-pipeline demo --engine spark
    """
    folder = Store(store).fit(DEMO_FIT)
    spec = load_spec(folder) if folder.spec_path.exists() else demo_spec(store)
    spec = on_engine(spec, engine, spark_config)
    save_spec(spec, folder)
    start(prepare_stored(spec, folder), store, threads, memory, refit=False, as_json=as_json)


@click.command()
@source_options
@threads_option
@memory_option
@click.option("--refit", is_flag=True, help="Do everything anew.")
def run(
    source: str,
    fit: str | None,
    patterns: str,
    engine: EngineName,
    spark_config: tuple[str, ...],
    assignments: tuple[str, ...],
    config: Path | None,
    csv_nulls: tuple[str, ...],
    store: Path,
    threads: int,
    memory: int,
    *,
    as_json: bool,
    refit: bool,
) -> None:
    """Fit and encode the columns of SOURCE: what is missing or stale is done, the rest is left
    alone.

    SOURCE is a Parquet or CSV file, a folder of them, or a quoted glob.

    \b
    Examples:
      gmm-pipeline run sales.parquet gmm-pipeline run 'sales/2025-*.csv' --fit sales --csv-null NA
      gmm-pipeline run sales.parquet --engine spark --spark-config spark.master=spark://HOST:7077
      gmm-pipeline run sales.parquet --columns 'amount,price_*' --set max_modes=5 --set
      amount.seed=7
    """
    name = fit or default_fit_name(source)
    folder = Store(store).fit(name)
    ledger = current_ledger(source, folder, accept=lambda _: True)
    table = open_batches(source, ledger.source_files, folder.staging, csv_nulls=csv_nulls)
    spec = given_spec(name, source, table, patterns, csv_nulls, config, assignments)
    spec = on_engine(spec if refit else with_adopted(spec, folder), engine, spark_config)
    _tell_what_is_gone(spec, folder)
    save_ledger(ledger, folder)
    save_spec(spec, folder)
    prepared = Prepared(spec, folder, ledger, table)
    start(prepared, store, threads, memory, refit=refit, as_json=as_json)


@click.command()
@click.option("--fit", default=None, help="Name of the fit; by default the one that was run last.")
@store_option
@threads_option
@memory_option
@json_option
def retry(fit: str | None, store: Path, threads: int, memory: int, *, as_json: bool) -> None:
    """Continue the last run: what it did is kept, what failed or was not reached is done.

    The source and the settings are those of that run; one with --refit goes on to make the rest
    anew.

    \b
    Examples:
      gmm-pipeline retry
      gmm-pipeline retry --fit sales
    """
    folder = Store(store).require_present_fit(fit or last_run(Store(store)))
    record, prepared = RunRecord.read(folder), prepare_stored(load_spec(folder), folder)
    save_ledger(prepared.ledger, folder)
    _run(prepared, store, threads, memory, record, as_json=as_json)


def start(
    prepared: Prepared, store: Path, threads: int, memory: int, *, refit: bool, as_json: bool
) -> None:
    """Run what is missing or stale, or everything."""
    columns = [status.column for status in prepared.statuses() if refit or not status.done]
    record = RunRecord.now(columns, refit=refit)
    if columns:
        record.write(prepared.folder)
    _run(prepared, store, threads, memory, record, as_json=as_json)


def _run(
    prepared: Prepared, store: Path, threads: int, memory: int, record: RunRecord, *, as_json: bool
) -> None:
    """Do what a run has left to do, print a summary, and exit with 1 if a column failed."""
    started = time.perf_counter()
    spec, folder = prepared.spec, prepared.folder
    left = {status.column: record.left(status) for status in prepared.statuses()}
    work = {column: stages for column, stages in left.items() if stages}
    for column in left.keys() - work.keys():
        folder.column(column).tidy()
    refit = Refit.ALL if record.refit else Refit.NONE
    outcomes = _execute(prepared, store, threads, memory, work, refit) if work else []
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
        _print_ending(spec, store, len(work), len(errors), elapsed)
    for column, message in errors.items():
        stderr().print(
            f"failed: {message if repr(column) in message else f'{column!r}: {message}'}",
            markup=False,
        )
    if errors:
        raise click.exceptions.Exit(1)


def _tell_what_is_gone(spec: FitSpec, folder: FitFolder) -> None:
    """Name the columns that the fit had before and the source no longer has."""
    if not folder.spec_path.exists():
        return
    last = load_spec(folder)
    gone = [column for column in last.columns if column not in spec.columns]
    if gone and last.patterns == spec.patterns:
        stderr().print(
            f"No longer in the source, their results stay: {', '.join(gone)}", markup=False
        )


def _execute(
    prepared: Prepared,
    store: Path,
    threads: int,
    memory: int,
    work: Mapping[str, Sequence[Stage]],
    refit: Refit,
) -> list[Outcome]:
    """Run columns and return how they ended."""
    console, spec = stderr(), prepared.spec
    console.print(
        f"{spec.name}: {len(work)} of {len(spec.columns)} columns to do; starting Dagster …",
        markup=False,
    )
    from gmm_pipeline.orchestration.execution import DagsterRunner

    runner = DagsterRunner(store, threads, memory)
    for message in runner.report_lost_runs():
        console.print(message, markup=False)
    with run_progress(len(work), sum(map(len, work.values()))) as progress:
        return runner.run(prepared, work, progress, refit)


def _print_ending(spec: FitSpec, store: Path, worked: int, failed: int, elapsed: float) -> None:
    console = stderr()
    folder = Store(store).fit(spec.name).path
    if not worked:
        console.print("Everything is up to date; nothing was done.")
    else:
        console.print(
            f"{worked - failed} of {worked} columns done in {elapsed:.1f} s"
            + (f", {failed} failed." if failed else ".")
        )
    column = shlex.quote(spec.columns[0] if spec.name != DEMO_FIT else "arr_delay")
    options = f"--fit {spec.name} --store {shlex.quote(str(store))}"
    console.print(f"Results are in {folder}. What to do next:", markup=False)
    console.print(f"  gmm-pipeline show {column} {options}", markup=False)
    console.print(
        f"  gmm-pipeline export {options} --out {spec.name}_encoded.parquet", markup=False
    )
    console.print(f"  gmm-pipeline status {options}", markup=False)
