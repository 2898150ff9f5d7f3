"""Passes over rows, on one machine or on Spark. What happens to a value is up to the core."""
