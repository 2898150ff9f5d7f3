"""Fit quality beside scikit-learn: held-out log-likelihood of real and synthetic columns.

    uv run --group test python benchmarks/quality.py --adult adult.parquet

Each column is fitted by `TableEncoder` with its default settings to 80 % of the rows. Rows that its
model holds as atoms (point masses, null) are removed from both parts for every method; the rest is
the continuous part. scikit-learn's two mixtures are fitted to the same rows. The score is the mean
log density, in nats per row, of the other 20 %.

A component that is narrower than the rounding of integers has collapsed on a single number. Its
density there is limited only by the variance that scikit-learn adds (1e-6). Scores with such
components are marked with *. With `--dequantise`, integers are spread evenly over the intervals
that round to them, for scikit-learn's fits and for all scores, so that no component can collapse
(Theis et al., 2016, "A note on the evaluation of generative models").
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measuring import Figures, conclude, markdown, parser_of
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from gmm_pipeline import TableEncoder
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.fits.demo import DEMO_COLUMNS, demo_spec

N_COMPONENTS = 10
"""As many as CTGAN takes, and our default `max_modes`."""
FIT_SHARE = 0.8
TOLERATED = 1e-3
"""Nats per row: a difference that the held-out rows could show by chance."""
COLLAPSED_STD = 0.2
"""A component with a smaller std has collapsed: rounding to integers alone gives 0.29."""
QUICK_ROWS = 2000
QUICK_COLUMNS = ("lognormal", "Student t(2)", "flights distance")

Rows = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True)
class Family:
    """A distribution to draw a column from."""

    name: str
    rows: int
    draw: Callable[[np.random.Generator, int], Rows]


def _normals(
    means: list[float], stds: list[float], weights: list[float]
) -> Callable[[np.random.Generator, int], Rows]:
    def draw(rng: np.random.Generator, rows: int) -> Rows:
        component = rng.choice(len(weights), rows, p=weights)
        return rng.normal(np.array(means)[component], np.array(stds)[component])

    return draw


FAMILIES = (
    Family("lognormal", 100_000, lambda rng, rows: rng.lognormal(0, 1, rows)),
    Family("exponential", 10_000, lambda rng, rows: rng.exponential(1, rows)),
    Family("Student t(2)", 1_000_000, lambda rng, rows: rng.standard_t(2, rows)),
    Family("Cauchy", 10_000, lambda rng, rows: rng.standard_cauchy(rows)),
    Family("uniform", 100_000, lambda rng, rows: rng.random(rows)),
    Family("arcsine", 10_000, lambda rng, rows: rng.beta(0.5, 0.5, rows)),
    Family("Poisson", 100_000, lambda rng, rows: rng.poisson(40, rows)),
    Family("negative binomial", 10_000, lambda rng, rows: rng.negative_binomial(3, 0.05, rows)),
    Family(
        "separated mixture",
        10_000,
        _normals([-50, -20, 0, 15, 40, 100], [3, 1, 2, 0.5, 4, 8], [0.1, 0.2, 0.2, 0.3, 0.1, 0.1]),
    ),
    Family(
        "overlapping mixture",
        100_000,
        _normals([0, 1.5, 3, 5], [1, 0.7, 1.5, 0.5], [0.4, 0.3, 0.2, 0.1]),
    ),
)


@dataclass(frozen=True)
class Score:
    """A method's held-out mean log-likelihood, and its fit: time, components, any collapsed."""

    log_likelihood: float
    seconds: float
    components: int
    collapsed: bool


@dataclass(frozen=True)
class Comparison:
    """The scores of all methods on a column; none if all of its rows are atoms."""

    column: str
    rows: int
    share: float
    scores: dict[str, Score]

    @property
    def difference(self) -> float:
        """Our score minus the better one of the others."""
        ours, *others = [score.log_likelihood for score in self.scores.values()]
        return ours - max(others)


def columns(adult: Path | None, names: tuple[str, ...]) -> Iterator[tuple[str, pl.Series]]:
    """Yield the columns whose names contain one of `names`, or all columns if there are none."""

    def is_chosen(name: str) -> bool:
        return not names or any(part in name for part in names)

    if adult is not None:
        for column in pl.read_parquet(adult).iter_columns():
            if column.dtype.is_numeric() and is_chosen(f"Adult {column.name}"):
                yield f"Adult {column.name}", column
    if any(is_chosen(f"flights {name}") for name in DEMO_COLUMNS):
        with tempfile.TemporaryDirectory() as folder:
            flights = pl.read_csv(
                demo_spec(Path(folder)).source, null_values=["NA"], columns=list(DEMO_COLUMNS)
            )
        for column in flights.iter_columns():
            if column.dtype.is_numeric() and is_chosen(f"flights {column.name}"):
                yield f"flights {column.name}", column
    for seed, family in enumerate(FAMILIES):
        if is_chosen(family.name):
            yield family.name, pl.Series(family.draw(np.random.default_rng(seed), family.rows))


