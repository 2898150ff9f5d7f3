"""A fit as one page that works offline: what the web UI shows of its columns, for those who have no
Dagster at hand.
"""
