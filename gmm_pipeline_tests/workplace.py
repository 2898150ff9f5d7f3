"""Where tests call commands in, and how they look at what those leave behind."""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from gmm_pipeline.orchestration.instance import HOME_VARIABLE, open_instance, prepare_home
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.newest import NEWEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg

PROJECT = pathlib.Path(__file__).parents[1]


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit status and what it wrote."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class Workplace:
    """A folder with a store and a Dagster instance of its own, to call commands in."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.store = path / "store"
        # An instance as stores have it, but outside of the store, so that results are copied and
        # compared without it.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(HOME_VARIABLE, "")
            self.dagster_home = prepare_home(path / "dagster_home")

    @property
    def environment(self) -> dict[str, str]:
        return {HOME_VARIABLE: str(self.dagster_home), "GMM_PIPELINE_STORE": str(self.store)}

    def call(self, *arguments: object) -> Finished:
        """Call `gmm-pipeline` in this process, from this folder."""
        from gmm_pipeline.interfaces.cli.main import main

        out, err = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            patch.chdir(self.path)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            try:
                main([str(argument) for argument in arguments])
                status = 0
            except SystemExit as ended:
                status = int(ended.code or 0)
        return Finished(status, out.getvalue(), err.getvalue())

    def start(
        self, program: str, *arguments: object, folder: pathlib.Path | None = None
    ) -> "subprocess.Popen[str]":
        """Start a program of the virtual environment, in this folder unless told otherwise."""
        return subprocess.Popen(
            [str(pathlib.Path(sys.executable).with_name(program)), *map(str, arguments)],
            cwd=folder or self.path,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(
        self, program: str, *arguments: object, folder: pathlib.Path | None = None
    ) -> Finished:
        """Run a program of the virtual environment to its end."""
        with self.start(program, *arguments, folder=folder) as process:
            out, err = process.communicate()
        return Finished(process.returncode, out, err)

    @contextlib.contextmanager
    def history(self) -> "Iterator[dg.DagsterInstance]":
        """Give the Dagster instance."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(HOME_VARIABLE, str(self.dagster_home))
            with open_instance(self.store) as instance:
                yield instance

    def runs(self) -> int:
        """Count the runs that Dagster knows of."""
        with self.history() as history:
            return history.get_runs_count()


def contents(folder: pathlib.Path) -> dict[str, str]:
    """Return the digest of each file's bytes by its path in the folder; locks are left out."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def result_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Return each file of the newest results of a store, a fit or a column.

    They are named by column, stage and file; times and identities are no part of the names.
    """
    files = {}
    for newest in sorted(folder.rglob(NEWEST)):
        column = ColumnFolder(newest.parent)
        place = newest.parent.relative_to(folder).as_posix()
        for stage, manifest in column.manifests().items():
            result = column.result_of(manifest)
            for name in manifest.files:
                files[f"{place}/{stage}/{name}"] = result.file(name)
    assert files, f"{folder} holds no results"
    return files


def results(folder: pathlib.Path) -> dict[str, str]:
    """Return the digest of each of these files."""
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in result_files(folder).items()
    }


def remove_result(column: pathlib.Path, stage: str) -> None:
    """Remove the files of a column's result, which the folder of the stage links to."""
    shutil.rmtree((column / stage).resolve())


def states(folder: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Return the inode and the time of change of each file by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def flip_a_byte(path: pathlib.Path) -> None:
    """Damage a file in a way that its size does not tell; a Parquet file in the values of its first
    column.
    """
    content = bytearray(path.read_bytes())
    place = len(content) // 3
    if content.startswith(b"PAR1") and (groups := pq.read_metadata(path)).num_row_groups:
        column = groups.row_group(0).column(0)
        place = column.data_page_offset + column.total_compressed_size - 1
        if column.has_dictionary_page:
            place -= column.data_page_offset - column.dictionary_page_offset
    content[place] ^= 0xFF
    path.write_bytes(content)
