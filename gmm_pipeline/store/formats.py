"""Versions of the store's formats: older ones are read, newer ones are refused by name."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from gmm_pipeline.errors import StoreError


def check_format(text: str, newest: int, path: Path) -> None:
    """Raise StoreError if a JSON document names a newer format, ValueError if it is no document."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError(f"{path} holds no JSON object")  # noqa: TRY004 - damage, as any other
    found = document.get("format", 1)
    if not isinstance(found, int):
        raise ValueError(f"{path} names the format {found!r}")  # noqa: TRY004
    if found > newest:
        raise StoreError(
            f"a newer gmm-pipeline wrote {path}: format {found}, and version "
            f"{version('gmm-pipeline')} reads up to {newest}",
            remedy="Install the version that wrote the store, or a newer one",
        )
