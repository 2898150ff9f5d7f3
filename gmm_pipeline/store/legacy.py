"""Columns as version 0.1.0 laid them out: their results are read where they lie.

There, `<stage>/` held the files of the newest result, `manifests/<stage>-<content>.json` its
manifest, and `earlier/<model>/` models and rankings that others had replaced, in the same layout.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gmm_pipeline.store.contents import content_folder
from gmm_pipeline.store.manifest import Manifest, read_manifest
from gmm_pipeline.store.result import content_id_of

EARLIER = "earlier"


@dataclass(frozen=True)
class EarlierFit:
    """The manifests of a model and of its ranking that others have replaced."""

    manifests: dict[str, Manifest]

    @property
    def model(self) -> Manifest:
        """The manifest of the model."""
        return self.manifests["model"]


def manifests(column: Path) -> dict[str, Manifest]:
    """Return the manifest of each stage."""
    found: dict[str, Manifest] = {}
    for path in sorted((column / "manifests").glob("*.json")):
        with suppress(FileNotFoundError, ValueError):
            manifest = read_manifest(path)
            known = manifest.stage in found
            # While a result was replaced there were two manifests: the folder tells which is right.
            if not known or content_id_of(column / manifest.stage) == manifest.content_id:
                found[manifest.stage] = manifest
    return found


def locate(column: Path, manifest: Manifest) -> Path:
    """Return the folder of a manifest's content: where it lies now, or where it would lie."""
    folder = content_folder(column, manifest.stage, manifest.content_id)
    if folder.is_dir():
        return folder
    present = column / manifest.stage
    if content_id_of(present) == manifest.content_id:
        return present
    for earlier in (column / EARLIER).glob("[!.]*"):
        if content_id_of(earlier / manifest.stage) == manifest.content_id:
            return earlier / manifest.stage
    return folder


def earlier_fits(column: Path) -> list[EarlierFit]:
    """Return the fits that others have replaced, the oldest first."""
    found = [EarlierFit(manifests(folder)) for folder in (column / EARLIER).glob("[!.]*")]
    complete = [fit for fit in found if {"model", "feature_rank"} <= fit.manifests.keys()]
    return sorted(complete, key=lambda fit: fit.model.created)


def all_manifests(column: Path) -> list[Manifest]:
    """Return the manifests of the newest results and of all earlier fits."""
    folders = [column, *(column / EARLIER).glob("[!.]*")]
    return [manifest for folder in folders for manifest in manifests(folder).values()]
