"""The Dagster instance of a store: where its history is kept, and how many runs go on at once."""

from __future__ import annotations

import glob
import os
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.engines.local.machine import memory
from gmm_pipeline.errors import SettingsError
from gmm_pipeline.file_lock import hold_lock
from gmm_pipeline.fits.concurrency import runs_at_once
from gmm_pipeline.orchestration.history_files import renew_history_files

if TYPE_CHECKING:
    import dagster as dg

HOME_VARIABLE = "DAGSTER_HOME"

_FIRST_LINE = "# Written by gmm-pipeline, once"
_CONFIG = (
    _FIRST_LINE
    + """; change what does not suit your machine.
telemetry:
  enabled: false
nux:
  enabled: false

# Each run is a process of its own that takes about 1 GB. It starts on one core for some seconds and
# then computes on all, so a few runs at once are good, and more of them only compete. This is half
# the cores plus one, or one run for each 2 GB of memory if that is less, which leaves half of the
# memory for others and for the file cache.
concurrency:
  runs:
    max_concurrent_runs: {runs}

# Queued runs start within a second, not within Dagster's five.
run_queue:
  dequeue_interval_seconds: 1

# On a busy machine, loading the datasets takes longer than Dagster's three minutes.
code_servers:
  local_startup_timeout: 1800

# Runs that do not start, or do not end when they are terminated, are reported as failed.
run_monitoring:
  enabled: true
  poll_interval_seconds: 10

# A run whose process was killed, or did not start, is started again as often as the setting
# `retries` of its dataset says. A column that failed fails again until its data or settings change:
# materialise its partition when they have.
run_retries:
  enabled: true
  max_retries: 0
  retry_on_asset_or_op_failure: false
"""
)
_EARLIER_CLASSES = re.compile(
    r"gmm_pipeline\.[a-z_.]*(?:history|run_launcher)\b|\b(?:EventHistory|RunHistory|LocalRunLauncher)\b"
)
"""What earlier versions wrote into `dagster.yaml`: classes of ours that no longer exist."""
_EARLIER_HISTORY = {"runs.db": "history/runs.db", "event_log.db": "history/runs/index.db"}
"""Where those classes kept Dagster's tables, and where Dagster's own storages keep the same."""


def prepare_home(store: Path) -> Path:
    """Return the folder of `DAGSTER_HOME`, or if that is not set one in the store, ready for use.

    Raises SettingsError if the variable does not name a folder, or Dagster cannot read its settings
    there.
    """
    if given := os.environ.get(HOME_VARIABLE):
        home = Path(given)
        if not (home.is_absolute() and home.is_dir()):
            raise SettingsError(
                f"{HOME_VARIABLE} is {given}, which is not the absolute path of a folder",
                remedy="Create it, or unset the variable: Dagster's instance is then in the store",
            )
    else:
        home = (store / ".dagster").absolute()
    if glob.escape(str(home)) != str(home):
        raise SettingsError(
            f"Dagster takes the path of its settings for a glob, so it cannot read them in {home}",
            remedy=f"Give a --store whose path has no *, ? or [, or set {HOME_VARIABLE} to another "
            "folder",
        )
    if not given:
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "dagster.yaml").exists():
            _write_config(home, runs_at_once(os.cpu_count() or 1, memory()))
    return home


def open_instance(store: Path) -> dg.DagsterInstance:
    """Return the instance of `DAGSTER_HOME`; if that is not set, of the store, and set it to that.

    Several processes may open a new instance at once: Dagster fails when another process creates
    the same databases, so that one creates them while the others wait.
    """
    import dagster as dg

    home = prepare_home(store)
    os.environ[HOME_VARIABLE] = str(home)
    with hold_lock(home / ".lock") if os.access(home, os.W_OK) else nullcontext():
        try:
            _renew(home)
            for message in renew_history_files(home):
                print(message, file=sys.stderr)  # noqa: T201 - said once, as in `_renew`
            return dg.DagsterInstance.get()
        except Exception as error:
            raise _unusable(home, error) from error


def _unusable(home: Path, error: BaseException) -> SettingsError:
    """Return the error for an instance that does not open: its folder, or what its file names."""
    first = error
    while before := first.__cause__ or first.__context__:
        first = before
    if isinstance(first, ImportError):
        remedy = "Install it; PostgreSQL needs: pip install 'gmm-pipeline[postgres]'"
    elif isinstance(first, OSError):
        remedy = f"Make the folder writable, or set {HOME_VARIABLE} to another one"
    else:
        remedy = f"Start the database that {home / 'dagster.yaml'} names, or correct that file"
    reason = " ".join(str(first).split())
    return SettingsError(f"Dagster's instance in {home} cannot be used: {reason}", remedy=remedy)


def _write_config(home: Path, runs: int) -> None:
    with atomic_write(home / "dagster.yaml") as partial:
        partial.write_text(_CONFIG.format(runs=runs))


def _renew(home: Path) -> None:
    """Bring an instance up to date that an earlier version wrote; a copy of its settings stays."""
    config = home / "dagster.yaml"
    text = config.read_text() if config.exists() else ""
    if not (text.startswith(_FIRST_LINE) and _EARLIER_CLASSES.search(text)):
        return
    known = re.search(r"max_concurrent_runs: *(\d+)", text)
    (home / "dagster.yaml.old").write_text(text)
    for before, now in _EARLIER_HISTORY.items():
        _move_database(home / before, home / now)
    _write_config(home, int(known[1]) if known else runs_at_once(os.cpu_count() or 1, memory()))
    print(  # noqa: T201 - said once, to whoever opens the store
        f"Dagster's history in {home} moved to Dagster's own storage. Logs of earlier runs are not "
        "shown; what they materialised is. The settings before are in dagster.yaml.old.",
        file=sys.stderr,
    )


def _move_database(before: Path, now: Path) -> None:
    """Move a SQLite database with its write-ahead log, unless there is one in its place."""
    if before.exists() and not now.exists():
        now.parent.mkdir(parents=True, exist_ok=True)
        for ending in ("-wal", "-shm", ""):
            source = before.with_name(before.name + ending)
            if source.exists():
                source.rename(now.with_name(now.name + ending))
