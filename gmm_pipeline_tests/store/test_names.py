import pathlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gmm_pipeline.store.names import decode_name, encode_name

HOSTILE = [
    "../x",
    "a/b",
    ".",
    "..",
    "...",
    "a..b",
    "/etc/passwd",
    "~",
    "~2F",
    "-rf",
    ".hidden",
    "a, b",
    "[a]{b}",
    "a*?",
    "C:\\x|y",
    "line\nbreak",
    "nul\0",
    "ünïcödé 漢字 🙂",
    "e\u0301",
    "\ud800",
    "%2F",
]
UNWELCOME = set(" ,[]{}*?\\:|/\"'<>\n\t\0")

names = st.text(st.characters() | st.sampled_from("./~-_= A0"), min_size=1, max_size=30)
long_names = st.text(st.sampled_from("aA0./é漢~"), min_size=150, max_size=400)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_read_back(name: str) -> None:
    assert decode_name(encode_name(name)) == name


@given(names)
def test_names_are_read_back(name: str) -> None:
    assert decode_name(encode_name(name)) == name


@given(names | long_names, names | long_names)
def test_different_names_stay_different(one: str, other: str) -> None:
    assume(one != other)

    assert encode_name(one) != encode_name(other)


@given(long_names)
def test_names_that_are_too_long_are_cut_and_say_so(name: str) -> None:
    encoded = encode_name(name)

    if "~~" in encoded:
        with pytest.raises(ValueError, match="cut"):
            decode_name(encoded)
    else:
        assert decode_name(encoded) == name


@given(names | long_names | st.sampled_from(HOSTILE))
def test_encoded_names_are_plain_names_of_one_file(name: str) -> None:
    encoded = encode_name(name)

    assert not UNWELCOME & set(encoded)
    assert not encoded.startswith((".", "-"))
    assert ".." not in encoded
    assert 0 < len(encoded.encode()) <= 200
    assert pathlib.PurePosixPath("store", encoded).parts == ("store", encoded)
    assert pathlib.PureWindowsPath("store", encoded).parts == ("store", encoded)


@pytest.mark.parametrize("name", ["amount", "dep_delay", "x-1", "A.b", "größe", "k=v", "2024"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert encode_name(name) == name


def test_long_names_that_share_their_start_stay_different() -> None:
    assert encode_name("x" * 300) != encode_name("x" * 299 + "y")
