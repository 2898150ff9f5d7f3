"""Hooks of mkdocs: pages that stand outside of `docs`, and a check that no page loads from others.

The README is the first page. The other pages are where repositories are expected to have them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

TOP = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "CHANGELOG.md": "CHANGELOG.md",
}
LOADED = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=\"?(?:https?:)?//|<link[^>]*\shref=\"?https?://"
)
"""What a browser fetches from another host by itself; plain links are none of it."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the top folder, with links as the site has them."""
    for name, page in PAGES.items():
        text = (TOP / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Return a page of `docs` with links to pages of the top folder as the site has them."""
    for name, page in PAGES.items():
        markdown = markdown.replace(f"](../{name}", f"]({page}")
    return markdown


def on_post_page(output: str, **_: object) -> str:
    """Return the page; raise PluginError if it loads anything from another host."""
    if found := LOADED.search(output):
        raise PluginError(f"a page loads from another host: {found.group()}")
    return output
