"""The engine of a Spark cluster, its session, and fits by Spark ML."""
