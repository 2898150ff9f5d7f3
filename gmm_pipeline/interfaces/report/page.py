"""Renders a report as one HTML page."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gmm_pipeline.interfaces.report.contents import FitReport
from gmm_pipeline.pictures.markdown import HEADINGS
from gmm_pipeline.pictures.numbers import value_text
from gmm_pipeline.pictures.svg import STYLE, STYLE_ELEMENT, printable

_STYLE, _SCRIPT, _PAGE = "page.css", "page.js", "page.html"


def render(report: FitReport) -> str:
    """Return a report as one HTML page that loads nothing.

    Names of columns and categories are escaped. A Content-Security-Policy allows the page's own
    script and style alone, so a name that is HTML runs nothing even if escaping failed.
    """
    environment = Environment(
        loader=PackageLoader("gmm_pipeline.interfaces.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_without_control_characters,
    )
    environment.filters |= {
        "number": _number,
        "count": _count,
        "moment": _moment,
        "picture": _picture,
    }
    style, script = (_source(environment, name) for name in (_STYLE, _SCRIPT))
    style += STYLE
    return environment.get_template(_PAGE).render(
        report=report,
        headings=HEADINGS,
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        style_digest=_digest(style),
        script_digest=_digest(script),
    )


def _source(environment: Environment, name: str) -> str:
    if environment.loader is None:
        raise ValueError("templates have no loader")
    return environment.loader.get_source(environment, name)[0]


def _digest(text: str) -> str:
    """Return the digest by which a Content-Security-Policy names a script or a style."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _without_control_characters(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _picture(drawn: str) -> Markup:
    """Return a picture without its style sheet, which the page has once for all pictures."""
    return Markup(drawn.replace(STYLE_ELEMENT, ""))  # noqa: S704 - pictures escape their texts


def _number(value: float | None) -> str:
    return "–" if value is None else value_text(value)


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _moment(value: datetime | None) -> str:
    return "–" if value is None else value.strftime("%Y-%m-%d %H:%M UTC")
