"""scikit-learn's GaussianMixture; encoding is the posterior probability of each component in each
row.
"""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from trial import conduct

warnings.simplefilter("ignore", ConvergenceWarning)


def judge(mixture, x, encoded):
    """Return the mean log-likelihood; nothing is decoded."""
    del encoded
    return float(mixture.score(x)), None


conduct(
    lambda x: GaussianMixture(10, random_state=0).fit(x),
    lambda mixture, x: mixture.predict_proba(x),
    judge,
    lambda x: x[:, None],
)
