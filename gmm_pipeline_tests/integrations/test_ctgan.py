import pathlib

import numpy as np
import polars as pl
import pytest
from encoded_table import NEEDED, EncodedTable, encoded_table

pytest.importorskip("torch", reason=NEEDED)
pytest.importorskip("ctgan", reason=NEEDED)

import torch
from ctgan.data_sampler import DataSampler

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import ColumnDataError, SettingsError, StoreError
from gmm_pipeline.integrations.ctgan import EncodedCTGAN, EncodedTVAE, EncoderAsTransformer
from gmm_pipeline.integrations.torch import EncodedRows
from gmm_pipeline.integrations.torch.ctgan import Feed, StreamedCTGAN
from gmm_pipeline.interfaces.matrix import MatrixLayout

torch.set_num_threads(1)  # models as small as these gain nothing from more
SMALL = {"embedding_dim": 16, "batch_size": 100, "epochs": 2, "enable_gpu": False}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedTable:
    return encoded_table(tmp_path_factory.mktemp("encoded"), rows=2000)


@pytest.fixture(scope="module")
def trained(encoded: EncodedTable) -> EncodedCTGAN:
    model = EncodedCTGAN(encoded.encoder, generator_dim=(32,), discriminator_dim=(32,), **SMALL)
    model.set_random_state(0)
    model.fit(encoded.table)
    return model


def assert_rows_of_the_table(sampled: pl.DataFrame, table: pl.DataFrame) -> None:
    assert sampled.height == 1000
    assert sampled.schema == table.schema
    for column in ("colour", "weekday", "paid"):
        assert set(sampled[column].unique()) <= set(table[column].unique())
    assert sampled["number"].n_unique() > 1
    for column in ("number", "amount", "weekday", "paid"):
        assert sampled[column].null_count() == 0
    assert sampled["amount"].is_finite().all()


def test_ctgan_samples_rows_of_the_table_s_own_types(
    trained: EncodedCTGAN, encoded: EncodedTable
) -> None:
    sampled = trained.sample(1000)

    assert_rows_of_the_table(sampled, encoded.table)
    assert 0 < sampled["count"].null_count() < 1000


def test_tvae_samples_rows_of_the_table_s_own_types(encoded: EncodedTable) -> None:
    model = EncodedTVAE(encoded.encoder, compress_dims=(32,), decompress_dims=(32,), **SMALL)

    model.fit(encoded.table)

    assert_rows_of_the_table(model.sample(1000), encoded.table)


def test_an_encoder_that_is_not_fitted_is_fitted_to_what_the_model_trains_on(
    tmp_path: pathlib.Path, encoded: EncodedTable
) -> None:
    encoded.table[:300].write_parquet(tmp_path / "t.parquet")
    model = EncodedCTGAN(
        TableEncoder(seed=1), generator_dim=(16,), discriminator_dim=(16,), **{**SMALL, "epochs": 1}
    )

    model.fit(tmp_path / "t.parquet")

    assert model.sample(10).schema == encoded.table.schema


def test_a_trained_model_is_saved_and_loaded(trained: EncodedCTGAN, tmp_path: pathlib.Path) -> None:
    trained.save(tmp_path / "model.pt")

    loaded = EncodedCTGAN.load(tmp_path / "model.pt")

    for model in (trained, loaded):
        model.set_random_state(5)
    assert loaded.sample(100).equals(trained.sample(100))


def test_a_condition_is_on_the_category_that_it_names(
    trained: EncodedCTGAN, encoded: EncodedTable
) -> None:
    discrete = [span for span in encoded.encoder.spans if span.discrete]
    start = 0
    for span in discrete:
        modes = encoded.encoder.modes(span.column)
        for category in encoded.table[span.column].unique():
            told = trained._transformer.convert_column_name_value_to_id(span.column, category)
            vector = trained._data_sampler.generate_cond_from_condition_column_info(told, 1)
            rank = int(vector[0, start : start + span.rank.width].argmax())
            assert vector.sum() == vector[0, start + rank] == 1
            text = modes["value"][rank]
            assert text == (None if category is None else str(category))
        start += span.rank.width
    assert trained.sample(50, "colour", "green").height == 50


def test_conditions_on_what_is_not_there_are_refused(trained: EncodedCTGAN) -> None:
    with pytest.raises(StoreError, match="'amount' is not a discrete column"):
        trained.sample(5, "amount", 3.5)
    with pytest.raises(ColumnDataError, match="categories or nulls"):
        trained.sample(5, "colour", "mauve")


