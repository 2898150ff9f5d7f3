"""Between Arrow and the core: columns as numbers and back, and Parquet files that notice damage."""
