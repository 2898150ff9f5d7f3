"""One-dimensional Gaussian mixtures in the files of Spark ML, written and read without a JVM."""

import hashlib
import json
import pathlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_SPARK_VERSION = (
    "4.0.0"  # the oldest Spark meant to load this: no reader meets a version newer than its own
)
_BYTE, _INT, _DOUBLE, _BOOLEAN = pa.int8(), pa.int32(), pa.float64(), pa.bool_()
_INTS, _DOUBLES = (
    pa.list_(pa.field("element", number, nullable=False)) for number in (_INT, _DOUBLE)
)
_SHAPE = {"type": _BYTE, "numRows": _INT, "numCols": _INT}
_REQUIRED = {*_SHAPE, "isTransposed"}
_VECTOR, _MATRIX = (
    pa.struct(
        [pa.field(name, kind, nullable=name not in _REQUIRED) for name, kind in fields.items()]
    )
    for fields in (
        {"type": _BYTE, "size": _INT, "indices": _INTS, "values": _DOUBLES},
        {
            **_SHAPE,
            "colPtrs": _INTS,
            "rowIndices": _INTS,
            "values": _DOUBLES,
            "isTransposed": _BOOLEAN,
        },
    )
)
_COLUMNS = pa.schema({"weights": _DOUBLES, "mus": pa.list_(_VECTOR), "sigmas": pa.list_(_MATRIX)})
_DENSE = 1
_SPARK_NAMES = {_BYTE: "byte", _INT: "integer", _DOUBLE: "double", _BOOLEAN: "boolean"}
_SPARK_CLASSES = {_VECTOR: "mllib.linalg.VectorUDT", _MATRIX: "mllib.linalg.MatrixUDT"}
_VERSION_KEY, _SCHEMA_KEY = "org.apache.spark.version", "org.apache.spark.sql.parquet.row.metadata"
_to_json = json.JSONEncoder(separators=(",", ":")).encode


def write_gaussian_mixture(
    folder: pathlib.Path, weights: _Floats, means: _Floats, stds: _Floats
) -> None:
    """Write a mixture that ``pyspark.ml.clustering.GaussianMixtureModel.load(str(folder))`` loads.

    The same parameters give the same bytes, and Spark gives back the same float64 numbers.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write ``metadata`` and ``data``; made if missing, and whatever else it holds stays.
    weights, means, stds : ndarray of float64, shape (n_components,)
        The components, in the order that they keep in Spark. Their variances are ``stds**2``.

    Raises
    ------
    ValueError
        If the shapes are wrong; or naming the component that has a parameter that is not finite, a
        std that is not positive, or a variance that overflows or underflows (is subnormal or zero).
    FileExistsError
        If the folder holds a model already.

    Notes
    -----
    Spark adds 2**-52 to each weighted density: the probabilities that it computes are flattened
    where densities are as small as that (in the tails, and everywhere if stds are huge), although
    the parameters are exact.
    """
    variances = _checked_variances(weights, means, stds)
    _write_metadata(folder / "metadata", _metadata(weights, means, variances))
    _write_data(folder / "data", _row(weights, means, variances))


def read_gaussian_mixture(folder: pathlib.Path) -> tuple[_Floats, _Floats, _Floats]:
    """Read a one-dimensional mixture that this module or Spark's ``model.save`` wrote.

    Returns
    -------
    weights, means, variances : ndarray of float64, shape (n_components,)

    Raises
    ------
    ValueError
        If the folder holds something else than a Gaussian mixture, or one of more than one
        dimension.
    """
    table = pq.read_table(folder / "data", page_checksum_verification=True)
    if table.num_rows != 1 or not set(_COLUMNS.names) <= set(table.column_names):
        raise ValueError(
            f"{folder} holds no Gaussian mixture, but {table.num_rows} rows of {table.column_names}"
        )
    weights, mus, sigmas = (table[name][0].as_py() for name in _COLUMNS.names)
    if (dimensions := sigmas[0]["numRows"]) != 1:
        raise ValueError(
            f"{folder} holds a mixture of {dimensions} dimensions; only one can be read"
        )
    means, variances = ([dense["values"][0] for dense in column] for column in (mus, sigmas))
    return np.array(weights), np.array(means), np.array(variances)


