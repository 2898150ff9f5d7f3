"""Options that several commands share, collected into the values that commands take."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from gmm_pipeline.errors import SettingsError
from gmm_pipeline.fits.limits import Limits, bytes_of
from gmm_pipeline.fits.prepare import EngineChoice, FitRequest
from gmm_pipeline.fits.settings import EngineName, TableSettings, parse_assignments, read_settings
from gmm_pipeline.orchestration.configuration import CONFIG_VARIABLE, STORE_VARIABLE
from gmm_pipeline.tables.csv.dialect import CsvDialect

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_STORE = Path("gmm_store")

store_option = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_STORE,
    show_default=True,
    envvar="GMM_PIPELINE_STORE",
    show_envvar=True,
    help="The folder that holds all results.",
)
config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar=CONFIG_VARIABLE,
    show_envvar=True,
    help="A YAML or TOML file of datasets; by default the demo and all fits of the store.",
)
configured_store_option = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    envvar=STORE_VARIABLE,
    show_envvar=True,
    help="Folder of all results; by default that of the file of datasets, or gmm_store.",
)
fit_option = click.option(
    "--fit", required=True, help="Name of the fit; NAME@GENERATION for an earlier one."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
csv_option = click.option(
    "--csv",
    multiple=True,
    metavar="KEY=VALUE",
    callback=lambda _context, _option, assignments: CsvDialect.parse(assignments),
    help="How CSV files are written, where it is not found: delimiter, quote, decimal, thousands, "
    "comment, header, skip, nulls, encoding, blanks; or COLUMN=TYPE.",
)


def out_option(what: str) -> Callable[[F], F]:
    """Return the option for where a command writes a table."""
    return click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path),
        help=f"{what}: a .parquet or .csv file, or a folder of Parquet parts if it has no ending.",
    )


threads_option = click.option(
    "--threads",
    type=click.IntRange(min=0),
    default=0,
    help="Threads; 0 means one per core. Results do not depend on it.",
)


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --threads and --memory; the command takes them as `limits`, a `Limits`."""

    @wraps(command)
    def collect(*, threads: int, memory: int, **others: Any) -> None:
        command(limits=Limits(threads, memory), **others)

    memory_option = click.option(
        "--memory",
        callback=lambda _context, _option, size: _bytes(size),
        metavar="SIZE",
        help="Memory that the command may use in all, such as 2GB; by default a share of the "
        "machine's. Results do not depend on it.",
    )
    return threads_option(memory_option(collect))


def engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --engine and --spark-config; the command takes them as `engine`, an `EngineChoice`."""

    @wraps(command)
    def collect(*, engine: EngineName, spark_config: tuple[str, ...], **others: Any) -> None:
        command(engine=EngineChoice(engine, _spark_settings(engine, spark_config)), **others)

    engine_option = click.option(
        "--engine",
        type=click.Choice(get_args(EngineName)),
        default="local",
        show_default=True,
        help="Where rows are processed. Results do not depend on it.",
    )
    spark_option = click.option(
        "--spark-config",
        "spark_config",
        multiple=True,
        metavar="KEY=VALUE",
        help="A setting of Spark, such as spark.master=spark://HOST:7077.",
    )
    return engine_option(spark_option(collect))


def request_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add SOURCE and the options that describe a fit of it; the command takes a `FitRequest`."""

    @wraps(command)
    def collect(
        *,
        source: str,
        fit: str | None,
        patterns: str,
        assignments: tuple[str, ...],
        config: Path | None,
        csv: CsvDialect,
        engine: EngineChoice,
        **others: Any,
    ) -> None:
        settings = TableSettings() if config is None else read_settings(config)
        request = FitRequest(
            source,
            fit,
            patterns=tuple(filter(None, map(str.strip, patterns.split(",")))),
            settings=settings.merged(parse_assignments(assignments)),
            csv=csv,
            engine=engine,
        )
        command(request=request, **others)

    options: list[Callable[[Callable[..., None]], Callable[..., None]]] = [
        click.argument("source"),
        click.option(
            "--fit", default=None, help="Name of the fit; by default the name of the source."
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
        csv_option,
        engine_options,
    ]
    for option in reversed(options):
        collect = option(collect)
    return collect


def _spark_settings(engine: EngineName, assignments: tuple[str, ...]) -> dict[str, str]:
    """Return Spark's settings by name; raise SettingsError for what is not one."""
    if assignments and engine != "spark":
        raise SettingsError("--spark-config needs Spark", remedy="Add --engine spark")
    pairs = [assignment.partition("=") for assignment in assignments]
    for key, equals, _ in pairs:
        if not equals or not key.startswith("spark."):
            raise SettingsError(
                f"{key!r} is not a setting of Spark",
                remedy="Write --spark-config KEY=VALUE, with a key such as spark.master",
            )
    return {key: value for key, _, value in pairs}


def _bytes(size: str | None) -> int:
    try:
        return bytes_of(size)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
