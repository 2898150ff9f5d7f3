"""Which generation of a fit a Dagster home shows, so that a run with nothing to do need not ask.

Asking means to load Dagster, which takes longer than everything else that such a run does. The
note lies beside the history, and goes with it. What people wipe in the web UI is found by `sync`,
by `ui` and by sensors.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gmm_pipeline.store.fit_folder import FitFolder

_DIGITS = 16
"""Hexadecimal digits of a note's name: with 64 bits, no two fits of a home have the same."""


def is_shown(home: Path, folder: FitFolder) -> bool:
    """Whether a Dagster home is known to show the newest generation of a fit."""
    with suppress(OSError):
        return _note(home, folder).read_text(encoding="utf-8") == _newest(folder)
    return False


def note_shown(home: Path, folder: FitFolder) -> None:
    """Note that a Dagster home shows the newest generation of a fit."""
    note = _note(home, folder)
    # A home that cannot be written to is asked each time.
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(_newest(folder), encoding="utf-8")


def _note(home: Path, folder: FitFolder) -> Path:
    digest = hashlib.sha256(str(folder.path.absolute()).encode("utf-8", "surrogatepass"))
    return home / "history" / "shown" / digest.hexdigest()[:_DIGITS]


def _newest(folder: FitFolder) -> str:
    return str(max(folder.snapshots.generations(), default=0))
