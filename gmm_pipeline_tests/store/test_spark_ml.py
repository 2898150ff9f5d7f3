import pathlib
import struct
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from gmm_pipeline.store.spark_ml import read_gaussian_mixture, write_gaussian_mixture

if TYPE_CHECKING:
    from pyspark.ml.clustering import GaussianMixtureModel
    from pyspark.sql import SparkSession

Mixture = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def mixture(weights: list[float], means: list[float], stds: list[float]) -> Mixture:
    return np.array(weights), np.array(means), np.array(stds)


ONE = mixture([1.0], [-0.0], [1 / 3])
TWO = mixture([0.1, 0.9], [0.1, -7.3], [0.7, 2.1])
TEN = mixture(
    [k / 55 for k in range(1, 11)],
    [k * np.pi for k in range(-5, 5)],
    [0.3 + k / 7 for k in range(10)],
)
SMALL = mixture([0.3, 0.7], [1e-100, 3e-100], [1e-100, 7e-101])
HUGE = mixture([0.3, 0.7], [1e15, 3e15], [1e15, 7e14])
WIDEST = mixture([0.2, 1e-300, 0.8], [1e15, -1.7e308, 5e-324], [1e-100, 1.3e154, 1.5e-154])

usual = pytest.mark.parametrize(
    "parameters", [ONE, TWO, TEN, SMALL], ids=["one", "two", "ten", "small"]
)
every = pytest.mark.parametrize(
    "parameters",
    [ONE, TWO, TEN, SMALL, HUGE, WIDEST],
    ids=["one", "two", "ten", "small", "huge", "widest"],
)


def bits(*arrays: NDArray[np.float64]) -> list[bytes]:
    return [array.astype(np.float64).tobytes() for array in arrays]


def responsibilities(x: float, parameters: Mixture, floor: float = 0.0) -> NDArray[np.float64]:
    weights, means, stds = parameters
    densities = (
        weights * np.exp(-(((x - means) / stds) ** 2) / 2) / (stds * np.sqrt(2 * np.pi)) + floor
    )
    return np.asarray(densities / densities.sum())


def points_within(parameters: Mixture) -> list[float]:
    _, means, stds = parameters
    return [*means, *(means - 1.7 * stds), *(means + 0.4 * stds)]


def parameters_in_spark(model: "GaussianMixtureModel") -> Mixture:
    means = np.array([gaussian.mean.toArray() for gaussian in model.gaussians])
    variances = np.array([gaussian.cov.toArray() for gaussian in model.gaussians])
    return np.array(model.weights), means.reshape(-1), variances.reshape(-1)


def load(folder: pathlib.Path) -> "GaussianMixtureModel":
    from pyspark.ml.clustering import GaussianMixtureModel

    return GaussianMixtureModel.load(str(folder))


def fit(spark: "SparkSession", rows: list[list[float]]) -> "GaussianMixtureModel":
    from pyspark.ml.clustering import GaussianMixture
    from pyspark.ml.linalg import Vectors

    table = spark.createDataFrame([(Vectors.dense(row),) for row in rows], ["features"])
    return GaussianMixture(k=2, maxIter=2, seed=1).fit(table)


@pytest.fixture(scope="module")
def fitted(spark: "SparkSession") -> "GaussianMixtureModel":
    return fit(spark, [[x] for x in (-1.0, -0.5, 0.1, 0.7, 5.0, 5.5, 6.1, 7.3)])