def _checked_variances(weights: _Floats, means: _Floats, stds: _Floats) -> _Floats:
    shapes = weights.shape, means.shape, stds.shape
    if len(set(shapes)) > 1 or weights.ndim != 1 or weights.size == 0:
        raise ValueError(
            f"weights, means and stds must have one shape, (n_components,); they have {shapes}"
        )
    with np.errstate(over="ignore", under="ignore"):
        variances = np.square(stds)
    # Spark divides by the variance.
    normal = np.isfinite(variances) & (variances >= np.finfo(np.float64).tiny)
    for component in np.flatnonzero(
        ~(np.isfinite(weights) & np.isfinite(means) & (stds > 0) & normal)
    ):
        raise ValueError(
            f"component {component} (weight {weights[component]}, mean {means[component]}, "
            f"std {stds[component]}): all must be finite, the std positive, and its square, "
            f"{variances[component]}, a normal float64 number"
        )
    return variances


def _metadata(*parameters: _Floats) -> dict[str, Any]:
    digest = hashlib.sha256(
        b"".join(values.astype("<f8").tobytes() for values in parameters)
    ).hexdigest()
    k = parameters[0].size
    columns = {
        "featuresCol": "features",
        "predictionCol": "prediction",
        "probabilityCol": "probability",
    }
    return {
        "class": "org.apache.spark.ml.clustering.GaussianMixtureModel",
        "timestamp": 0,
        "sparkVersion": _SPARK_VERSION,
        "uid": f"GaussianMixture_{digest[:12]}",
        "paramMap": {"k": k} if k > 1 else {},  # Spark refuses k = 1, and a model works without it
        "defaultParamMap": {"aggregationDepth": 2, "k": 2, "maxIter": 100, "tol": 0.01, **columns},
    }


def _row(weights: _Floats, means: _Floats, variances: _Floats) -> dict[str, list[Any]]:
    mus = [{"type": _DENSE, "values": [mean]} for mean in means.tolist()]
    shape = {"type": _DENSE, "numRows": 1, "numCols": 1, "isTransposed": False}
    sigmas = [{**shape, "values": [variance]} for variance in variances.tolist()]
    return {"weights": weights.tolist(), "mus": mus, "sigmas": sigmas}


def _write_metadata(folder: pathlib.Path, metadata: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / "part-00000").write_text(_to_json(metadata) + "\n", encoding="utf-8")
    (folder / "_SUCCESS").touch()


def _write_data(folder: pathlib.Path, row: dict[str, list[Any]]) -> None:
    folder.mkdir(parents=True)
    path = folder / "part-00000.snappy.parquet"
    with pq.ParquetWriter(path, _COLUMNS, store_schema=False, write_page_checksum=True) as writer:
        writer.write_table(pa.Table.from_pylist([row], schema=_COLUMNS))
        writer.add_key_value_metadata(
            {_VERSION_KEY: _SPARK_VERSION, _SCHEMA_KEY: _to_json(_spark_struct(_COLUMNS))}
        )
    (folder / "_SUCCESS").touch()


def _spark_struct(fields: pa.Schema | pa.StructType) -> dict[str, Any]:
    typed = [
        {"name": field.name, "type": _spark_type(field.type), "nullable": field.nullable}
        for field in fields
    ]
    return {"type": "struct", "fields": [{**field, "metadata": {}} for field in typed]}


def _spark_type(kind: pa.DataType) -> str | dict[str, Any]:
    if pa.types.is_list(kind):
        return {
            "type": "array",
            "elementType": _spark_type(kind.value_type),
            "containsNull": kind.value_field.nullable,
        }
    if name := _SPARK_CLASSES.get(kind):
        classes = {"class": f"org.apache.spark.{name}", "pyClass": f"pyspark.{name}"}
        return {"type": "udt", **classes, "sqlType": _spark_struct(kind)}
    return _SPARK_NAMES[kind]
