"""What a fit is and what is left to do for it: settings, plans, stages, recipes. No Dagster."""
