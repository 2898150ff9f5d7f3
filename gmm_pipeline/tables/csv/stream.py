"""The bytes and the text of CSV files: compressed or not, in any encoding."""

from __future__ import annotations

import codecs
import io
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from gmm_pipeline.errors import SourceError

SAMPLE_BYTES = 1 << 18
"""Bytes by which a file's dialect is found: thousands of lines of an ordinary table."""
UTF_8 = "utf-8"
_CODECS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
"""The first bytes of compressed files, and Arrow's names of the codecs."""
_XZ, _ZIP = b"\xfd7zXZ\x00", b"PK\x03\x04"
_MARKS = {
    codecs.BOM_UTF8: UTF_8,
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks; those of UTF-32 stand first, as one begins like that of UTF-16."""
_CP1252_ONLY = frozenset(range(0x80, 0xA0))
"""Bytes that are letters and quotes in cp1252, and control characters in latin-1."""


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, decompressed by what it holds, not by its name.

    Raises
    ------
    SourceError
        If it is an archive of several files, or damaged.
    """
    with path.open("rb") as file:
        start = file.read(6)
    codec = next((name for magic, name in _CODECS.items() if start.startswith(magic)), None)
    try:
        if start.startswith(_XZ):
            with lzma.open(path) as opened:
                yield opened
        elif start.startswith(_ZIP):
            with _open_zip(path) as opened:
                yield opened
        else:
            with pa.input_stream(str(path), compression=codec) as opened:
                yield opened
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise SourceError(
            f"file {path} cannot be read: {error}",
            remedy="Write the file again, or leave it out",
        ) from error


@contextmanager
def _open_zip(path: Path) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.namelist() if not member.endswith("/")]
        if len(members) != 1:
            raise SourceError(
                f"file {path} is an archive of {len(members)} files",
                remedy="Unpack it, and give the files or their folder",
            )
        with archive.open(members[0]) as opened:
            yield opened


def first_bytes(path: Path) -> bytes:
    """Return the first bytes of a file, decompressed: `SAMPLE_BYTES`, or all if it has fewer."""
    with open_bytes(path) as file:
        return bytes(file.read(SAMPLE_BYTES))


def find_encoding(path: Path, start: bytes) -> str:
    """Return the encoding of a file by its first bytes.

    Raises
    ------
    SourceError
        If it is not UTF-8 and has no byte order mark; the message names the likely encoding.
    """
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    if marked is not None:
        return marked
    # Nearly half of the bytes of Latin letters in UTF-16 are 0, and none in UTF-8.
    zeros = [start[offset::2].count(0) for offset in (0, 1)]
    if max(zeros) > len(start) // 8:
        likely = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
        raise encoding_error(path, likely, "holds a zero byte for nearly every letter")
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(start)
    except UnicodeDecodeError as error:
        line = start.count(b"\n", 0, error.start) + 1
        raise encoding_error(path, likely_encoding(start), f"is not UTF-8 in line {line}") from None
    return UTF_8


def likely_encoding(content: bytes) -> str:
    """Return the usual 8-bit encoding of Western text that some bytes are in."""
    return "cp1252" if _CP1252_ONLY & set(content) else "latin-1"


def encoding_error(path: Path, likely: str, problem: str) -> SourceError:
    """Return the error for a file of an encoding that nobody told."""
    return SourceError(
        f"file {path} {problem}",
        remedy=f"Say its encoding, which is probably {likely}: --csv encoding={likely}",
    )


def decode_start(path: Path, start: bytes, encoding: str) -> str:
    """Return the first bytes of a file as text, without a byte order mark.

    Raises
    ------
    SourceError
        If they are not text of the encoding.
    """
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeError as error:
        raise SourceError(
            f"file {path} is not {encoding}: {error}",
            remedy="Say another encoding: --csv encoding=NAME",
        ) from error
    return text.removeprefix("\ufeff")


class ByteStream(io.RawIOBase):
    """A stream of bytes that an iterator yields piece by piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer; 0 at the end."""
        target = memoryview(cast("bytearray", buffer))
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
