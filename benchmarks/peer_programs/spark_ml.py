"""Spark ML's GaussianMixture on all rows; encoding computes the posterior of each component."""

import os
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.ml.clustering import GaussianMixture
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import SparkSession
from trial import COLUMN, conduct

os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
folder = tempfile.TemporaryDirectory()
cores = os.cpu_count()
session = (
    SparkSession.builder.master(f"local[{cores}]")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.memory", "6g")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.warehouse.dir", folder.name)
    .getOrCreate()
)
session.sparkContext.setLogLevel("ERROR")


def prepare(x):
    """Return the column as vectors that Spark holds in memory."""
    path = os.path.join(folder.name, f"{x.size}.parquet")
    pq.write_table(pa.table({COLUMN: x}), path)
    read = session.read.parquet(path).repartition(cores)
    vectors = (
        VectorAssembler(inputCols=[COLUMN], outputCol="features")
        .transform(read)
        .select("features")
        .cache()
    )
    vectors.count()
    return vectors


def encode(model, frame):
    """Compute the probabilities, and discard them."""
    model.transform(frame).select("probability").write.format("noop").mode("overwrite").save()


def judge(model, frame, encoded):
    """Return the mean log-likelihood; nothing is decoded."""
    del encoded
    return float(np.divide(model.summary.logLikelihood, frame.count())), None


conduct(
    lambda frame: GaussianMixture(k=10, maxIter=100, seed=0).fit(frame),
    encode,
    judge,
    prepare,
    lambda: session.sparkContext._gateway.proc.pid,
)
session.stop()
folder.cleanup()
