"""What the whole job of a table is expected to take, by what a sample of it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gmm_pipeline.arrow.sketching import SAMPLE_WINDOWS, WINDOW_ROWS
from gmm_pipeline.orchestration.stages import FEATURE_RANK, MODEL, RAW, STAGES, TRANSFORMED

ROWS_OF_FIRST_PASS = SAMPLE_WINDOWS * WINDOW_ROWS
_IN_PROPORTION = {RAW.name, TRANSFORMED.name}
_WHATEVER_THE_ROWS = {MODEL.name, FEATURE_RANK.name}


@dataclass(frozen=True)
class StageCost:
    """The seconds of a stage, and the bytes that it writes."""

    seconds: float
    size: int

    def __add__(self, other: StageCost) -> StageCost:
        return StageCost(self.seconds + other.seconds, self.size + other.size)


@dataclass(frozen=True)
class SampledCost:
    """What some rows of a column took.

    Parameters
    ----------
    column : str
    rows : int
    stages : dict of str to StageCost
        By the names of `STAGES`.
    waiting : float
        Seconds that the disk took to give the rows of the source: none if they were in memory.
    around : float
        Seconds of the run besides its stages: Dagster's, and checks and pictures.
    exact : bool
        Whether its values are counted as they are: one pass; on a grid it takes a first one over a part of the rows.
    """

    column: str
    rows: int
    stages: Mapping[str, StageCost]
    waiting: float
    around: float
    exact: bool

    def of_rows(self, rows: int, write_speed: float) -> dict[str, StageCost]:
        """Return what so many rows of the column take, by stage.

        Parameters
        ----------
        rows : int
        write_speed : float
            Bytes a second that the disk takes: no stage is faster than it.
        """
        ratio = rows / self.rows
        costs: dict[str, StageCost] = {}
        for name, cost in self.stages.items():
            if name in _IN_PROPORTION:
                size = round(ratio * cost.size)
                waiting = ratio * self.waiting if name == RAW.name else 0.0
                costs[name] = StageCost(max(ratio * cost.seconds, size / write_speed, waiting), size)
            elif name in _WHATEVER_THE_ROWS:
                costs[name] = cost
            else:
                costs[name] = StageCost(cost.seconds * self._passes(rows) / self._passes(self.rows), cost.size)
        return costs

    def _passes(self, rows: int) -> int:
        """Return how many rows all passes of the sketch go over."""
        return rows if self.exact else rows + min(rows, ROWS_OF_FIRST_PASS)


@dataclass(frozen=True)
class Projection:
    """What the whole job is expected to take.

    Parameters
    ----------
    stages : dict of str to StageCost
    around : float
        Seconds of all runs besides their stages.
    start : float
        Seconds until the first run starts.
    columns : dict of str to float
        Seconds of each column that was measured, all rows.
    """

    stages: Mapping[str, StageCost]
    around: float
    start: float
    columns: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """Of the whole job."""
        return self.start + self.around + sum(cost.seconds for cost in self.stages.values())

    @property
    def size(self) -> int:
        """Bytes of all results."""
        return sum(cost.size for cost in self.stages.values())


def project(costs: Sequence[SampledCost], columns: int, rows: int, start: float, write_speed: float) -> Projection:
    """Project what was measured of some columns to so many columns and rows.

    Parameters
    ----------
    costs : sequence of SampledCost
        At least one; the columns that were not measured take what these do on average.
    columns, rows : int
    start : float
        Seconds until the first run starts.
    write_speed : float
        Bytes a second.
    """
    each = [cost.of_rows(rows, write_speed) for cost in costs]
    share = columns / len(costs)
    totals = {stage.name: _times(share, [of_column[stage.name] for of_column in each]) for stage in STAGES}
    seconds = {
        cost.column: cost.around + sum(stage.seconds for stage in stages.values())
        for cost, stages in zip(costs, each, strict=True)
    }
    return Projection(totals, share * sum(cost.around for cost in costs), start, seconds)


def _times(share: float, costs: Sequence[StageCost]) -> StageCost:
    total = sum(costs, StageCost(0.0, 0))
    return StageCost(share * total.seconds, round(share * total.size))
