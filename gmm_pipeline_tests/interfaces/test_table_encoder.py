import pathlib
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from workplace import Workplace, results

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import ColumnDataError, SettingsError, SourceError, StoreError

rng = np.random.default_rng(0)
ROWS = 2000
FRAME = pl.DataFrame(
    {
        "amount": np.round(rng.lognormal(3, 1, ROWS), 2),
        "count": pl.Series(rng.integers(0, 500, ROWS)).set(pl.Series(rng.random(ROWS) < 0.1), None),
        "colour": pl.Series(rng.choice(["red", "green", "blue"], ROWS)),
    }
)


@pytest.fixture(scope="module")
def encoder() -> TableEncoder:
    return TableEncoder(seed=1).fit(FRAME)


@pytest.fixture(scope="module")
def encoded(encoder: TableEncoder) -> pl.DataFrame:
    return encoder.transform(FRAME).collect()


def parquet(folder: pathlib.Path) -> pathlib.Path:
    FRAME.write_parquet(folder / "t.parquet", row_group_size=300)
    return folder / "t.parquet"


def parquet_glob(folder: pathlib.Path) -> str:
    for number in range(4):
        FRAME[number * 500 : (number + 1) * 500].write_parquet(folder / f"{number}.parquet")
    return str(folder / "*.parquet")


def csv(folder: pathlib.Path) -> str:
    FRAME.write_csv(folder / "t.csv")
    return str(folder / "t.csv")


