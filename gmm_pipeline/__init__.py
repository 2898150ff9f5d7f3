"""Mode-specific normalisation of tables of any size, by Dagster, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmm_pipeline.interfaces.table_encoder import TableEncoder

__all__ = ["TableEncoder"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that the core can be used without Polars and Arrow.
    if name == "TableEncoder":
        from gmm_pipeline.interfaces.table_encoder import TableEncoder

        return TableEncoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
