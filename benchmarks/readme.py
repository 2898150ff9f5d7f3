"""Write the figures of benchmarks into the README and the pages of `docs`.

    uv run --group test python benchmarks/readme.py

Figures go between two comments in the pages. By default, all files that `suite.py` keeps are
written. A part without its comments in a page is not shown there. A part whose module has a
function `brief` can also be shown `in brief`.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from measuring import Figures
from suite import RESULTS

TOP = Path(__file__).parents[1]
PAGES = (TOP / "README.md", TOP / "docs" / "benchmarks.md", TOP / "docs" / "spark.md")
START, END = "<!-- figures: {part}, written by benchmarks/readme.py -->", "<!-- end of figures -->"
VIEWS = {"{part}": "report", "{part} in brief": "brief"}
"""The names of a part in comments, and the function of its module that returns the Markdown."""


def figures_of(file: Path, view: str = "report") -> str:
    """Return the figures of a part's file as Markdown, with their command and machine."""
    figures = Figures.read(file)
    command = f"`benchmarks/{file.stem}.py`, {figures.place['day']}"
    report = getattr(importlib.import_module(file.stem), view)
    return f"{report(figures)}\n\n{command}: {figures.where}."


def insert_figures(page: str, files: list[Path]) -> str:
    """Return a page with the figures of files between the comments of their parts."""
    for file in files:
        for name, view in VIEWS.items():
            start = START.format(part=name.format(part=file.stem))
            if start in page:
                before, _, rest = page.partition(start)
                after = rest.partition(END)[2]
                page = f"{before}{start}\n\n{figures_of(file, view)}\n\n{END}{after}"
    return page


def main(arguments: list[str] | None = None) -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "files", nargs="*", type=Path, default=sorted(RESULTS.glob("*.json")), metavar="FILE"
    )
    options = parser.parse_args(arguments)
    for page in PAGES:
        page.write_text(insert_figures(page.read_text(), options.files))


if __name__ == "__main__":
    main()
