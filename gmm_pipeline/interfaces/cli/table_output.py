"""The output of a command that writes a table: a file, or a folder of parts by an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gmm_pipeline.arrow.table_file import check_target
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.errors import SettingsError, SourceError
from gmm_pipeline.fits.prepare import EngineChoice
from gmm_pipeline.interfaces.written_tables import check_folder, is_folder
from gmm_pipeline.tables.folders import would_be_found


def check_output(
    out: Path, inputs: Iterable[Path], sources: Iterable[str], engine: EngineChoice
) -> None:
    """Raise SourceError or SettingsError if the engine cannot write a table to `out`.

    Parameters
    ----------
    out : Path
    inputs : iterable of Path
        Files that are not to be written over.
    sources : iterable of str
        Folders and globs that must not find the output the next time that they are read.
    engine : EngineChoice
    """
    for source in sources:
        if would_be_found(source, out / "part-000000.parquet" if is_folder(out) else out):
            raise SourceError(
                f"{out} would become a part of {source}, which is read as one table",
                remedy="Give another --out, outside of it",
            )
    if is_folder(out):
        check_folder(out, inputs)
        return
    check_target(out, inputs)
    if engine.name == "spark":
        raise SettingsError(
            f"Spark writes a folder of Parquet parts, and {out} is one file",
            remedy="Give --out a name without an extension, or leave out --engine spark",
        )


@contextmanager
def open_engine(engine: EngineChoice, threads: int, memory: int | None = None) -> Iterator[Engine]:
    """Give the engine that a command's options name; a Spark session ends with the context.

    Parameters
    ----------
    engine : EngineChoice
    threads : int
        Threads of the local engine; 0 means one per core.
    memory : int, optional
        Bytes that the local engine may hold.
    """
    if engine.name == "local":
        yield LocalEngine(threads or None, memory)
        return
    from gmm_pipeline.engines.spark.engine import SparkEngine
    from gmm_pipeline.engines.spark.session import spark_session

    with spark_session(engine.spark_config) as session:
        yield SparkEngine(session)
