"""What the whole job of a table is expected to take, by what samples of it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gmm_pipeline.arrow.parquet import ROWS_PER_PART
from gmm_pipeline.arrow.sketch_column import sample_windows
from gmm_pipeline.engines.parts import ROWS_PER_TASK
from gmm_pipeline.fits.stages import FEATURE_RANK, MODEL, RAW, SKETCH, STAGES, TRANSFORMED


@dataclass(frozen=True)
class StageCost:
    """The seconds of a stage, and the bytes that it writes."""

    seconds: float
    size: int

    def __add__(self, other: StageCost) -> StageCost:
        return StageCost(self.seconds + other.seconds, self.size + other.size)


@dataclass(frozen=True)
class PassCost:
    """The seconds of a pass over rows: those whatever the rows, and those for each row of the
    busiest thread.
    """

    fixed: float
    each: float

    @classmethod
    def between(cls, few: tuple[int, float], many: tuple[int, float]) -> PassCost:
        """Return the cost by the rows and seconds of two passes, the second over more rows."""
        (few_rows, few_seconds), (rows, seconds) = few, many
        slope = (seconds - few_seconds) / (rows - few_rows) if rows > few_rows else seconds / rows
        each = min(max(slope, 0.0), seconds / rows)
        return cls(seconds - each * rows, each)

    def of(self, rows: int) -> float:
        """Return the seconds of a pass in which the busiest thread has so many rows."""
        return self.fixed + self.each * rows


@dataclass(frozen=True)
class SampledCost:
    """What some rows of a column took.

    Parameters
    ----------
    column : str
    rows : int
    threads : int
        That pass over the column, at the sample as at all rows.
    stages : dict of str to StageCost
        By the names of `STAGES`, of these rows.
    copying, encoding : PassCost
    counting : tuple of PassCost
        The passes of the sketch. The first is over a part of the rows if there are many, unless it
        is the only one.
    waiting : float
        Seconds that the disk took to give the rows of the source: none if they were in memory.
    """

    column: str
    rows: int
    threads: int
    stages: Mapping[str, StageCost]
    copying: PassCost
    encoding: PassCost
    counting: tuple[PassCost, ...]
    waiting: float

    def of_rows(self, rows: int, write_speed: float) -> dict[str, StageCost]:
        """Return what so many rows of the column take, by stage.

        Parameters
        ----------
        rows : int
        write_speed : float
            Bytes a second that the disk takes: no stage is faster than it.
        """
        ratio = rows / self.rows
        longest = busiest(rows, ROWS_PER_PART, self.threads)
        costs = dict(self.stages)
        for name, cost in ((RAW.name, self.copying), (TRANSFORMED.name, self.encoding)):
            size = round(ratio * self.stages[name].size)
            waiting = ratio * self.waiting if name == RAW.name else 0.0
            costs[name] = StageCost(max(cost.of(longest), size / write_speed, waiting), size)
        counted = self._counted(rows) - self._counted(self.rows)
        sketch = self.stages[SKETCH.name]
        costs[SKETCH.name] = StageCost(max(sketch.seconds + counted, 0.0), sketch.size)
        return costs

    def _counted(self, rows: int) -> float:
        """Return the seconds of all passes of the sketch over so many rows."""
        longest = busiest(rows, ROWS_PER_TASK, self.threads)
        windows = sum(map(len, sample_windows(rows)[0]))
        first = (
            longest if len(self.counting) == 1 or windows == rows else -(-windows // self.threads)
        )
        return sum(
            cost.of(first if number == 0 else longest) for number, cost in enumerate(self.counting)
        )


def busiest(rows: int, piece: int, threads: int) -> int:
    """Return the rows of the thread that has the most, when threads take pieces of so many rows in
    turns.
    """
    pieces = -(-rows // piece)
    return min(rows, -(-pieces // threads) * piece)


@dataclass(frozen=True)
class Projection:
    """What the whole job is expected to take.

    Parameters
    ----------
    stages : dict of str to StageCost
    around : float
        Seconds of all runs besides their stages, as far as other columns are not in work meanwhile.
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


def project(
    costs: Sequence[SampledCost],
    columns: int,
    rows: int,
    *,
    start: float,
    around: float,
    write_speed: float,
    at_once: int = 1,
) -> Projection:
    """Project what was measured of some columns to so many columns and rows.

    Parameters
    ----------
    costs : sequence of SampledCost
        At least one; the columns that were not measured take what these do on average.
    columns, rows : int
    start : float
        Seconds until the first run starts.
    around : float
        Seconds of a run besides its stages: Dagster's, and checks and pictures.
    write_speed : float
        Bytes a second.
    at_once : int
        Columns in work at once: what keeps one core busy goes on beside the others, passes share
        the cores.
    """
    each = [cost.of_rows(rows, write_speed) for cost in costs]
    share = columns / len(costs)
    totals = {
        stage.name: _times(share, [of_column[stage.name] for of_column in each]) for stage in STAGES
    }
    for stage in (MODEL, FEATURE_RANK):
        totals[stage.name] = replace(
            totals[stage.name], seconds=totals[stage.name].seconds / at_once
        )
    seconds = {
        cost.column: around + sum(stage.seconds for stage in stages.values())
        for cost, stages in zip(costs, each, strict=True)
    }
    return Projection(totals, columns * around / at_once, start, seconds)


def _times(share: float, costs: Sequence[StageCost]) -> StageCost:
    total = sum(costs, StageCost(0.0, 0))
    return StageCost(share * total.seconds, round(share * total.size))
