"""`ui`: Dagster's web UI."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import click

from gmm_pipeline.errors import PipelineError
from gmm_pipeline.interfaces.cli import startup_watch
from gmm_pipeline.interfaces.cli.display import stderr
from gmm_pipeline.interfaces.cli.options import config_option, configured_store_option
from gmm_pipeline.interfaces.cli.sync_command import sync_datasets
from gmm_pipeline.orchestration.configuration import (
    CONFIG_VARIABLE,
    STORE_VARIABLE,
    read_configuration,
    store_of,
)
from gmm_pipeline.orchestration.configured_datasets import stored_datasets
from gmm_pipeline.orchestration.instance import open_instance
from gmm_pipeline.orchestration.lost_runs import report_lost_runs
from gmm_pipeline.store.store import Store

_SAY_EVERY = 15.0
"""Seconds; on a quiet machine Dagster has started by then."""
# Dagster recommends `dg dev` instead of `dagster dev`, but that works only in a project's folder.
_QUIET = ("-W", "ignore:Function `dev_command` is superseded")


@click.command()
@config_option
@configured_store_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=3000,
    show_default=True,
    help="Port to listen on.",
)
def ui(config: Path | None, store: Path | None, host: str, port: int) -> None:
    """Start Dagster's web UI and its daemon; Ctrl-C ends both.

    The daemon runs sensors, schedules and backfills.

    \b
    Examples:
      gmm-pipeline ui
      gmm-pipeline ui --config datasets.yaml --port 8080
    """
    if importlib.util.find_spec("dagster_webserver") is None:
        raise PipelineError(
            "Dagster's web UI is not installed",
            remedy="Install it with: pip install 'gmm-pipeline[ui]'",
        )
    _check_free(host, port)
    configuration = None if config is None else read_configuration(config)
    folder = store_of(configuration) if store is None else store.absolute()
    os.environ[STORE_VARIABLE] = str(folder)
    # This sets DAGSTER_HOME. It also creates the databases, before several of Dagster's servers
    # would try to at once.
    with open_instance(folder) as instance:
        synced, problems = sync_datasets(stored_datasets(folder), Store(folder), instance)
        learned = [
            f"Dagster did not know all of the fit: {each}." for each in synced if each.is_new
        ]
        for message in [*report_lost_runs(instance), *learned, *problems]:
            stderr().print(message, markup=False)
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config.absolute())
    stderr().print(f"Starting Dagster; then http://{host}:{port} shows {folder}", markup=False)
    _watch_startup(host, port)
    # Dagster takes over this process, so that signals reach it and it ends its servers.
    arguments = [
        "dev",
        "--module-name",
        "gmm_pipeline.definitions",
        "--host",
        host,
        "--port",
        str(port),
    ]
    os.execv(sys.executable, [sys.executable, *_QUIET, "-m", "dagster", *arguments])  # noqa: S606


def _watch_startup(host: str, port: int) -> None:
    """Start a process that says what is waited for until Dagster answers."""
    if hasattr(os, "fork"):
        watch = [sys.executable, "-m", startup_watch.__name__, host, str(port), str(os.getpid())]
        subprocess.run([*watch, str(_SAY_EVERY)], check=False)  # noqa: S603


def _check_free(host: str, port: int) -> None:
    """Raise PipelineError if the port is in use: Dagster would notice only after starting."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise PipelineError(
            f"cannot listen on {host}, port {port}: {error.strerror}",
            remedy="Choose another with --port",
        ) from error
