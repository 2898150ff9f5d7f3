"""Continuing a run that failed or was ended."""

import os
import pathlib
import signal
import time
from collections.abc import Callable

import polars as pl
import pytest
from workplace import Workplace, results, states

from gmm_pipeline.fits.spec import FitSpec, save_spec
from gmm_pipeline.store.store import Store

FRAME = pl.DataFrame(
    {"few": [1, 2, 3, None] * 15, "city": ["Oslo", "Bergen", "Oslo"] * 20, "last": [0.5, 1.5] * 30}
)
STAGES = ["raw", "sketch", "model", "feature_rank", "transformed"]


def write(path: pathlib.Path, *, repaired: bool) -> pathlib.Path:
    """A table with a column that fails after it is copied, unless it was repaired."""
    ids = pl.Series([1, 2 if repaired else 2**63] * 30, dtype=pl.UInt64)
    FRAME.select("few", ids.alias("id")).write_parquet(path)
    return path


def worked(workplace: Workplace, before: dict[str, tuple[int, int]]) -> set[str]:
    """The columns of the fit that were worked on since."""
    after = states(workplace.store / "t")
    changed = {path for path, state in after.items() if before.get(path) != state and "/" in path}
    return {path.split("/")[0] for path in changed}


def test_without_a_run_there_is_nothing_to_continue(workplace: Workplace) -> None:
    nothing = workplace.call("retry")

    assert nothing.status == 2
    assert "ran yet. Start one with `gmm-pipeline run SOURCE`" in nothing.err
    unknown = workplace.call("retry", "--fit", "t")
    assert unknown.status == 2
    assert "has no fit 't'" in unknown.err


def test_a_fit_that_was_made_otherwise_has_no_run_to_continue(workplace: Workplace) -> None:
    save_spec(
        FitSpec(name="t", source="t.parquet", columns=("few",)), Store(workplace.store).fit("t")
    )

    refused = workplace.call("retry", "--fit", "t")

    assert refused.status == 2
    assert "has no run to continue. Start one with" in refused.err


def test_what_failed_is_done_and_the_rest_is_left_alone(workplace: Workplace) -> None:
    source = write(workplace.path / "t.parquet", repaired=False)
    assert workplace.call("run", source).status == 1
    before = states(workplace.store / "t")

    still = workplace.call("retry")

    assert still.status == 1
    assert "numbers beyond those of int64" in still.err
    assert worked(workplace, before) <= {"id"}
    assert workplace.runs() == 2


def test_the_fit_that_was_run_last_is_continued_unless_another_is_named(
    workplace: Workplace,
) -> None:
    first = write(workplace.path / "first.parquet", repaired=False)
    assert workplace.call("run", first, "--columns", "id").status == 1
    assert (
        workplace.call(
            "run", write(workplace.path / "second.parquet", repaired=False), "--columns", "id"
        ).status
        == 1
    )

    last, named = (
        workplace.call("retry", "--json"),
        workplace.call("retry", "--fit", "first", "--json"),
    )

    assert (last.json()["fit"], named.json()["fit"]) == ("second", "first")


def test_the_last_run_is_known_whatever_the_clock_says(workplace: Workplace) -> None:
    for name in ("first", "second"):
        source = write(workplace.path / f"{name}.parquet", repaired=False)
        assert workplace.call("run", source, "--columns", "id").status == 1
    os.utime(workplace.store / "second" / "run.json", (0, 0))

    assert workplace.call("retry", "--json").json()["fit"] == "second"


def test_a_repaired_source_is_continued_with(workplace: Workplace) -> None:
    source = write(workplace.path / "t.parquet", repaired=False)
    assert workplace.call("run", source, "--columns", "id").status == 1

    write(source, repaired=True)
    done = workplace.call("retry", "--json")

    assert done.status == 0, done.err
    assert [entry["rows"] for entry in done.json()["columns"]] == [60]


@pytest.fixture
def ended(workplace: Workplace) -> Callable[[], str]:
    """Start to make all of a fit anew, and kill the process once the first column is done, its
    drafts removed.
    """

    def end() -> str:
        fit = workplace.store / "t"
        started = time.time_ns()
        with workplace.start(
            "gmm-pipeline", "run", workplace.path / "t.parquet", "--refit"
        ) as process:
            while process.poll() is None and (
                not any(
                    file.stat().st_mtime_ns > started
                    for file in fit.glob("few/manifests/transformed-*.json")
                )
                or (fit / "few" / ".drafts").exists()
            ):
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL, "the run ended before it was killed"
        return "few"

    return end


def test_everything_anew_that_was_ended_goes_on_with_the_rest(
    workplace: Workplace, ended: Callable[[], str]
) -> None:
    FRAME.write_parquet(workplace.path / "t.parquet")
    assert workplace.call("run", "t.parquet").status == 0
    fit = workplace.store / "t"
    made, first = results(fit), states(fit)
    done = ended()
    before = states(fit)

    again = workplace.call("retry")

    assert again.status == 0, again.err
    after = states(fit)
    manifests = [path for path in after if "/manifests/" in path]
    assert len(manifests) == len(FRAME.columns) * len(STAGES)
    assert not first.keys() & set(manifests), "what was to be made anew is from before"
    assert done not in worked(workplace, before)
    assert worked(workplace, before) >= {"last"}
    assert results(fit) == made
    finished = workplace.call("retry")
    assert "nothing was done" in finished.err
    assert states(fit) == after
