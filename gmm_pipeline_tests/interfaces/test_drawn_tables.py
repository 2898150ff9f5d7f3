"""Tables of any types and names come back as they were, or are refused by name; see the fuzzer."""

from fuzz import DrawnTable, check, drawn_tables
from hypothesis import given, settings


@given(drawn_tables())
@settings(max_examples=5)
def test_what_comes_back_is_what_went_in(drawn: DrawnTable) -> None:
    check(drawn)
