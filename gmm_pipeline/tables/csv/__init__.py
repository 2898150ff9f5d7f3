"""CSV as people write it: how it is written is found or told, and it becomes Parquet."""
