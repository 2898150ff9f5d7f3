from collections.abc import Callable

import pytest
from reported import Reported, reported
from workplace import Workplace


@pytest.fixture(scope="session")
def report(new_workplace: Callable[[], Workplace]) -> Reported:
    """Give one report to all tests that look at it."""
    return reported(new_workplace())
