"""Rankings as Parquet: one row per mode, most frequent first, readable on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.parquet import read_table, write_table
from gmm_pipeline.core.modes import AtomMode, ColumnModel, GaussianMode
from gmm_pipeline.core.ranks import Ranking

if TYPE_CHECKING:
    from pathlib import Path

RANKING_FILE = "part-00000.parquet"


def ranking_table(model: ColumnModel, ranking: Ranking) -> pa.Table:
    """Return the modes of a column in the order of their ranks.

    Columns: `rank`, `mode` (its number in the model), `type` (gaussian or atom), `value` (an atom's, as text; null for
    the null atom), `weight`, `mean` and `std` (in coordinates), `frequency` (expected share of rows).
    """
    modes: list[GaussianMode | AtomMode] = [*model.gaussians, *model.atoms]
    ranked = [modes[number] for number in ranking.mode_of_rank]
    return pa.table(
        {
            "rank": pa.array(range(len(ranked)), pa.int64()),
            "mode": pa.array(ranking.mode_of_rank, pa.int64()),
            "type": ["gaussian" if isinstance(mode, GaussianMode) else "atom" for mode in ranked],
            "value": pa.array([_atom_text(mode) for mode in ranked], pa.string()),
            "weight": [mode.weight for mode in ranked],
            "mean": pa.array([getattr(mode, "mean", None) for mode in ranked], pa.float64()),
            "std": pa.array([getattr(mode, "std", None) for mode in ranked], pa.float64()),
            "frequency": ranking.frequencies,
        }
    )


def write_ranking(folder: Path, model: ColumnModel, ranking: Ranking) -> None:
    """Write a ranking into a folder."""
    write_table(folder / RANKING_FILE, ranking_table(model, ranking))


def read_ranking(path: Path) -> Ranking:
    """Read a ranking from its file."""
    table = read_table(path)
    return Ranking(table["mode"].to_numpy().astype(np.int64), table["frequency"].to_numpy())


def _atom_text(mode: GaussianMode | AtomMode) -> str | None:
    if isinstance(mode, GaussianMode) or mode.value is None:
        return None
    return str(mode.value)
