"""A command opens its source once, and what it reads is of one version."""

import os
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import polars as pl
import pytest
from workplace import Workplace

from gmm_pipeline.arrow import parquet_rows
from gmm_pipeline.arrow.parquet_column import ParquetColumn
from gmm_pipeline.arrow.written_file import WrittenFiles
from gmm_pipeline.engines.engine import NO_PARTS, ExistingParts
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.errors import SettingsError, SourceError
from gmm_pipeline.fits import prepare as preparing
from gmm_pipeline.fits.limits import Limits, bytes_of
from gmm_pipeline.fits.prepare import (
    EngineChoice,
    FitRequest,
    Prepared,
    prepare,
    prepare_stored,
)
from gmm_pipeline.fits.settings import TableSettings
from gmm_pipeline.fits.spec import load_spec
from gmm_pipeline.tables import files
from gmm_pipeline.tables.csv.convert import convert
from gmm_pipeline.tables.csv.known import NOTHING_KNOWN
from gmm_pipeline.tables.csv.rows import CsvFile
from gmm_pipeline.tables.files import find_files

Change = Callable[[pathlib.Path], None]
ENGINE = LocalEngine(1)


def table_of(number: int, rows: int = 100) -> pl.DataFrame:
    return pl.DataFrame({name: [float(number + row) for row in range(rows)] for name in "abc"})


def write_in_place(file: pathlib.Path) -> None:
    table_of(1).write_parquet(file)


def replace(file: pathlib.Path) -> None:
    table_of(1).write_parquet(file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)


def replace_by_a_file_of_the_same_size_and_time(file: pathlib.Path) -> None:
    before = file.stat()
    copy = file.with_suffix(".new")
    copy.write_bytes(file.read_bytes())
    os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))
    copy.replace(file)


