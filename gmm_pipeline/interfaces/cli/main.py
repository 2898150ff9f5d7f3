"""The command `gmm-pipeline`."""

from __future__ import annotations

import io
import os
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
TRACEBACK_VARIABLE = "GMM_PIPELINE_TRACEBACK"
"""The environment variable that asks for the traceback of an unexpected error."""


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

    The exit status is 0 if all is done, 1 if a column could not be processed or something
    unexpected happened, 2 for a wrong call.
    """
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot show is replaced, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        return cli(arguments)
    except Exception as error:
        told = disk_error(error) or (error if isinstance(error, PipelineError) else None)
        if told is not None:
            _print_error(str(told))
            sys.exit(1 if isinstance(told, _OF_THE_WORK) else 2)
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        _print_error(f"unexpected {what}. Set {TRACEBACK_VARIABLE}=1 to see where it happened.")
        sys.exit(1)


def _print_error(message: str) -> None:
    # Rich takes a while to load.
    from gmm_pipeline.interfaces.cli.display import stderr

    stderr().print(f"Error: {message}", markup=False)
