"""The digamma function, the derivative of log Γ."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel

_ASYMPTOTIC_FROM = 10.0
"""From here on the first omitted term of the series is below half a unit in the last place of 1."""


@kernel
def digamma(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ψ(x) for each x > 0, to a few units in the last place of 1 or of ψ(x).

    The recurrence ψ(x) = ψ(x + 1) − 1/x leads to where the asymptotic series holds (Abramowitz &
    Stegun, 6.3.5 and 6.3.18).

    Parameters
    ----------
    values : array of shape (n,), positive
    """
    result = np.zeros(values.size)
    for i in range(values.size):
        x = values[i]
        while x < _ASYMPTOTIC_FROM:
            result[i] -= 1.0 / x
            x += 1.0
        square = 1.0 / (x * x)
        series = square * (
            1 / 252 - square * (1 / 240 - square * (1 / 132 - square * (691 / 32760 - square / 12)))
        )
        result[i] += math.log(x) - 0.5 / x - square * (1 / 12 - square * (1 / 120 - series))
    return result
