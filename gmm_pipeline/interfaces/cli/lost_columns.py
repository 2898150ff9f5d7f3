"""Columns that a fit had and no longer has: `run` and `plan` name them."""

from __future__ import annotations

from gmm_pipeline.fits.spec import FitSpec, last_spec
from gmm_pipeline.interfaces.cli.display import stderr
from gmm_pipeline.store.fit_folder import FitFolder


def lost_columns(spec: FitSpec, folder: FitFolder) -> list[str]:
    """Return the columns that the last run of a fit had, and that a new spec of it lacks."""
    last = last_spec(folder)
    return [] if last is None else [name for name in last.columns if name not in spec.columns]


def print_lost_columns(spec: FitSpec, folder: FitFolder) -> None:
    """Print these columns, and whether the source lacks them or the patterns leave them out."""
    lost, last = lost_columns(spec, folder), last_spec(folder)
    if lost and last and last.patterns == spec.patterns:
        stderr().print(
            f"No longer in the source: {', '.join(lost)}. Their results stay.", markup=False
        )
    elif lost:
        stderr().print(
            f"No longer part of the fit, as --columns leaves them out: {', '.join(lost)}. Their "
            "results stay, and a run that selects them brings them back.",
            markup=False,
        )
