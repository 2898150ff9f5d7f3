"""Settings checked against a pydantic model; every mistake by its place, with a suggestion."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gmm_pipeline.errors import SettingsError, did_you_mean
from gmm_pipeline.fits.config_text.documents import Document
from gmm_pipeline.fits.config_text.key_paths import KeyPath

M = TypeVar("M", bound=BaseModel)

# How pydantic marks an error in a key, not in its value.
_KEY = "[key]"
_QUOTED = re.compile(r"'([^']*)'")


def validate_document(document: Document, model: type[M]) -> M:
    """Return a document's content as a model; raise SettingsError that lists every mistake."""
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        mistakes = _mistakes(error, document, model)
        lines = [document.location(mistake.path) + mistake.text for mistake in mistakes]
        # No cause: Dagster prints causes last, and pydantic's words say less than these.
        raise SettingsError("\n".join(dict.fromkeys(lines))) from None


@dataclass(frozen=True)
class _Mistake:
    path: KeyPath
    text: str


def _mistakes(error: ValidationError, document: Document, model: type[BaseModel]) -> list[_Mistake]:
    """Return one mistake for each place, in the order of the lines.

    A value that fits none of several types has an error for each of them, which become one mistake.
    """
    by_place: dict[KeyPath, list[ErrorDetails]] = {}
    for details in error.errors():
        by_place.setdefault(document.existing_part(details["loc"]), []).append(details)
    mistakes = [
        _Mistake(path, _message(path, details, model))
        for path, found in by_place.items()
        for details in _grouped(found)
    ]
    return sorted(mistakes, key=lambda mistake: document.line(mistake.path))


def _grouped(found: Sequence[ErrorDetails]) -> Sequence[list[ErrorDetails]]:
    """Return each missing key by itself, and the other errors of a place together."""
    missing = [[details] for details in found if details["type"] == "missing"]
    others = [details for details in found if details["type"] != "missing"]
    return [*missing, *([others] if others else [])]


def _message(path: KeyPath, details: list[ErrorDetails], model: type[BaseModel]) -> str:
    first = details[0]
    if first["type"] == "missing":
        name = str(first["loc"][-1])
        return f"{name!r} is missing. Its description: {_description(model, (*path, name))}"
    if first["type"] == "extra_forbidden":
        return f"unknown setting. {did_you_mean(str(path[-1]), _fields(model, path[:-1]))}"
    if first["loc"][-1:] == (_KEY,):
        return "invalid name of a dataset. Use letters, digits and underscores"
    if first["type"] == "literal_error":
        hint = did_you_mean(str(first["input"]), _choices(first))
        return f"{first['input']!r} is not allowed. {hint}"
    reasons = _joined([_reason(each) for each in details])
    description = _description(model, path)
    explained = f". Its description: {description}" if description else ""
    return f"{_value(first['input'])} is not allowed: {reasons}{explained}"


def _choices(details: ErrorDetails) -> list[str]:
    return _QUOTED.findall(str(details.get("ctx", {}).get("expected", "")))


def _reason(details: ErrorDetails) -> str:
    if details["type"] in {"model_type", "dict_type"}:
        return "it should be a table of settings"
    if details["type"] in {"tuple_type", "list_type"}:
        return "it should be a list"
    return details["msg"].removeprefix("Value error, ").replace("Input should", "it should")


def _joined(reasons: Sequence[str]) -> str:
    """Return reasons as one: `it should be a valid boolean or a valid string`."""
    first, *others = dict.fromkeys(reasons)
    return " or ".join([first, *(reason.removeprefix("it should be ") for reason in others)])


def _value(value: Any) -> str:
    return "an empty value" if value is None else reprlib.repr(value)


def _description(model: type[BaseModel], path: KeyPath) -> str:
    """Return the description of a setting; for an item of a list or a table, that of the whole."""
    for end in range(len(path), 0, -1):
        parent = _model_at(model, path[: end - 1])
        if parent is not None:
            known = parent.model_fields.get(str(path[end - 1]))
            return (known.description or "") if known else ""
    return ""


def _fields(model: type[BaseModel], path: KeyPath) -> list[str]:
    found = _model_at(model, path)
    return [] if found is None else list(found.model_fields)


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """Return the model that the value at a path is checked by."""
    annotation: Any = model
    for part in path:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            known = annotation.model_fields.get(str(part))
            annotation = None if known is None else known.annotation
        else:
            annotation = get_args(annotation)[-1] if get_origin(annotation) is dict else None
    return (
        annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    )
