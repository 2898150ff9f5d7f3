"""The Dagster instance of a store: where its history is kept, and how many runs there are at
once.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.engines.local.machine import memory
from gmm_pipeline.errors import SettingsError
from gmm_pipeline.fits.concurrency import runs_at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg

HOME_VARIABLE = "DAGSTER_HOME"

_CONFIG = """\
# Written by gmm-pipeline, once; change what does not suit your machine.
telemetry:
  enabled: false
nux:
  enabled: false

# A run encodes one column, in a process of its own that takes about 1 GB. It starts on one core for
# some seconds and then computes on all, so a few runs at once are good, and more than that only
# compete. This is half the cores plus one, or one run for each 2 GB of memory if that is less,
# which leaves half of the memory for others and for files.
concurrency:
  runs:
    max_concurrent_runs: {runs}

# Runs that are asked for start within a second, and not within Dagster's five.
run_queue:
  dequeue_interval_seconds: 1

# Runs whose process has died are reported as failed at the next look. Dagster's own launcher leaves
# that to the server that started the process, and so to nobody when that has died as well, or when
# the run was one of the command line; this one looks at the processes of this machine.
run_launcher:
  module: gmm_pipeline.orchestration.run_launcher
  class: LocalRunLauncher
run_monitoring:
  enabled: true
  poll_interval_seconds: 10

# Dagster's own SQLite storages, with connections that are kept open: half a second less for each
# column.
event_log_storage:
  module: gmm_pipeline.orchestration.history
  class: EventHistory
  config:
    base_dir:
      env: DAGSTER_HOME
run_storage:
  module: gmm_pipeline.orchestration.history
  class: RunHistory
  config:
    base_dir:
      env: DAGSTER_HOME

# A column that failed fails again until its data or settings change. Re-execute its run when they
# have.
run_retries:
  enabled: false
"""


def prepare_home(store: Path) -> Path:
    """Return the folder of `DAGSTER_HOME`, or one in the store, which is made ready first, when
    that is not set.

    Raises SettingsError if the variable names no folder.
    """
    if given := os.environ.get(HOME_VARIABLE):
        home = Path(given)
        if not (home.is_absolute() and home.is_dir()):
            raise SettingsError(
                f"{HOME_VARIABLE} is {given}, which is not the absolute path of a folder",
                remedy="Make it, or unset the variable: Dagster's instance is then kept in the store",
            )
        return home
    home = (store / ".dagster").absolute()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        with atomic_write(config) as partial:
            partial.write_text(_CONFIG.format(runs=runs_at_once(os.cpu_count() or 1, memory())))
    return home


def open_instance(store: Path) -> dg.DagsterInstance:
    """Return the instance of `DAGSTER_HOME`, or one that is kept in the store when that is not set,
    and set it to that.

    Processes may open a new one at once: Dagster fails when another process makes the same
    databases, so that one makes them while the others wait.
    """
    import dagster as dg

    home = prepare_home(store)
    os.environ[HOME_VARIABLE] = str(home)
    with FileLock(home / ".lock") if os.access(home, os.W_OK) else nullcontext():
        try:
            return dg.DagsterInstance.get()
        except OSError as error:
            raise SettingsError(
                f"Dagster's instance in {home} cannot be used: {error}",
                remedy=f"Let the folder be written to, or set {HOME_VARIABLE} to another one",
            ) from error


def open_own_instance(store: Path) -> dg.DagsterInstance:
    """Return the same for runs in this process: what they print goes where this process prints.

    To keep it, Dagster starts processes for each step that pass it on, a tenth of a second for each
    column. Runs may go at once in several threads: Dagster sets up Python's logging for each, which
    locks the others out for good; here it is set up once.
    """
    import dagster as dg
    from dagster._serdes import ConfigurableClassData

    kept = open_instance(store).get_ref()
    printed = ConfigurableClassData(
        "dagster._core.storage.noop_compute_log_manager", "NoOpComputeLogManager", config_yaml="{}"
    )
    instance = dg.DagsterInstance.from_ref(kept._replace(compute_logs_data=printed))
    handlers = instance.get_yaml_python_handlers()
    instance.get_yaml_python_handlers = lambda: handlers  # type: ignore[method-assign]
    # Each run asks 54 times whether its column is one, which it is before it starts.
    instance.has_dynamic_partition = cache(instance.has_dynamic_partition)  # type: ignore[method-assign]
    return instance


@contextmanager
def instances_in_stores() -> Iterator[None]:
    """Let instances be those of stores while this lasts, whatever `DAGSTER_HOME` is set to."""
    before = os.environ.pop(HOME_VARIABLE, None)
    try:
        yield
    finally:
        os.environ.pop(HOME_VARIABLE, None)
        if before is not None:
            os.environ[HOME_VARIABLE] = before
