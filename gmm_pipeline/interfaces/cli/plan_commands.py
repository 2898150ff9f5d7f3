"""`plan` and `status`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, ROWS_PER_PART
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.local.partitioning import footprints, partition
from gmm_pipeline.errors import PipelineError
from gmm_pipeline.fits.concurrency import Concurrency
from gmm_pipeline.fits.plan import ColumnStatus, State, column_statuses, current_statuses
from gmm_pipeline.fits.preview import preview
from gmm_pipeline.fits.settings import EngineName
from gmm_pipeline.fits.source_ledger import current_ledger
from gmm_pipeline.fits.spec import FitSpec, default_fit_name, load_spec
from gmm_pipeline.fits.stages import MODEL, STAGES, TRANSFORMED
from gmm_pipeline.fits.verdicts import round_trip_in_words
from gmm_pipeline.interfaces.cli.display import amount, print_json, print_table, stdout
from gmm_pipeline.interfaces.cli.options import (
    fit_option,
    json_option,
    memory_option,
    source_options,
    store_option,
    threads_option,
)
from gmm_pipeline.interfaces.cli.progress import counted
from gmm_pipeline.interfaces.cli.spark_plan import print_spark_passes, spark_passes
from gmm_pipeline.interfaces.cli.specs import given_spec, on_engine
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.open_table import LocalTable, open_batches

_ENCODED_BYTES = 5
"""Of a row of a column with Gaussian modes: a float32 value and the rank."""


@click.command()
@source_options
@threads_option
@memory_option
def plan(
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
) -> None:
    """Say what `run` would do with the same arguments, and why. Nothing is written.

    \b
    Examples:
      gmm-pipeline plan sales.parquet
      gmm-pipeline plan sales.parquet --set amount.max_modes=5
      gmm-pipeline plan sales.parquet --engine spark --spark-config spark.master=spark://HOST:7077
    """
    name = fit or default_fit_name(source)
    folder = Store(store).fit(name)
    with TemporaryDirectory() as temporary:
        ledger = current_ledger(source, folder, accept=lambda _: True)
        table = open_batches(source, ledger.source_files, Path(temporary), csv_nulls=csv_nulls)
        spec = on_engine(
            given_spec(name, source, table, patterns, csv_nulls, config, assignments),
            engine,
            spark_config,
        )
        statuses = column_statuses(spec, folder, ledger)
        entries = [
            _plan_entry(status, spec, table) for status in counted(statuses, "looking at columns")
        ]
        passes = _passes(spec, table, entries, threads, memory)
    if as_json:
        print_json({"fit": name, "rows": table.rows, "columns": entries, "engine": passes})
        return
    title = f"{name}: {table.rows:,} rows, {len(entries)} columns of {source}"
    print_table(
        ["column", "type", "kind", "because", "to do", "why"],
        [_plan_row(entry) for entry in entries],
        title=title,
    )
    (print_spark_passes if spec.engine == "spark" else _print_passes)(passes)


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
    folder = Store(store).require_present_fit(fit)
    spec = load_spec(folder)
    statuses = current_statuses(spec, folder)
    if as_json:
        print_json(
            {
                "fit": fit,
                "source": spec.source,
                "columns": [_status_entry(status) for status in statuses],
            }
        )
        return
    rows = [
        [
            entry.column,
            *(stage.state.value for stage in entry.stages),
            _round_trip(entry),
            _notes(entry),
        ]
        for entry in statuses
    ]
    headings = ["column", *(stage.name for stage in STAGES), "round trip", "notes"]
    print_table(headings, rows, title=f"{fit}: {spec.source}")


@click.command()
@store_option
@json_option
def fits(store: Path, *, as_json: bool) -> None:
    """List the fits in the store, with the earlier ones that later ones have taken the place of.

    An earlier fit is named by its time; `show`, `transform` and `inverse` take it as --fit.

    \b
    Examples:
      gmm-pipeline fits
      gmm-pipeline transform new.parquet --fit sales@2026-11-24T03:00:00 --out new_encoded.parquet
    """
    found = Store(store)
    specs = {name: load_spec(found.fit(name)) for name in found.fits()}
    moments = {name: found.fit(name).moments(spec.columns) for name, spec in specs.items()}
    earlier = {
        name: [f"{name}@{at:%Y-%m-%dT%H:%M:%S.%f}" for at in times]
        for name, times in moments.items()
    }
    entries = [
        {"fit": name, "columns": len(spec.columns), "source": spec.source, "earlier": earlier[name]}
        for name, spec in specs.items()
    ]
    if as_json:
        print_json(entries)
        return
    print_table(
        ["fit", "columns", "source", "earlier fits"],
        [
            [name, len(spec.columns), spec.source, "\n".join(earlier[name])]
            for name, spec in specs.items()
        ],
    )


def _plan_entry(status: ColumnStatus, spec: FitSpec, table: LocalTable) -> dict[str, Any]:
    """Return what is planned for a column; the kind of one that is fitted already is not looked for
    again.
    """
    entry: dict[str, Any] = {
        "column": status.column,
        "type": str(table.schema.field(status.column).type),
    }
    model = status.of(MODEL)
    try:
        if model.state is State.DONE and model.manifest is not None:
            kind, reason = model.manifest.summary["kind"], model.manifest.summary["reason"]
        else:
            seen = preview(
                table.column(status.column), spec.settings.of(status.column), LocalEngine()
            )
            kind, reason = seen.kind, seen.reason
    except PipelineError as error:
        why = (
            error.problem
            + (f" ({error.rows:,} rows)" if error.rows else "")
            + ". "
            + (error.remedy or "")
        )
        return {**entry, "kind": None, "reason": None, "to_do": [], "why": why}
    first = next((stage for stage in status.stages if stage.state is not State.DONE), None)
    return {
        **entry,
        "kind": kind,
        "reason": reason,
        "to_do": [stage.name for stage in status.to_do],
        "why": "up to date"
        if first is None
        else f"{first.stage.name} {first.state.value}: {first.reason}",
    }


def _passes(
    spec: FitSpec, table: LocalTable, entries: Sequence[dict[str, Any]], threads: int, memory: int
) -> dict[str, Any]:
    """Return how the engine passes over the columns that there is something to do for, by their
    footers.
    """
    to_do = {entry["column"]: entry["kind"] for entry in entries if entry["to_do"]}
    kinds = {column: kind for column, kind in to_do.items() if kind}
    if spec.engine == "spark":
        return spark_passes(spec, table, list(kinds))
    concurrency = Concurrency.of(spec, threads, memory)
    return _here(
        table, kinds, threads or os.cpu_count() or 1, concurrency, concurrency.over(len(to_do))
    )


def _here(
    table: LocalTable, kinds: dict[str, str], cores: int, most: Concurrency, together: Concurrency
) -> dict[str, Any]:
    """Return how the local engine passes over columns, by their footers and kinds.

    Memory is shared as if all columns of the fit had something to do, whoever works on those that
    have.
    """
    found = footprints(table.files, table.schema, table.rows, list(kinds))
    passes = [
        partition(
            column.row_bytes,
            table.rows,
            cores,
            most.memory_of_a_column,
            chunk_bytes=column.chunk_bytes,
        )
        for column in found.values()
    ]
    encoded = sum(
        table.rows * (1 if kind == "categorical" else _ENCODED_BYTES) for kind in kinds.values()
    )
    return {
        "name": "local",
        "columns_at_once": together.columns,
        "threads": min((each.threads for each in passes), default=cores),
        "rows_per_batch": min((each.batch_rows for each in passes), default=ROWS_PER_GROUP),
        "rows_per_group": ROWS_PER_GROUP,
        "rows_per_part": ROWS_PER_PART,
        "memory_limit": most.memory,
        "peak_memory": together.held([each.peak_memory for each in passes]) if passes else 0,
        "disk": sum(column.file_bytes for column in found.values()) + encoded,
    }


def _print_passes(passes: dict[str, Any]) -> None:
    threads = f"{passes['threads']} thread" + ("s" if passes["threads"] > 1 else "")
    together = passes["columns_at_once"]
    columns = f"{together} columns at once" if together > 1 else "one column at a time"
    stdout().print(
        f"Local engine: {columns}, with {threads} each, that hold {passes['rows_per_batch']:,} rows at a time. "
        f"Results are stored in row groups of {passes['rows_per_group']:,} rows and parts of "
        f"{passes['rows_per_part']:,}.\n"
        f"Memory: about {amount(passes['peak_memory'])} of {amount(passes['memory_limit'])} that a run may hold "
        f"(--memory). Disk: about {amount(passes['disk'])} of results. "
        "`gmm-pipeline bench` measures both, and the time.",
        markup=False,
    )


def _plan_row(entry: dict[str, Any]) -> list[str]:
    stages = "all stages" if len(entry["to_do"]) == len(STAGES) else ", ".join(entry["to_do"])
    to_do = "will fail" if entry["kind"] is None else stages or "nothing"
    return [
        entry["column"],
        entry["type"],
        entry["kind"] or "–",
        entry["reason"] or "–",
        to_do,
        entry["why"],
    ]


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


def _round_trip(status: ColumnStatus) -> str:
    manifest = status.of(TRANSFORMED).manifest
    return "–" if manifest is None else round_trip_in_words(manifest.summary)


def _notes(status: ColumnStatus) -> str:
    """Return why the first stage that is not done is not; if all are, whether the model was kept or
    fitted, and why.
    """
    for stage in status.stages:
        if stage.state in {State.FAILED, State.STALE}:
            return f"{stage.stage.name}: {stage.reason}"
    model = status.of(MODEL).manifest
    return "" if model is None else str(model.summary.get("decision", ""))
