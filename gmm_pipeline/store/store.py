"""The store: a folder of fits, each a folder of columns."""

from __future__ import annotations

from pathlib import Path

from gmm_pipeline.errors import StoreError, did_you_mean
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.names import encode_name
from gmm_pipeline.store.snapshot_log import SPEC_FILE


class Store:
    """A folder of fits."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fit(self, name: str) -> FitFolder:
        """Return the folder of a fit."""
        return FitFolder(self.path / encode_name(name))

    def fits(self) -> list[str]:
        """Return the folder names of the fits in the store, sorted."""
        return sorted(spec.parent.name for spec in self.path.glob(f"*/{SPEC_FILE}"))

    def require_present_fit(self, name: str) -> FitFolder:
        """Return a fit's folder; raise StoreError if there is none, or a generation is named."""
        fit = self.require_fit(name)
        if fit.generation is not None:
            raise StoreError(
                f"of {name!r} the store keeps the models only",
                remedy="Use show, transform or inverse, or leave out the generation",
            )
        return fit

    def require_fit(self, name: str) -> FitFolder:
        """Return the folder of a fit; raise StoreError if there is none of that name.

        A name may end in @ and a generation, such as sales@12: readers then see that snapshot.
        """
        name, _, number = name.partition("@")
        fit = FitFolder(self.fit(name).path, _generation(number) if number else None)
        if not fit.spec_path.exists():
            known = self.fits()
            hint = (
                did_you_mean(name, known)
                if known
                else "It holds none yet: make one with `gmm-pipeline run SOURCE`."
            )
            raise StoreError(f"store {self.path} has no fit {name!r}", remedy=hint.rstrip("."))
        return fit


def _generation(text: str) -> int:
    if not text.isdecimal():
        raise StoreError(
            f"invalid generation {text!r}",
            remedy="Write a number, as in sales@12; `gmm-pipeline fits` lists them",
        )
    return int(text)