def test_the_matrix_is_what_ctgan_counts_and_decodes(encoded: EncodedTable) -> None:
    transformer = EncoderAsTransformer(encoded.encoder)
    transformer.fit(encoded.table)

    matrix = transformer.transform(encoded.table)
    n_colours = encoded.table["colour"].n_unique()
    sampler = DataSampler(matrix, transformer.output_info_list, log_frequency=False)
    back = transformer.inverse_transform(matrix)

    assert matrix.shape == (2000, transformer.output_dimensions)
    assert sampler.dim_cond_vec() == sum(
        span.rank.width for span in encoded.encoder.spans if span.discrete
    )
    shares = sampler._discrete_column_category_prob[0, :n_colours]
    assert shares == pytest.approx(encoded.encoder.modes("colour")["frequency"].to_numpy())
    assert back.drop("amount").equals(encoded.table.drop("amount"))
    assert np.allclose(back["amount"], encoded.table["amount"], rtol=1e-5)


def test_noise_moves_values_and_leaves_modes(encoded: EncodedTable) -> None:
    transformer = EncoderAsTransformer(encoded.encoder)
    matrix = transformer.transform(encoded.table)

    noisy = transformer.inverse_transform(
        matrix, sigmas=np.full(transformer.output_dimensions, 0.1)
    )

    assert noisy.select("colour", "weekday", "paid").equals(
        encoded.table.select("colour", "weekday", "paid")
    )
    assert noisy["count"].is_null().equals(encoded.table["count"].is_null())
    assert (noisy["amount"] != encoded.table["amount"]).mean() > 0.99


def test_ctgan_trains_on_a_stream(encoded: EncodedTable, tmp_path: pathlib.Path) -> None:
    rows = EncodedRows(encoded.file, encoded.encoder.spans, batch_size=100, buffer_rows=400)
    model = StreamedCTGAN(encoded.encoder, generator_dim=(32,), discriminator_dim=(32,), **SMALL)

    model.fit(rows)

    assert_rows_of_the_table(model.sample(1000), encoded.table)
    assert len(model.loss_values) == rows.epoch + 1 == 2
    model.save(tmp_path / "model.pt")
    assert StreamedCTGAN.load(tmp_path / "model.pt").sample(10, "colour", "green").height == 10


def test_ctgan_counts_a_stream_as_it_counts_the_matrix(encoded: EncodedTable) -> None:
    transformer = EncoderAsTransformer(encoded.encoder)
    rows = EncodedRows(encoded.file, encoded.encoder.spans, batch_size=100)

    of_matrix = DataSampler(
        transformer.transform(encoded.table), transformer.output_info_list, log_frequency=True
    )
    of_feed = DataSampler(Feed(rows, 1000), transformer.output_info_list, log_frequency=True)

    assert np.allclose(
        of_feed._discrete_column_category_prob, of_matrix._discrete_column_category_prob
    )


def test_a_stream_offers_ctgan_more_rows_than_its_pools_hold(encoded: EncodedTable) -> None:
    rows = EncodedRows(encoded.file, encoded.encoder.spans, batch_size=100)
    feed = Feed(rows, pool_rows=300)
    layout = MatrixLayout.of(encoded.encoder.spans)
    third = np.full(100, 2)  # "paid", among the discrete columns
    category = np.zeros(100, dtype=np.int64)

    drawn = [layout.narrow(feed.sample(third, category)) for _ in range(100)]

    table = encoded.decoded(pl.concat([one.frame(layout.columns) for one in drawn]))
    assert table["paid"].n_unique() == 1
    assert table["number"].n_unique() > 800


def test_a_stream_without_discrete_columns_trains_without_conditions(encoded: EncodedTable) -> None:
    encoder = TableEncoder(include=["number", "amount"], seed=1).fit(encoded.table)
    file = encoded.file.with_name("numbers.parquet")
    encoder.transform(encoded.table).collect().write_parquet(file)
    model = StreamedCTGAN(encoder, generator_dim=(16,), discriminator_dim=(16,), **SMALL)

    model.fit(EncodedRows(file, encoder.spans, batch_size=100))

    assert model.sample(10).columns == ["number", "amount"]


def test_rows_that_a_model_cannot_train_on_are_refused(encoded: EncodedTable) -> None:
    model = StreamedCTGAN(encoded.encoder, **SMALL)

    with pytest.raises(SettingsError, match="batches of 50 do not fill the model's batches of 100"):
        model.fit(EncodedRows(encoded.file, encoded.encoder.spans, batch_size=50))
    with pytest.raises(SettingsError, match="rows and the encoder have different columns"):
        model.fit(EncodedRows(encoded.file, encoded.encoder.spans[1:], batch_size=100))
