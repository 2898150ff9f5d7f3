"""scikit-learn's GaussianMixture; encoding computes the posterior of each component."""

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
