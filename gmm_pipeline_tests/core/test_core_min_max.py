import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline.core.sketch.min_max import all_finite, min_max

FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0])


@given(st.lists(FINITE))
def test_min_max_finds_the_smallest_and_the_largest_value(values: list[float]) -> None:
    assert min_max(np.array(values, dtype=float)) == (
        min(values, default=np.inf),
        max(values, default=-np.inf),
    )


@given(st.lists(FINITE | st.sampled_from([np.nan, -np.nan, np.inf, -np.inf])))
def test_a_single_value_that_is_not_finite_is_found(values: list[float]) -> None:
    assert all_finite(np.array(values, dtype=float)) == np.isfinite(values).all()
