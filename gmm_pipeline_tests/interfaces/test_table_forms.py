"""Tables in all forms in which Python users have them are fitted, encoded and decoded alike."""

import multiprocessing
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pa_dataset
import pytest

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import PipelineError, SourceError

ROWS = {"x": [1.5, 2.5, 3.5], "label": ["a", "b", "a"]}
ARROW = pa.table(ROWS)


class Query:
    """Rows by the Arrow C stream interface alone, each time that they are asked for; as DuckDB's."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return ARROW.__arrow_c_stream__(requested_schema)


def paths(folder: pathlib.Path) -> list[pathlib.Path]:
    for number in range(3):
        pl.DataFrame(ARROW.slice(number, 1)).write_parquet(folder / f"{2 - number}.parquet")
    return [folder / "2.parquet", folder / "1.parquet", folder / "0.parquet"]


FORMS: dict[str, Callable[[pathlib.Path], Any]] = {
    "pandas": lambda _: pd.DataFrame(ROWS),
    "pandas with categories": lambda _: pd.DataFrame(ROWS).astype({"label": "category"}),
    "mapping": lambda _: ROWS,
    "mapping of arrays": lambda _: {
        "x": np.array(ROWS["x"]),
        "label": pl.Series(ROWS["label"]),
    },
    "NumPy array with names": lambda _: np.array(
        list(zip(*ROWS.values(), strict=True)), dtype=[("x", "f8"), ("label", "U1")]
    ),
    "record batch": lambda _: ARROW.to_batches()[0],
    "reader": lambda _: ARROW.to_reader(max_chunksize=2),
    "dataset": lambda _: pa_dataset.dataset(ARROW),
    "lazy frame": lambda _: pl.LazyFrame(ROWS),
    "query": lambda _: Query(),
    "paths": paths,
    "paths as text": lambda folder: tuple(map(str, paths(folder))),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_of_any_form_comes_back(tmp_path: pathlib.Path, form: str) -> None:
    def table() -> Any:
        return FORMS[form](tmp_path)

    encoder = TableEncoder().fit(table())
    encoded = encoder.transform(table()).collect()

    assert (
        encoder.inverse_transform(encoded)
        .collect()
        .cast({"label": pl.String})
        .to_dict(as_series=False)
        == ROWS
    )


@pytest.mark.parametrize("form", ["reader", "dataset", "lazy frame", "query"])
def test_encoded_rows_of_any_form_are_decoded(form: str) -> None:
    encoder = TableEncoder().fit(ARROW)
    encoded = encoder.transform(ARROW).collect().to_arrow()
    forms = {
        "reader": encoded.to_reader(),
        "dataset": pa_dataset.dataset(encoded),
        "lazy frame": pl.LazyFrame(encoded),
        "query": pd.DataFrame(encoded.to_pydict()),
    }

    decoded = list(encoder.decode_batches(forms[form]))

    assert pa.Table.from_batches(decoded).to_pydict() == ROWS


def test_a_lazy_frame_is_read_once_a_call_and_never_held_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collected = []
    monkeypatch.setattr(pl.LazyFrame, "collect", lambda *_, **__: collected.append(1))
    computed: list[int] = []
    frame = pl.LazyFrame({"x": range(5), "y": range(5)}).map_batches(
        lambda rows: (computed.append(rows.height), rows)[1]
    )

    TableEncoder().fit(frame)

    assert not collected
    assert sum(computed) == 5


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (None, "a NoneType is no table"),
        (7, "a int is no table"),
        ([], "a list is no table"),
        ([{"x": 1}], "a list is no table"),
        (np.ones((2, 2)), "a ndarray is no table"),
        ({"x": np.ones((2, 2))}, "cannot be read as an Arrow table"),
        ({"x": [1], "y": [1, 2]}, "Column 1 named y expected length 1 but got length 2"),
        ({"x": [1, "a"]}, "Could not convert 'a'"),
        (pl.Series("x", [1]), "cannot be read as an Arrow table"),
        (pd.DataFrame({"mixed": [1, "a"]}), "Conversion failed for column mixed"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "Duplicate column names"),
        (pa.table({"x": pa.array([], pa.int64())}).to_reader(), "has no rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_table_is_refused_with_what_to_give(table: Any, says: str) -> None:
    with pytest.raises(SourceError) as refused:
        TableEncoder().fit(table)

    assert says in str(refused.value)
    assert refused.value.remedy


def test_paths_of_several_formats_are_refused(tmp_path: pathlib.Path) -> None:
    pl.DataFrame(ROWS).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(ROWS).write_csv(tmp_path / "b.csv")

    with pytest.raises(SourceError, match="several formats"):
        TableEncoder().fit([tmp_path / "a.parquet", tmp_path / "b.csv"])


def test_settings_may_be_of_numpy(tmp_path: pathlib.Path) -> None:
    columns = {"x": {"max_modes": np.int32(3), "atoms": np.array([1.5])}}

    encoder = TableEncoder(columns, include=["x"], seed=np.int64(3)).fit(ARROW)
    encoder.save(tmp_path / "t")

    assert TableEncoder.load(tmp_path / "t").settings == encoder.settings


def _transform_in_child(encoder: TableEncoder, outcome: "multiprocessing.Queue[str]") -> None:
    outcome.put(str(sum(batch.num_rows for batch in encoder.encode_batches(ARROW))))
    try:
        outcome.put(str(encoder.transform(ARROW).collect().height))
    except PipelineError as refused:
        outcome.put(str(refused.remedy))


def test_a_forked_process_is_told_what_to_do_where_polars_would_hang() -> None:
    encoder = TableEncoder().fit(ARROW)
    encoder.transform(ARROW).collect()
    forking = multiprocessing.get_context("fork")
    outcome: multiprocessing.Queue[str] = forking.Queue()
    with warnings.catch_warnings():
        # Python and Polars warn of forks as well.
        warnings.simplefilter("ignore")
        child = forking.Process(target=_transform_in_child, args=(encoder, outcome), daemon=True)
        child.start()

    assert outcome.get(timeout=60) == "3"
    assert "spawn or forkserver" in outcome.get(timeout=60)
    child.kill()
    child.join()


def test_the_row_numbers_of_a_part_of_a_pandas_frame_are_no_column() -> None:
    frame = pd.DataFrame({"amount": np.linspace(0.0, 1.0, 60), "label": ["a", "b", "c"] * 20})
    part = frame.sample(frac=0.5, random_state=0)

    encoder = TableEncoder().fit(part)

    assert encoder.columns == ("amount", "label")
    assert encoder.transform(frame.loc[part.index].reset_index(drop=True)).collect().height == 30


def test_an_index_of_pandas_with_a_name_is_a_column() -> None:
    frame = pd.DataFrame({"amount": [1.0, 2.0, 3.0]}, index=pd.Index([7, 8, 10], name="day"))

    assert TableEncoder().fit(frame).columns == ("amount", "day")
