"""What a fit is made from: a source, columns and their settings. Stored as `fit.json`."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.errors import SettingsError, SourceError, StoreError, did_you_mean
from gmm_pipeline.fits.settings import EngineName, SparkValue, TableSettings
from gmm_pipeline.fits.source_ledger import SourceLedger
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.files import find_files
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.open_table import open_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gmm_pipeline.store.fit_folder import FitFolder

_WILDCARDS = set("*?[")
_FIT_NAME = re.compile(r"[A-Za-z0-9_]+")


class FitSpec(BaseModel):
    """A named fit.

    Parameters
    ----------
    name : str
        Letters, digits and underscores: the fit's folder, and the prefix of its assets.
    source : str
        A file, a folder or a glob.
    columns : tuple of str
        The columns to encode, in the order of the table.
    patterns : tuple of str, optional
        The names and globs that selected the columns; None if the columns were listed.
    engine : str
        Where rows are processed. Results do not depend on it.
    spark_config : dict
        Spark's settings by name; `spark.master` selects the cluster.
    csv : CsvDialect
        What is told of how CSV files are written.
    csv_found : CsvDialect, optional
        How the first CSV files are written; it holds for later ones.
    settings : TableSettings
    """

    model_config = ConfigDict(frozen=True)

    name: str
    source: str
    columns: tuple[str, ...]
    patterns: tuple[str, ...] | None = None
    engine: EngineName = "local"
    spark_config: dict[str, SparkValue] = {}
    csv: CsvDialect = CsvDialect()
    csv_found: CsvDialect | None = None
    settings: TableSettings = TableSettings()

    @model_validator(mode="before")
    @classmethod
    def _read_null_texts(cls, content: Any) -> Any:
        """Read what version 0.1.0 stored of CSV: texts for null alone."""
        if isinstance(content, dict) and "csv_nulls" in content:
            others = {key: value for key, value in content.items() if key != "csv_nulls"}
            return {"csv": {"nulls": content["csv_nulls"]}, **others}
        return content

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _FIT_NAME.fullmatch(name):
            raise SettingsError(
                f"{name!r} is not a name for a fit",
                remedy="Use letters, digits and underscores (--fit NAME)",
            )
        return name

    def open(self, ledger: SourceLedger, staging: Path) -> LocalTable:
        """Open the table of a ledger; `staging` is the folder for the Parquet form of CSV files."""
        known = Known(self.csv, self.csv_found)
        return open_batches(self.source, ledger.source_files, staging, known)


def known_of_csv(last: FitSpec | None, told: CsvDialect) -> Known:
    """Return what is known of CSV files: what is told, and was found when the same was told."""
    return Known(told, None if last is None or last.csv != told else last.csv_found)


def save_spec(spec: FitSpec, folder: FitFolder) -> None:
    """Write a spec into the folder of its fit, unless the same is there."""
    # A fit of version 0.1.0 is what its spec said before.
    folder.upgrade()
    folder.path.mkdir(parents=True, exist_ok=True)
    text = spec.model_dump_json(indent=2).encode()
    if not folder.spec_path.exists() or folder.spec_path.read_bytes() != text:
        # Several runs may find that a source changed, and write the same spec, at the same time.
        with atomic_write(folder.spec_path) as partial:
            partial.write_bytes(text)


def load_spec(folder: FitFolder) -> FitSpec:
    """Read the spec of a fit in the store; raise StoreError if it is damaged."""
    try:
        return FitSpec.model_validate_json(folder.spec_path.read_bytes())
    except ValueError as error:
        raise StoreError(
            f"{folder.spec_path} is damaged",
            remedy=f"Write it again with `gmm-pipeline run SOURCE --fit {folder.path.name}`, which "
            "keeps the results",
        ) from error


def last_spec(folder: FitFolder) -> FitSpec | None:
    """Return the spec of a fit; None if there is none that can be read."""
    try:
        return load_spec(folder)
    except (FileNotFoundError, StoreError):
        return None


def source_files(folder: FitFolder) -> tuple[Path, ...]:
    """Return the files that a fit's source has now; none if it is gone or unknown."""
    source = known_source(folder)
    try:
        return () if source is None else find_files(source).files
    except SourceError:
        return ()


def known_source(folder: FitFolder) -> str | None:
    """Return the source of a fit; None if it was a table in memory, or the spec is damaged."""
    spec = last_spec(folder)
    return spec.source if spec is not None and spec.source else None


def is_same_source(one: str, other: str) -> bool:
    """Whether two names are of the same file, folder or glob."""
    return Path(one).resolve() == Path(other).resolve()


def select_columns(names: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the names that any of the patterns matches; all names if there is no pattern.

    Patterns are names or globs (`*_delay`). A pattern that starts with `!` leaves out the names
    that it matches.

    Raises
    ------
    SourceError
        If a pattern matches nothing, or no column is left.
    """
    known = frozenset(names)
    matches = {pattern: _matches(known, pattern.removeprefix("!")) for pattern in patterns}
    unmatched = next((pattern for pattern, found in matches.items() if not found), None)
    if unmatched is not None:
        pattern = unmatched.removeprefix("!")
        raise SourceError(f"no column matches {pattern!r}", remedy=did_you_mean(pattern, names))
    wanted = [found for pattern, found in matches.items() if not pattern.startswith("!")]
    unwanted = [found for pattern, found in matches.items() if pattern.startswith("!")]
    chosen = frozenset().union(*wanted or [known]).difference(*unwanted)
    if not chosen:
        raise SourceError("the patterns leave no column", remedy="Leave out fewer columns")
    return tuple(name for name in names if name in chosen)


def matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the patterns that match any of the names."""
    known = frozenset(names)
    return [pattern for pattern in patterns if _matches(known, pattern.removeprefix("!"))]


def default_fit_name(source: str) -> str:
    """Return a name for the fit of a source: the stem of its last part that is not a glob."""
    parts = [part for part in Path(source).absolute().parts if not set(part) & _WILDCARDS]
    stem = Path(parts[-1]).stem
    return re.sub(r"[^A-Za-z0-9_]+", "_", stem).strip("_") or "table"


def _matches(names: frozenset[str], pattern: str) -> frozenset[str]:
    """Return the names that a pattern matches: the same name, or those of a glob."""
    same = names & {pattern}
    # Going over all names for each of thousands of plain names would take minutes.
    if not set(pattern) & _WILDCARDS:
        return same
    return same | {name for name in names if fnmatchcase(name, pattern)}
