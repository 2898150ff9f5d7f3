"""The command `gmm-pipeline`."""

from __future__ import annotations

import sys
from typing import Any

import click

from gmm_pipeline.errors import (
    ColumnDataError,
    DiskError,
    PipelineError,
    UnsupportedTypeError,
    disk_error,
)
from gmm_pipeline.interfaces.cli.commands import LazyGroup

_OF_THE_WORK = (ColumnDataError, DiskError, UnsupportedTypeError)
"""Errors of what was to be done, not of the call."""


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="gmm-pipeline")
def cli() -> None:
    """Write every value of a table as (mode, distance from the mode's mean), and back.

    A Gaussian mixture is fitted to every numeric column. Each category, null and value that
    occurs very often is a mode of its own.

    \b
    Examples:
      gmm-pipeline demo
      gmm-pipeline run sales.parquet
      gmm-pipeline show amount --fit sales
      gmm-pipeline export --fit sales --out encoded.parquet --wide
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line.

    The exit status is 0 if all is done, 1 if a column could not be processed, 2 for a wrong call.
    """
    try:
        return cli(arguments)
    except Exception as error:
        told = disk_error(error) or (error if isinstance(error, PipelineError) else None)
        if told is None:
            raise
        # Rich takes a while to load.
        from gmm_pipeline.interfaces.cli.display import stderr

        stderr().print(f"Error: {told}", markup=False)
        sys.exit(1 if isinstance(told, _OF_THE_WORK) else 2)
