"""Time, memory, fit and lost values beside others, on a heavy-tailed float64 column.

    uv run --group test python benchmarks/peers.py --cache peer_environments

Each peer has its own virtual environment, which is created once in the cache folder. Each trial is
a process of its own. It holds the column in memory, fits and encodes a few rows first, so that
imports, compilation and the start of a JVM do not count, and then fits and encodes all of them. Our
trials and a peer's alternate. CTAB-GAN+ is not a package: `--ctab-gan-plus` names a checkout of its
repository; without one, it is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from columns import COLUMNS
from measuring import Figures, conclude, markdown, parser_of, repeat, rows_in_words

from gmm_pipeline.engines.local.machine import GIGABYTE

PROGRAMS = Path(__file__).with_name("peer_programs")
_SIZES = (200_000, 1_000_000, 5_000_000)
"""Every peer does the first within a minute, and only the fastest do the last in `--minutes`."""


@dataclass(frozen=True)
class Peer:
    """Another implementation: its program and packages, some of them without dependencies."""

    name: str
    program: str
    packages: tuple[str, ...]
    alone: tuple[str, ...] = ()


class TrialError(RuntimeError):
    """A program has failed."""


PEERS = (
    Peer("RDT ClusterBasedNormalizer", "rdt_normalizer.py", ("rdt",)),
    Peer("CTGAN DataTransformer", "ctgan_transformer.py", ("rdt", "joblib", "tqdm"), ("ctgan",)),
    Peer("CTAB-GAN+ DataTransformer", "ctab_gan_plus_transformer.py", ("pandas", "scikit-learn")),
    Peer("scikit-learn GaussianMixture", "sklearn_gaussian.py", ("scikit-learn",)),
    Peer("scikit-learn BayesianGaussianMixture", "sklearn_bayesian.py", ("scikit-learn",)),
    Peer("Spark ML GaussianMixture", "spark_ml.py", ("pyspark", "pyarrow", "numpy")),
)
_CTAB_GAN_PLUS = PEERS[2]


def environment_of(peer: Peer, cache: Path) -> Path:
    """Return the Python of a peer's environment, which is created if it does not exist."""
    folder = cache / Path(peer.program).stem
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        # Outside of the project's folder, so that uv does not apply its pyproject.toml.
        run = partial(subprocess.run, check=True, cwd=tempfile.gettempdir())
        run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
        run([*install, *peer.packages])
        if peer.alone:
            run([*install, "--no-deps", *peer.alone])
        ready.touch()
    return python


