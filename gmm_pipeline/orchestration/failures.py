"""Dagster's failures: of errors that a user can act on, and of runs in which columns failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from gmm_pipeline.errors import PipelineError, first_few
from gmm_pipeline.fits.progress import Outcome


@contextmanager
def errors_as_failures() -> Iterator[None]:
    """Raise `dg.Failure` in place of errors that say what to do."""
    try:
        yield
    except PipelineError as error:
        parts = {"column": error.column, "rows": error.rows, "remedy": error.remedy}
        said = {name: part for name, part in parts.items() if part is not None}
        raise dg.Failure(str(error), metadata=said) from error


def raise_failures(ended: Sequence[Outcome], columns: int) -> None:
    """Raise `dg.Failure` that names the columns that failed, or tells how many did not end."""
    failed = {outcome.column: str(outcome.error) for outcome in ended if outcome.error}
    problems = []
    if failed:
        problems.append(
            f"{len(failed)} of {columns} columns failed: {first_few(list(failed))}. "
            "Materialise the partition of a column to repair it alone."
        )
    if len(ended) < columns:
        problems.append(f"Interrupted: {columns - len(ended)} of {columns} columns have not ended.")
    if problems:
        raise dg.Failure(" ".join(problems), metadata=failed, allow_retries=False)
