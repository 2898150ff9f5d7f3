"""Encoded tables for models in PyTorch: shuffled batches, matrices, training by sampling."""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "gmm_pipeline.integrations.torch needs PyTorch: install gmm-pipeline[torch]", name="torch"
    ) from error

from gmm_pipeline.integrations.torch.conditions import ConditionedRows, Conditions
from gmm_pipeline.integrations.torch.rows import EncodedRows
from gmm_pipeline.integrations.torch.tensors import EncodedBatch, MatrixMaker

__all__ = ["ConditionedRows", "Conditions", "EncodedBatch", "EncodedRows", "MatrixMaker"]
