"""A fit as one HTML page that works offline, for people without Dagster or a shell."""
