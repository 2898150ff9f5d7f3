import pathlib
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gmm_pipeline.store.names import decode_name, encode_key, encode_name

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


encodings = pytest.mark.parametrize("encode", [encode_name, encode_key])


@encodings
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_read_back(encode: Callable[[str], str], name: str) -> None:
    assert decode_name(encode(name)) == name


@encodings
@given(name=names)
def test_names_are_read_back(encode: Callable[[str], str], name: str) -> None:
    assert decode_name(encode(name)) == name


@encodings
@given(one=names | long_names, other=names | long_names)
def test_different_names_stay_different(encode: Callable[[str], str], one: str, other: str) -> None:
    assume(one != other)

    assert encode(one) != encode(other)


@given(names | long_names, names | long_names)
def test_a_key_is_no_folder_name_of_another_column(one: str, other: str) -> None:
    assume(one != other)

    assert encode_key(one) != encode_name(other)


@encodings
@given(name=long_names)
def test_names_that_are_too_long_are_cut_and_say_so(
    encode: Callable[[str], str], name: str
) -> None:
    encoded = encode(name)

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


@pytest.mark.parametrize(
    "name",
    [
        "Visit Duration (s)",
        "größe · 身長 e\u0301",
        "-rf",
        "snapshots",
        '50% <b>"it\'s"? *',
        "a.b..c",
        "{x: y}",
    ],
)
def test_keys_are_names_where_nothing_breaks(name: str) -> None:
    assert encode_key(name) == name


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a, b", "a~2C b"),
        ("a/b\\c", "a~2Fb~5Cc"),
        ("[a|b]", "~5Ba~7Cb~5D"),
        ("a...b", "a~2E~2E~2Eb"),
        ("..", "~2E~2E"),
        (" a\u00a0", "~20a~C2~A0"),
        ("tab\tnul\0", "tab~09nul~00"),
        ("~2F", "~7E2F"),
        ("\ud800", "~ED~A0~80"),
    ],
)
def test_what_breaks_lists_ranges_or_paths_of_keys_is_escaped(name: str, key: str) -> None:
    assert encode_key(name) == key
