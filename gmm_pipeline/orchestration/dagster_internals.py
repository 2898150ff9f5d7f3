"""Everything that the project needs and Dagster's public interface lacks. Tried with 1.13.27.

No other module imports from a module of Dagster whose name starts with an underscore.
"""

from __future__ import annotations

import dagster as dg
from dagster._serdes import ConfigurableClassData


def without_captured_output(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """Return an instance with the same history that leaves the output of this process alone.

    A run redirects stdout and stderr of its process into files, and two more processes copy these
    files back: a progress bar would no longer be on a terminal. Only `dagster.yaml` can change
    this, and only for the runs of the web UI as well, whose output is worth keeping.
    """
    nowhere = ConfigurableClassData(
        "dagster._core.storage.noop_compute_log_manager", "NoOpComputeLogManager", config_yaml="{}"
    )
    return dg.DagsterInstance.from_ref(instance.get_ref()._replace(compute_logs_data=nowhere))
