"""Making a fit's newest results the ones that readers see."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.store.store import FitFolder


def commit(spec: FitSpec, folder: FitFolder, columns: Iterable[str]) -> None:
    """Publish the results that belong together of some columns as the fit's next snapshot.

    A run calls this once at its end, whatever ended it; the IO manager after each result.
    """
    del spec, folder, columns
