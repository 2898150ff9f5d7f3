"""How a column is sketched and how its modes are fitted, by its settings."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial

import pyarrow as pa

from gmm_pipeline.arrow.column_types import Reading, plain_labels, reading_of, value_type
from gmm_pipeline.arrow.decimal_places import counted_type
from gmm_pipeline.arrow.numeric_types import from_numbers
from gmm_pipeline.arrow.sketch_column import SketchRequest, declared_numbers
from gmm_pipeline.core.coding.value_dtype import with_narrowest_dtype
from gmm_pipeline.core.mixture.dpgmm import fit_dpgmm
from gmm_pipeline.core.mixture.fit_mixture import MixtureFit, fit_mixture
from gmm_pipeline.core.mixture.given_components import fit_given_components
from gmm_pipeline.core.modes.atoms import AtomChoice, choose_atoms
from gmm_pipeline.core.modes.column_model import ColumnModel, EncodingRules
from gmm_pipeline.core.modes.continuous_part import (
    ContinuousPart,
    Fitter,
    gaussian_part,
    uniform_part,
)
from gmm_pipeline.core.modes.fit_with_atoms import fit_with_atoms
from gmm_pipeline.core.modes.model_column import model_column
from gmm_pipeline.core.modes.select_components import (
    ComponentSelector,
    all_components,
    heavy_components,
    most_likely_components,
    supported_components,
)
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.sketch import Label, Sketch
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.engines.engine import RowsFitter, no_rows_fitter
from gmm_pipeline.errors import SettingsError
from gmm_pipeline.fits.settings import ColumnSettings


class FewerComponentsWarning(UserWarning):
    """A mixture has fewer components than its settings ask for."""


def sketch_request(settings: ColumnSettings) -> SketchRequest:
    """Return the form of a column's sketch."""
    return SketchRequest(
        kind=settings.kind,
        atoms=settings.atoms,
        log=settings.transform == "log",
        infinities=settings.infinities == "keep",
    )


def fit_modes(
    sketch: Sketch,
    field: pa.Field,
    settings: ColumnSettings,
    fit_rows: RowsFitter = no_rows_fitter,
) -> ColumnModel:
    """Fit a column's modes to its sketch.

    `fit_rows` fits the mixture instead if the settings' method is one that needs all rows.
    """
    rules = EncodingRules(
        seed=settings.seed,
        mode_choice=settings.mode_choice,
        extremes=settings.extremes,
        value_dtype=settings.value_dtype or "float32",
        probability_floor=settings.probability_floor if settings.extremes == "clip" else 0.0,
        unseen=settings.unseen,
        out_of_range=settings.out_of_range,
    )
    choice, part = _modes_of_numbers(
        sketch, field.name, _chosen(sketch, field, settings), settings, fit_rows
    )
    model = model_column(
        sketch,
        field.name,
        _with_names(choice, _counted_field(field, sketch)),
        part,
        rules,
        max_categories=settings.max_categories,
        stand_in=_stand_in(sketch, field, settings),
    )
    return model if settings.value_dtype else with_narrowest_dtype(model, sketch)


def atom_choice(sketch: Sketch, field: pa.Field, settings: ColumnSettings) -> AtomChoice:
    """Return which of a column's numbers are atoms before any fit, and why."""
    return _with_names(_chosen(sketch, field, settings), _counted_field(field, sketch))


def _counted_field(field: pa.Field, sketch: Sketch) -> pa.Field:
    """Return the field of a column in the type that its sketch counted."""
    return field.with_type(counted_type(field.type, sketch.coordinate))


def _chosen(sketch: Sketch, field: pa.Field, settings: ColumnSettings) -> AtomChoice:
    return choose_atoms(
        sketch,
        declared=declared_numbers(_counted_field(field, sketch), settings.atoms),
        find=_finds_atoms(settings),
        max_modes=settings.max_modes,
        few=settings.kind == "auto",
    )


def _finds_atoms(settings: ColumnSettings) -> bool:
    """Whether numbers may become atoms that are not declared."""
    return settings.find_atoms and (
        settings.kind == "auto" or (settings.kind == "mixed" and not settings.atoms)
    )


