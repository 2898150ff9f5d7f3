"""A settings file as plain data, with what error messages need to say where a mistake is."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gmm_pipeline.errors import SettingsError
from gmm_pipeline.fits.config_text.key_paths import KeyPath, format_key_path
from gmm_pipeline.fits.config_text.yaml_lines import YamlSyntaxError, read_yaml

# How tomllib ends its messages.
_TOML_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class Document:
    """Settings from a file or from Python.

    Parameters
    ----------
    content : object
        Mappings, lists, text, numbers, booleans and None.
    name : str
        Path of the file; empty for settings that a program passes.
    lines : mapping of tuple to int
        Line of each key and list item by its path, counted from 1. Only YAML files have them: in
        TOML the key path is as easy to find.
    """

    content: Any
    name: str = ""
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def line(self, path: KeyPath) -> int:
        """Return the line of a path, or of the nearest path above it; 1 if there is none."""
        known = (
            self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines
        )
        return next(known, 1)

    def location(self, path: KeyPath) -> str:
        """Return the beginning of a message: file, line where known, and key path."""
        line = f", line {self.line(path)}" if self.lines else ""
        file = f"{self.name}{line}: " if self.name else ""
        return file + (f"{format_key_path(path)}: " if path else "")

    def existing_part(self, path: KeyPath) -> KeyPath:
        """Return the longest beginning of a path that the content has."""
        value = self.content
        for position, part in enumerate(path):
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return path[:position]
        return path


def read_document(path: Path) -> Document:
    """Read a .toml, .yaml, .yml or .json file.

    Dates stay text, and keys stay text as written, so `no` and `2013` can be column names.

    Raises
    ------
    SettingsError
        If the file does not exist or cannot be parsed; the message names the line.
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
    except RecursionError:
        raise SettingsError(
            f"{path}: values are nested too deeply", remedy="Remove brackets that do not belong"
        ) from None
    except ValueError as error:  # TOMLDecodeError, or a number of too many digits
        message = str(error)
        place = _TOML_PLACE.search(message)
        line = place["line"] if place and place["line"] else text.count("\n") + 1
        raise SettingsError(
            f"{path}, line {line}: invalid TOML: {_TOML_PLACE.sub('', message)}"
        ) from None
    return Document(_dates_as_text(content), str(path))


def _yaml(text: str, path: Path) -> Document:
    try:
        content, lines = read_yaml(text)
    except YamlSyntaxError as error:
        raise SettingsError(
            "\n".join(f"{path}, line {line}: {problem}" for line, problem in error.problems)
        ) from None
    return Document({} if content is None else content, str(path), lines)


def _dates_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dates_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value
