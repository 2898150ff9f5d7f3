"""YAML as plain data, with the line of each key and item."""

from __future__ import annotations

from typing import Any

import yaml

from gmm_pipeline.fits.config_text.key_paths import KeyPath

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"


class YamlSyntaxError(ValueError):
    """A text is no YAML that can be read; `problems` are lines and what is wrong there."""

    def __init__(self, problems: list[tuple[int, str]]) -> None:
        self.problems = problems
        super().__init__(str(problems))


class _Loader(yaml.SafeLoader):
    """Leaves dates as the text that they are."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class declares it so
        first: [(tag, expression) for tag, expression in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_yaml(text: str) -> tuple[Any, dict[KeyPath, int]]:
    """Return what a text holds, and the line of each key and item by its path; raise
    YamlSyntaxError.
    """
    try:
        return _read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise YamlSyntaxError([(line, f"no YAML: {error.problem or error.context}")]) from error
    except yaml.reader.ReaderError as error:
        raise YamlSyntaxError(
            [(text[: error.position].count("\n") + 1, f"no YAML: {error.reason}")]
        ) from error


def _read(text: str) -> tuple[Any, dict[KeyPath, int]]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        problems = _duplicates(node)
        if problems:
            raise YamlSyntaxError(sorted(problems))
        lines: dict[KeyPath, int] = {}
        return _content(loader, node, (), lines), lines
    finally:
        loader.dispose()


def _duplicates(top: yaml.Node) -> list[tuple[int, str]]:
    """Return the keys that a mapping has twice, which YAML forbids and parsers let the last of
    win.
    """
    found = []
    waiting, seen = [top], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.tag != _MERGE and lines.setdefault(str(key.value), line) != line:
                    found.append(
                        (line, f"{key.value!r} is there already, in line {lines[str(key.value)]}")
                    )
                waiting.append(value)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
    return found


def _content(
    loader: _Loader,
    node: yaml.Node,
    path: KeyPath,
    lines: dict[KeyPath, int],
    within: tuple[int, ...] = (),
) -> Any:
    if id(node) in within:
        raise yaml.composer.ComposerError(None, None, "an anchor holds itself", node.start_mark)
    within = (*within, id(node))
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        mapping = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is no text", key.start_mark
                )
            inner = (*path, str(key.value))
            lines[inner] = key.start_mark.line + 1
            mapping[str(key.value)] = _content(loader, value, inner, lines, within)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            lines[(*path, position)] = item.start_mark.line + 1
        return [
            _content(loader, item, (*path, position), lines, within)
            for position, item in enumerate(node.value)
        ]
    try:
        return loader.construct_object(node)
    except ValueError as error:
        raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error
