"""Dagster's default way to launch runs, which besides tells when a run's process is no longer
there.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import psutil

# What a launcher answers with has no public name yet.
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

_CLOCK_MAY_SHIFT = 60.0


class LocalRunLauncher(dg.DefaultRunLauncher):
    """Launches runs in processes of the code server, on this machine.

    Runs of the command line are looked after as well: each run's log tells its process.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask for the process of a run."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say whether the process of a run is there."""
        worker = self._worker(run)
        if worker is None or worker.is_running():
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, f"process {worker.process_id} is no longer there"
        )

    def _worker(self, run: dg.DagsterRun) -> Worker | None:
        """Return the process that the run's log names first, which is the one that all others are
        of.
        """
        for entry in self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
            if entry.dagster_event is not None:
                process_id = entry.dagster_event.engine_event_data.metadata.get("pid")
                if process_id is not None:
                    return Worker(int(str(process_id.value)), entry.timestamp)
        return None


@dataclass(frozen=True)
class Worker:
    """A process by its number, which was there at a time in seconds since 1970."""

    process_id: int
    seen: float

    def is_running(self) -> bool:
        """Return whether it is there still; another that was given its number since does not
        count.
        """
        try:
            process = psutil.Process(self.process_id)
            is_ended = process.status() == psutil.STATUS_ZOMBIE
            return not is_ended and process.create_time() <= self.seen + _CLOCK_MAY_SHIFT
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True
