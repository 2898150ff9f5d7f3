"""The benchmarks run, so that they can be trusted to when their figures are wanted."""

import json
import math
import pathlib
import subprocess
import sys

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
