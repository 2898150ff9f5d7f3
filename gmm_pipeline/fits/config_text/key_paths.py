"""Where a value stands in nested settings: the keys and positions from the top."""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[\w-]+")


def format_key_path(path: KeyPath) -> str:
    """Return a path as text, such as `datasets.sales.columns[0]`; odd keys are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN_KEY.fullmatch(part) else repr(part))
    return text
