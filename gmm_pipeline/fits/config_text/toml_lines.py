"""The lines of the keys of a TOML text, which Python's own reader does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import takewhile

from gmm_pipeline.fits.config_text.key_paths import KeyPath

_TOKEN = re.compile(
    r"""
    (?P<skipped>[ \t\r]+|\#[^\n]*)
    | (?P<text>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<mark>[\[\]{}=,.\n])
    | (?P<bare>[^\s\[\]{}=,."'\#]+)
    """,
    re.VERBOSE | re.DOTALL,
)


def toml_lines(text: str) -> dict[KeyPath, int]:
    """Return the line of each key and item by its path, counted from 1, of a text that is known to
    be TOML.
    """
    return _Scanner(text).lines()


class _Scanner:
    """Follows keys and brackets; of values it reads no more than where they end."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._position = 0
        self._lines: dict[KeyPath, int] = {}
        self._items: dict[KeyPath, int] = {}

    def lines(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._position < len(self._tokens):
            if self._take("\n"):
                continue
            if self._take("["):
                of_array = self._take("[")
                table = self._header(of_array=of_array)
            else:
                self._pair(table)
        return self._lines

    def _header(self, *, of_array: bool) -> KeyPath:
        line = self._line()
        table: KeyPath = ()
        for part in self._key():
            table = (*table, part)
            if table in self._items:
                table = (*table, self._items[table])
        if of_array:
            array = table[:-1] if isinstance(table[-1], int) else table
            self._items[array] = self._items.get(array, -1) + 1
            self._lines.setdefault(array, line)
            table = (*array, self._items[array])
            self._take("]")
        self._take("]")
        self._note(table, line)
        return table

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = (*table, *self._key())
        self._note(path, line)
        self._take("=")
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._take("{"):
            while not self._take("}"):
                if not self._take(",") and not self._take("\n"):
                    self._pair(path)
        elif self._take("["):
            item = 0
            while not self._take("]"):
                if not self._take(",") and not self._take("\n"):
                    self._note((*path, item), self._line())
                    self._value((*path, item))
                    item += 1
        else:
            ends = takewhile(
                lambda token: token[0] not in {"\n", ",", "]", "}"}, self._tokens[self._position :]
            )
            self._position += sum(1 for _ in ends)

    def _key(self) -> list[str]:
        parts = []
        while True:
            parts.append(_unquoted(self._tokens[self._position][0]))
            self._position += 1
            if not self._take("."):
                return parts

    def _note(self, path: KeyPath, line: int) -> None:
        for end in range(1, len(path) + 1):
            self._lines.setdefault(path[:end], line)

    def _line(self) -> int:
        return self._tokens[self._position][1]

    def _take(self, mark: str) -> bool:
        found = self._position < len(self._tokens) and self._tokens[self._position][0] == mark
        self._position += found
        return found


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skipped":
            yield match.group(), line
        line += match.group().count("\n")


def _unquoted(key: str) -> str:
    return str(tomllib.loads(f"key = {key}")["key"]) if key[0] in "\"'" else key
