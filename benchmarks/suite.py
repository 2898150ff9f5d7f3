"""Runs all benchmarks, each in a process of its own, and keeps their figures as JSON.

    uv run --group test --extra demo python benchmarks/suite.py

That takes hours, 24 GB of memory and 50 GB of disk. `--quick` checks in minutes that all run;
`--only` names parts. Options after `--` are passed to each of them. `readme.py` then writes the
figures into the README and the documents. `crashes.py` is not among them: it has no figures.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

PARTS = (
    "limits",
    "agreement",
    "peers",
    "scale",
    "overhead",
    "first_use",
    "growing",
    "quality",
    "engines_agree",
    "spark",
    "trillion",
)
HERE = Path(__file__).parent
RESULTS = HERE / "results"


def main(arguments: list[str] | None = None) -> None:
    """Run all parts; then fail if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="the folder of the JSON files"
    )
    parser.add_argument("--quick", action="store_true", help="few rows, to check that they run")
    parser.add_argument("further", nargs="*", help="options of the parts, after --")
    options = parser.parse_args(arguments)
    further = [*options.further, *(["--quick"] if options.quick else [])]
    failed = []
    for part in options.only:
        print(f"\n## {part}\n", flush=True)
        command = [
            sys.executable,
            str(HERE / f"{part}.py"),
            "--json",
            str(options.results / f"{part}.json"),
            *further,
        ]
        if subprocess.run(command, check=False).returncode:
            failed.append(part)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
