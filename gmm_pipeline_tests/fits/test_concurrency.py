"""How many columns a run works on at once, and how much memory each of them may use."""

import pytest

from gmm_pipeline.fits.concurrency import Concurrency, runs_at_once
from gmm_pipeline.fits.settings import TableSettings
from gmm_pipeline.fits.spec import FitSpec

GIGABYTE = 1 << 30


def spec_of(columns: int) -> FitSpec:
    return FitSpec(
        name="t", source="t.parquet", columns=tuple(f"c{number}" for number in range(columns))
    )


@pytest.mark.parametrize(
    ("cores", "gigabytes", "runs"),
    [(1, 16, 1), (2, 24, 2), (8, 64, 5), (64, 16, 8), (16, 1, 1), (4, 0.5, 1)],
)
def test_runs_at_once_are_bounded_by_cores_and_memory(
    cores: int, gigabytes: float, runs: int
) -> None:
    assert runs_at_once(cores, int(gigabytes * GIGABYTE)) == runs


@pytest.mark.parametrize(
    ("threads", "gigabytes", "columns"), [(1, 6, 1), (2, 6, 2), (2, 0.5, 1), (8, 6, 4), (16, 2, 3)]
)
def test_columns_in_work_are_bounded_by_threads_and_memory(
    threads: int, gigabytes: float, columns: int
) -> None:
    assert Concurrency.of(spec_of(4), threads, int(gigabytes * GIGABYTE)).columns == columns


def test_columns_are_as_many_as_have_something_to_do() -> None:
    concurrency = Concurrency.of(spec_of(1000), 2, 6 * GIGABYTE)

    assert [concurrency.over(columns).columns for columns in (1000, 1, 0)] == [2, 1, 1]


@pytest.mark.parametrize("columns", [1, 4, 100])
@pytest.mark.parametrize("threads", [1, 2, 16])
@pytest.mark.parametrize("gigabytes", [1, 2, 16])
def test_together_they_hold_no_more_than_the_memory(
    columns: int, threads: int, gigabytes: int
) -> None:
    concurrency = Concurrency.of(spec_of(columns), threads, gigabytes * GIGABYTE)

    assert (
        concurrency.peak_memory([concurrency.memory_of_a_column] * columns) <= gigabytes * GIGABYTE
    )


def test_columns_that_spark_has_a_part_in_are_made_one_after_the_other() -> None:
    many = spec_of(100)
    fitted = many.model_copy(
        update={"settings": TableSettings(columns={"c1": {"method": "spark_ml"}})}
    )

    for spec in (many.model_copy(update={"engine": "spark"}), fitted):
        assert Concurrency.of(spec, 2, 6 * GIGABYTE).columns == 1
