"""`demo`, `run`, `plan` and `status`."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from gmm_pipeline.arrow.types import reading_of
from gmm_pipeline.engines.local.source import LocalTable, open_table
from gmm_pipeline.errors import SourceError, UnsupportedTypeError
from gmm_pipeline.interfaces.cli.display import print_json, print_table, stderr
from gmm_pipeline.interfaces.cli.options import (
    fit_option,
    given_patterns,
    given_settings,
    json_option,
    source_options,
    store_option,
    threads_option,
)
from gmm_pipeline.interfaces.cli.progress import run_progress
from gmm_pipeline.interfaces.cli.summary import FIELDS, summary_row
from gmm_pipeline.orchestration.demo import DEMO_FIT, demo_spec
from gmm_pipeline.orchestration.fit_spec import FitSpec, default_fit_name, load_spec, save_spec, select_columns
from gmm_pipeline.orchestration.planning import ColumnStatus, State, column_status
from gmm_pipeline.orchestration.stages import STAGES
from gmm_pipeline.storage.store import FitFolder, Store


@click.command()
@store_option
@threads_option
@json_option
def demo(store: Path, threads: int, *, as_json: bool) -> None:
    """Encode the bundled flights of New York City, 336,776 rows, and compare them with what they decode to.

    \b
    Examples:
      gmm-pipeline demo
      gmm-pipeline demo --store /tmp/store
    """
    folder = Store(store).fit(DEMO_FIT)
    spec = load_spec(folder) if folder.spec_path.exists() else demo_spec(store)
    _run(spec, store, threads, refit=False, as_json=as_json)


@click.command()
@source_options
@threads_option
@click.option("--refit", is_flag=True, help="Do everything anew.")
def run(
    source: str,
    fit: str | None,
    patterns: str,
    engine: str,
    assignments: tuple[str, ...],
    config: Path | None,
    csv_nulls: tuple[str, ...],
    store: Path,
    threads: int,
    *,
    as_json: bool,
    refit: bool,
) -> None:
    """Fit and encode the columns of SOURCE: what is missing or stale is done, the rest is left alone.

    SOURCE is a Parquet or CSV file, a folder of them, or a quoted glob.

    \b
    Examples:
      gmm-pipeline run sales.parquet
      gmm-pipeline run 'sales/2025-*.csv' --fit sales --csv-null NA
      gmm-pipeline run sales.parquet --columns 'amount,price_*' --set max_modes=5 --set amount.seed=7
    """
    del engine
    name = fit or default_fit_name(source)
    folder = Store(store).fit(name)
    table = open_table(source, folder.staging, csv_nulls=csv_nulls)
    spec = _spec(name, source, table, patterns, csv_nulls, config, assignments)
    _run(spec, store, threads, refit=refit, as_json=as_json)


@click.command()
@source_options
def plan(
    source: str,
    fit: str | None,
    patterns: str,
    engine: str,
    assignments: tuple[str, ...],
    config: Path | None,
    csv_nulls: tuple[str, ...],
    store: Path,
    *,
    as_json: bool,
) -> None:
    """Say what `run` would do with the same arguments, and why. Nothing is written.

    \b
    Examples:
      gmm-pipeline plan sales.parquet
      gmm-pipeline plan sales.parquet --set amount.max_modes=5
    """
    del engine
    name = fit or default_fit_name(source)
    folder = Store(store).fit(name)
    with TemporaryDirectory() as temporary:
        table = open_table(source, Path(temporary), csv_nulls=csv_nulls)
        spec = _spec(name, source, table, patterns, csv_nulls, config, assignments)
        entries = [_plan_entry(status, spec, table) for status in _statuses(spec, folder)]
    if as_json:
        print_json({"fit": name, "rows": table.rows, "columns": entries})
        return
    title = f"{name}: {table.rows:,} rows, {len(entries)} columns of {source}"
    print_table(["column", "type", "read as", "to do", "why"], [_plan_row(entry) for entry in entries], title=title)


@click.command()
@fit_option
@store_option
@json_option
def status(fit: str, store: Path, *, as_json: bool) -> None:
    """Show each column and stage of a fit: done, stale, failed, or missing.

    \b
    Examples:
      gmm-pipeline status --fit flights
      gmm-pipeline status --fit flights --json
    """
    folder = Store(store).require_fit(fit)
    spec = load_spec(folder)
    statuses = _statuses(spec, folder)
    if as_json:
        print_json({"fit": fit, "source": spec.source, "columns": [_status_entry(status) for status in statuses]})
        return
    rows = [[entry.column, *(stage.state.value for stage in entry.stages), _notes(entry)] for entry in statuses]
    print_table(["column", *(stage.name for stage in STAGES), "notes"], rows, title=f"{fit}: {spec.source}")


def _spec(
    name: str,
    source: str,
    table: LocalTable,
    patterns: str,
    csv_nulls: tuple[str, ...],
    config: Path | None,
    assignments: tuple[str, ...],
) -> FitSpec:
    columns = select_columns(table.schema.names, given_patterns(patterns))
    settings = given_settings(config, assignments)
    settings.check(columns)
    return FitSpec(name=name, source=_absolute(source), columns=columns, csv_nulls=csv_nulls, settings=settings)


def _absolute(source: str) -> str:
    return str(Path(source).absolute())


def _statuses(spec: FitSpec, folder: FitFolder) -> list[ColumnStatus]:
    try:
        digest = spec.source_digest()
    except SourceError:
        digest = None
    return [column_status(name, folder.column(name), spec.settings.of(name), digest) for name in spec.columns]


def _run(spec: FitSpec, store: Path, threads: int, *, refit: bool, as_json: bool) -> None:
    """Do what is to be done, print a summary of all columns, and exit with 1 if any failed."""
    started = time.perf_counter()
    folder = Store(store).fit(spec.name)
    save_spec(spec, folder)
    work = {status.column: STAGES if refit else status.to_do for status in _statuses(spec, folder)}
    work = {column: stages for column, stages in work.items() if stages}
    errors, seconds = _execute(spec, store, threads, work) if work else ({}, {})
    entries = [summary_row(status, seconds, errors) for status in _statuses(spec, folder)]
    elapsed = time.perf_counter() - started
    if as_json:
        print_json({"fit": spec.name, "store": str(folder.path), "seconds": elapsed, "columns": entries})
    else:
        print_table(list(FIELDS.values()), [[entry[name] for name in FIELDS] for entry in entries])
        _print_ending(spec, store, len(work), len(errors), elapsed)
    for column, message in errors.items():
        stderr().print(f"failed: {message if repr(column) in message else f'{column!r}: {message}'}", markup=False)
    if errors:
        raise click.exceptions.Exit(1)


def _execute(spec: FitSpec, store: Path, threads: int, work: dict[str, Any]) -> tuple[dict[str, str], dict[str, float]]:
    """Run the columns one after the other; return the errors and the seconds, by column."""
    console = stderr()
    console.print(f"{spec.name}: {len(work)} of {len(spec.columns)} columns to do; starting Dagster …", markup=False)
    from gmm_pipeline.orchestration.execution import DagsterRunner

    runner = DagsterRunner(spec, store, threads)
    errors: dict[str, str] = {}
    seconds: dict[str, float] = {}
    with run_progress(len(work), sum(map(len, work.values()))) as progress:
        for column, stages in work.items():
            progress.start(column, len(stages))
            outcome = runner.run(column, stages, progress.stage)
            progress.finish(outcome)
            seconds[column] = outcome.seconds
            if outcome.error is not None:
                errors[column] = outcome.error
    return errors, seconds


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
    console.print(f"  gmm-pipeline export {options} --out {spec.name}_encoded.parquet", markup=False)
    console.print(f"  gmm-pipeline status {options}", markup=False)


def _plan_entry(status: ColumnStatus, spec: FitSpec, table: LocalTable) -> dict[str, Any]:
    field = table.schema.field(status.column)
    entry: dict[str, Any] = {"column": status.column, "type": str(field.type)}
    try:
        reading = reading_of(field, spec.settings.of(status.column).kind)
    except UnsupportedTypeError as error:
        return {**entry, "reading": None, "to_do": [], "why": error.problem + ". " + (error.remedy or "")}
    first = next((stage for stage in status.stages if stage.state is not State.DONE), None)
    return {
        **entry,
        "reading": reading.value,
        "to_do": [stage.name for stage in status.to_do],
        "why": "up to date" if first is None else f"{first.stage.name} {first.state.value}: {first.reason}",
    }


def _plan_row(entry: dict[str, Any]) -> list[str]:
    to_do = "will fail" if entry["reading"] is None else ", ".join(entry["to_do"]) or "nothing"
    return [entry["column"], entry["type"], entry["reading"] or "–", to_do, entry["why"]]


def _status_entry(status: ColumnStatus) -> dict[str, Any]:
    return {
        "column": status.column,
        "stages": {
            stage.stage.name: {
                "state": stage.state.value,
                "reason": stage.reason,
                "summary": None if stage.manifest is None else stage.manifest.summary,
            }
            for stage in status.stages
        },
    }


def _notes(status: ColumnStatus) -> str:
    """Return why the first stage that is not done is not."""
    for stage in status.stages:
        if stage.state in {State.FAILED, State.STALE}:
            return f"{stage.stage.name}: {stage.reason}"
    return ""