def keep_integers(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return integers unchanged."""
    return rows


def dequantise(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread integers evenly over the intervals that round to them."""
    return rows + np.random.default_rng(0).uniform(-0.5, 0.5, rows.size)


def compare(
    name: str,
    column: pl.Series,
    most_rows: int | None,
    integers: Callable[[NDArray[np.float64]], NDArray[np.float64]] = keep_integers,
) -> Comparison:
    """Fit all methods to 80 % of a column's rows and score them by the other 20 %."""
    on_grid = column.dtype.is_integer()
    shuffled = column.drop_nulls().rename("value").shuffle(seed=0).head(most_rows or len(column))
    n_fit = int(FIT_SHARE * len(shuffled))
    started = time.perf_counter()
    encoder = TableEncoder().fit(shuffled.head(n_fit).to_frame())
    seconds = time.perf_counter() - started
    modes = encoder.modes("value")
    atoms = modes.filter(pl.col("type") == "atom")["value"].cast(pl.Float64)
    continuous = shuffled.cast(pl.Float64).is_in(atoms.implode()).not_()
    fitted, held_out = (
        part.filter(kept).cast(pl.Float64).to_numpy()
        for part, kept in (
            (shuffled.head(n_fit), continuous.head(n_fit)),
            (shuffled[n_fit:], continuous[n_fit:]),
        )
    )
    if on_grid:
        fitted, held_out = integers(fitted), integers(held_out)
    scores: dict[str, Score] = {}
    if fitted.size >= N_COMPONENTS and held_out.size:
        ours = _mixture_of(modes)
        collapsed = on_grid and bool(ours.stds.min() < COLLAPSED_STD)
        scores["ours"] = Score(
            ours.mean_log_likelihood(held_out), seconds, ours.n_components, collapsed
        )
        for method in (
            GaussianMixture(N_COMPONENTS, n_init=5, random_state=0),
            BayesianGaussianMixture(
                n_components=N_COMPONENTS,
                weight_concentration_prior=0.001,
                max_iter=500,
                random_state=0,
            ),
        ):
            scores[type(method).__name__] = _score(method, fitted, held_out, on_grid=on_grid)
    return Comparison(name, n_fit, float(continuous.mean() or 0.0), scores)


def _mixture_of(modes: pl.DataFrame) -> Mixture:
    gaussians = modes.filter(pl.col("type") == "gaussian")
    return Mixture(*(gaussians[parameter].to_numpy() for parameter in ("weight", "mean", "std")))


def _score(
    method: GaussianMixture | BayesianGaussianMixture,
    fitted: NDArray[np.float64],
    held_out: NDArray[np.float64],
    *,
    on_grid: bool,
) -> Score:
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        method.fit(fitted[:, np.newaxis])
    seconds = time.perf_counter() - started
    collapsed = on_grid and bool(np.sqrt(method.covariances_.min()) < COLLAPSED_STD)
    return Score(float(method.score(held_out[:, np.newaxis])), seconds, N_COMPONENTS, collapsed)


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    headings = ["column", "rows", "continuous", "ours", "s", "modes", "GaussianMixture", "s"]
    headings += ["BayesianGaussianMixture", "s", "better"]
    return f"{markdown(headings, map(row_of, figures.results))}\n\n{summary(figures.results)}"


def row_of(comparison: dict[str, Any]) -> list[str]:
    """Return a column's row of the table."""
    scores = comparison["scores"]
    if not scores:
        return [comparison["column"], f"{comparison['rows']:,}", "no continuous part", *[""] * 8]
    cells = [comparison["column"], f"{comparison['rows']:,}", f"{100 * comparison['share']:.1f} %"]
    for name, score in scores.items():
        cells += [
            f"{score['log_likelihood']:.4f}{'*' if score['collapsed'] else ''}",
            f"{score['seconds']:.2f}",
        ]
        cells += [str(score["components"])] if name == "ours" else []
    return [*cells, f"{comparison['difference']:+.4f}"]


def summary(comparisons: list[dict[str, Any]]) -> str:
    """Return in words on how many columns we are better, and on how many worse, and why."""
    found = [comparison for comparison in comparisons if comparison["scores"]]
    worse = [comparison for comparison in found if comparison["difference"] < -TOLERATED]
    collapsed = sum(
        any(score["collapsed"] for score in comparison["scores"].values()) for comparison in worse
    )
    better = sum(comparison["difference"] > 0 for comparison in found)
    return (
        f"Better on {better} of {len(found)} columns, worse by more than {TOLERATED:g} on "
        f"{len(worse)}; on {collapsed} of those a component has collapsed on an integer."
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--adult", type=Path, help="UCI Adult as Parquet, to include its numeric columns"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="columns whose name contains this",
    )
    parser.add_argument("--rows", type=int, help="most rows of a column to use")
    parser.add_argument(
        "--dequantise",
        action="store_true",
        help="spread integers over the intervals that round to them",
    )
    options = parser.parse_args(arguments)
    names, most_rows = tuple(options.only), options.rows
    if options.quick:
        names, most_rows = names or QUICK_COLUMNS, most_rows or QUICK_ROWS
    integers = dequantise if options.dequantise else keep_integers
    TableEncoder().fit(pl.DataFrame({"warm-up": np.random.default_rng(0).standard_normal(100)}))
    comparisons = [
        compare(name, column, most_rows, integers) for name, column in columns(options.adult, names)
    ]
    figures = [
        {**asdict(each), "difference": each.difference if each.scores else None}
        for each in comparisons
    ]
    options.adult = options.adult is not None
    conclude(Figures.here(options, figures, ["scikit-learn"]), report, options.json)


if __name__ == "__main__":
    main()
