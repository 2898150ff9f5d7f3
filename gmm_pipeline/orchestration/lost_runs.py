"""Finds runs whose process died before it could report an end, and reports them as failed."""

from __future__ import annotations

import json
import os
import socket
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


def process_tag(run_id: str) -> dict[str, str]:
    """Return the tag of a run that goes on in this process."""
    started = psutil.Process().create_time()
    return {PROCESS_TAG: json.dumps([run_id, socket.gethostname(), os.getpid(), started])}


def tag_with_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note on a run that it goes on in this process."""
    tag = process_tag(run.run_id)
    if not tag.items() <= run.tags.items():
        instance.add_run_tags(run.run_id, tag)


def report_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report runs as failed whose process is gone; return a message for each."""
    import dagster as dg

    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    messages: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        pid = _lost_process(run)
        # It may have ended well between the look at the history and the look at its process.
        now = None if pid is None else instance.get_run_by_id(run.run_id)
        if now is not None and not now.is_finished:
            reason = f"Process {pid} of this run died, possibly out of memory."
            instance.report_run_failed(now, f"{reason} What it published is kept.")
            messages.append(f"Run {now.run_id[:8]} of {now.job_name} had not ended. {reason}")
    return messages


def _lost_process(run: dg.DagsterRun) -> int | None:
    """Return the number of a run's process if it is gone; None if it is there or of elsewhere."""
    try:
        run_id, host, pid, started = json.loads(run.tags[PROCESS_TAG])
    except (KeyError, ValueError):
        return None
    if (run_id, host) != (run.run_id, socket.gethostname()):
        return None
    try:
        process = psutil.Process(pid)
        is_other = abs(process.create_time() - started) > _SAME_START
        return pid if is_other or process.status() == psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return int(pid)
    except psutil.AccessDenied:
        return None
