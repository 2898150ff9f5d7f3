"""`adopt`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from gmm_pipeline.errors import SettingsError, StoreError, did_you_mean
from gmm_pipeline.fits.limits import Limits
from gmm_pipeline.fits.prepare import FitRequest, Prepared, prepare, prepare_stored
from gmm_pipeline.fits.settings import TableSettings
from gmm_pipeline.fits.spec import load_spec
from gmm_pipeline.interfaces.cli.options import json_option, limit_options, store_option
from gmm_pipeline.interfaces.cli.run_commands import start
from gmm_pipeline.store.spark_ml import read_gaussian_mixture
from gmm_pipeline.store.store import Store


@click.command()
@click.argument("model_dir", type=click.Path(path_type=Path))
@click.argument("source", required=False)
@click.option("--column", required=True, help="The column to give the model to.")
@click.option("--fit", required=True, help="Name of the fit; SOURCE is needed for a new one.")
@limit_options
@store_option
@json_option
def adopt(
    model_dir: Path,
    source: str | None,
    column: str,
    fit: str,
    limits: Limits,
    store: Path,
    *,
    as_json: bool,
) -> None:
    """Use a mixture that Spark ML fitted elsewhere as the model of a column, and encode the column.

    MODEL_DIR is a folder that Spark's GaussianMixtureModel.save wrote. The model has one feature,
    the column in its own units: dates in days, times in seconds since 1970, logarithms with
    transform = log. SOURCE is needed only if the fit does not exist yet. The mixture becomes the
    setting `components` of the column, with kind = continuous unless another kind is set. `run`
    keeps it; `run --refit` drops it.

    \b
    Examples:
      gmm-pipeline adopt spark_model --column amount --fit sales
      gmm-pipeline adopt spark_model sales.parquet --column amount --fit sales
    """
    components = _components(model_dir)
    folder = Store(store).fit(fit)
    prepared = (
        prepare_stored(load_spec(folder), folder)
        if folder.spec_path.exists()
        else _prepare_new(fit, source, column, store)
    )
    spec = prepared.spec
    if column not in spec.columns:
        raise SettingsError(
            f"fit {fit!r} has no column {column!r}", remedy=did_you_mean(column, spec.columns)
        )
    own = {"kind": "continuous", **spec.settings.columns.get(column, {}), "components": components}
    settings = spec.settings.merged(TableSettings(columns={column: own}))
    settings.check(spec.columns)
    adopted = replace(prepared, spec=spec.model_copy(update={"settings": settings}))
    start(adopted, limits, refit=False, as_json=as_json)


def _components(model_dir: Path) -> list[list[float]]:
    """Return weight, mean and std of the components of a Spark ML model."""
    try:
        weights, means, variances = read_gaussian_mixture(model_dir)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise StoreError(
            f"{model_dir} cannot be adopted: {error}",
            remedy="Give a folder that Spark's GaussianMixtureModel.save wrote, with one feature",
        ) from error
    return np.column_stack([weights, means, np.sqrt(variances)]).tolist()  # type: ignore[no-any-return]


def _prepare_new(fit: str, source: str | None, column: str, store: Path) -> Prepared:
    if source is None:
        raise StoreError(
            f"there is no fit {fit!r}", remedy="Give the SOURCE to make it from as well"
        )
    return prepare(FitRequest(source, fit, patterns=(column,)), store)
