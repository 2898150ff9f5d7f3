import numpy as np
import scipy.special

from gmm_pipeline.core.mixture.digamma import digamma


def test_digamma_agrees_with_scipy_from_the_smallest_to_the_largest_numbers() -> None:
    x = np.concatenate([np.geomspace(1e-300, 1e300, 4001), np.linspace(0.01, 40, 4001)])
    expected = scipy.special.psi(x)
    np.testing.assert_allclose(digamma(x), expected, rtol=4e-15, atol=4e-15)


def test_digamma_is_minus_eulers_constant_at_one() -> None:
    np.testing.assert_allclose(
        digamma(np.array([1.0, 2.0])), [-np.euler_gamma, 1 - np.euler_gamma], rtol=1e-14
    )
