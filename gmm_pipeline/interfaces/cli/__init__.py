"""The command line. It runs the Dagster assets that the web UI shows, against the same instance."""
