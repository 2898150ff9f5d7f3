"""Where something stands in nested settings: the keys and positions from the top."""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[\w-]+")


def shown(path: KeyPath) -> str:
    """Return a path as text: `datasets.sales.columns[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN_KEY.fullmatch(part) else repr(part))
    return text
