"""Where the immutable results of a column lie, and the links that plain readers follow.

`.contents/<stage>-<id>/` holds the files of one result and never changes. `<stage>` beside it is a
link to the content of the fit's newest snapshot.
"""

from __future__ import annotations

import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from gmm_pipeline.atomic_write import replace_folder
from gmm_pipeline.store.result import content_id_of, link_tree

CONTENTS = ".contents"


def content_folder(column: Path, stage: str, content_id: str) -> Path:
    """Return the folder of a content."""
    return column / CONTENTS / f"{stage}-{content_id}"


def link_content(column: Path, stage: str, content_id: str | None, drafts: Path) -> None:
    """Let `<column>/<stage>` show a content, or nothing if that is None, in one step.

    Where the file system has no symbolic links, the folder holds the files themselves: by hard
    links, or copies where it has none of these either.
    """
    shown = column / stage
    if content_id is None:
        if shown.is_symlink():
            shown.unlink()
        return
    target = content_folder(column, stage, content_id).relative_to(column)
    if _shows(shown, target, content_id):
        return
    draft = drafts / f"{stage}-{uuid.uuid4().hex}"
    drafts.mkdir(parents=True, exist_ok=True)
    try:
        # A link is read from the folder that holds it, so the text is the same for draft and link.
        draft.symlink_to(target, target_is_directory=True)
    except OSError:
        link_tree(column / target, draft)
        replace_folder(draft, shown)
        return
    if shown.is_dir() and not shown.is_symlink():
        _move_aside(column, stage)
    draft.replace(shown)


def _move_aside(column: Path, stage: str) -> None:
    """Make files that version 0.1.0 wrote into a stage's folder a content of their own."""
    shown = column / stage
    target = content_folder(column, stage, content_id_of(shown) or uuid.uuid4().hex)
    if target.exists():
        shutil.rmtree(shown)
        return
    target.parent.mkdir(exist_ok=True)
    shown.rename(target)


def _shows(shown: Path, target: Path, content_id: str) -> bool:
    with suppress(OSError):
        return shown.readlink() == target
    return content_id_of(shown) == content_id
