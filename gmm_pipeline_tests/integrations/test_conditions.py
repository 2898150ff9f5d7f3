from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from encoded_table import NEEDED, ROWS, EncodedTable, encoded_table

pytest.importorskip("torch", reason=NEEDED)

import torch

from gmm_pipeline.errors import SettingsError
from gmm_pipeline.integrations.torch import ConditionedRows, Conditions, EncodedRows
from gmm_pipeline.interfaces.matrix import NarrowRows

POOL_ROWS = 2000


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedTable:
    return encoded_table(tmp_path_factory.mktemp("encoded"))


@pytest.fixture
def rows(encoded: EncodedTable) -> EncodedRows:
    return EncodedRows(
        encoded.file, encoded.encoder.spans, batch_size=500, buffer_rows=5000, seed=1
    )


def epochs(rows: EncodedRows, conditions: Conditions, number: int) -> Iterator[ConditionedRows]:
    for epoch in range(number):
        rows.set_epoch(epoch)
        yield from (conditions.draw(batch) for batch in rows)


def decoded(encoded: EncodedTable, drawn: list[ConditionedRows]) -> pl.DataFrame:
    names = encoded.encoder.columns
    return encoded.decoded(
        pl.concat(
            [
                NarrowRows(one.rows.values.numpy(), one.rows.ranks.numpy()).frame(names)
                for one in drawn
            ]
        )
    )


def test_the_discrete_columns_are_conditioned_on_and_counted(
    encoded: EncodedTable, rows: EncodedRows
) -> None:
    conditions = Conditions(rows, pool_rows=POOL_ROWS)

    assert conditions.columns == ("colour", "weekday", "paid")
    for column, counts in conditions.counts.items():
        expected = encoded.table[column].value_counts(sort=True)["count"]
        assert counts.tolist() == expected.to_list()


def test_conditions_come_by_log_frequency_in_every_batch(rows: EncodedRows) -> None:
    conditions = Conditions(rows, pool_rows=POOL_ROWS)
    drawn = list(epochs(rows, conditions, 5))
    halves = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]

    expected = np.concatenate(
        [np.log1p(counts) / np.log1p(counts).sum() / 3 for counts in conditions.counts.values()]
    )
    for half in halves:
        codes = torch.cat([one.code for one in half]).numpy()
        shares = np.bincount(codes, minlength=conditions.width) / codes.size
        assert np.all(np.abs(shares - expected) < 5 * np.sqrt(expected / codes.size))


def test_every_row_has_its_condition(rows: EncodedRows) -> None:
    conditions = Conditions(rows, pool_rows=POOL_ROWS)
    numbers = torch.tensor([rows.columns.index(column) for column in conditions.columns])

    for one in epochs(rows, conditions, 1):
        ranks = one.rows.ranks[torch.arange(len(one.code)), numbers[one.column]]
        assert torch.equal(ranks.long(), one.category)
        vector = conditions.vector(one.code)
        assert vector.shape == (len(one.code), conditions.width)
        assert torch.equal(vector.argmax(1), one.code)
        assert torch.equal(vector.sum(1), torch.ones(len(one.code)))


def test_rows_are_drawn_as_often_as_ctgan_draws_them(
    encoded: EncodedTable, rows: EncodedRows
) -> None:
    conditions = Conditions(rows, pool_rows=POOL_ROWS, seed=2)
    n_epochs = 20

    drawn = decoded(encoded, list(epochs(rows, conditions, n_epochs)))

    times = np.bincount(drawn["number"], minlength=ROWS) / n_epochs
    expected = np.zeros(ROWS)
    for column, counts in conditions.counts.items():
        ranks = encoded.encoder.transform(encoded.table).collect()[f"{column}.rank"].to_numpy()
        probabilities = np.log1p(counts) / np.log1p(counts).sum()
        expected += (ROWS * probabilities / counts / 3)[ranks]
    places = np.arange(ROWS) * 10 // ROWS
    for colour in ("red", "green"):
        for place in range(10):
            chosen = ((encoded.table["colour"] == colour).fill_null(value=False).to_numpy()) & (
                places == place
            )
            assert times[chosen].mean() == pytest.approx(expected[chosen].mean(), rel=0.1)
    rarest = encoded.table["colour"].to_numpy() == "violet"
    assert times[rarest] == pytest.approx(expected[rarest], rel=0.05)


def test_all_rows_of_a_frequent_category_are_drawn_in_time(
    encoded: EncodedTable, rows: EncodedRows
) -> None:
    conditions = Conditions(rows, ["paid"], pool_rows=1000)

    drawn = decoded(encoded, list(epochs(rows, conditions, 10)))

    assert drawn["number"].n_unique() > 0.9 * ROWS


def test_pools_are_filled_evenly_from_the_whole_table(
    encoded: EncodedTable, rows: EncodedRows
) -> None:
    conditions = Conditions(rows, ["paid"], pool_rows=4000)

    pools = encoded.decoded(conditions._pools.frame(rows.columns))

    assert pools["number"].n_unique() == pools.height
    paid = pools.filter("paid")["number"].to_numpy()
    assert paid.size == 2000
    counts, _ = np.histogram(paid, bins=10, range=(0, ROWS))
    assert np.all(np.abs(counts - 200) < 5 * np.sqrt(200))


def test_the_same_seed_draws_the_same(rows: EncodedRows) -> None:
    def draws(seed: int) -> list[list[int]]:
        conditions = Conditions(rows, pool_rows=POOL_ROWS, seed=seed)
        return [
            [*one.code.tolist(), *one.rows.values[:, 0].tolist()]
            for one in epochs(rows, conditions, 1)
        ]

    assert draws(3) == draws(3)
    assert draws(3) != draws(4)


def test_generation_takes_the_frequencies_of_the_data(rows: EncodedRows) -> None:
    conditions = Conditions(rows, pool_rows=POOL_ROWS)

    codes = conditions.like_the_data(100_000).numpy()

    expected = np.concatenate([counts / ROWS / 3 for counts in conditions.counts.values()])
    shares = np.bincount(codes, minlength=conditions.width) / codes.size
    assert np.all(np.abs(shares - expected) < 5 * np.sqrt(expected / codes.size))


def test_modes_of_numbers_can_be_conditioned_on(encoded: EncodedTable, rows: EncodedRows) -> None:
    conditions = Conditions(rows, rows.columns, pool_rows=POOL_ROWS)

    assert conditions.columns == encoded.encoder.columns
    assert conditions.width == sum(span.rank.width for span in encoded.encoder.spans)
    assert sum(counts.sum() for counts in conditions.counts.values()) == ROWS * len(rows.columns)


def test_conditions_that_cannot_be_had_are_refused(
    encoded: EncodedTable, rows: EncodedRows
) -> None:
    numbers = [span for span in encoded.encoder.spans if not span.discrete]

    with pytest.raises(SettingsError, match="no discrete column"):
        Conditions(EncodedRows(encoded.file, numbers))
    with pytest.raises(SettingsError, match=r"no column 'color'.*'colour'"):
        Conditions(rows, ["color"])
    with pytest.raises(SettingsError, match="7 categories do not fit"):
        Conditions(rows, pool_rows=5)