def truncate(file: pathlib.Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def remove(file: pathlib.Path) -> None:
    file.unlink()


CHANGES = [
    write_in_place,
    replace,
    replace_by_a_file_of_the_same_size_and_time,
    truncate,
    remove,
]


@pytest.fixture
def source(tmp_path: pathlib.Path) -> pathlib.Path:
    file = tmp_path / "t.parquet"
    table_of(0).write_parquet(file)
    return file


@pytest.fixture
def prepared(source: pathlib.Path, tmp_path: pathlib.Path) -> Prepared:
    return prepare(FitRequest(str(source)), tmp_path / "store")


def copy(prepared: Prepared, column: str, engine: LocalEngine = ENGINE) -> list[float]:
    """Publish the copy of a column, and return its rows."""
    prepared.folder.column(column).publish(prepared.raw(column, engine))
    stored = prepared.folder.column(column).require("raw")
    return pl.read_parquet(stored.folder / "*.parquet")[column].to_list()


class ChangingEngine(LocalEngine):
    """Changes the source before or after it reads rows."""

    def __init__(self, change: Callable[[], None], *, before: bool) -> None:
        super().__init__(1)
        self._change = change
        self._before = before

    def copy(
        self, column: ParquetColumn, folder: pathlib.Path, after: ExistingParts = NO_PARTS
    ) -> WrittenFiles:
        if self._before:
            self._change()
        files = super().copy(column, folder, after)
        if not self._before:
            self._change()
        return files


@contextmanager
def counted(
    patch: pytest.MonkeyPatch, counts: Counter[str], place: object, name: str
) -> Iterator[None]:
    """Count the calls of a function by their first arguments."""
    real = getattr(place, name)

    def counting(first: object, *others: object, **named: object) -> object:
        counts[f"{name} {pathlib.Path(str(first)).name}"] += 1
        return real(first, *others, **named)

    with patch.context() as changed:
        changed.setattr(place, name, counting)
        yield


def test_a_request_becomes_a_fit_of_the_columns_that_it_selects(
    source: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    request = FitRequest(
        str(source),
        fit="named",
        patterns=("a", "c"),
        settings=TableSettings(columns={"a": {"max_modes": 3}}),
        engine=EngineChoice("spark", {"spark.master": "local"}),
    )

    prepared = prepare(request, tmp_path / "store")

    assert prepared.spec.name == "named"
    assert prepared.spec.columns == ("a", "c")
    assert prepared.spec.engine == "spark"
    assert prepared.spec.spark_config == {"spark.master": "local"}
    assert prepared.spec.settings.of("a").max_modes == 3
    assert prepared.folder.path == tmp_path / "store" / "named"
    assert not (tmp_path / "store").exists(), "nothing is written before it is saved"


@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        ({"patterns": ("d",)}, SourceError, "no column matches 'd'"),
        ({"settings": TableSettings(columns={"d": {}})}, SettingsError, "a column 'd'"),
        ({"fit": "a b"}, SettingsError, "'a b' is not a name for a fit"),
    ],
)
def test_a_request_that_does_not_suit_the_source_is_refused(
    source: pathlib.Path,
    tmp_path: pathlib.Path,
    request_: dict[str, object],
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        prepare(FitRequest(str(source), **request_), tmp_path / "store")  # type: ignore[arg-type]


def test_what_is_saved_is_prepared_again(prepared: Prepared) -> None:
    prepared.save()

    again = prepare_stored(load_spec(prepared.folder), prepared.folder)

    assert again.spec == prepared.spec
    assert again.ledger == prepared.ledger
    assert again.table.schema == prepared.table.schema
    assert not again.changes()


def test_a_stored_fit_whose_source_is_gone_is_prepared_and_its_ledger_stays(
    prepared: Prepared, source: pathlib.Path
) -> None:
    prepared.save()
    kept = prepared.folder.ledger_path.read_bytes()
    copy(prepared, "a")
    source.unlink()

    gone = prepare_stored(prepared.spec, prepared.folder)
    gone.save()

    assert gone.statuses()[0].stages[0].reason == "the source is gone"
    assert prepared.folder.ledger_path.read_bytes() == kept
    with pytest.raises(SourceError, match="does not exist"):
        gone.raw("b", ENGINE)


@pytest.mark.parametrize("change", CHANGES)
def test_no_column_is_copied_from_a_source_that_changed_since_the_run_began(
    prepared: Prepared, source: pathlib.Path, change: Change
) -> None:
    assert copy(prepared, "a") == table_of(0)["a"].to_list()
    change(source)

    for column in "bc":
        with pytest.raises(SourceError, match=r"t\.parquet was changed, .* since .*\. Run again"):
            copy(prepared, column)
        assert prepared.folder.column(column).result("raw") is None
    assert len(prepared.changes()) == 1


@pytest.mark.parametrize("before", [True, False], ids=["before its rows are read", "after"])
@pytest.mark.parametrize("change", CHANGES)
def test_no_copy_is_published_whose_source_changed_while_it_was_read(
    prepared: Prepared,
    source: pathlib.Path,
    change: Change,
    before: bool,  # noqa: FBT001
) -> None:
    engine = ChangingEngine(lambda: change(source), before=before)

    with pytest.raises(SourceError, match=r"t\.parquet was changed, .* while it was read\. Run"):
        copy(prepared, "a", engine)

    assert prepared.folder.column("a").result("raw") is None


def test_a_file_that_is_added_during_a_run_is_told_and_waits_for_the_next(
    tmp_path: pathlib.Path,
) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    table_of(0).write_parquet(folder / "0.parquet")
    prepared = prepare(FitRequest(str(folder)), tmp_path / "store")
    table_of(1).write_parquet(folder / "1.parquet")

    assert copy(prepared, "a") == table_of(0)["a"].to_list()
    assert prepared.changes() == [f"file {folder / '1.parquet'} is new"]
    assert prepare(FitRequest(str(folder)), tmp_path / "store").table.rows == 200


def test_columns_of_csv_are_of_the_version_that_was_converted(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "t.csv"
    table_of(0).write_csv(file)
    prepared = prepare(FitRequest(str(file)), tmp_path / "store")

    first = copy(prepared, "a")
    table_of(1).write_csv(file)

    assert first == copy(prepared, "b") == table_of(0)["a"].to_list()
    assert prepared.changes() == [f"file {file} changed"]


def test_csv_that_changes_while_it_is_converted_is_refused_and_nothing_of_it_is_kept(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t.csv"
    table_of(0).write_csv(file)
    real = CsvFile.batches
    stamps = find_files(str(file))

    def batches(opened: CsvFile) -> Iterator[pl.DataFrame]:
        yield from real(opened)
        table_of(1, rows=50).write_csv(file)

    monkeypatch.setattr(CsvFile, "batches", batches)
    with pytest.raises(SourceError, match=r"t\.csv was changed, .* while it was read"):
        convert(stamps, tmp_path / "staged.parquet", NOTHING_KNOWN)

    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_each_footer_is_read_once_whatever_the_number_of_columns(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    for number in range(3):
        table_of(number).write_parquet(folder / f"{number}.parquet")
    counts: Counter[str] = Counter()

    with counted(monkeypatch, counts, parquet_rows, "read_footer"):
        prepared = prepare(FitRequest(str(folder)), tmp_path / "store")
        for column in "abc":
            copy(prepared, column, LocalEngine(2, 1 << 30))

    assert counts == {f"read_footer {number}.parquet": 1 for number in range(3)}


def test_a_run_finds_and_opens_its_source_once(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace.path / "t").mkdir()
    for number in range(3):
        table_of(number).write_parquet(workplace.path / "t" / f"{number}.parquet")
    counts: Counter[str] = Counter()

    with (
        counted(monkeypatch, counts, preparing, "open_batches"),
        counted(monkeypatch, counts, preparing, "current_ledger"),
        counted(monkeypatch, counts, parquet_rows, "read_footer"),
    ):
        run = workplace.call("run", "t")

    assert run.status == 0, run.err
    source = {name: count for name, count in counts.items() if "part-" not in name}
    assert source == {
        "open_batches t": 1,
        "current_ledger t": 1,
        **{f"read_footer {number}.parquet": 1 for number in range(3)},
    }


def test_a_run_whose_source_is_replaced_publishes_columns_of_one_version_alone(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = workplace.path / "t.parquet"
    table_of(0).write_parquet(source)
    real, copied = LocalEngine.copy, []

    def copy_and_replace(engine: LocalEngine, column: ParquetColumn, *others: object) -> object:
        files = real(engine, column, *others)  # type: ignore[arg-type]
        copied.append(column.field.name)
        return files

    def publish_and_replace(self: object, product: object) -> object:
        result = publish(self, product)
        if copied:
            replace(source)
        return result

    from gmm_pipeline.store.column_folder import ColumnFolder

    publish: Callable[..., object] = ColumnFolder.publish
    monkeypatch.setattr(LocalEngine, "copy", copy_and_replace)
    monkeypatch.setattr(ColumnFolder, "publish", publish_and_replace)
    run = workplace.call("run", source, "--threads", "1")

    assert run.status == 1
    assert copied == ["a"]
    assert run.err.count("was changed, replaced or removed since it was opened. Run again") == 2
    assert "The source changed during this run: file" in run.err
    done = [name for name in "abc" if (workplace.store / "t" / name / "raw").exists()]
    assert done == ["a"]

    monkeypatch.undo()
    assert workplace.call("run", source).status == 0
    for name in "abc":
        stored = pl.read_parquet(workplace.store / "t" / name / "raw" / "*.parquet")
        assert stored[name].to_list() == table_of(1)["a"].to_list()


def test_a_file_that_comes_during_a_run_is_no_error(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace.path / "t").mkdir()
    table_of(0).write_parquet(workplace.path / "t" / "0.parquet")
    real = LocalEngine.copy

    def copy_and_add(engine: LocalEngine, *others: object) -> object:
        table_of(1).write_parquet(workplace.path / "t" / "1.parquet")
        return real(engine, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalEngine, "copy", copy_and_add)
    run = workplace.call("run", "t")

    assert run.status == 0, run.err
    assert "1.parquet is new. Run again to use the files as they are now" in run.err
    monkeypatch.undo()
    assert {entry["rows"] for entry in workplace.call("run", "t", "--json").json()["columns"]} == {
        200
    }


def test_files_without_an_end_mark_are_complete_once_nobody_writes_to_them(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a\n1\n")

    assert not files.looks_complete(file)
    monkeypatch.setattr(files, "QUIET_SECONDS", 0.0)
    assert files.looks_complete(file)


@pytest.mark.parametrize(("size", "number"), [(None, 0), ("2GB", 2 * 10**9), ("1MiB", 1 << 20)])
def test_sizes_are_read(size: str | None, number: int) -> None:
    assert bytes_of(size) == number


def test_a_size_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(ValueError, match="Invalid size '2X': use for example 2GB"):
        bytes_of("2X")


def test_no_threads_given_means_one_per_core() -> None:
    assert Limits().cores == os.cpu_count()
    assert Limits(threads=3).cores == 3
