"""The engine of one machine: Parquet streamed by threads; CSV turned into Parquet once by
Polars.
"""
