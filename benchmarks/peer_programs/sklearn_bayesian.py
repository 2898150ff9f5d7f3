"""scikit-learn's BayesianGaussianMixture; encoding computes the posterior of each component."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture
from trial import conduct

warnings.simplefilter("ignore", ConvergenceWarning)


def judge(mixture, x, encoded):
    """Return the mean log-likelihood; nothing is decoded."""
    del encoded
    return float(mixture.score(x)), None


conduct(
    lambda x: BayesianGaussianMixture(
        n_components=10, weight_concentration_prior=0.001, random_state=0
    ).fit(x),
    lambda mixture, x: mixture.predict_proba(x),
    judge,
    lambda x: x[:, None],
)
