"""Writes the figures of benchmarks into README and guide: those of a part between two marks, which
are comments there.

    uv run --group test python benchmarks/readme.py

Without files, those that `suite.py` keeps are taken. Parts without marks in a page are not shown
there.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from measuring import Figures
from suite import RESULTS

README = Path(__file__).parents[1] / "README.md"
PAGES = (README, README.parent / "docs" / "spark.md")
START, END = "<!-- figures: {part}, written by benchmarks/readme.py -->", "<!-- end of figures -->"


def figures_of(file: Path) -> str:
    """Return the figures of a part's file as Markdown, with the command and the machine that they
    come from.
    """
    figures = Figures.read(file)
    command = f"`benchmarks/{file.stem}.py`, {figures.place['day']}"
    return f"{importlib.import_module(file.stem).report(figures)}\n\n{command}: {figures.where}."


def written(page: str, files: list[Path]) -> str:
    """Return a page with the figures of files between the marks of their parts."""
    for file in files:
        start = START.format(part=file.stem)
        if start in page:
            before, _, rest = page.partition(start)
            page = f"{before}{start}\n\n{figures_of(file)}\n\n{END}{rest.partition(END)[2]}"
    return page


def main(arguments: list[str] | None = None) -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "files", nargs="*", type=Path, default=sorted(RESULTS.glob("*.json")), metavar="FILE"
    )
    options = parser.parse_args(arguments)
    for page in PAGES:
        page.write_text(written(page.read_text(), options.files))


if __name__ == "__main__":
    main()
