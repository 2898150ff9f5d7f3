"""The documents as the tests see them: pages, and the fenced blocks in them."""

import pathlib
import re
import shlex
from dataclasses import dataclass

from workplace import PROJECT

PAGES = (
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((PROJECT / "docs").glob("*.md")),
)
LANGUAGES = {"sh", "python", "yaml", "toml", "text"}
PENDING = "until "
"""A reason that begins so is of a block about what another change brings: it is not looked at."""
_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_FIRST = re.compile(r"<!-- run first: ([^\n]+) -->")
_FILE = re.compile(r"# (\w+\.(?:yaml|toml))\n")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and text, and why it does not run here, if it does not."""

    language: str
    text: str
    reason: str | None

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command, without comments; those after `&&` are commands as well."""
        lines = self.text.replace("\\\n", " ").splitlines()
        words = [shlex.split(line, comments=True) for line in lines]
        return [
            command
            for line in words
            for command in map(shlex.split, shlex.join(line).split("'&&'"))
            if command
        ]

    @property
    def file(self) -> str | None:
        """The name of a file that the block shows: the comment in its first line."""
        named = _FILE.match(self.text)
        return named and named[1]


def blocks(page: pathlib.Path) -> list[Block]:
    """Return the fenced blocks of a page, after the commands that it says to run first."""
    text = page.read_text(encoding="utf-8")
    first = [Block("sh", command, None) for command in _FIRST.findall(text)]
    shown = [Block(m["language"], m["text"], m["reason"]) for m in _BLOCK.finditer(text)]
    return first + shown


def without_blocks(page: pathlib.Path) -> str:
    """Return the prose of a page."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def links(page: pathlib.Path) -> list[str]:
    """Return where the links of a page lead."""
    return _LINK.findall(without_blocks(page))


def anchors(page: pathlib.Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and mkdocs name them."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()) for heading in headings)
    return {re.sub(r"\s+", "-", heading.strip()) for heading in plain}


def rows(page: pathlib.Path) -> list[list[str]]:
    """Return the cells of every row of the tables of a page that begins with a name in code."""
    lines = re.findall(r"^\| ?(`.+) ?\|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]
