"""Tells Dagster what the store holds and its history lacks: columns, results, checks, failures.

Its history may be new, wiped, or of another instance than the one that a run recorded its results
in. What is reported belongs to no run, and bears the time of the report; the metadata say when the
result was computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Any

import dagster as dg
from sqlalchemy.exc import IntegrityError

from gmm_pipeline.fits.checks import Check, judge
from gmm_pipeline.fits.illustrations import illustrate_stored
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.fits.stages import STAGES, Stage
from gmm_pipeline.fits.verdicts import Verdict
from gmm_pipeline.orchestration.assets import asset_key
from gmm_pipeline.orchestration.checks import completion_fields, verdict_fields
from gmm_pipeline.orchestration.columns_job import QUIET
from gmm_pipeline.orchestration.dagster_internals import quick_sqlite, without_captured_output
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.metadata import result_metadata
from gmm_pipeline.orchestration.partition_keys import PartitionKeys, partitions_of
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.result import Result

_PATH = "path"
"""The metadata that says where a result is."""
_MATERIALIZED = "MATERIALIZED"
"""What Dagster calls a partition whose latest result it knows."""


@dataclass(frozen=True)
class Synced:
    """What Dagster did not know of a fit.

    Parameters
    ----------
    fit : str
    columns : int
        Columns that were registered as partitions.
    results : int
        Results that were reported as materialisations.
    """

    fit: str
    columns: int
    results: int

    def __str__(self) -> str:
        return f"{self.fit}: {self.columns} columns registered, {self.results} results reported"

    @property
    def is_new(self) -> bool:
        """Whether Dagster learned anything."""
        return bool(self.columns or self.results)


def sync_fit(dataset: Dataset, folder: FitFolder, instance: dg.DagsterInstance) -> Synced:
    """Report each result that is another one than the latest that Dagster knows.

    It looks up each column and stage in the history, a few milliseconds each.
    """
    spec = dataset.spec()
    return _sync(spec, folder, _History(dataset, instance), dict.fromkeys(STAGES, spec.columns))


def sync_missing(
    dataset: Dataset, folder: FitFolder, instance: dg.DagsterInstance, most: int | None = None
) -> Synced:
    """Report the results of partitions that Dagster shows as not materialised.

    It is quick where there is nothing to report. A result that Dagster knows an earlier one of is
    left to `sync_fit`.

    Parameters
    ----------
    dataset : Dataset
    folder : FitFolder
    instance : DagsterInstance
    most : int, optional
        End once so many results are reported, with the column at work.
    """
    spec, history = dataset.spec(), _History(dataset, instance)
    unknown = {stage: history.not_materialised(spec.columns, stage) for stage in STAGES}
    return _sync(spec, folder, history, unknown, most)


def _sync(
    spec: FitSpec,
    folder: FitFolder,
    history: _History,
    columns: Mapping[Stage, Collection[str]],
    most: int | None = None,
) -> Synced:
    """Register columns, and report the results of some columns of each stage."""
    new = history.register(spec.columns)
    reported = 0
    with quick_sqlite(history.instance), history.verdicts_in_a_run():
        for name in new:
            history.report_failure(name, folder.column(name))
        for name in spec.columns:
            column = folder.column(name)
            stages = [stage for stage in STAGES if name in columns[stage]]
            unknown = list(history.unknown(name, column, stages))
            for stage, result in unknown:
                history.report_result(name, stage, column, result)
            if unknown and name not in new:
                history.report_failure(name, column)
            reported += len(unknown)
            if most is not None and reported >= most:
                break
    return Synced(spec.name, len(new), reported)


@dataclass(frozen=True)
class _History:
    """What Dagster knows of a dataset.

    Parameters
    ----------
    dataset : Dataset
    instance : DagsterInstance
    refused : list of AssetCheckEvaluation
        Verdicts that Dagster takes from runs alone.
    """

    dataset: Dataset
    instance: dg.DagsterInstance
    refused: list[dg.AssetCheckEvaluation] = field(default_factory=list)

    @cached_property
    def _keys(self) -> PartitionKeys:
        return PartitionKeys.of(self.dataset.name, self.instance)

    def register(self, columns: Sequence[str]) -> list[str]:
        """Register columns as partitions; return those that Dagster did not know."""
        new = [name for name in columns if self._keys.key(name) not in self._keys.registered]
        if new:
            self.instance.add_dynamic_partitions(
                str(partitions_of(self.dataset.name).name), list(map(self._keys.key, new))
            )
        return new

    def not_materialised(self, columns: Sequence[str], stage: Stage) -> list[str]:
        """Return the columns whose result of a stage Dagster does not show."""
        statuses = self.instance.get_status_by_partition(
            self._key(stage), list(map(self._keys.key, columns)), partitions_of(self.dataset.name)
        )
        known = statuses or {}
        shown = {key for key, status in known.items() if status and status.value == _MATERIALIZED}
        return [name for name in columns if self._keys.key(name) not in shown]

    def unknown(
        self, name: str, column: ColumnFolder, stages: Sequence[Stage]
    ) -> Iterator[tuple[Stage, Result]]:
        """Yield the results of a column that are not the latest that Dagster knows."""
        for stage in stages:
            result = column.result(stage.name)
            if result is not None and result.folder.name != self._known_folder(name, stage):
                yield stage, result

    def report_result(self, name: str, stage: Stage, column: ColumnFolder, result: Result) -> None:
        """Report a result with its metadata, pictures and checks."""
        key, partition = self._key(stage), self._keys.key(name)
        illustrations, verdicts = _findings(stage, column)
        metadata = {
            **result_metadata(result, key, illustrations),
            "computed": dg.MetadataValue.timestamp(result.manifest.created),
        }
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(key, partition=partition, metadata=metadata)
        )
        for check, verdict in verdicts.items():
            fields = verdict_fields(name, check, verdict, self.dataset.blocking)
            self._report_check(name, stage, fields)

    def report_failure(self, name: str, column: ColumnFolder) -> None:
        """Report that the last attempt at a stage of a column failed, if it did."""
        failure = column.failure()
        stages = [stage for stage in STAGES if failure and stage.name == failure.stage]
        if failure and stages:
            self._report_check(name, stages[0], completion_fields(name, failure.message))

    def _report_check(self, name: str, stage: Stage, fields: Mapping[str, Any]) -> None:
        verdict = dg.AssetCheckEvaluation(
            asset_key=self._key(stage), partition=self._keys.key(name), **fields
        )
        try:
            self.instance.report_runless_asset_event(verdict)
        except IntegrityError:
            # Of the verdicts that belong to no run, Dagster's tables hold one for each check and
            # partition.
            self.refused.append(verdict)

    @contextmanager
    def verdicts_in_a_run(self) -> Iterator[None]:
        """Record at the end, in a run, the verdicts that Dagster takes from runs alone."""
        yield
        if not self.refused:
            return

        @dg.op(name=f"{self.dataset.name}_verdicts", out={})
        def report() -> Iterator[dg.AssetCheckEvaluation]:
            yield from self.refused

        @dg.job(name=f"{self.dataset.name}_sync", executor_def=dg.in_process_executor)
        def job() -> None:
            report()

        job.execute_in_process(run_config=QUIET, instance=without_captured_output(self.instance))

    def _known_folder(self, name: str, stage: Stage) -> str | None:
        """Return the name of the folder of the latest result that Dagster knows.

        It tells the content. The rest of the path may differ, as hosts may mount the store in
        different places.
        """
        wanted = dg.AssetRecordsFilter(self._key(stage), asset_partitions=[self._keys.key(name)])
        for record in self.instance.fetch_materializations(wanted, limit=1).records:
            if record.asset_materialization is not None:
                path = record.asset_materialization.metadata.get(_PATH)
                return None if path is None else PurePath(str(path.value)).name
        return None

    def _key(self, stage: Stage) -> dg.AssetKey:
        return asset_key(self.dataset.name, stage)


def _findings(
    stage: Stage, column: ColumnFolder
) -> tuple[Mapping[str, str], Mapping[Check, Verdict]]:
    """Return the pictures of a stage's newest result, and the verdicts on it.

    Results that are damaged, or that `TableEncoder.save` wrote, have none.
    """
    try:
        return illustrate_stored(stage, column), judge(stage, column)
    except Exception:  # noqa: BLE001 - whatever it is, the result is there and is shown
        return {}, {}
