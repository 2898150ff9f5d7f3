"""YAML as plain data, with the line of each key and list item."""

from __future__ import annotations

from typing import Any

import yaml

from gmm_pipeline.fits.config_text.key_paths import KeyPath

MOST_VALUES = 1_000_000
"""Values of a file once its aliases are expanded. A table of 10,000 columns with ten settings each
has a fifth of that; an alias bomb has billions."""
MOST_NESTED = 64
"""Levels of nesting. Settings have 7 (`datasets.NAME.column_settings.COLUMN.components[0][0]`);
PyYAML, which recurses, ends in a RecursionError at some 300."""

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"


class YamlSyntaxError(ValueError):
    """A text is not YAML, or is refused; `problems` are pairs of a line and what is wrong there."""

    def __init__(self, problems: list[tuple[int, str]]) -> None:
        self.problems = problems
        super().__init__(str(problems))


class _Loader(yaml.SafeLoader):
    """Keeps dates as text, and refuses deep nesting."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class declares it so
        first: [(tag, expression) for tag, expression in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Parse a value and all that is in it."""
        if self._level > MOST_NESTED:
            raise _refusal("values are nested too deeply", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        self._level += 1
        node = super().compose_node(parent, index)
        self._level -= 1
        return node


def read_yaml(text: str) -> tuple[Any, dict[KeyPath, int]]:
    """Return the content of a YAML text, and the line of each key and list item by its path.

    Raises
    ------
    YamlSyntaxError
        Also for what YAML parsers accept but nobody means: a key that a mapping has twice, an
        anchor within itself, aliases that expand to more than `MOST_VALUES` values, and more than
        `MOST_NESTED` levels.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        problems: list[tuple[int, str]] = []
        _check(node, {}, problems)
        if problems:
            raise YamlSyntaxError(sorted(problems))
        lines: dict[KeyPath, int] = {}
        return _content(loader, node, (), lines), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise YamlSyntaxError(
            [(line, f"invalid YAML: {error.problem or error.context}")]
        ) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise YamlSyntaxError([(line, f"invalid YAML: {error.reason}")]) from error


def _check(node: yaml.Node, sizes: dict[int, int], problems: list[tuple[int, str]]) -> int:
    """Return how many values a node expands to; visit each node once, however often it is aliased.

    Parameters
    ----------
    node : yaml.Node
    sizes : dict of int to int
        Of the nodes visited so far, by their ids; 0 for those that hold this one.
    problems : list of tuple
        Duplicate keys are added to it.
    """
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise _refusal("an anchor holds itself", node.start_mark)
        return sizes[id(node)]
    sizes[id(node)] = 0
    size = 1
    if isinstance(node, yaml.MappingNode):
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal("a key is not text", key.start_mark)
            line = key.start_mark.line + 1
            if key.value in first_lines and key.tag != _MERGE:
                first = first_lines[key.value]
                problems.append((line, f"duplicate key {key.value!r}, first in line {first}"))
            first_lines.setdefault(key.value, line)
            size += _check(value, sizes, problems)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_check(item, sizes, problems) for item in node.value)
    if size > MOST_VALUES:
        raise _refusal(f"aliases expand to more than {MOST_VALUES:,} values", node.start_mark)
    sizes[id(node)] = size
    return size


def _content(loader: _Loader, node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int]) -> Any:
    if len(path) > MOST_NESTED:
        raise _refusal("aliases are nested too deeply", node.start_mark)
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        mapping = {}
        for key, value in node.value:
            inner = (*path, str(key.value))
            lines[inner] = key.start_mark.line + 1
            mapping[str(key.value)] = _content(loader, value, inner, lines)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        items = []
        for position, item in enumerate(node.value):
            lines[(*path, position)] = item.start_mark.line + 1
            items.append(_content(loader, item, (*path, position), lines))
        return items
    try:
        return loader.construct_object(node)
    except ValueError as error:
        raise _refusal(str(error), node.start_mark) from error


def _refusal(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, mark)
