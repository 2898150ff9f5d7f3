"""RDT's ClusterBasedNormalizer, as CTGAN uses it."""

import pandas as pd
from rdt.transformers import ClusterBasedNormalizer
from trial import COLUMN, conduct, share_lost


def fit(frame):
    """Fit a column."""
    normalizer = ClusterBasedNormalizer(
        missing_value_generation="from_column", max_clusters=10, weight_threshold=0.005
    )
    normalizer.fit(frame, COLUMN)
    return normalizer


def encode(normalizer, frame):
    """Encode it."""
    return normalizer.transform(frame)


def judge(normalizer, frame, encoded):
    """Return the mean log-likelihood and the share of values lost."""
    mixture = normalizer._bgm_transformer
    back = normalizer.reverse_transform(encoded)[COLUMN]
    return float(mixture.score(frame[[COLUMN]].to_numpy())), share_lost(frame[COLUMN], back)


conduct(fit, encode, judge, lambda x: pd.DataFrame({COLUMN: x}))
