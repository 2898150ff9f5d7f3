import itertools
import pathlib
import pickle
import tracemalloc
from collections.abc import Callable, Iterable
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from encoded_table import NEEDED, EncodedTable, encoded_table
from workplace import Workplace

pytest.importorskip("torch", reason=NEEDED)

from torch.utils.data import DataLoader

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import SettingsError, SourceError, StoreError
from gmm_pipeline.integrations.torch import EncodedBatch, EncodedRows, MatrixMaker, row_groups
from gmm_pipeline.interfaces.matrix import NarrowRows


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedTable:
    return encoded_table(tmp_path_factory.mktemp("encoded"))


def loader(
    rows: EncodedRows, workers: int = 0, *, persistent_workers: bool = False
) -> "DataLoader[EncodedBatch]":
    return DataLoader(
        rows, batch_size=None, num_workers=workers, persistent_workers=persistent_workers
    )


def narrow(batches: Iterable[EncodedBatch], columns: Iterable[str]) -> pl.DataFrame:
    names = list(columns)
    return pl.concat(
        [NarrowRows(batch.values.numpy(), batch.ranks.numpy()).frame(names) for batch in batches]
    )


@pytest.mark.filterwarnings(
    "ignore:This DataLoader will create"
)  # more workers than this machine has cores
@pytest.mark.parametrize("workers", [0, 2, 3])
def test_every_row_comes_once_an_epoch(encoded: EncodedTable, workers: int) -> None:
    rows = EncodedRows(
        encoded.file, encoded.encoder.spans, batch_size=300, buffer_rows=2000, seed=1
    )

    for epoch in range(2):
        rows.set_epoch(epoch)
        seen = encoded.decoded(narrow(loader(rows, workers), rows.columns))

        assert not seen["number"].is_sorted()
        ordered = seen.sort("number")
        assert ordered.drop("amount").equals(encoded.table.drop("amount"))
        assert np.allclose(ordered["amount"], encoded.table["amount"], rtol=1e-5)


@pytest.mark.parametrize("row_group_size", [1500, 20_000])
def test_the_order_is_a_function_of_seed_and_epoch(
    tmp_path: pathlib.Path, encoded: EncodedTable, row_group_size: int
) -> None:
    pl.read_parquet(encoded.file).write_parquet(
        tmp_path / "e.parquet", row_group_size=row_group_size
    )

    def order(seed: int, epoch: int) -> list[int]:
        rows = EncodedRows(
            tmp_path / "e.parquet", encoded.encoder.spans, seed=seed, buffer_rows=2000
        )
        rows.set_epoch(epoch)
        return encoded.decoded(narrow(rows, rows.columns))["number"].to_list()

    orders = {(seed, epoch): order(seed, epoch) for seed in (0, 1) for epoch in (0, 1)}

    assert order(1, 1) == orders[1, 1]
    assert all(one != other for one, other in itertools.combinations(orders.values(), 2))


def test_workers_that_stay_see_the_next_epoch(encoded: EncodedTable) -> None:
    rows = EncodedRows(encoded.file, encoded.encoder.spans, buffer_rows=2000)
    staying = loader(rows, 2, persistent_workers=True)

    epochs = []
    for epoch in (0, 1, 0):
        rows.set_epoch(epoch)
        epochs.append(narrow(staying, rows.columns))

    assert epochs[0].equals(epochs[2])
    assert not epochs[0].equals(epochs[1])


