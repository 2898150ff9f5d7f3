"""Fits of a column that others have taken the place of: models and rankings, kept as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_pipeline.store.result import link_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gmm_pipeline.store.result import Result


def keep_earlier(target: Path, results: Sequence[Result], draft: Path) -> None:
    """Make a column's folder of results that are about to be replaced, whole or not at all; nothing
    if it is there.

    `draft` is where it is made, on the same file system; what is left there is for the caller to
    remove.
    """
    if target.exists():
        return
    for result in results:
        manifest = result.manifest
        link_files(result, draft / manifest.stage)
        manifests = draft / "manifests"
        manifests.mkdir(exist_ok=True)
        (manifests / f"{manifest.stage}-{manifest.content_id}.json").write_text(
            manifest.model_dump_json(indent=2)
        )
    target.parent.mkdir(exist_ok=True)
    draft.rename(target)
