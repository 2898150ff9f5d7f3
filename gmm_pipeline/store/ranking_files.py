"""Rankings as Parquet: one row per mode, most frequent first, readable on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.column_codec import column_codec
from gmm_pipeline.arrow.column_types import value_type
from gmm_pipeline.arrow.encoded_rows import EncodedRows
from gmm_pipeline.arrow.model_document import StoredModel
from gmm_pipeline.arrow.numeric_types import counts_units, texts_of
from gmm_pipeline.arrow.parquet import read_table, write_table
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.modes import (
    HALF_WIDTH_STDS,
    REACH,
    AtomMode,
    GaussianMode,
    Mode,
    RestMode,
    TailMode,
)
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate

if TYPE_CHECKING:
    from pathlib import Path

RANKING_FILE = "part-00000.parquet"
_TYPES: dict[type[Mode], str] = {
    GaussianMode: "gaussian",
    TailMode: "tail",
    AtomMode: "atom",
    RestMode: "rest",
}


def ranking_table(stored: StoredModel, ranking: Ranking) -> pa.Table:
    """Return the modes of a column in the order of their ranks.

    Columns: `rank`, `mode` (its number in the model), `type` (gaussian, tail, atom or rest),
    `value` (an atom's, as text, null for the null atom; for dates and times what the middle of any
    mode decodes to), `weight` (the share of rows by the fit; all weights sum to 1),
    `mean`, `std`, `low`, `high` (the range that the mode may take; in units of the column, dates in
    days and times in seconds since 1970, logarithms for transform = log), `frequency` (expected
    share of rows).
    """
    by_number = stored.model.modes
    modes = [by_number[number] for number in ranking.mode_of_rank]
    ranges = [_range(mode) for mode in modes]
    return pa.table(
        {
            "rank": pa.array(range(len(modes)), pa.int64()),
            "mode": pa.array(ranking.mode_of_rank, pa.int64()),
            "type": [_TYPES[type(mode)] for mode in modes],
            "value": pa.array(_texts(stored, modes, ranking), pa.string()),
            "weight": _weights(modes),
            "mean": _placed(stored.model, [getattr(mode, "mean", None) for mode in modes]),
            "std": _in_units(stored.model, [getattr(mode, "std", None) for mode in modes]),
            "low": _placed(stored.model, [low for low, _ in ranges]),
            "high": _placed(stored.model, [high for _, high in ranges]),
            "frequency": ranking.frequencies,
        }
    )


def _weights(modes: list[Mode]) -> list[float]:
    """Return the share of rows of each mode: Gaussian modes divide what the others leave."""
    weights = np.array([mode.weight for mode in modes], dtype=np.float64)
    gaussian = np.array([isinstance(mode, GaussianMode) for mode in modes], dtype=np.bool_)
    if gaussian.any():
        weights[gaussian] *= (1 - weights[~gaussian].sum()) / weights[gaussian].sum()
    shares: list[float] = weights.tolist()
    return shares


def write_ranking(folder: Path, stored: StoredModel, ranking: Ranking) -> None:
    """Write a ranking into a folder."""
    write_table(folder / RANKING_FILE, ranking_table(stored, ranking))


def read_ranking(path: Path) -> Ranking:
    """Read a ranking from its file."""
    table = read_table(path)
    return Ranking(table["mode"].to_numpy().astype(np.int64), table["frequency"].to_numpy())


def _in_units(model: ColumnModel, coordinates: list[float | None]) -> pa.Array:
    """Return coordinates without the power of two that wild scales are freed of."""
    exponent = model.coordinate.exponent if isinstance(model.coordinate, RealCoordinate) else 0
    with np.errstate(over="ignore"):
        return pa.array(
            [None if x is None else float(np.ldexp(x, -exponent)) for x in coordinates],
            pa.float64(),
        )


def _placed(model: ColumnModel, coordinates: list[float | None]) -> pa.Array:
    """Return coordinates counted from 0, also where the column's are counted from its origin."""
    if not isinstance(model.coordinate, IntegerCoordinate):
        return _in_units(model, coordinates)
    origin = model.coordinate.origin / model.coordinate.per_unit
    return pa.array([None if x is None else x + origin for x in coordinates], pa.float64())


def _range(mode: Mode) -> tuple[float | None, float | None]:
    if isinstance(mode, TailMode):
        return mode.low, mode.high
    if isinstance(mode, GaussianMode):
        reach = REACH * HALF_WIDTH_STDS * mode.std
        return mode.mean - reach, mode.mean + reach
    return None, None


def _texts(stored: StoredModel, modes: list[Mode], ranking: Ranking) -> list[str | None]:
    """Return what each mode's middle decodes to, as text, where that says more than its mean."""
    codec = column_codec(stored.model, ranking, stored.field)
    ranks = np.arange(len(modes)).astype(codec.rows.rank_dtype)
    middles = codec.decode(EncodedRows(np.zeros(len(modes), codec.rows.value_dtype), ranks), 0)
    every = counts_units(value_type(stored.field.type))
    texts = (
        texts_of(middles)
        if every
        else [None if middle is None else str(middle) for middle in middles.to_pylist()]
    )
    return [_text(mode, text, every=every) for mode, text in zip(modes, texts, strict=True)]


def _text(mode: Mode, middle: str | None, *, every: bool) -> str | None:
    if isinstance(mode, RestMode):
        return f"{len(mode.labels):,} rare categories"
    return middle if every or isinstance(mode, AtomMode) else None
