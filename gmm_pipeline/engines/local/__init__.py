"""The engine of one machine: threads that stream Parquet."""
