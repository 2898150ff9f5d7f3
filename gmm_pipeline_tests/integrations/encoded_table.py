"""A small mixed table whose rows can be told apart, encoded."""

import pathlib
from dataclasses import dataclass

import numpy as np
import polars as pl

from gmm_pipeline import TableEncoder

NEEDED = "needs an environment with PyTorch and ctgan: docs/training.md says how to make one"
ROWS = 20_000


def mixed_table(rows: int = ROWS) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    colours = np.array(["red", "green", "blue", None], dtype=object)[
        rng.choice(4, rows, p=[0.9, 0.0899, 0.01, 0.0001])
    ]
    return pl.DataFrame(
        {
            "number": np.arange(rows),
            "amount": np.round(rng.lognormal(3, 1, rows), 2),
            "colour": pl.Series(colours, dtype=pl.String),
            "count": pl.Series(rng.integers(0, 500, rows), dtype=pl.Int32).set(
                pl.Series(rng.random(rows) < 0.1), None
            ),
            "weekday": pl.Series(rng.integers(0, 7, rows), dtype=pl.Int8),
            "paid": rng.random(rows) < 0.3,
        }
    ).with_columns(
        pl.when(pl.col("number") == rows // 2)
        .then(pl.lit("violet"))
        .otherwise("colour")
        .alias("colour")
    )


@dataclass(frozen=True)
class EncodedTable:
    table: pl.DataFrame
    encoder: TableEncoder
    file: pathlib.Path

    def decoded(self, narrow: pl.DataFrame) -> pl.DataFrame:
        return self.encoder.inverse_transform(narrow).collect()


def encoded_table(
    folder: pathlib.Path, rows: int = ROWS, row_group_size: int = 1500
) -> EncodedTable:
    table = mixed_table(rows)
    encoder = TableEncoder(seed=1).fit(table)
    encoder.transform(table).collect().write_parquet(
        folder / "encoded.parquet", row_group_size=row_group_size
    )
    return EncodedTable(table, encoder, folder / "encoded.parquet")
