"""YAML and TOML files as plain data, with the line that each key and item stands in."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gmm_pipeline.errors import SettingsError
from gmm_pipeline.fits.config_text.key_paths import KeyPath, shown
from gmm_pipeline.fits.config_text.toml_lines import toml_lines
from gmm_pipeline.fits.config_text.yaml_lines import YamlSyntaxError, read_yaml

_TOML_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class Document:
    """What a file holds, or what a program gave.

    Parameters
    ----------
    content : object
        Mappings, lists, text, numbers, booleans and None.
    name : str
        The file's name; empty if there is no file.
    lines : mapping of tuple to int
        The line of each key and item, counted from 1, by its path from the top.
    """

    content: Any
    name: str = ""
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def line(self, path: KeyPath) -> int:
        """Return the line of a path, or of the longest part of it that is there; 1 for the top."""
        return next(
            (self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines),
            1,
        )

    def place(self, path: KeyPath) -> str:
        """Return the file, the line and the path, as messages begin with."""
        file = f"{self.name}, line {self.line(path)}: " if self.name else ""
        return file + (f"{shown(path)}: " if path else "")

    def known(self, path: KeyPath) -> KeyPath:
        """Return the longest part of a path that the content has."""
        value = self.content
        for position, part in enumerate(path):
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return path[:position]
        return path


def read_document(path: Path) -> Document:
    """Read a .toml, .yaml, .yml or .json file.

    Dates are read as text. Keys are text as they are written, so that `no` and `2013` may be names
    of columns.

    Raises
    ------
    SettingsError
        If there is no such file, or it cannot be read; it names the line.
    """
    if not path.is_file():
        raise SettingsError(
            f"settings file {path} does not exist", remedy="Give a .toml, .yaml or .yml file"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} is not UTF-8 text: {error}", remedy="Save it as UTF-8"
        ) from error
    return _toml(text, path) if path.suffix == ".toml" else _yaml(text, path)


def _toml(text: str, path: Path) -> Document:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _TOML_PLACE.search(message)
        line = place["line"] if place and place["line"] else text.count("\n") + 1
        raise SettingsError(
            f"{path}, line {line}: no TOML: {_TOML_PLACE.sub('', message)}"
        ) from None
    return Document(_without_dates(content), str(path), toml_lines(text))


def _yaml(text: str, path: Path) -> Document:
    try:
        content, lines = read_yaml(text)
    except YamlSyntaxError as error:
        raise SettingsError(
            "\n".join(f"{path}, line {line}: {problem}" for line, problem in error.problems)
        ) from None
    return Document({} if content is None else content, str(path), lines)


def _without_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_dates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_dates(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value
