"""A folder of Parquet forms of CSV files, so that they are converted once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from gmm_pipeline.tables.csv.convert import convert
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.csv.report import CsvReport
from gmm_pipeline.tables.files import SourceFiles

_VERSION = 2
"""Raised when the same files would be read otherwise, so that they are converted again."""


@dataclass(frozen=True)
class CsvStaging:
    """A folder of Parquet forms, each named by the files and all else that it depends on.

    Parameters
    ----------
    folder : Path
        It need not exist yet.
    """

    folder: Path

    def parquet_of(self, files: SourceFiles, known: Known) -> Path:
        """Return the Parquet form of files; they are converted unless it is there.

        Raises
        ------
        SourceError
            If the files cannot be read as CSV, or changed since they were found.
        """
        target = self._path(files, known)
        if target.exists():
            return target
        # What is known of these files may be what they showed themselves.
        by_itself = self._path(files, replace(known, found=None))
        if by_itself.exists() and CsvReport.in_file(by_itself).dialect == known.found:
            return by_itself
        convert(files, target, known)
        return target

    def _path(self, files: SourceFiles, known: Known) -> Path:
        found = known.found and known.found.model_dump_json()
        schema = known.schema and known.schema.to_string()
        facts = [_VERSION, files.fingerprint(), known.told.model_dump_json(), found, schema]
        return (
            self.folder / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}.parquet"
        )