FORMS: dict[str, Callable[[pathlib.Path], Any]] = {
    "DataFrame": lambda _: FRAME,
    "LazyFrame": lambda _: FRAME.lazy(),
    "Arrow table": lambda _: FRAME.to_arrow(),
    "Arrow table in pieces": lambda _: pa.concat_tables(
        [FRAME[:1].to_arrow(), FRAME[1:].to_arrow()]
    ),
    "Parquet file": parquet,
    "Parquet glob": parquet_glob,
    "CSV file": csv,
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


@each_form
def test_a_table_is_fitted_and_encoded_the_same_in_any_form(
    tmp_path: pathlib.Path, encoded: pl.DataFrame, form: Callable[[pathlib.Path], Any]
) -> None:
    table = form(tmp_path)

    again = TableEncoder(seed=1, threads=1).fit(table)

    assert again.columns == tuple(FRAME.columns)
    assert again.transform(table).collect().equals(encoded)


def written_csv(frame: pl.DataFrame, folder: pathlib.Path) -> str:
    frame.write_csv(folder / "e.csv")
    return str(folder / "e.csv")


def written_parquet(frame: pl.DataFrame, folder: pathlib.Path) -> pathlib.Path:
    frame.write_parquet(folder / "e.parquet", row_group_size=700)
    return folder / "e.parquet"


def written_glob(frame: pl.DataFrame, folder: pathlib.Path) -> str:
    frame[:1000].write_parquet(folder / "e1.parquet")
    frame[1000:].write_parquet(folder / "e2.parquet")
    return str(folder / "e*.parquet")


ENCODED_FORMS: dict[str, Callable[[pl.DataFrame, pathlib.Path], Any]] = {
    "DataFrame": lambda frame, _: frame,
    "LazyFrame": lambda frame, _: frame.lazy(),
    "Arrow table": lambda frame, _: frame.to_arrow(),
    "Parquet file": written_parquet,
    "Parquet glob": written_glob,
    "CSV file": written_csv,
}


@pytest.mark.parametrize("wide", [False, True], ids=["narrow", "wide"])
@pytest.mark.parametrize("form", ENCODED_FORMS.values(), ids=ENCODED_FORMS.keys())
def test_encoded_rows_are_decoded_from_any_form(
    tmp_path: pathlib.Path,
    encoder: TableEncoder,
    encoded: pl.DataFrame,
    form: Callable[[pl.DataFrame, pathlib.Path], Any],
    wide: bool,  # noqa: FBT001
) -> None:
    rows = one_hot(encoder, encoded) if wide else encoded

    # Polars writes files without the identity of the fit.
    decoded = encoder.inverse_transform(form(rows, tmp_path), generated=True).collect()

    assert decoded.schema == FRAME.schema
    assert decoded.select("count", "colour").equals(FRAME.select("count", "colour"))
    assert np.allclose(decoded["amount"], FRAME["amount"], rtol=1e-6, atol=1e-5)


def one_hot(encoder: TableEncoder, encoded: pl.DataFrame) -> pl.DataFrame:
    return encoded.select(
        expression
        for span in encoder.spans
        for expression in (
            pl.col(f"{span.column}.value"),
            *(
                (pl.col(f"{span.column}.rank") == rank)
                .cast(pl.UInt8)
                .alias(f"{span.column}.rank_{rank}")
                for rank in range(span.rank.width)
            ),
        )
    )


def test_spans_say_what_a_generative_model_has_to_put_out(
    encoder: TableEncoder, encoded: pl.DataFrame
) -> None:
    assert [span.column for span in encoder.spans] == FRAME.columns
    for span in encoder.spans:
        assert (span.value.width, span.value.activation) == (1, "tanh")
        assert span.rank.activation == "softmax"
        assert span.rank.width == encoder.modes(span.column).height
        assert encoded[f"{span.column}.rank"].max() < span.rank.width
    assert encoder.spans[2].rank.width == 3
    assert (
        sum(span.value.width + span.rank.width for span in encoder.spans)
        == one_hot(encoder, encoded).width
    )


def test_ranks_are_by_frequency(encoder: TableEncoder, encoded: pl.DataFrame) -> None:
    modes = encoder.modes("colour")

    counts = FRAME["colour"].value_counts(sort=True)
    assert modes["value"].to_list() == counts["colour"].to_list()
    assert modes["frequency"].to_list() == pytest.approx((counts["count"] / ROWS).to_list())
    shares = encoded["amount.rank"].value_counts(normalize=True).sort("amount.rank")["proportion"]
    assert shares.to_list() == pytest.approx(
        encoder.modes("amount")["frequency"].to_list(), abs=0.05
    )


def test_transform_waits_until_it_is_collected(
    encoder: TableEncoder, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "later.parquet"

    frame = encoder.transform(path)

    assert isinstance(frame, pl.LazyFrame)
    assert frame.collect_schema().names() == [
        f"{name}.{part}" for name in FRAME.columns for part in ("value", "rank")
    ]
    with pytest.raises(SourceError, match="does not exist"):
        frame.collect()
    FRAME.write_parquet(path)
    assert frame.collect().height == ROWS


def test_transform_answers_the_queries_of_a_lazy_frame(
    encoder: TableEncoder, encoded: pl.DataFrame
) -> None:
    frame = encoder.transform(FRAME)
    first = pl.col("colour.rank") == 0

    for query in (
        lambda rows: rows.head(5),
        lambda rows: rows.tail(3),
        lambda rows: rows.slice(7, 2),
        lambda rows: rows.head(0),
        lambda rows: rows.select("count.rank", "amount.value"),
        lambda rows: rows.filter(first),
        lambda rows: rows.filter(first).select("amount.value").head(4),
        lambda rows: rows.head(50).filter(first),
        lambda rows: rows.with_row_index().filter(pl.col("index") % 100 == 3),
        lambda rows: rows.select(pl.len()),
    ):
        assert query(frame).collect().equals(query(encoded.lazy()).collect())


def test_decoding_answers_the_queries_of_a_lazy_frame(
    encoder: TableEncoder, encoded: pl.DataFrame
) -> None:
    decoded = encoder.inverse_transform(encoded)

    assert decoded.collect_schema() == FRAME.schema
    assert decoded.select("colour").head(5).collect().equals(FRAME.select("colour").head(5))
    assert (
        decoded.filter(pl.col("count").is_null()).select(pl.len()).collect().item()
        == FRAME["count"].null_count()
    )


def test_the_draws_of_a_row_depend_on_seed_column_and_row_alone(
    encoded: pl.DataFrame, encoder: TableEncoder
) -> None:
    first, alone = FRAME.head(100), FRAME.select("amount")

    assert encoder.transform(first).collect().equals(encoded.head(100))
    assert (
        TableEncoder(seed=1)
        .fit(alone)
        .transform(alone)
        .collect()
        .equals(encoded.select("^amount.*$"))
    )
    other = TableEncoder(seed=2).fit(FRAME).transform(FRAME).collect()
    assert not other["amount.rank"].equals(encoded["amount.rank"])


def test_a_saved_encoder_is_loaded_as_it_was(
    tmp_path: pathlib.Path, encoder: TableEncoder, encoded: pl.DataFrame
) -> None:
    encoder.save(tmp_path / "fit")

    loaded = TableEncoder.load(tmp_path / "fit")

    assert loaded.columns == encoder.columns
    assert loaded.spans == encoder.spans
    assert loaded.settings == encoder.settings
    for column in FRAME.columns:
        assert loaded.modes(column).equals(encoder.modes(column))
    assert loaded.transform(FRAME).collect().equals(encoded)
    assert (
        loaded.inverse_transform(encoded)
        .collect()
        .equals(encoder.inverse_transform(encoded).collect())
    )


def test_an_encoder_is_pickled_with_models_that_are_stored_beside_it(
    tmp_path: pathlib.Path, encoder: TableEncoder, encoded: pl.DataFrame
) -> None:
    encoder.save(tmp_path / "fit")
    for other in (encoder, TableEncoder.load(tmp_path / "fit")):
        again = pickle.loads(pickle.dumps(other))  # noqa: S301
        assert again.transform(FRAME).collect().equals(encoded)


def test_saving_what_was_loaded_gives_the_same_files(
    tmp_path: pathlib.Path, encoder: TableEncoder
) -> None:
    encoder.save(tmp_path / "one")
    TableEncoder.load(tmp_path / "one").save(tmp_path / "two")

    one, two = results(tmp_path / "one"), results(tmp_path / "two")
    assert two == one


def test_a_fit_of_the_command_line_is_loaded(workplace: Workplace, encoded: pl.DataFrame) -> None:
    FRAME.write_parquet(workplace.path / "t.parquet")
    assert workplace.call("run", "t.parquet", "--set", "seed=1").status == 0

    loaded = TableEncoder.load(workplace.store / "t")

    assert loaded.transform(workplace.path / "t.parquet").collect().equals(encoded)
    for column in FRAME.columns:
        stored = pl.scan_parquet(workplace.store / "t" / column / "transformed").collect()
        assert stored.equals(encoded.select(stored.columns))
        raw = pl.scan_parquet(workplace.store / "t" / column / "raw").collect()
        assert raw.equals(FRAME.select(column))


def test_settings_of_a_column_prevail_over_those_of_all() -> None:
    few = TableEncoder(columns={"amount": {"max_modes": 2}}, max_modes=4).fit(FRAME)

    assert few.modes("amount").filter(type="gaussian").height <= 2
    assert 2 < few.modes("count").filter(type="gaussian").height <= 4


def test_numbers_become_categories_where_that_is_asked_for() -> None:
    encoder = TableEncoder(columns={"count": {"kind": "categorical"}}, include=["count"]).fit(FRAME)

    assert encoder.modes("count")["type"].unique().to_list() == ["atom"]
    assert (
        encoder.inverse_transform(encoder.transform(FRAME)).collect().equals(FRAME.select("count"))
    )


def test_clipped_values_stay_within_reach() -> None:
    encoder = TableEncoder(extremes="clip", max_modes=1, include=["amount"]).fit(FRAME)

    values = encoder.transform(FRAME).collect()["amount.value"]

    assert values.abs().max() == pytest.approx(0.99)
    decoded = encoder.inverse_transform(encoder.transform(FRAME)).collect()["amount"]
    assert decoded.max() < FRAME["amount"].max()


def test_extremes_are_kept_by_tails_within_reach() -> None:
    encoder = TableEncoder(max_modes=1, include=["amount"]).fit(FRAME)

    encoded = encoder.transform(FRAME).collect()

    assert "tail" in encoder.modes("amount")["type"].to_list()
    assert encoded["amount.value"].abs().max() <= np.float32(0.99)
    decoded = encoder.inverse_transform(encoded).collect()["amount"]
    assert decoded.max() == pytest.approx(FRAME["amount"].max(), rel=1e-6)


def test_numbers_beyond_those_that_were_fitted_are_refused_unless_the_settings_say_otherwise() -> (
    None
):
    beyond = pl.DataFrame(
        {"amount": [FRAME["amount"].min() - 5.0, 30.0, 3 * FRAME["amount"].max()]}
    )

    with pytest.raises(ColumnDataError, match="outside of the range of the fitted rows") as refused:
        TableEncoder(include=["amount"]).fit(FRAME).transform(beyond).collect()
    clipping, keeping = (
        TableEncoder(include=["amount"], out_of_range=policy).fit(FRAME)
        for policy in ("clip", "keep")
    )

    assert (refused.value.column, refused.value.rows) == ("amount", 2)
    clipped = clipping.inverse_transform(clipping.transform(beyond)).collect()["amount"].to_list()
    assert clipped == pytest.approx(
        [FRAME["amount"].min(), 30.0, FRAME["amount"].max()], rel=1e-5, abs=1e-4
    )
    kept = keeping.inverse_transform(keeping.transform(beyond)).collect()["amount"].to_list()
    assert kept == pytest.approx(beyond["amount"].to_list(), rel=1e-5, abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"max_mode": 3}, "unknown setting 'max_mode'. Did you mean 'max_modes'"),
        (
            {"columns": {"amount": {"kinds": "auto"}}},
            "column 'amount': unknown setting 'kinds'. Did you mean 'kind'",
        ),
        ({"max_modes": 0}, "max_modes = 0 is not allowed"),
        ({"kind": "numeric"}, "kind = 'numeric' is not allowed"),
    ],
)
def test_wrong_settings_are_refused_at_once(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        TableEncoder(**settings)

    assert says in str(refused.value)


def test_settings_of_a_column_that_is_not_there_are_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"column 'amuont' that does not exist. Did you mean 'amount'"
    ):
        TableEncoder(columns={"amuont": {"seed": 1}}).fit(FRAME)


