"""CTAB-GAN+'s DataTransformer, from a checkout of its repository that CTAB_GAN_PLUS names.

There is no package of it. Its module imports PyTorch for images alone; an empty module stands in
for it.
"""

import os
import sys
import types

import pandas as pd
import sklearn.mixture  # noqa: F401
from trial import COLUMN, conduct, share_lost

# For this import alone: others look into it.
sys.modules["torch"] = types.ModuleType("torch")
sys.path.insert(0, os.path.join(os.environ["CTAB_GAN_PLUS"], "model", "synthesizer"))
from transformer import DataTransformer  # noqa: E402

del sys.modules["torch"]


def fit(frame):
    """Fit a column."""
    transformer = DataTransformer(train_data=frame, categorical_list=[], mixed_dict={})
    transformer.fit()
    return transformer


def encode(transformer, frame):
    """Encode it, wide."""
    return transformer.transform(frame.to_numpy())


def judge(transformer, frame, encoded):
    """Return the mean log-likelihood and the share of values lost."""
    back = transformer.inverse_transform(encoded)
    back = back[0] if isinstance(back, tuple) else back
    complete = len(back) == len(frame)
    return float(transformer.model[0].score(frame.to_numpy())), share_lost(
        frame[COLUMN], back
    ) if complete else None


conduct(fit, encode, judge, lambda x: pd.DataFrame({COLUMN: x}))
