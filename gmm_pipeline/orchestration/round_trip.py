"""The verdict on a column's round trip, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue


def verdict(round_trip: Mapping[str, JsonValue]) -> str:
    """Say in a sentence what the round trip did to a column's rows."""
    rows, exact, within, changed = (round_trip[name] for name in ("rows", "exact", "within_precision", "changed"))
    if exact == rows:
        return f"all {rows:,} rows come back exactly"
    if not changed:
        return f"{exact:,} of {rows:,} rows come back exactly, the other {within:,} to within the value's precision"
    return f"{changed:,} of {rows:,} rows do not come back"
