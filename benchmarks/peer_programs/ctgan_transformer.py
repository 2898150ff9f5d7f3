"""CTGAN's DataTransformer. The module is loaded alone: the package would load PyTorch."""

import importlib.util
import pathlib

import pandas as pd
from trial import COLUMN, conduct, share_lost

package = pathlib.Path(importlib.util.find_spec("ctgan").origin).parent
spec = importlib.util.spec_from_file_location(
    "ctgan_data_transformer", package / "data_transformer.py"
)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


def fit(frame):
    """Fit a column."""
    transformer = module.DataTransformer()
    transformer.fit(frame, [])
    return transformer


def encode(transformer, frame):
    """Encode it, wide."""
    return transformer.transform(frame)


def judge(transformer, frame, encoded):
    """Return the mean log-likelihood and the share of values lost."""
    mixture = transformer._column_transform_info_list[0].transform._bgm_transformer
    back = transformer.inverse_transform(encoded)[COLUMN]
    return float(mixture.score(frame[[COLUMN]].to_numpy())), share_lost(frame[COLUMN], back)


conduct(fit, encode, judge, lambda x: pd.DataFrame({COLUMN: x}))