@pytest.fixture(scope="module")
def saved_by_spark(
    fitted: "GaussianMixtureModel", tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("spark") / "model"
    fitted.save(str(folder))
    return folder


@every
@pytest.mark.usefixtures("spark")
def test_spark_loads_the_exact_parameters(parameters: Mixture, tmp_path: pathlib.Path) -> None:
    weights, means, stds = parameters
    write_gaussian_mixture(tmp_path, *parameters)
    assert bits(*parameters_in_spark(load(tmp_path))) == bits(weights, means, stds**2)


@usual
@pytest.mark.usefixtures("spark")
def test_spark_computes_the_same_responsibilities(
    parameters: Mixture, tmp_path: pathlib.Path
) -> None:
    from pyspark.ml.linalg import Vectors

    write_gaussian_mixture(tmp_path, *parameters)
    model = load(tmp_path)
    for x in points_within(parameters):
        ours = responsibilities(x, parameters)
        np.testing.assert_allclose(
            model.predictProbability(Vectors.dense(x)).toArray(), ours, rtol=0, atol=1e-12
        )


@pytest.mark.usefixtures("spark")
def test_spark_adds_its_floor_to_huge_components(tmp_path: pathlib.Path) -> None:
    from pyspark.ml.linalg import Vectors

    write_gaussian_mixture(tmp_path, *HUGE)
    model = load(tmp_path)
    for x in points_within(HUGE):
        floored = responsibilities(x, HUGE, floor=2.0**-52)
        np.testing.assert_allclose(
            model.predictProbability(Vectors.dense(x)).toArray(), floored, rtol=0, atol=1e-12
        )


def test_spark_encodes_a_table_with_the_model(
    spark: "SparkSession", tmp_path: pathlib.Path
) -> None:
    from pyspark.ml.linalg import Vectors

    write_gaussian_mixture(tmp_path, *TWO)
    table = spark.createDataFrame([(Vectors.dense(x),) for x in (-7.3, 0.1, -9.0)], ["features"])
    assert [row.prediction for row in load(tmp_path).transform(table).collect()] == [1, 0, 1]


@every
def test_the_same_parameters_give_the_same_files(
    parameters: Mixture, tmp_path: pathlib.Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        write_gaussian_mixture(folder, *parameters)
    files = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    assert len(files) == 4
    assert [(first / file).read_bytes() for file in files] == [
        (second / file).read_bytes() for file in files
    ]


def test_the_data_has_the_schema_that_spark_writes(
    saved_by_spark: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    write_gaussian_mixture(tmp_path, *TWO)
    ours, theirs = (
        pq.read_schema(next(folder.glob("data/*.parquet"))) for folder in (tmp_path, saved_by_spark)
    )
    assert ours.equals(theirs)
    key = b"org.apache.spark.sql.parquet.row.metadata"
    assert ours.metadata[key] == theirs.metadata[key]


@every
def test_what_was_written_is_read(parameters: Mixture, tmp_path: pathlib.Path) -> None:
    weights, means, stds = parameters
    write_gaussian_mixture(tmp_path, *parameters)
    assert bits(*read_gaussian_mixture(tmp_path)) == bits(weights, means, stds**2)


def test_what_spark_saved_is_read(
    fitted: "GaussianMixtureModel", saved_by_spark: pathlib.Path
) -> None:
    assert bits(*read_gaussian_mixture(saved_by_spark)) == bits(*parameters_in_spark(fitted))


def test_a_mixture_of_two_dimensions_is_refused(
    spark: "SparkSession", tmp_path: pathlib.Path
) -> None:
    rows = [[0.0, 1.0], [0.5, 0.2], [5.0, 4.0], [5.5, 5.2], [6.0, 4.1]]
    fit(spark, rows).save(str(tmp_path / "model"))
    with pytest.raises(ValueError, match="holds a mixture of 2 dimensions"):
        read_gaussian_mixture(tmp_path / "model")


def test_another_model_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"clusterIdx": [0]}), tmp_path / "data" / "part-00000.parquet")
    with pytest.raises(ValueError, match=r"holds no Gaussian mixture.*clusterIdx"):
        read_gaussian_mixture(tmp_path)


def test_a_flipped_bit_is_noticed(tmp_path: pathlib.Path) -> None:
    write_gaussian_mixture(tmp_path, *TWO)
    file = next(tmp_path.glob("data/*.parquet"))
    content = bytearray(file.read_bytes())
    content[content.index(struct.pack("<d", -7.3))] ^= 1
    file.write_bytes(content)
    with pytest.raises(OSError, match="CRC"):
        read_gaussian_mixture(tmp_path)


def test_a_model_is_not_written_over_another(tmp_path: pathlib.Path) -> None:
    write_gaussian_mixture(tmp_path, *TWO)
    with pytest.raises(FileExistsError):
        write_gaussian_mixture(tmp_path, *TEN)
    assert bits(*read_gaussian_mixture(tmp_path)[:2]) == bits(*TWO[:2])


@pytest.mark.parametrize(
    ("weight", "mean", "std"),
    [
        pytest.param(0.5, 0.0, 1.4e154, id="variance overflows"),
        pytest.param(0.5, 0.0, 1e-170, id="variance is zero"),
        pytest.param(
            0.5, 0.0, 1e-155, id="variance is subnormal, and Spark's inverse of it infinite"
        ),
        pytest.param(0.5, 0.0, -1.0, id="std is negative"),
        pytest.param(0.5, 0.0, np.nan, id="std is not a number"),
        pytest.param(0.5, np.inf, 1.0, id="mean is infinite"),
        pytest.param(np.nan, 0.0, 1.0, id="weight is not a number"),
    ],
)
def test_a_component_that_spark_cannot_hold_is_named(
    weight: float, mean: float, std: float, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(ValueError, match="component 1 "):
        write_gaussian_mixture(tmp_path / "model", *mixture([0.5, weight], [0.0, mean], [1.0, std]))
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(mixture([0.5, 0.5], [0.0], [1.0, 1.0]), id="a mean is missing"),
        pytest.param(mixture([], [], []), id="no component"),
        pytest.param((np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1))), id="two axes"),
    ],
)
def test_arrays_of_other_shapes_are_refused(parameters: Mixture, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"one shape, \(n_components,\)"):
        write_gaussian_mixture(tmp_path, *parameters)
