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


def link_content(column: Path, stage: str, content_id: str | None) -> None:
    """Let `<column>/<stage>` show a content, or nothing if that is None, in one step.

    Where the file system has no symbolic links, the folder holds the files themselves: by hard
    links, or copies where it has none of these either.
    """
    shown = column / stage
    target = None if content_id is None else content_folder(column, stage, content_id)
    if target is not None and _shows(shown, target.relative_to(column), str(content_id)):
        return
    _keep_files(column, stage)
    if target is None:
        _remove(shown)
        return
    # Not among the drafts of results: who publishes a result meanwhile removes these.
    draft = column / f".{stage}-{uuid.uuid4().hex}"
    try:
        # A link is read from the folder that holds it, so the text is the same for draft and link.
        draft.symlink_to(target.relative_to(column), target_is_directory=True)
    except OSError:
        link_tree(target, draft)
        if shown.is_symlink():
            shown.unlink()
        replace_folder(draft, shown)
        return
    if shown.is_dir() and not shown.is_symlink():
        shutil.rmtree(shown)
    draft.replace(shown)


def _keep_files(column: Path, stage: str) -> None:
    """Make files that version 0.1.0 wrote into a stage's folder a content of their own.

    The folder may have been a link that a user made, to another disk.
    """
    shown = column / stage
    found = content_id_of(shown)
    if found is None or (shown.is_symlink() and shown.readlink().parts[:1] == (CONTENTS,)):
        return
    target = content_folder(column, stage, found)
    if target.exists():
        return
    target.parent.mkdir(exist_ok=True)
    if shown.is_symlink():
        target.symlink_to(shown.resolve(), target_is_directory=True)
        return
    try:
        shown.rename(target)
    except OSError:
        # A folder in the lower layer of an overlay file system cannot be renamed.
        draft = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
        link_tree(shown, draft)
        draft.rename(target)


def _remove(shown: Path) -> None:
    if shown.is_symlink():
        shown.unlink()
    elif shown.is_dir():
        shutil.rmtree(shown)


def _shows(shown: Path, target: Path, content_id: str) -> bool:
    with suppress(OSError):
        return shown.readlink() == target
    return content_id_of(shown) == content_id
