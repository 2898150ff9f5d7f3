"""The manifest of a result: what it holds, what it was made from, and how to tell damage."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, JsonValue, field_validator

from gmm_pipeline.arrow.written_file import WrittenFile
from gmm_pipeline.store.formats import check_format

FORMAT = 2
"""Of manifests. 1: of version 0.1.0, one for a content. 2: immutable, named by its own digest."""
_ID_DIGITS = 12
"""Hexadecimal digits of an id: 48 bits tell a million contents of a column from each other."""
_RECORDED = ("gmm-pipeline", "numpy", "numba", "pyarrow", "polars")


class Origin(BaseModel):
    """What a result is made from; results of the same origin are the same.

    Parameters
    ----------
    inputs : dict of str to str
        Digests of the contents that it depends on, by name.
    settings : dict
        The settings that it depends on, resolved.
    """

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, str]
    settings: dict[str, JsonValue]

    def key(self) -> str:
        """Return a digest of inputs and settings."""
        return digest(self.model_dump(mode="json"))


class FileFacts(BaseModel):
    """Size and SHA-256 of a file, and the id in its name: that of the content it was first part of.

    The id is None for files that are new with their manifest's own content.
    """

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str
    id: str | None = None

    @classmethod
    def of(cls, path: Path) -> FileFacts:
        """Read them off a file."""
        return cls.from_written(WrittenFile.of(path))

    @classmethod
    def from_written(cls, file: WrittenFile) -> FileFacts:
        """Take them from who wrote the file."""
        return cls(size=file.size, sha256=file.sha256)


class Manifest(BaseModel):
    """A published result.

    Parameters
    ----------
    format : int
        Of the manifest; see `FORMAT`.
    column, stage : str
    rows : int
        Rows of the column that the result stands for.
    columns : dict of str to str
        The types of its table's columns by name; empty if it is no table.
    files : dict of str to FileFacts
        By path within the result's folder, as they were before the content's id became part of
        their names.
    origin : Origin
    continues : tuple of str
        The contents that this one grew from, by rows that were added.
    versions : dict of str to str
        Of the libraries that made it.
    created : datetime
        When its newest file was made.
    confirmed : datetime or None
        When it was last made once more and came out the same.
    seconds : float
        What making it took.
    summary : dict
        Numbers worth showing; they depend on the stage.
    """

    model_config = ConfigDict(frozen=True)

    format: int = 1
    column: str
    stage: str
    rows: int
    columns: dict[str, str]
    files: dict[str, FileFacts]
    origin: Origin
    continues: tuple[str, ...] = ()
    versions: dict[str, str]
    created: datetime
    confirmed: datetime | None = None
    seconds: float
    summary: dict[str, JsonValue]

    @field_validator("files")
    @classmethod
    def _are_inside(cls, files: dict[str, FileFacts]) -> dict[str, FileFacts]:
        for name in files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"the file {name!r} lies outside of the result's folder")
        return files

    @cached_property
    def text(self) -> str:
        """The manifest as it is written."""
        return self.model_dump_json(indent=2)

    @property
    def file_name(self) -> str:
        """The name of its file: stage, content, and a digest of the manifest itself."""
        own = hashlib.sha256(self.text.encode()).hexdigest()[:_ID_DIGITS]
        return f"{self.stage}-{self.content_id}-{own}.json"

    @cached_property
    def content(self) -> str:
        """A digest of the files."""
        return self._content_of(sorted(self.files))

    @property
    def content_id(self) -> str:
        """The start of that digest, which names the files."""
        return self.content[:_ID_DIGITS]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(facts.size for facts in self.files.values())

    def leading_files(self, content: str) -> int | None:
        """Return how many of the first files make up another content; None if none do."""
        names = sorted(self.files)
        return next(
            (n for n in range(1, len(names) + 1) if self._content_of(names[:n]) == content), None
        )

    def _content_of(self, names: list[str]) -> str:
        return digest({name: self.files[name].sha256 for name in names})


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    FileNotFoundError
    ValueError
        If it is damaged.
    StoreError
        If a newer version wrote it.
    """
    text = path.read_text(encoding="utf-8")
    check_format(text, FORMAT, path)
    return Manifest.model_validate_json(text)


def digest(value: JsonValue | dict[str, str]) -> str:
    """Return the SHA-256 of a JSON value in canonical form."""
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions of the libraries that results depend on."""
    return {name: version(name) for name in _RECORDED}
