"""`report`."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

from gmm_pipeline.arrow.table_file import check_target
from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.fits.plan import current_statuses
from gmm_pipeline.fits.snapshots import view_remarks
from gmm_pipeline.fits.spec import FitSpec, source_files
from gmm_pipeline.interfaces.cli.display import stderr
from gmm_pipeline.interfaces.cli.options import fit_option, store_option
from gmm_pipeline.interfaces.cli.progress import counted
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
    """Write a fit as one HTML page with a picture of every column. It works offline and needs
    nothing else.

    \b
    Examples:
      gmm-pipeline report --fit flights --out report.html
    """
    from gmm_pipeline.interfaces.report.gathering import column_report, fit_report
    from gmm_pipeline.interfaces.report.page import render

    folder = Store(store).require_present_fit(fit)
    check_target(out, source_files(folder), (".html", ".htm"))
    with folder.reading() as view:
        spec = FitSpec.model_validate(view.fit)
        statuses = current_statuses(spec, folder, view)
        columns = [
            column_report(status, view, spec.settings.of(status.column))
            for status in counted(statuses, "drawing columns")
        ]
        remarks = view_remarks(view)
    for remark in remarks:
        stderr().print(remark, markup=False)
    page = render(fit_report(spec, statuses, columns, datetime.now(UTC), version("gmm-pipeline")))
    with atomic_write(out) as partial:
        partial.write_text(page, encoding="utf-8")
    stderr().print(f"{len(columns)} columns in {out.absolute()}", markup=False)
