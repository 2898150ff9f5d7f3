"""`cluster up` and `cluster down`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gmm_pipeline.engines.spark import cluster as standalone
from gmm_pipeline.interfaces.cli.display import stderr

DEFAULT_FOLDER, FOLDER_VARIABLE = Path("gmm_cluster"), "GMM_PIPELINE_CLUSTER"

folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    show_default=True,
    envvar=FOLDER_VARIABLE,
    show_envvar=True,
    help="Where the cluster keeps its record and its logs.",
)


@click.group()
def cluster() -> None:
    """Start and stop a Spark cluster on this machine, to try things out."""


@cluster.command()
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--cores",
    type=click.IntRange(min=1),
    default=None,
    help="Of each worker; by default its share.",
)
@click.option("--memory", default="2g", show_default=True, help="Of each worker.")
@folder_option
def up(workers: int, cores: int | None, memory: str, folder: Path) -> None:
    """Start a master and workers, each a process of its own, that talk to this machine alone.

    The master's address is printed.

    \b
    Examples:
      gmm-pipeline cluster up --workers 2 gmm-pipeline run sales.parquet --engine spark
      --spark-config spark.master=$(gmm-pipeline cluster up)
    """
    share = max((os.cpu_count() or 1) // workers, 1)
    started = standalone.start(
        folder.absolute(), workers=workers, cores=cores or share, memory=memory
    )
    click.echo(started.master)
    console = stderr()
    console.print(
        f"Workers: {workers}; cores of each: {cores or share}; memory of each: {memory}; web page {started.web}",
        markup=False,
    )
    console.print("What to do next:")
    console.print(
        f"  gmm-pipeline demo --engine spark --spark-config spark.master={started.master}",
        markup=False,
    )
    console.print("  gmm-pipeline cluster down", markup=False)


@cluster.command()
@folder_option
def down(folder: Path) -> None:
    """Stop the cluster and remove its folder.

    \b
    Examples:
      gmm-pipeline cluster down
    """
    ended = standalone.stop(folder.absolute())
    stderr().print(f"{ended} processes ended.", markup=False)
