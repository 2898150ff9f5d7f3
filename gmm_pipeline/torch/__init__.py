"""Encoded tables for models in PyTorch: shuffled batches, one-hot ranks, training by sampling."""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError("gmm_pipeline.torch needs PyTorch: install gmm-pipeline[torch]", name="torch") from error

from gmm_pipeline.torch.conditions import Conditioned, Conditions
from gmm_pipeline.torch.rows import EncodedRows
from gmm_pipeline.torch.tensors import EncodedBatch, MatrixMaker

__all__ = ["Conditioned", "Conditions", "EncodedBatch", "EncodedRows", "MatrixMaker"]
