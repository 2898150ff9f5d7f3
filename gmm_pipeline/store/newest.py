"""Which manifests of a column are the newest of their stages: the file `results.json`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gmm_pipeline.store.formats import check_format
from gmm_pipeline.store.manifest import FORMAT, Manifest, read_manifest

MANIFESTS = "manifests"
NEWEST = "results.json"


class Newest(BaseModel):
    """The file names of a column's newest manifests by stage."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    manifests: dict[str, str] = {}


def read_newest(path: Path) -> Newest | None:
    """Return the newest manifests of a column's folder; None if version 0.1.0 wrote it.

    Raises
    ------
    StoreError
        If a newer version wrote it.
    """
    try:
        text = (path / NEWEST).read_text(encoding="utf-8")
        check_format(text, FORMAT, path / NEWEST)
        return Newest.model_validate_json(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        # The results of a damaged file count as missing: the next run computes them again.
        return Newest()


def read_manifests(path: Path, newest: Newest) -> dict[str, Manifest]:
    """Return the manifests that are named, by stage; missing and damaged ones are left out."""
    found: dict[str, Manifest] = {}
    for stage, name in newest.manifests.items():
        with suppress(FileNotFoundError, ValueError):
            found[stage] = read_manifest(path / MANIFESTS / name)
    return found