def test_batches_mix_rows_of_all_of_a_sorted_table(tmp_path: pathlib.Path) -> None:
    encoded = encoded_table(tmp_path, rows=100_000, row_group_size=25_000)
    rows = EncodedRows(encoded.file, encoded.encoder.spans, batch_size=500, buffer_rows=20_000)

    numbers = encoded.decoded(narrow(rows, rows.columns))["number"].to_numpy()

    batches = numbers[: len(numbers) // 500 * 500].reshape(-1, 500)
    spread = batches.std(axis=1) / numbers.std()
    assert spread.mean() > 0.85
    assert np.mean(np.abs(np.diff(numbers)) == 1) < 0.01


def test_memory_holds_the_buffer_and_not_the_table(tmp_path: pathlib.Path) -> None:
    encoded = encoded_table(tmp_path, rows=300_000, row_group_size=100_000)
    rows = EncodedRows(encoded.file, encoded.encoder.spans, buffer_rows=10_000)
    bytes_a_row = 8 * len(rows.columns)

    tracemalloc.start()
    seen = sum(len(batch.ranks) for batch in rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert seen == rows.rows == 300_000
    assert peak < 100_000 * bytes_a_row


@pytest.fixture(scope="module")
def place(new_workplace: Callable[[], Workplace], encoded: EncodedTable) -> Workplace:
    place = new_workplace()
    encoded.table.write_parquet(place.path / "t.parquet")
    assert (
        place.call(
            "run", "t.parquet", "--fit", "t", "--columns", "amount,colour", "--set", "seed=1"
        ).status
        == 0
    )
    return place


def test_the_columns_of_a_store_are_the_rows_of_its_exported_table(
    place: Workplace, encoded: EncodedTable
) -> None:
    spans = [span for span in encoded.encoder.spans if span.column in {"amount", "colour"}]
    assert place.call("export", "--fit", "t", "--out", "e.parquet").status == 0

    of_store = EncodedRows(place.store / "t", spans)
    of_file = EncodedRows(place.path / "e.parquet", spans)

    assert narrow(of_store, of_store.columns).equals(narrow(of_file, of_file.columns))
    assert of_store.rows == encoded.table.height


@pytest.mark.parametrize("missing", [1, 19_999])
def test_columns_that_are_encoded_from_different_rows_are_refused(
    encoded: EncodedTable,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: int,
) -> None:
    spans = [span for span in encoded.encoder.spans if span.column in {"amount", "colour"}]
    rows = pl.read_parquet(encoded.file)
    rows.write_parquet(tmp_path / "colour.parquet", row_group_size=10_000)
    rows[:-missing].write_parquet(tmp_path / "amount.parquet", row_group_size=10_000)

    class MixedFit:
        """A fit whose columns are of different rows, which no snapshot shows today."""

        path = tmp_path

        def view(self) -> "MixedFit":
            return self

        def require(self, column: str, _stage: str) -> SimpleNamespace:
            return SimpleNamespace(tables=lambda: [tmp_path / f"{column}.parquet"])

    monkeypatch.setattr(row_groups, "FitFolder", lambda _: MixedFit())

    with pytest.raises(StoreError, match="different rows"):
        EncodedRows(tmp_path, spans)


def test_columns_that_the_newest_fit_lacks_are_refused(
    place: Workplace, encoded: EncodedTable
) -> None:
    spans = [span for span in encoded.encoder.spans if span.column == "colour"]
    encoded.table[:-1].write_parquet(place.path / "t.parquet")
    assert place.call("run", "t.parquet", "--fit", "t", "--columns", "amount").status == 0

    with pytest.raises(StoreError, match=r"column 'colour': .* no result of stage 'transformed'"):
        EncodedRows(place.store / "t", spans)


def test_rows_that_another_fit_encoded_are_refused(place: Workplace, encoded: EncodedTable) -> None:
    encoded.table[:-1].write_parquet(place.path / "t.parquet")
    assert place.call("run", "t.parquet", "--fit", "other", "--columns", "amount").status == 0
    exported = ("export", "--fit", "other", "--out", "other.parquet")
    assert place.call(*exported).status == 0
    spans = [span for span in encoded.encoder.spans if span.column == "amount"]
    own = TableEncoder.load(place.store / "other").spans

    for source in (place.store / "other", place.path / "other.parquet"):
        assert len(EncodedRows(source, own).groups) > 0
        with pytest.raises(StoreError, match=r"'amount': another fit encoded"):
            EncodedRows(source, spans)


def test_a_row_that_does_not_fill_a_batch_is_left_out_on_demand(encoded: EncodedTable) -> None:
    def sizes(*, drop_last: bool) -> list[int]:
        rows = EncodedRows(
            encoded.file,
            encoded.encoder.spans,
            batch_size=333,
            buffer_rows=2000,
            drop_last=drop_last,
        )
        return [len(batch.ranks) for batch in rows]

    assert sizes(drop_last=True) == [333] * (20_000 // 333)
    assert sizes(drop_last=False) == [333] * (20_000 // 333) + [20_000 % 333]


def test_what_cannot_be_streamed_is_refused(tmp_path: pathlib.Path, encoded: EncodedTable) -> None:
    spans = encoded.encoder.spans
    encoded.table.write_parquet(tmp_path / "t.parquet")
    encoded.table.write_csv(tmp_path / "t.csv")

    with pytest.raises(SourceError, match=r"no column 'number\.value'"):
        EncodedRows(tmp_path / "t.parquet", spans)
    with pytest.raises(SourceError, match="is CSV"):
        EncodedRows(tmp_path / "t.csv", spans)
    with pytest.raises(SettingsError, match="are not possible"):
        EncodedRows(encoded.file, spans, batch_size=100, buffer_rows=150)


def test_rows_are_sent_to_workers_that_are_started_anew(encoded: EncodedTable) -> None:
    rows = EncodedRows(encoded.file, encoded.encoder.spans, buffer_rows=2000, seed=3)

    sent = pickle.loads(pickle.dumps(rows))  # noqa: S301

    assert narrow(sent, rows.columns).equals(narrow(rows, rows.columns))


def test_the_matrix_is_the_wide_table_without_the_values_of_discrete_columns(
    encoded: EncodedTable,
) -> None:
    spans = encoded.encoder.spans
    maker = MatrixMaker(spans)
    rows = EncodedRows(encoded.file, spans, batch_size=3000)

    for batch in rows:
        narrow_rows = narrow([batch], rows.columns)
        wide = narrow_rows.select(
            expression
            for span in spans
            for expression in (
                *(() if span.discrete else (pl.col(f"{span.column}.value"),)),
                *(
                    (pl.col(f"{span.column}.rank") == rank).alias(f"{span.column}_{rank}")
                    for rank in range(span.rank.width)
                ),
            )
        )
        assert np.array_equal(maker(batch).numpy(), wide.cast(pl.Float32).to_numpy())
        assert maker.width == wide.width