def versions_in(python: Path, peer: Peer) -> dict[str, str]:
    """Return the versions of the packages that were installed for a peer."""
    code = (
        "import importlib.metadata as m, json, sys; "
        "print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    )
    names = [*peer.packages, *peer.alone]
    found: dict[str, str] = json.loads(subprocess.check_output([str(python), "-c", code, *names]))
    return found


def trial(python: Path, program: str, column: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run a program once; return what it measured."""
    command = [str(python), str(PROGRAMS / program), str(column)]
    finished = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise TrialError(f"{program} failed:\n{finished.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
    return figures


def compare(peer: Peer, python: Path, rows: int, options: Any) -> dict[str, Any]:
    """Run our program and a peer's in turns; return medians over the turns."""
    environment = {"CTAB_GAN_PLUS": str(options.ctab_gan_plus)}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        column = Path(folder) / "column.npy"
        np.save(column, COLUMNS["heavy-tailed"](np.random.default_rng(0), rows))
        turns = repeat(
            lambda: (
                trial(Path(sys.executable), "ours.py", column, {}),
                trial(python, peer.program, column, environment),
            ),
            options.repetitions,
            options.minutes,
        )
    ours, theirs = ([turn[which] for turn in turns] for which in (0, 1))
    ratio = median(_seconds(other) / _seconds(own) for own, other in turns)
    return {
        "peer": peer.name,
        "rows": rows,
        "runs": len(turns),
        "ours": _medians(ours),
        "theirs": _medians(theirs),
        "ratio": ratio,
    }


def _seconds(figures: dict[str, Any]) -> float:
    return float(figures["fit"] + figures["encode"])


def _medians(trials: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: None if trials[0][name] is None else median(each[name] for each in trials)
        for name in trials[0]
    }


def report(figures: Figures) -> str:
    """Return the figures as Markdown: for each size our row, then a row for each peer."""
    headings = [
        "rows",
        "",
        "fit, s",
        "encode, s",
        "ours is faster",
        "peak memory",
        "mean log-likelihood",
        "values lost",
        "runs",
    ]
    rows, sizes = [], set()
    for each in sorted(figures.results["trials"], key=lambda each: each["rows"]):
        if each["rows"] not in sizes:
            sizes.add(each["rows"])
            rows.append(_row(each, "ours", "ours", ""))
        rows.append(_row(each, each["peer"], "theirs", f"{each['ratio']:,.0f} ×"))
    lines = [markdown(headings, rows, left=2)]
    if figures.results["left_out"]:
        lines += ["", f"Left out: {', '.join(figures.results['left_out'])}."]
    versions = {
        name: number
        for found in figures.results["versions"].values()
        for name, number in found.items()
    }
    lines += [
        "",
        "Peers: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
    ]
    return "\n".join(lines)


def _row(each: dict[str, Any], name: str, side: str, ratio: str) -> list[str]:
    found = each[side]
    lost = "–" if found["lost"] is None else f"{100 * found['lost']:.3g} %"
    memory = "–" if found["peak_memory"] is None else f"{found['peak_memory'] / GIGABYTE:.2f} GB"
    times = [f"{found['fit']:.2f}", f"{found['encode']:.2f}"]
    return [
        rows_in_words(each["rows"]),
        name,
        *times,
        ratio,
        memory,
        f"{found['mean_log_likelihood']:.4f}",
        lost,
        f"{each['runs']}",
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(_SIZES))
    parser.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        help="limit for a peer and size",
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="peers whose name contains this"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        help="folder to keep environments in; by default they are removed",
    )
    parser.add_argument(
        "--ctab-gan-plus", type=Path, metavar="FOLDER", help="a checkout of CTAB-GAN+'s repository"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.rows, options.repetitions = [5000], 1
        options.only = options.only or ["scikit-learn GaussianMixture"]
    chosen = [
        peer
        for peer in PEERS
        if not options.only or any(part in peer.name for part in options.only)
    ]
    present = [peer for peer in chosen if peer is not _CTAB_GAN_PLUS or options.ctab_gan_plus]
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        cache = (options.cache or Path(temporary)).absolute()
        pythons = {peer: environment_of(peer, cache) for peer in present}
        versions = {peer.name: versions_in(python, peer) for peer, python in pythons.items()}
        trials, failed, too_long = [], {}, []
        seconds_of_a_row: dict[Peer, float] = {}
        for rows, (peer, python) in product(sorted(options.rows), pythons.items()):
            named = f"{peer.name} at {rows_in_words(rows)} rows"
            if seconds_of_a_row.get(peer, 0.0) * rows > 60 * options.minutes:
                too_long.append(
                    f"{named} (over {options.minutes:g} minutes by its figures for fewer)"
                )
                continue
            try:
                trials.append(compare(peer, python, rows, options))
                seconds_of_a_row[peer] = _seconds(trials[-1]["theirs"]) / rows
            except TrialError as error:
                failed[named] = str(error)
    left_out = [*(peer.name for peer in chosen if peer not in present), *too_long, *failed]
    conclude(
        Figures.here(options, {"trials": trials, "left_out": left_out, "versions": versions}),
        report,
        options.json,
    )
    if failed:
        raise SystemExit("\n".join(f"{name}: {message}" for name, message in failed.items()))


if __name__ == "__main__":
    main()
