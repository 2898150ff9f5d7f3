"""Draw `docs/modes.svg`: the modes of the demo's arrival delays.

After `gmm-pipeline demo`: uv run --with matplotlib python docs/modes_picture.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import polars as pl

from gmm_pipeline import TableEncoder

COLUMN = "arr_delay"
FIT = Path("gmm_store/flights")
SHOWN = (-80.0, 240.0)
"""Minutes: over 99 % of the flights; the rest would squeeze the modes into a corner."""


def draw(target: Path) -> None:
    """Draw the histogram of the rows, the components and the mixture."""
    modes = TableEncoder.load(FIT).modes(COLUMN).filter(pl.col("type") == "gaussian")
    delays = pl.scan_parquet(FIT / COLUMN / "raw").collect()[COLUMN].drop_nulls().to_numpy()
    mpl.rcParams.update({"svg.hashsalt": "modes", "font.size": 9})
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    edges = np.arange(SHOWN[0] - 0.5, SHOWN[1], 2)
    axes.hist(delays, bins=edges, density=True, color="#d7dbe0", label="rows")
    x = np.linspace(*SHOWN, 800)
    total = np.zeros_like(x)
    for mode in modes.iter_rows(named=True):
        z = (x - mode["mean"]) / mode["std"]
        density = mode["weight"] * np.exp(-0.5 * z * z) / (mode["std"] * np.sqrt(2 * np.pi))
        total += density
        axes.plot(x, density, linewidth=1.2)
        axes.annotate(
            f"rank {mode['rank']}",
            (mode["mean"], density.max()),
            ha="center",
            va="bottom",
            fontsize=7,
        )
    axes.plot(x, total, color="black", linewidth=1.6, label="mixture")
    axes.set_yscale("log")
    axes.set_ylim(1e-5, 0.06)
    axes.set_xlim(*SHOWN)
    axes.set_xlabel("arrival delay, minutes")
    axes.set_ylabel("share of rows per minute (log)")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(__file__).with_name("modes.svg"))
