"""Tables of thousands of columns: no column costs more than in a table of a few."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_pipeline.arrow import reader_pool
from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.spec import select_columns
from gmm_pipeline.tables.open_table import open_table

NAMES = [f"c{number}" for number in range(300)]


def test_columns_that_are_read_one_by_one_share_an_open_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {name: ["a", "b"] if number % 2 else [0, 1] for number, name in enumerate(NAMES)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = open_table(str(tmp_path / "t.parquet"), tmp_path)
    opened = []
    open_reader = reader_pool.open_reader
    monkeypatch.setattr(
        reader_pool, "open_reader", lambda *args: (opened.append(args), open_reader(*args))[1]
    )

    for name in NAMES:
        for column in (table.column(name), table.column(name).with_dictionaries()):
            found = [value for each in column.arrays(range(2)) for value in each.to_pylist()]
            assert found == columns[name]

    # Once for its columns as they are, and once for its text as dictionaries.
    assert len(opened) <= 2


def test_a_read_that_fails_leaves_no_open_file_to_the_next(tmp_path: pathlib.Path) -> None:
    pq.write_table(pa.table({"x": range(1000)}), tmp_path / "t.parquet", row_group_size=100)
    column = open_table(str(tmp_path / "t.parquet"), tmp_path).column("x")
    rows = column.arrays(range(1000))
    next(rows)
    rows.close()

    assert [value for each in column.arrays(range(990, 1000)) for value in each.to_pylist()] == [
        *range(990, 1000)
    ]


def test_thousands_of_columns_are_chosen_by_name() -> None:
    names = [f"c{number}" for number in range(5000)]

    assert select_columns(names, names[::2]) == tuple(names[::2])
    assert select_columns(names, [f"!{name}" for name in names[::2]]) == tuple(names[1::2])


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        ([], "a ab b [x] x"),
        (["a*"], "a ab"),
        (["b", "a"], "a b"),
        (["!a*"], "b [x] x"),
        (["a*", "!ab"], "a"),
        (["[x]"], "[x] x"),
        (["a", "*b"], "a ab b"),
    ],
)
def test_names_and_globs_choose_columns_in_the_order_of_the_table(
    patterns: list[str], chosen: str
) -> None:
    assert select_columns(["a", "ab", "b", "[x]", "x"], patterns) == tuple(chosen.split())


@pytest.mark.parametrize(
    ("patterns", "says"), [(["y"], "no column matches 'y'"), (["!*"], "leave no column")]
)
def test_patterns_that_choose_nothing_are_refused(patterns: list[str], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        select_columns(["a", "b"], patterns)
