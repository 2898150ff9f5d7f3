"""The benchmarks run, so that they can be trusted to when their figures are wanted."""

import json
import math
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import spark
from agreement import differences
from measuring import Figures, exponent, in_turns, median_ratio
from readme import PAGES, START, insert_figures
from suite import PARTS, RESULTS

from gmm_pipeline.arrow.encoded_rows import EncodedRows

PROJECT = pathlib.Path(__file__).parents[1]
Quick = Callable[..., tuple[Any, str]]


@pytest.fixture
def quick(tmp_path: pathlib.Path) -> Quick:
    """Run a part with few rows; return its results and what it printed."""

    def run(part: str, *options: str) -> tuple[Any, str]:
        path = tmp_path / f"{part}.json"
        command = [
            sys.executable,
            f"benchmarks/{part}.py",
            "--quick",
            *options,
            "--json",
            str(path),
        ]
        finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr
        figures = Figures.read(path)
        assert figures.place["machine"] in finished.stdout
        assert {"gmm-pipeline", "polars", "numba"} <= set(figures.place["versions"])
        return figures.results, finished.stdout

    return run


def test_quality_compares_all_methods(quick: Quick) -> None:
    comparisons, printed = quick("quality", "--rows", "800")

    assert len(comparisons) == 3
    for comparison in comparisons:
        assert f"| {comparison['column']} |" in printed
        assert list(comparison["scores"]) == ["ours", "GaussianMixture", "BayesianGaussianMixture"]
        assert all(
            math.isfinite(score["log_likelihood"]) for score in comparison["scores"].values()
        )
    assert [comparison["rows"] for comparison in comparisons] == [640] * 3
    assert printed.count("Better on") == 1


def test_overhead_tells_seconds_a_column_of_both_ways(quick: Quick) -> None:
    results, printed = quick("overhead")

    (repetition,) = results["repetitions"]
    assert results["median"] == repetition
    assert repetition["start"] > repetition["bare"] > 0
    assert results["overhead"] == pytest.approx(repetition["command"] - repetition["bare"])
    assert f"| {results['overhead']:.2f} | {repetition['start']:.1f} |" in printed
    assert "3 columns of 500 rows" in printed


def test_a_second_process_compiles_the_kernels_of_encoding_and_later_uses_compile_nothing(
    quick: Quick,
) -> None:
    results, printed = quick("first_use")

    (round_,) = results["rounds"]
    assert round_["first"]["compiled"] > 0
    assert round_["second"]["compiled"] == 0
    assert results["median"] == round_
    assert f"| second | {round_['second']['import']:.1f} |" in printed


def test_growing_tells_both_ways_of_each_column(quick: Quick) -> None:
    growths, printed = quick("growing")

    assert {growth["way"] for growth in growths} == {"stages alone", "through Dagster"}
    assert len(growths) == 5
    for growth in growths:
        assert f"| {growth['column']} | {growth['way']} |" in printed
        assert growth["added"] > 0
        assert growth["percent"] == 100 * growth["added"] / growth["first"]


def test_limits_tell_all_ways_of_each_column(quick: Quick) -> None:
    comparisons, printed = quick("limits")

    assert len(comparisons) == 5
    for comparison in comparisons:
        assert f"| {comparison['column']} | 50,000 |" in printed
        times, ratios = comparison["nanoseconds"], comparison["ratios"]
        assert ratios["sketch"] == pytest.approx(times["sketch"] / times["sum"])
        assert ratios["decode"] == pytest.approx(times["decode"] / times["copy"])


def test_agreement_compares_every_row(quick: Quick) -> None:
    agreements, printed = quick("agreement")

    assert len(agreements) == 5
    assert {(each["compared"], each["different"]) for each in agreements} == {(50_000, 0)}
    assert printed.count("| 50,000 | 0 |") == 5


def test_rows_differ_by_a_bit_of_their_value_or_by_their_rank() -> None:
    value, rank = np.array([0.0, 1.0, 2.0], dtype=np.float32), np.array([0, 1, 2], dtype=np.uint8)
    other = EncodedRows(
        np.array([-0.0, 1.0, 2.0], dtype=np.float32), np.array([0, 1, 3], dtype=np.uint8)
    )

    assert differences(EncodedRows(value, rank), EncodedRows(value.copy(), rank.copy())) == 0
    assert differences(EncodedRows(value, rank), other) == 2


def test_peers_are_compared_in_environments_of_their_own(quick: Quick) -> None:
    results, printed = quick("peers")

    (comparison,) = results["trials"]
    assert comparison["rows"] == 5000
    assert comparison["ours"]["lost"] == 0
    assert comparison["theirs"]["lost"] is None
    assert comparison["ratio"] > 0
    for side in ("ours", "theirs"):
        assert -3 < comparison[side]["mean_log_likelihood"] < -1
        assert comparison[side]["peak_memory"] > 1 << 25
    assert "| 5,000 | scikit-learn GaussianMixture |" in printed


