"""Encode rows as (value, rank) by a column's ranked modes, and decode them."""
