"""Datasets from where they are described: a configuration, a fit in the store, the demo."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gmm_pipeline.errors import StoreError
from gmm_pipeline.fits.demo import DEMO_FIT, demo_spec
from gmm_pipeline.fits.source_ledger import update_ledger
from gmm_pipeline.fits.spec import (
    FitSpec,
    known_of_csv,
    last_spec,
    load_spec,
    matching,
    save_spec,
    select_columns,
)
from gmm_pipeline.orchestration.configuration import Configuration, DatasetSettings
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.files import looks_complete


@dataclass(frozen=True)
class ConfiguredFit:
    """The fit of a dataset's settings, with absolute paths.

    Parameters
    ----------
    name : str
    settings : DatasetSettings
    folder : FitFolder
    """

    name: str
    settings: DatasetSettings
    folder: FitFolder

    def spec(self) -> FitSpec:
        """Return the spec in the store if it has the same settings; otherwise open the source."""
        if self.folder.spec_path.exists():
            with suppress(StoreError):
                saved = load_spec(self.folder)
                if saved == self._of(saved.columns, saved.csv_found):
                    return saved
        return self.discover()

    def discover(self) -> FitSpec:
        """Look at the source now, and keep what it holds.

        Raises
        ------
        SourceError
            If there is no source, or a pattern matches no column.
        SettingsError
            If settings are given for a column that is not there.
        """
        last = self._last()
        unknown = self._of((), known_of_csv(last, self.settings.csv).found)
        opened = unknown.open(
            update_ledger(unknown.source, self.folder, looks_complete), self.folder.staging
        )
        # Columns that are gone stay in the fit until they are left out.
        names = tuple(dict.fromkeys((*opened.schema.names, *(last.columns if last else ()))))
        known = last is not None and last.patterns == self.settings.columns
        patterns = matching(names, self.settings.columns) if known else self.settings.columns
        spec = self._of(select_columns(names, patterns), opened.dialect)
        spec.settings.check(spec.columns)
        save_spec(spec, self.folder)
        return spec

    def _last(self) -> FitSpec | None:
        """Return what the store holds, if it is made from the same source."""
        saved = load_spec(self.folder) if self.folder.spec_path.exists() else None
        return saved if saved is not None and saved.source == self.settings.source else None

    def _of(self, columns: tuple[str, ...], csv_found: CsvDialect | None) -> FitSpec:
        return FitSpec(
            name=self.name,
            source=self.settings.source,
            columns=columns,
            patterns=self.settings.columns,
            engine=self.settings.engine,
            spark_config=self.settings.spark_config,
            csv=self.settings.csv,
            csv_found=csv_found,
            settings=self.settings.table_settings(),
        )


def configured_datasets(configuration: Configuration, store: Path) -> list[Dataset]:
    """Return the datasets of a configuration with absolute paths; no source is looked at."""
    return [_configured(name, settings, store) for name, settings in configuration.datasets.items()]


def stored_datasets(store: Path) -> list[Dataset]:
    """Return the fits in the store as datasets whose source is not watched."""
    folders = {fit: Store(store).fit(fit) for fit in Store(store).fits()}
    return [_unwatched(fit, folder, partial(load_spec, folder)) for fit, folder in folders.items()]


def demo_dataset(store: Path) -> Dataset:
    """Return the demo, with the settings of its last run; its table is unpacked when first used."""
    folder = Store(store).fit(DEMO_FIT)
    return _unwatched(
        DEMO_FIT,
        folder,
        lambda: load_spec(folder) if folder.spec_path.exists() else demo_spec(store),
    )


def _configured(name: str, settings: DatasetSettings, store: Path) -> Dataset:
    fit = ConfiguredFit(name, settings, Store(store).fit(name))
    return Dataset(
        name,
        fit.spec,
        fit.discover,
        source=settings.source,
        engine=settings.engine,
        watch=settings.watch,
        watch_seconds=settings.watch_seconds,
        schedule=settings.schedule,
        timezone=settings.timezone,
        description=settings.description,
        owners=settings.owners,
        blocking=settings.blocking_checks,
        tags=settings.tags,
        pool=settings.pool,
        retries=settings.retries,
    )


def _unwatched(name: str, folder: FitFolder, spec: Callable[[], FitSpec]) -> Dataset:
    last = last_spec(folder)
    if last is None:
        return Dataset(name, spec, spec)
    return Dataset(name, spec, spec, source=last.source, engine=last.engine)