def test_an_encoder_that_is_not_fitted_says_so(tmp_path: pathlib.Path) -> None:
    with pytest.raises(StoreError, match=r"not fitted\. Call `fit`"):
        TableEncoder().transform(FRAME)
    with pytest.raises(StoreError, match="holds no finished fit"):
        TableEncoder.load(tmp_path)


def test_rows_that_the_fit_has_not_seen_are_refused_with_their_number(
    encoder: TableEncoder,
) -> None:
    unseen = FRAME.with_columns(
        colour=pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("pink")).otherwise("colour")
    )

    with pytest.raises(ColumnDataError, match="did not") as refused:
        encoder.transform(unseen).collect()

    assert (refused.value.column, refused.value.rows) == ("colour", 5)


@pytest.mark.parametrize("name", ["missing.parquet", "missing.csv", "missing*.parquet"])
def test_encoded_rows_that_are_missing_are_refused(
    tmp_path: pathlib.Path, encoder: TableEncoder, name: str
) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        encoder.inverse_transform(str(tmp_path / name)).collect()


def test_encoded_rows_of_other_columns_are_refused(
    encoder: TableEncoder, encoded: pl.DataFrame
) -> None:
    with pytest.raises(
        SourceError, match=r"column 'count': the encoded rows have no column 'count.value'"
    ):
        encoder.inverse_transform(encoded.select("^amount.*$", "^colour.*$")).collect()
