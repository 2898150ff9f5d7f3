"""`adopt`."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from gmm_pipeline.errors import SettingsError, StoreError, did_you_mean
from gmm_pipeline.fits.prepare import prepare_stored
from gmm_pipeline.fits.settings import TableSettings
from gmm_pipeline.fits.source_ledger import current_ledger, save_ledger
from gmm_pipeline.fits.spec import FitSpec, load_spec, save_spec
from gmm_pipeline.interfaces.cli.options import (
    json_option,
    memory_option,
    store_option,
    threads_option,
)
from gmm_pipeline.interfaces.cli.run_commands import start
from gmm_pipeline.interfaces.cli.specs import given_spec
from gmm_pipeline.store.spark_ml import read_gaussian_mixture
from gmm_pipeline.store.store import FitFolder, Store
from gmm_pipeline.tables.open_table import open_batches


@click.command()
@click.argument("model_dir", type=click.Path(path_type=Path))
@click.argument("source", required=False)
@click.option("--column", required=True, help="The column whose model it becomes.")
@click.option("--fit", required=True, help="The fit that the column is of, or that is made of it.")
@store_option
@threads_option
@memory_option
@json_option
def adopt(
    model_dir: Path,
    source: str | None,
    column: str,
    fit: str,
    store: Path,
    threads: int,
    memory: int,
    *,
    as_json: bool,
) -> None:
    """Make a mixture that Spark ML fitted elsewhere the model of a column, rank its modes, and
    encode the rows by it.

    MODEL_DIR is what Spark's GaussianMixtureModel.save wrote, of one feature: the column, in its
    own units (dates in days, times in seconds since 1970; logarithms with transform = log). SOURCE
    is needed for a fit that there is not yet. The mixture becomes the setting `components` of the
    column, with kind = continuous unless another is set; it stays until `run --refit`.

    \b
    Examples:
      gmm-pipeline adopt spark_model --column amount --fit sales
      gmm-pipeline adopt spark_model sales.parquet --column amount --fit sales
    """
    components = _components(model_dir)
    folder = Store(store).fit(fit)
    spec = (
        load_spec(folder) if folder.spec_path.exists() else _new_spec(fit, source, column, folder)
    )
    if column not in spec.columns:
        raise SettingsError(
            f"fit {fit!r} has no column {column!r}", remedy=did_you_mean(column, spec.columns)
        )
    own = TableSettings(
        columns={column: {"kind": "continuous", **spec.settings.columns.get(column, {})}}
    )
    settings = spec.settings.merged(own).merged(
        TableSettings(columns={column: {"components": components}})
    )
    settings.check(spec.columns)
    spec = spec.model_copy(update={"settings": settings})
    save_spec(spec, folder)
    start(
        prepare_stored(spec, folder),
        store,
        threads,
        memory,
        refit=False,
        as_json=as_json,
    )


def _components(model_dir: Path) -> list[list[float]]:
    """Return weight, mean and std of the components of a Spark ML model."""
    try:
        weights, means, variances = read_gaussian_mixture(model_dir)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise StoreError(
            f"{model_dir} cannot be adopted: {error}",
            remedy="Give a folder that Spark's GaussianMixtureModel.save wrote, of one feature",
        ) from error
    return np.column_stack([weights, means, np.sqrt(variances)]).tolist()  # type: ignore[no-any-return]


def _new_spec(fit: str, source: str | None, column: str, folder: FitFolder) -> FitSpec:
    if source is None:
        raise StoreError(
            f"there is no fit {fit!r}", remedy="Give the SOURCE that it is to be made from as well"
        )
    ledger = current_ledger(source, folder, accept=lambda _: True)
    table = open_batches(source, ledger.source_files, folder.staging)
    spec = given_spec(fit, source, table, column, (), None, ())
    save_ledger(ledger, folder)
    return spec
