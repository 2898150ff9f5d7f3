"""What Dagster loads from this project, in the folder where `dg` looks for it."""
