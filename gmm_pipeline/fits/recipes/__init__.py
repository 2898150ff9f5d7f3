"""Recipes: how the result of each stage of a column is made from the results before it.

A recipe is a plain function that returns a `Product`; Dagster's assets, commands and tests call the
same ones, and a store writes and publishes the product. A recipe is given the stage's last result
where there is one: if rows were only added to the column since, that result's files stay, and only
what the new rows add is written beside them.
"""

from gmm_pipeline.fits.recipes.from_sketch import feature_rank, model
from gmm_pipeline.fits.recipes.passes import raw, sketch, transformed

__all__ = ["feature_rank", "model", "raw", "sketch", "transformed"]
