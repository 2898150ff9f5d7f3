"""`report`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import click

from gmm_pipeline.arrow.table_file import check_target
from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.fits.snapshots import view_remarks
from gmm_pipeline.fits.spec import source_files
from gmm_pipeline.interfaces.cli.display import stderr
from gmm_pipeline.interfaces.cli.options import fit_option, store_option
from gmm_pipeline.interfaces.cli.progress import count_in_bar
from gmm_pipeline.store.store import Store


@click.command()
@fit_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page to write: a .html file.",
)
@store_option
def report(fit: str, out: Path, store: Path) -> None:
    """Write one HTML page with a picture of every column of a fit. The page works offline.

    \b
    Examples:
      gmm-pipeline report --fit flights --out report.html
    """
    from gmm_pipeline.interfaces.report.gathering import fit_report
    from gmm_pipeline.interfaces.report.page import render

    folder = Store(store).require_present_fit(fit)
    check_target(out, source_files(folder), (".html", ".htm"))
    progress = partial(count_in_bar, description="drawing columns")
    with folder.reading() as view:
        contents = fit_report(view, datetime.now(UTC), version("gmm-pipeline"), progress)
        remarks = view_remarks(view)
    for remark in remarks:
        stderr().print(remark, markup=False)
    with atomic_write(out) as unfinished:
        unfinished.write_text(render(contents), encoding="utf-8")
    stderr().print(f"{len(contents.columns)} columns in {out.absolute()}", markup=False)
