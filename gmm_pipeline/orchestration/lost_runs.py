"""Finds runs whose process died before it could report an end, and reports them as failed."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import dagster as dg

PROCESS_TAG = "gmm_pipeline/process"
"""The tag of a run that tells its process: as JSON, with the run's id, because a run that is
executed again starts with the tags of the first."""
_SAME_START = 2.0
"""Seconds that two readings of when a process started may differ: they derive from a clock that
may be adjusted in between. Numbers of processes are not given again so soon."""


@dataclass(frozen=True)
class _Process:
    """A process on some machine.

    Parameters
    ----------
    host : str
        The machine's name; a container has its own.
    namespace : str
        Of process numbers, on Linux: a container may have the name of its host, but it numbers its
        processes by itself. Empty where there is none, or an earlier version wrote the tag.
    pid : int
    started : float
        Seconds since 1970.
    """

    host: str
    namespace: str
    pid: int
    started: float

    @classmethod
    def current(cls) -> _Process:
        """Return this process."""
        host, namespace = _place()
        return cls(host, namespace, os.getpid(), psutil.Process().create_time())

    @classmethod
    def of(cls, run: dg.DagsterRun) -> _Process | None:
        """Return the process of a run; None if its tag does not say it."""
        try:
            run_id, host, pid, started, *rest = json.loads(run.tags[PROCESS_TAG])
        except (KeyError, ValueError):
            return None
        namespace = str(rest[0]) if rest else ""
        return cls(host, namespace, pid, started) if run_id == run.run_id else None

    def tag(self, run_id: str) -> dict[str, str]:
        """Return the tag of a run that goes on in this process."""
        fields = [run_id, self.host, self.pid, self.started, self.namespace]
        return {PROCESS_TAG: json.dumps(fields)}

    @property
    def can_be_seen(self) -> bool:
        """Whether its number means the same process here."""
        host, namespace = _place()
        return self.host == host and self.namespace in {"", namespace}

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, if it can be seen from here."""
        try:
            process = psutil.Process(self.pid)
            is_other = abs(process.create_time() - self.started) > _SAME_START
            return is_other or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


def process_tag(run_id: str) -> dict[str, str]:
    """Return the tag of a run that goes on in this process."""
    return _Process.current().tag(run_id)


def tag_with_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note on a run that it goes on in this process."""
    tag = process_tag(run.run_id)
    if not tag.items() <= run.tags.items():
        instance.add_run_tags(run.run_id, tag)


def report_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report runs as failed whose process is gone.

    Returns a message for each, and for each run of which nobody can tell from here.
    """
    import dagster as dg

    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    messages: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        process = _Process.of(run)
        if process is None:
            continue
        if not process.can_be_seen:
            messages.append(
                f"Run {run.run_id[:8]} of {run.job_name} goes on in process {process.pid} of "
                f"{process.host}, which cannot be seen from here. If it is dead, terminate the run "
                "in the web UI."
            )
        elif process.is_gone and _fail(instance, run.run_id, process):
            messages.append(
                f"Run {run.run_id[:8]} of {run.job_name} had not ended. {_reason(process)}"
            )
    return messages


def _fail(instance: dg.DagsterInstance, run_id: str, process: _Process) -> bool:
    """Report a run as failed, unless it has ended by now."""
    # It may have ended well between the look at the history and the look at its process.
    now = instance.get_run_by_id(run_id)
    if now is None or now.is_finished:
        return False
    instance.report_run_failed(now, f"{_reason(process)} What it published is kept.")
    return True


def _reason(process: _Process) -> str:
    return f"Process {process.pid} of this run died, possibly out of memory."


def _place() -> tuple[str, str]:
    """Return where this process is: the machine's name, and the namespace of process numbers."""
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return socket.gethostname(), namespace
