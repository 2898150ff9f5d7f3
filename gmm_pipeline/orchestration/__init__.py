"""What is to be done, and doing it through Dagster: settings, stages, plans, assets, runs."""
