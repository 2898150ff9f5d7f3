"""The benchmarks run, so that they can be trusted to when their figures are wanted."""

import json
import math
import pathlib
import subprocess
import sys

import pytest

PROJECT = pathlib.Path(__file__).parents[1]


def test_the_quick_benchmark_of_quality_compares_all_methods(tmp_path: pathlib.Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "benchmarks/quality.py", "--quick", "--rows", "800", "--json", str(figures)]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    comparisons = json.loads(figures.read_text())
    assert len(comparisons) == 3
    for comparison in comparisons:
        assert f"| {comparison['column']} |" in finished.stdout
        assert list(comparison["scores"]) == ["ours", "GaussianMixture", "BayesianGaussianMixture"]
        assert all(math.isfinite(score["log_likelihood"]) for score in comparison["scores"].values())
    assert [comparison["rows"] for comparison in comparisons] == [640] * 3
    assert finished.stdout.count("Better on") == 1


def test_the_quick_benchmark_of_overhead_tells_seconds_a_column_of_both_ways(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "figures.json"
    command = [sys.executable, "benchmarks/overhead.py", "--quick", "--json", str(path)]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    figures = json.loads(path.read_text())
    (repetition,) = figures["repetitions"]
    assert figures["median"] == repetition
    assert repetition["start"] > repetition["bare"] > 0
    assert figures["overhead"] == pytest.approx(repetition["command"] - repetition["bare"])
    assert f"| {figures['overhead']:.2f} | {repetition['start']:.1f} |" in finished.stdout
    assert f"3 columns of 500 rows; {figures['machine']}" in finished.stdout


def test_the_benchmark_of_growing_tables_tells_both_ways_of_each_column(tmp_path: pathlib.Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "benchmarks/growing.py", "--rows", "40000", "--repetitions", "1", "--json", str(figures)]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    growths = json.loads(figures.read_text())
    assert {growth["way"] for growth in growths} == {"stages alone", "through Dagster"}
    assert len(growths) == 6
    for growth in growths:
        assert f"| {growth['column']} | {growth['way']} |" in finished.stdout
        assert growth["added"] > 0
        assert growth["percent"] == 100 * growth["added"] / growth["first"]