def _with_names(choice: AtomChoice, field: pa.Field) -> AtomChoice:
    """Return a choice whose reason names the atoms of a mixed column."""
    if choice.kind != "mixed":
        return choice
    values = from_numbers(choice.values, None, value_type(field.type)).to_pylist()
    return replace(choice, reason=f"{choice.reason}: {', '.join(map(str, values))}")


def _modes_of_numbers(
    sketch: Sketch,
    column: str,
    choice: AtomChoice,
    settings: ColumnSettings,
    fit_rows: RowsFitter,
) -> tuple[AtomChoice, ContinuousPart]:
    """Return the atoms of a column, among them those that the fit finds, and its other modes."""
    if choice.kind == "categorical":
        return choice, ContinuousPart()
    if settings.kind == "general":
        return choice, uniform_part(sketch, choice)
    fit = _fitter(settings, sketch.coordinate, partial(fit_rows, without=choice.values))
    keep, tails = _keep(settings), settings.extremes == "keep"
    if settings.method != "em" or settings.components is not None:
        return choice, gaussian_part(sketch, column, choice, fit, keep=keep, tails=tails)
    most = settings.max_modes if _finds_atoms(settings) else None
    choice, fitted = fit_with_atoms(sketch, choice, fit, keep=keep, most=most)
    if fitted is None:
        return choice, ContinuousPart()
    _warn_if_fewer(fitted, settings, column)
    part = gaussian_part(sketch, column, choice, lambda _: fitted, keep=all_components, tails=tails)
    return choice, part


def _warn_if_fewer(fitted: MixtureFit, settings: ColumnSettings, column: str) -> None:
    """Warn if a fit has fewer components than the settings ask for."""
    found, wanted = fitted.mixture.n_components, settings.n_components
    if wanted is not None and found < wanted:
        warnings.warn(
            f"column {column!r}: {found} Gaussian modes instead of n_components = {wanted}, as "
            "more would hold single values",
            FewerComponentsWarning,
            stacklevel=2,
        )


def _fitter(
    settings: ColumnSettings, coordinate: Coordinate | None, fit_rows: RowsFitter
) -> Fitter:
    if settings.components is not None and coordinate is not None:
        return partial(fit_given_components, components=settings.components, coordinate=coordinate)
    if settings.method == "em":
        return partial(
            fit_mixture,
            max_components=settings.max_modes,
            n_components=settings.n_components,
            min_weight=settings.min_weight,
            seed=settings.seed,
        )
    n_components = settings.n_components or settings.max_modes
    if settings.method == "dpgmm":
        return partial(fit_dpgmm, n_components=n_components)
    if settings.method == "spark_ml_full":
        return partial(
            fit_rows, coordinate=coordinate, n_components=n_components, seed=settings.seed
        )
    return partial(_fit_in_spark, n_components=n_components, seed=settings.seed)


def _fit_in_spark(points: WeightedPoints, n_components: int, seed: int) -> MixtureFit:
    from gmm_pipeline.engines.spark.mixture import fit_spark_ml
    from gmm_pipeline.engines.spark.session import local_session

    with local_session() as session:
        return fit_spark_ml(points, n_components, seed=seed, session=session)


def _keep(settings: ColumnSettings) -> ComponentSelector:
    """Return the rule by which components of a fit become modes, others being dropped."""
    if settings.n_components is not None or settings.components is not None:
        return all_components
    if settings.method == "em":
        return supported_components
    if settings.drop_never_likeliest:
        return partial(most_likely_components, min_weight=settings.min_weight)
    return partial(heavy_components, min_weight=settings.min_weight)


def _stand_in(sketch: Sketch, field: pa.Field, settings: ColumnSettings) -> Label | None:
    """Return the label that the mode of the rare categories decodes to; None if it has none."""
    if settings.rest_value is None or reading_of(field, settings.kind) is Reading.NUMBERS:
        return None
    refusal = SettingsError(
        f"rest_value {settings.rest_value!r} is not of type {field.type}",
        column=field.name,
        remedy="Give a value of the column's own type; of an enumeration, one that its rows hold",
    )
    try:
        label: Label = plain_labels(
            pa.array([settings.rest_value]).cast(value_type(field.type))
        ).to_pylist()[0]
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise refusal from error
    if pa.types.is_dictionary(field.type) and label not in sketch.labels:
        raise refusal
    return label
