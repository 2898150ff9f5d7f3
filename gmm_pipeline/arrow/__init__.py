"""Between Arrow and the core: columns as numbers and back, and checksummed Parquet files."""
