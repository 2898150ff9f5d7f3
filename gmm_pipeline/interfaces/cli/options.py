"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from gmm_pipeline.fits.settings import EngineName, TableSettings, parse_assignments, read_settings
from gmm_pipeline.orchestration.configuration import bytes_of

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_STORE = Path("gmm_store")

store_option = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_STORE,
    show_default=True,
    envvar="GMM_PIPELINE_STORE",
    show_envvar=True,
    help="Folder of all results.",
)
fit_option = click.option(
    "--fit", required=True, help="Name of the fit; NAME@TIME for its models at that time (UTC)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=0),
    default=0,
    help="Threads; 0 means one per core. Results do not depend on it.",
)
memory_option = click.option(
    "--memory",
    callback=lambda _context, _option, text: _bytes(text),
    metavar="SIZE",
    help="What a run may hold in all, such as 2GB; by default it suits the machine. Results do not depend on it.",
)
csv_null_option = click.option(
    "--csv-null",
    "csv_nulls",
    multiple=True,
    help="What stands for null in CSV files, besides the empty field.",
)


def out_option(what: str) -> Callable[[F], F]:
    """Return the option for where a command writes a table."""
    return click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path),
        help=f"{what}: a .parquet or .csv file, or a folder of Parquet parts if it has no ending.",
    )


def engine_options(command: F) -> F:
    """Add the options that say where rows are processed."""
    engine = click.option(
        "--engine",
        type=click.Choice(get_args(EngineName)),
        default="local",
        show_default=True,
        help="Where rows are processed. Results do not depend on it.",
    )
    spark_config = click.option(
        "--spark-config",
        "spark_config",
        multiple=True,
        metavar="KEY=VALUE",
        help="A setting of Spark, such as spark.master=spark://HOST:7077.",
    )
    return engine(spark_config(command))


def source_options(command: F) -> F:
    """Add the argument and options that say what a fit is made from."""
    decorators = [
        click.argument("source"),
        click.option(
            "--fit", "fit", default=None, help="Name of the fit; by default the name of the source."
        ),
        click.option(
            "--columns",
            "patterns",
            default="",
            help="Names or globs, separated by commas; ! in front leaves out.",
        ),
        click.option(
            "--set",
            "assignments",
            multiple=True,
            metavar="[COLUMN.]SETTING=VALUE",
            help="A setting of all columns, or of one.",
        ),
        click.option(
            "--config", type=click.Path(path_type=Path), help="A TOML or YAML file of settings."
        ),
        csv_null_option,
        engine_options,
        store_option,
        json_option,
    ]
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def given_settings(config: Path | None, assignments: tuple[str, ...]) -> TableSettings:
    """Return the settings of a file and of the command line, which takes precedence."""
    from_file = TableSettings() if config is None else read_settings(config)
    return from_file.merged(parse_assignments(assignments))


def _bytes(text: str | None) -> int:
    try:
        return bytes_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def given_patterns(patterns: str) -> list[str]:
    """Return the column patterns of a comma-separated list."""
    return [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
