"""The order of a table's files: that in which they came."""

import pathlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.source_ledger import (
    SourceFile,
    SourceLedger,
    current_ledger,
    incomplete_files,
    read_ledger,
    skipped_files,
    update_ledger,
)
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.files import looks_complete

WHOLE = b"PAR1" + b"." * 20 + (4).to_bytes(4, "little") + b"PAR1"
NAMES = st.lists(
    st.sampled_from([f"{letter}/{digit}" for letter in "aBz" for digit in range(4)]), unique=True
)
BATCHES = st.lists(NAMES.filter(bool), min_size=1, max_size=4)


class Folder:
    """A folder of files, and the folder of a fit of them."""

    def __init__(self, path: pathlib.Path) -> None:
        self.source = path / "table"
        self.fit = FitFolder(path / "fit")

    def put(self, *names: str, content: bytes = WHOLE) -> None:
        for name in names:
            file = self.source / f"{name}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def names(self, ledger: SourceLedger) -> list[list[str]]:
        return [
            [
                pathlib.Path(file.path).relative_to(self.source).with_suffix("").as_posix()
                for file in batch
            ]
            for batch in ledger.batches
        ]

    def update_ledger(
        self, accept: Callable[[pathlib.Path], bool] = looks_complete
    ) -> SourceLedger:
        return update_ledger(str(self.source), self.fit, accept)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> Folder:
    return Folder(tmp_path)


@contextmanager
def new_folder() -> Iterator[Folder]:
    with tempfile.TemporaryDirectory() as path:
        yield Folder(pathlib.Path(path))


@given(BATCHES)
def test_files_that_are_added_come_last_whatever_their_names(batches: list[list[str]]) -> None:
    with new_folder() as folder:
        seen: list[list[str]] = []
        for batch in batches:
            new = sorted(set(batch) - {name for names in seen for name in names})
            folder.put(*new)
            seen += [new] if new else []

            assert folder.names(folder.update_ledger()) == seen


@given(BATCHES)
def test_digests_tell_what_the_table_was_after_each_batch(batches: list[list[str]]) -> None:
    with new_folder() as folder:
        ledgers: list[SourceLedger] = []
        for batch in batches:
            new = [name for name in batch if not (folder.source / f"{name}.parquet").exists()]
            folder.put(*new)
            ledgers.append(folder.update_ledger())

        last = ledgers[-1].digests(CsvDialect())
        assert all(
            ledger.digests(CsvDialect()) == last[: len(ledger.batches)] for ledger in ledgers
        )
        assert len(set(last)) == len(last)
        assert set(last).isdisjoint(ledgers[-1].digests(CsvDialect(nulls=("NA",))))


FILES = st.lists(
    st.builds(SourceFile, path=st.text(max_size=2), size=st.integers(0), modified=st.integers()),
    unique_by=lambda file: file.path,
)


@given(FILES, st.integers(0, 5))
def test_digests_depend_on_the_files_and_their_order_alone(
    files: list[SourceFile], cut: int
) -> None:
    one = SourceLedger(batches=(tuple(files),))
    other = SourceLedger(batches=(tuple(files[:cut]), tuple(files[cut:])))
    assert one.digests(CsvDialect()) == other.digests(CsvDialect())[1:]
    assert one.files == other.files
    if len(files) > 1:
        assert one.digests(CsvDialect()) != SourceLedger(
            batches=(tuple(files[1:] + files[:1]),)
        ).digests(CsvDialect())


@given(BATCHES, st.data())
def test_a_file_that_is_changed_or_gone_makes_one_batch_in_the_order_of_names(
    batches: list[list[str]], data: st.DataObject
) -> None:
    with new_folder() as folder:
        for batch in batches:
            folder.put(*batch)
            names = sorted(name for found in folder.names(folder.update_ledger()) for name in found)
        chosen = data.draw(st.sampled_from(names))
        if data.draw(st.booleans()) and len(names) > 1:
            (folder.source / f"{chosen}.parquet").unlink()
            names.remove(chosen)
        else:
            folder.put(chosen, content=WHOLE + WHOLE)
        folder.put("m/new")

        assert folder.names(folder.update_ledger()) == [sorted([*names, "m/new"])]


def test_new_files_that_may_still_be_written_to_are_left_out(folder: Folder) -> None:
    folder.put("b")
    folder.update_ledger()
    folder.put("a", "c", content=WHOLE[:-1])
    folder.put("d")

    ledger = current_ledger(str(folder.source), folder.fit, looks_complete)

    assert folder.names(ledger) == [["b"], ["d"]]
    assert [pathlib.Path(path).stem for path in skipped_files(str(folder.source), ledger)] == [
        "a",
        "c",
    ]
    folder.update_ledger()
    folder.put("a")
    assert folder.names(folder.update_ledger()) == [["b"], ["d"], ["a"]]


def test_files_that_are_accepted_are_taken_though_they_may_still_be_written_to(
    folder: Folder,
) -> None:
    folder.put("a", "b", content=b"half")

    ledger = current_ledger(str(folder.source), folder.fit, lambda _: True)

    assert folder.names(ledger) == [["a", "b"]]
    assert [pathlib.Path(path).stem for path in incomplete_files(ledger, folder.fit)] == ["a", "b"]
    folder.update_ledger(lambda _: True)
    assert not incomplete_files(ledger, folder.fit)
    assert folder.names(folder.update_ledger()) == [["a", "b"]]


def test_a_source_of_unsettled_files_alone_is_refused_and_nothing_is_kept(folder: Folder) -> None:
    folder.put("a", content=b"half")

    with pytest.raises(SourceError, match=r"file .*a\.parquet is still being written"):
        folder.update_ledger()

    assert read_ledger(folder.fit) is None


def test_a_file_that_was_read_before_and_is_written_to_again_is_told(folder: Folder) -> None:
    folder.put("a", "b")
    folder.update_ledger()

    folder.put("a", content=b"half")

    ledger = current_ledger(str(folder.source), folder.fit, looks_complete)
    assert [pathlib.Path(path).stem for path in incomplete_files(ledger, folder.fit)] == ["a"]


def test_the_ledger_that_is_kept_is_read_back(folder: Folder) -> None:
    assert read_ledger(folder.fit) is None
    folder.put("b")
    folder.update_ledger()
    folder.put("a")

    ledger = folder.update_ledger()

    assert read_ledger(folder.fit) == ledger
    assert current_ledger(str(folder.source), folder.fit, looks_complete) == ledger
    assert [file.name for file in folder.fit.path.iterdir()] == ["source.json"]


def test_looking_keeps_nothing(folder: Folder) -> None:
    folder.put("b")

    current_ledger(str(folder.source), folder.fit, looks_complete)

    assert not folder.fit.path.exists()


def test_a_ledger_that_cannot_be_read_is_made_anew(folder: Folder) -> None:
    folder.put("b")
    folder.update_ledger()
    folder.put("a")
    folder.update_ledger()
    folder.fit.ledger_path.write_text("{")

    assert folder.names(folder.update_ledger()) == [["a", "b"]]
    assert read_ledger(folder.fit) is not None
