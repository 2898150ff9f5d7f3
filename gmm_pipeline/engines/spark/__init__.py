"""The engine of Spark: a session, and its own fit of a mixture."""
