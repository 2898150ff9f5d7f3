"""Parquet forms of CSV files, each made once and named by the files and options it is made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gmm_pipeline.tables import csv
from gmm_pipeline.tables.files import SourceFiles


@dataclass(frozen=True)
class CsvStaging:
    """A folder of Parquet forms of CSV files.

    Parameters
    ----------
    folder : Path
        It is made when needed.
    nulls : sequence of str
        Texts that mean null, besides the empty field.
    """

    folder: Path
    nulls: Sequence[str]

    def parquet_of(self, files: SourceFiles, schema: pa.Schema | None) -> Path:
        """Return the Parquet form of files, which is made unless it is there.

        Raises
        ------
        SourceError
            If the files cannot be read as CSV, or changed since they were found.
        """
        options = json.dumps([files.fingerprint(), list(self.nulls), schema and schema.to_string()])
        target = self.folder / f"{hashlib.sha256(options.encode()).hexdigest()[:16]}.parquet"
        if not target.exists():
            csv.convert(files, target, self.nulls, schema)
        return target
