"""Draw `docs/layers.svg`: the layers of the package, as the contract in `pyproject.toml` has them.

python docs/layers_picture.py
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[1]
PICTURE = TOP / "docs" / "layers.svg"
CONTRACT = "Arrows point down"
PURPOSE = {
    "integrations": "CTGAN and PyTorch on encoded tables",
    "interfaces": "command line, Python class, report",
    "definitions": "the module that Dagster loads",
    "defs": "what it loads: datasets, the demo, fits of the store",
    "components": "for your Dagster project",
    "orchestration": "Dagster: assets, checks, sensors, jobs",
    "fits": "what a fit is, and what is left to do for it; no Dagster",
    "tables": "where rows come from",
    "engines": "how rows are passed over",
    "store": "where results live",
    "pictures": "what people see",
    "arrow": "between Arrow and the core",
    "core": "numbers only: sketch, mixture, modes, coding",
    "atomic_write": "files that appear complete or not at all",
    "file_lock": "one process at a time",
    "errors": "what went wrong, where, and what to do",
}
"""A layer without an entry is an error: the drawing has to say what it is for."""
WIDTH, HEIGHT, GAP, MARGIN = 760, 46, 8, 4
STYLE = """
text { font-family: sans-serif; font-size: 13px; fill: #1f2933 }
.name { font-weight: bold }
.what { font-size: 11px }
rect { fill: #eef2f7; stroke: #7b8794 }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb }
  rect { fill: #323f4b; stroke: #9aa5b1 }
}
"""


def layers() -> list[list[str]]:
    """Return the layers from the top down, each as the packages that stand side by side."""
    with (TOP / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    rows = next(each["layers"] for each in contracts if each["name"] == CONTRACT)
    return [[name.strip().rpartition(".")[2] for name in re.split(r"[|:]", row)] for row in rows]


def drawing() -> str:
    """Return the layers as SVG: one row of boxes each; a box may use those of the rows below."""
    rows = layers()
    height = len(rows) * (HEIGHT + GAP) - GAP + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The layers of gmm_pipeline: each may use those below it</title>",
        f"<style>{STYLE}</style>",
    ]
    for number, names in enumerate(rows):
        width = (WIDTH - 2 * MARGIN - GAP * (len(names) - 1)) / len(names)
        y = MARGIN + number * (HEIGHT + GAP)
        for place, name in enumerate(names):
            x = MARGIN + place * (width + GAP)
            what = PURPOSE[name]
            middle = f"{x + width / 2:.1f}"
            lines += [
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{HEIGHT}" rx="4"/>',
                f'<text class="name" text-anchor="middle" x="{middle}" y="{y + 19}">{name}</text>',
                f'<text class="what" text-anchor="middle" x="{middle}" y="{y + 36}">{what}</text>',
            ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawing(), encoding="utf-8")
