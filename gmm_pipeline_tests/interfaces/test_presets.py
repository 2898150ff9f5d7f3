"""Values and modes as RDT's ClusterBasedNormalizer (what CTGAN uses) and CTAB-GAN+ write them.

Their conventions are stated here as formulas; where RDT is installed, the formulas are compared
with it.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.mixture import BayesianGaussianMixture

from gmm_pipeline import TableEncoder
from gmm_pipeline.arrow.column_codec import ColumnCodec, column_codec
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.modes.column_model import ColumnModel, EncodingRules
from gmm_pipeline.core.modes.modes import GaussianMode
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate

NEEDED = "needs an environment with ctgan: docs/training.md says how to make one"
FLOOR = 1e-6
LEAST_WEIGHT = 0.005
BOUND = 0.99
HALF_WIDTH_STDS = 4


@dataclass(frozen=True)
class Reference:
    """A fitted mixture and the components that are kept; weights, means, stds and kept have shape
    (n_components,).
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    stds: NDArray[np.float64]
    kept: NDArray[np.bool_]

    @classmethod
    def of_rdt(cls, fitted: BayesianGaussianMixture) -> "Reference":
        """Keep the components of more than the least weight, among the weights of all."""
        stds = np.sqrt(fitted.covariances_).reshape(-1)
        return cls(fitted.weights_, fitted.means_.reshape(-1), stds, fitted.weights_ > LEAST_WEIGHT)

    @classmethod
    def of_ctab_gan_plus(
        cls, fitted: BayesianGaussianMixture, x: NDArray[np.float64]
    ) -> "Reference":
        """Keep, of those, the components that are the likeliest for some row."""
        rdt = cls.of_rdt(fitted)
        likeliest = np.isin(np.arange(rdt.weights.size), fitted.predict(x.reshape(-1, 1)))
        return cls(rdt.weights, rdt.means, rdt.stds, rdt.kept & likeliest)

    def values(self, x: NDArray[np.float64], mode: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the values that rows have in kept modes."""
        distances = x - self.means[self.kept][mode]
        return np.clip(distances / (HALF_WIDTH_STDS * self.stds[self.kept][mode]), -BOUND, BOUND)

    def draw_probabilities(self, responsibilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities that modes are drawn with: of the kept, raised by the floor,
        then normalised.
        """
        raised = responsibilities[:, self.kept] + FLOOR
        return raised / raised.sum(axis=1, keepdims=True)

    def responsibilities(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the posterior probabilities of all components."""
        return Mixture(self.weights, self.means, self.stds).responsibilities(x)

    def codec(self, column: str = "x") -> ColumnCodec:
        """Return our codec of the kept modes, ranked in their order, by the rules of the
        presets.
        """
        components = tuple(
            GaussianMode(float(weight), float(mean), float(std))
            for weight, mean, std in zip(self.weights, self.means, self.stds, strict=True)
        )
        model = ColumnModel(
            column=column,
            rows=1,
            kind="continuous",
            reason="as given",
            gaussians=tuple(mode for mode, kept in zip(components, self.kept, strict=True) if kept),
            dropped=tuple(
                mode for mode, kept in zip(components, self.kept, strict=True) if not kept
            ),
            tails=(),
            atoms=(),
            rest=None,
            coordinate=RealCoordinate(),
            range=(-math.inf, math.inf),
            fit=None,
            rules=EncodingRules(extremes="clip", value_dtype="float64", probability_floor=FLOOR),
        )
        n_modes = int(self.kept.sum())
        return column_codec(
            model, Ranking(np.arange(n_modes), np.ones(n_modes)), pa.field(column, pa.float64())
        )


def fitted_mixture(x: NDArray[np.float64]) -> BayesianGaussianMixture:
    mixture = BayesianGaussianMixture(
        n_components=10,
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=0.001,
        random_state=42,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the hundred iterations that it stops after
        return mixture.fit(x.reshape(-1, 1))


def column(scale: float, rows: int = 5000) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    bulk, peak = rng.lognormal(3, 1, rows // 2), rng.normal(80, 0.5, rows // 4)
    return scale * rng.permutation(
        np.concatenate([bulk, peak, rng.normal(-30, 10, rows - rows // 2 - rows // 4)])
    )


def encoded(
    reference: Reference, x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rows = reference.codec().encode(pa.array(x), 0)
    return rows.value.astype(np.float64), rows.rank.astype(np.int64)


def assert_drawn_by(probabilities: NDArray[np.float64], modes: NDArray[np.int64]) -> None:
    counts = np.bincount(modes, minlength=probabilities.shape[1])
    spread = np.sqrt((probabilities * (1 - probabilities)).sum(axis=0))
    assert np.all(np.abs(counts - probabilities.sum(axis=0)) < 5 * spread + 1)


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_a_value_in_the_same_mode_is_the_same_to_the_last_bits(scale: float) -> None:
    x = column(scale)
    for reference in (
        Reference.of_rdt(fitted_mixture(x)),
        Reference.of_ctab_gan_plus(fitted_mixture(x), x),
    ):
        values, modes = encoded(reference, x)

        np.testing.assert_array_max_ulp(values, reference.values(x, modes), maxulp=2)
        assert np.abs(values).max() <= BOUND


def test_modes_are_drawn_as_often() -> None:
    x = column(1.0)
    for reference in (
        Reference.of_rdt(fitted_mixture(x)),
        Reference.of_ctab_gan_plus(fitted_mixture(x), x),
    ):
        _, modes = encoded(reference, x)

        assert_drawn_by(reference.draw_probabilities(reference.responsibilities(x)), modes)


def test_rows_of_dropped_modes_are_drawn_among_the_kept_ones_by_the_floor() -> None:
    far = Reference(
        np.array([0.6, 0.397, 0.003]),
        np.array([0.0, 5.0, 1e4]),
        np.ones(3),
        np.array([True, True, False]),
    )

    _, modes = encoded(far, np.full(4000, 1e4))

    assert_drawn_by(np.full((4000, 2), 0.5), modes)


def preset_modes(encoder: TableEncoder) -> Reference:
    model = encoder.model("x")
    components = Mixture(
        *np.array([[m.weight, m.mean, m.std] for m in model.gaussians + model.dropped]).T
    )
    kept = np.arange(components.n_components) < len(model.gaussians)
    return Reference(components.weights, components.means, components.stds, kept)


@pytest.mark.parametrize("preset", ["ctgan", "ctab-gan+"])
def test_a_preset_encodes_as_the_encoder_that_it_is_named_after(preset: str) -> None:
    x = column(1.0, rows=20_000)
    frame = pl.DataFrame({"x": x})
    encoder = TableEncoder(preset=preset).fit(frame)
    reference = preset_modes(encoder)

    rows = encoder.transform(frame).collect()

    mode_of_rank = encoder.modes("x")["mode"].to_numpy()
    modes = mode_of_rank[rows["x.rank"].to_numpy()]
    np.testing.assert_array_max_ulp(
        rows["x.value"].to_numpy(), reference.values(x, modes), maxulp=2
    )
    assert_drawn_by(reference.draw_probabilities(reference.responsibilities(x)), modes)
    assert reference.weights[reference.kept].min() > LEAST_WEIGHT


@pytest.mark.parametrize("preset", ["ctgan", "ctab-gan+"])
def test_a_preset_finds_no_atoms_by_itself(preset: str) -> None:
    few = pl.DataFrame({"x": [0, 1, 2, 0] * 50, "label": ["a", "b"] * 100})
    encoder = TableEncoder(preset=preset).fit(few)
    assert "atom" not in encoder.modes("x")["type"]
    assert encoder.modes("label")["type"].unique().to_list() == ["atom"]


def test_ctab_gan_plus_s_mixed_and_log_and_general_columns() -> None:
    rng = np.random.default_rng(0)
    gains = np.where(rng.random(3000) < 0.8, 0.0, rng.lognormal(8, 1, 3000))
    frame = pl.DataFrame(
        {"mixed": gains, "log": rng.lognormal(0, 2, 3000), "general": rng.random(3000)}
    )
    columns = {
        "mixed": {"kind": "mixed", "atoms": [0]},
        "log": {"transform": "log"},
        "general": {"kind": "general"},
    }
    encoder = TableEncoder(columns=columns, preset="ctab-gan+").fit(frame)
    rows = encoder.transform(frame).collect()

    zero = encoder.modes("mixed").filter(pl.col("type") == "atom")["rank"][0]
    assert (rows["mixed.rank"] == zero).to_list() == (frame["mixed"] == 0).to_list()
    log_modes = encoder.modes("log")
    means, stds = (
        log_modes[name].to_numpy()[rows["log.rank"].to_numpy()] for name in ("mean", "std")
    )
    expected = np.clip(
        (np.log(frame["log"].to_numpy()) - means) / (HALF_WIDTH_STDS * stds), -BOUND, BOUND
    )
    np.testing.assert_array_max_ulp(rows["log.value"].to_numpy(), expected, maxulp=2)
    x = frame["general"].to_numpy()
    scaled = 2 * (x - x.min()) / (x.max() - x.min()) - 1
    np.testing.assert_array_max_ulp(rows["general.value"].to_numpy(), scaled, maxulp=2)


class Normalizer:
    """RDT's ClusterBasedNormalizer, fitted to a column."""

    def __init__(self, x: NDArray[np.float64]) -> None:
        pandas = pytest.importorskip("pandas", reason=NEEDED)
        transformers = pytest.importorskip("rdt.transformers", reason=NEEDED)
        self._frame: Any = pandas.DataFrame({"x": x})
        self._rdt = transformers.ClusterBasedNormalizer()
        self._rdt.fit(self._frame, "x")
        self.mixture: BayesianGaussianMixture = self._rdt._bgm_transformer

    def transform(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        transformed = self._rdt.transform(self._frame)
        return transformed["x.normalized"].to_numpy(), transformed["x.component"].to_numpy().astype(
            np.int64
        )

    def draws(self, rows: int) -> NDArray[np.float64]:
        """Return the uniform draws that its first transform takes."""
        return np.random.RandomState(self._rdt.random_seed).random_sample(rows)


def test_the_formulas_are_rdt_s_own() -> None:
    x = column(1.0)
    normalizer = Normalizer(x)
    reference = Reference.of_rdt(normalizer.mixture)

    values, modes = normalizer.transform()

    probabilities = reference.draw_probabilities(normalizer.mixture.predict_proba(x.reshape(-1, 1)))
    cumulative = np.cumsum(probabilities, axis=1)
    drawn = (cumulative / cumulative[:, -1:] <= normalizer.draws(x.size)[:, np.newaxis]).sum(axis=1)
    assert np.array_equal(modes, drawn)
    assert np.array_equal(values, reference.values(x, modes))


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_a_value_is_rdt_s_wherever_rdt_draws_the_same_mode(scale: float) -> None:
    x = column(scale)
    normalizer = Normalizer(x)
    reference = Reference.of_rdt(normalizer.mixture)
    rdt_values, rdt_modes = normalizer.transform()

    values, modes = encoded(reference, x)

    same = modes == rdt_modes
    assert same.mean() > 0.5
    np.testing.assert_array_max_ulp(values[same], rdt_values[same], maxulp=2)


def test_modes_are_drawn_as_often_as_rdt_draws_them() -> None:
    x = column(1.0)
    normalizer = Normalizer(x)
    reference = Reference.of_rdt(normalizer.mixture)
    probabilities = reference.draw_probabilities(normalizer.mixture.predict_proba(x.reshape(-1, 1)))

    assert_drawn_by(probabilities, normalizer.transform()[1])
    assert_drawn_by(probabilities, encoded(reference, x)[1])