def test_scale_tells_stages_of_rows_and_both_ways_of_columns(quick: Quick) -> None:
    results, printed = quick("scale")

    (size,), (width,) = results["rows"], results["columns"]
    assert size["rows"] == 3000
    # Two columns are in work at once at most.
    assert size["seconds"] / 2 < sum(size["stages"].values()) < 2 * size["seconds"]
    assert set(size["peaks"]) == set(size["stages"])
    assert (size["changed"], size["left"]) == (0, 0)
    assert width["ratio"] == pytest.approx(width["dagster"] / width["bare"])
    assert "| 3,000 |" in printed


def test_what_a_trillion_rows_would_take_is_calculated_from_what_was_measured(quick: Quick) -> None:
    results, printed = quick("trillion", "--measured", str(RESULTS / "spark.json"))

    costs, lines = results["costs"], {line["what"]: line for line in results["lines"]}
    assert lines["pass: sketch"]["seconds"] == pytest.approx(costs["rows"]["sketch"] * 10**12 / 400)
    assert lines["scheduling"]["amount"] == "30,000 tasks"
    assert all(line["seconds"] is None or line["seconds"] > 0 for line in lines.values())
    assert "1,000,000,000,000 rows on 100 executors of 4 cores" in printed
    assert "The bottleneck is " in printed


def test_passes_on_spark_are_compared_by_workers_and_by_rows() -> None:
    def run(rows: int, workers: int, seconds: float, jvm: int) -> dict[str, Any]:
        stages = dict.fromkeys(["raw", "sketch", "model", "feature_rank", "transformed"], seconds)
        whole = {
            "python": 1 << 30,
            "jvm": jvm,
            "results": 10**6,
            "shuffled": 0,
            "tasks": 7,
            "sizes": {},
        }
        return {"rows": rows, "workers": workers, "stages": stages, **whole}

    runs = [
        run(2 * 10**7, 2, 1.0, 1 << 30),
        run(2 * 10**8, 1, 18.0, 1 << 30),
        run(2 * 10**8, 2, 10.0, 3 << 29),
    ]
    fit = {"seconds": [50.0, 40.0], "mean_log_likelihood": [-1.5, -1.6]}
    fits = {
        "rows": 10**6,
        "sketch": 0.5,
        "spark_ml": {**fit, "seconds": [5.0, 2.5]},
        "spark_ml_full": fit,
    }

    told = spark.report(Figures({}, {"passes": runs, "fits": fits}, {}))

    assert "Encoding 200M rows, 2 workers are 1.80 times as fast as one." in told
    assert "From 20M to 200M rows, the driver's memory changes by +25 %." in told
    assert "`spark_ml` is 13 times as fast" in told


def test_ways_take_turns_and_the_first_round_does_not_count(tmp_path: pathlib.Path) -> None:
    taken: list[str] = []
    ways = {
        name: lambda folder, name=name: taken.append(f"{name}{len(list(folder.iterdir()))}")
        for name in "ab"
    }

    times = in_turns(ways, 2, tmp_path)

    assert taken == ["a0", "b0"] * 3
    assert {name: len(each) for name, each in times.items()} == {"a": 2, "b": 2}
    assert not list(tmp_path.iterdir())


def test_ratios_are_of_the_same_round_and_growth_is_a_power() -> None:
    assert median_ratio([1.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == 2.0
    assert exponent([10, 100, 1000], [5.0, 50.0, 500.0]) == pytest.approx(1.0)
    assert exponent([10, 1000], [1.0, 10.0]) == pytest.approx(0.5)


def test_readme_and_guide_show_the_figures_that_are_kept() -> None:
    kept = sorted(RESULTS.glob("*.json"))
    pages = [page.read_text() for page in PAGES]

    assert {file.stem for file in kept} <= set(PARTS)
    assert [insert_figures(page, kept) for page in pages] == pages
    assert all(any(START.format(part=file.stem) in page for page in pages) for file in kept)


def test_figures_are_written_between_the_marks_of_their_part(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "agreement.json"
    place = {"machine": "a machine", "python": "3", "day": "a day", "versions": {}}
    results = [{"column": "cents", "rows": 7, "compared": 7, "different": 0}]
    file.write_text(json.dumps({"options": {}, "results": results, "place": place}))
    ours, others = START.format(part="agreement"), START.format(part="limits")
    text = f"before\n{ours}old<!-- end of figures -->\nafter\n{others}"

    shown = insert_figures(text, [file])

    assert shown.startswith("before\n<!-- figures: agreement")
    assert "| cents | 7 | 0 |\n\n`benchmarks/agreement.py`, a day: a machine" in shown
    assert "old" not in shown
    assert shown.endswith(f"<!-- end of figures -->\nafter\n{START.format(part='limits')}")
    assert insert_figures(shown, [file]) == shown


def test_readers_never_mix_two_fits_where_a_refit_crashes() -> None:
    command = [sys.executable, "benchmarks/crashes.py", "--every", "90", "--rows", "100"]

    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    figures = json.loads(finished.stdout[finished.stdout.index("\n{\n") :])
    assert figures["wrong"] == {}
    assert figures["points"] > 2
    assert figures["columns"] == 3
