from collections.abc import Callable

import pytest
from workplace import Workplace
from written_report import WrittenReport, write_report


@pytest.fixture(scope="session")
def report(new_workplace: Callable[[], Workplace]) -> WrittenReport:
    """Give one report to all tests that look at it."""
    return write_report(new_workplace())
