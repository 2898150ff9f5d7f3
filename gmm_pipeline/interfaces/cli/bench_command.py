"""`bench`."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.limits import Limits
from gmm_pipeline.fits.prepare import FitRequest, prepare
from gmm_pipeline.interfaces.cli.display import (
    amount,
    duration,
    print_json,
    print_table,
    stderr,
    stdout,
)
from gmm_pipeline.interfaces.cli.options import (
    json_option,
    limit_options,
    request_options,
    store_option,
)

if TYPE_CHECKING:
    from gmm_pipeline.fits.projection import Projection
    from gmm_pipeline.orchestration.sample_run import SampleRun

_COLUMNS = 4


@click.command()
@request_options
@limit_options
@store_option
@json_option
@click.option(
    "--sample-columns",
    type=click.IntRange(min=1),
    default=_COLUMNS,
    show_default=True,
    help="Columns that are measured; the others are taken to be like these.",
)
def bench(
    request: FitRequest, limits: Limits, store: Path, sample_columns: int, *, as_json: bool
) -> None:
    """Say what `run` would take here: time, memory and disk, and where the time goes.

    A sample of the rows of some columns really goes through all stages, in a folder beside the
    store that is removed again, and is projected to all rows and columns. What is in the store is
    neither used nor changed. CSV is turned into Parquet as a whole, as `run` would.

    \b
    Examples:
      gmm-pipeline bench sales.parquet
      gmm-pipeline bench 'sales/*.parquet' --columns 'amount,price_*' --json
      gmm-pipeline bench sales.parquet --sample-columns 12 --set method=dpgmm
    """
    started = time.perf_counter()
    stderr().print(f"Running a sample of {request.source} …", markup=False)
    with TemporaryDirectory(prefix=".gmm_bench_", dir=_disk_of(store)) as temporary:
        folder = Path(temporary)
        converting = time.perf_counter()
        prepared = prepare(request, store, folder / "source")
        converted = time.perf_counter() - converting
        spec, table = prepared.spec, prepared.table
        from gmm_pipeline.orchestration.sample_run import run_sample

        run = run_sample(
            spec, table, sample_columns, folder, threads=limits.threads, memory=limits.memory
        )
        free = shutil.disk_usage(folder).free
    for column, message in run.failures.items():
        stderr().print(
            f"failed: {message if repr(column) in message else f'{column!r}: {message}'}",
            markup=False,
        )
    if run.projection is None:
        raise SourceError(
            "no column of the sample could be encoded", remedy="See above, or take other --columns"
        )
    found = {
        "fit": spec.name,
        "rows": table.rows,
        "columns": len(spec.columns),
        "sample": {
            "rows": run.rows,
            "columns": list(run.projection.columns),
            "failed": dict(run.failures),
        },
        "seconds": run.projection.seconds + converted,
        "start_seconds": run.projection.start + converted,
        "peak_memory": run.peak_memory,
        "disk": {
            "bytes": run.projection.size,
            "free": free,
            "write_bytes_per_second": run.write_speed,
        },
        "stages": _stages(run, run.projection),
        "column_seconds": dict(run.projection.columns),
        "took_seconds": time.perf_counter() - started,
    }
    if as_json:
        print_json(found)
    else:
        _print(request.source, found)


def _disk_of(store: Path) -> Path:
    """Return the folder beside the store, or the nearest above it that there is."""
    return next(folder for folder in store.absolute().parents if folder.is_dir())


def _stages(run: SampleRun, projection: Projection) -> list[dict[str, Any]]:
    measured = {
        name: sum(cost.stages[name].seconds for cost in run.costs) for name in projection.stages
    }
    stages = [
        {
            "stage": name,
            "sample_seconds": measured[name],
            "seconds": cost.seconds,
            "share": cost.seconds / projection.seconds,
            "bytes": cost.size,
        }
        for name, cost in projection.stages.items()
    ]
    share = projection.around / projection.seconds
    run_by_run = {
        "stage": "around them",
        "sample_seconds": run.around,
        "seconds": projection.around,
        "share": share,
    }
    return [*stages, {**run_by_run, "bytes": 0}]


def _print(source: str, found: dict[str, Any]) -> None:
    sample, disk = found["sample"], found["disk"]
    title = f"{source}: {found['rows']:,} rows, {found['columns']:,} columns; by {sample['rows']:,} rows of "
    rows = [
        [
            stage["stage"],
            f"{stage['sample_seconds']:.2f} s",
            duration(stage["seconds"]),
            f"{100 * stage['share']:.0f} %",
            amount(stage["bytes"]),
        ]
        for stage in found["stages"]
    ]
    rows.append(
        [
            "start",
            "",
            duration(found["start_seconds"]),
            f"{100 * found['start_seconds'] / found['seconds']:.0f} %",
            "",
        ]
    )
    rows.append(["the whole job", "", duration(found["seconds"]), "", amount(disk["bytes"])])
    columns = f"{len(sample['columns'])} columns, in {found['took_seconds']:.1f} s"
    console = stdout()
    console.print(title + columns, markup=False)
    print_table(["stage", "sample", "whole job", "share", "written"], rows)
    memory = (
        ""
        if found["peak_memory"] is None
        else f"Memory: {amount(found['peak_memory'])}, whatever the rows. "
    )
    fits = "" if disk["bytes"] < disk["free"] else " That does not fit!"
    speed = f"it takes {amount(disk['write_bytes_per_second'])} a second"
    console.print(
        f"{memory}Disk: {amount(disk['bytes'])} of {amount(disk['free'])} that are free; {speed}.{fits}"
    )
    if len(found["column_seconds"]) > 1:
        slowest = sorted(found["column_seconds"].items(), key=lambda item: -item[1])
        console.print(
            "Columns: " + ", ".join(f"{name} {duration(seconds)}" for name, seconds in slowest),
            markup=False,
        )
