import pytest

from gmm_pipeline.core.kernel import kernel


def test_a_kernel_that_no_folder_can_cache_is_compiled_in_memory() -> None:
    # Code without a file stands for installations that cannot be written to, without a home.
    names: dict[str, object] = {}
    exec("def twice(x):\n    return 2 * x", names)  # noqa: S102
    twice = names["twice"]
    assert callable(twice)

    assert kernel(twice)(21.0) == pytest.approx(42.0)
