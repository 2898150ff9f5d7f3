"""`status` and `fits`: what a store holds, and what is left to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmm_pipeline.fits.plan import ColumnStatus, State, current_statuses
from gmm_pipeline.fits.snapshots import unpublished
from gmm_pipeline.fits.source_ledger import files_not_taken
from gmm_pipeline.fits.spec import last_spec, load_spec
from gmm_pipeline.fits.stages import MODEL, STAGES, TRANSFORMED
from gmm_pipeline.fits.verdicts import round_trip_in_words
from gmm_pipeline.interfaces.cli.display import print_json, print_table, stderr
from gmm_pipeline.interfaces.cli.options import fit_option, json_option, store_option
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.store import Store


@click.command()
@fit_option
@store_option
@json_option
def status(fit: str, store: Path, *, as_json: bool) -> None:
    """Show the state of each column and stage of a fit: done, stale, failed or missing.

    \b
    Examples:
      gmm-pipeline status --fit flights
      gmm-pipeline status --fit flights --json
    """
    folder = Store(store).require_present_fit(fit)
    spec = load_spec(folder)
    statuses, waiting = current_statuses(spec, folder), unpublished(spec, folder)
    not_taken = list(map(str, files_not_taken(spec.source, folder)))
    if as_json:
        print_json(
            {
                "fit": fit,
                "source": spec.source,
                "columns": [_status_entry(status) for status in statuses],
                "unpublished": waiting,
                "files_not_taken": not_taken,
            }
        )
        return
    rows = [
        [
            entry.column,
            *(stage.state.value for stage in entry.stages),
            _round_trip(entry),
            _notes(entry),
        ]
        for entry in statuses
    ]
    headings = ["column", *(stage.name for stage in STAGES), "round trip", "notes"]
    print_table(headings, rows, title=f"{fit}: {spec.source}")
    if waiting:
        stderr().print(
            "Readers do not see the newest results of these columns yet. A run publishes them at "
            f"its end; if none runs, call `gmm-pipeline retry`: {', '.join(waiting)}",
            markup=False,
        )
    for remark in not_taken:
        stderr().print(f"Not taken: {remark}", markup=False)


@click.command()
@store_option
@json_option
def fits(store: Path, *, as_json: bool) -> None:
    """List the fits in the store, with the generations that show, transform and inverse can use.

    \b
    Examples:
      gmm-pipeline fits
      gmm-pipeline transform new.parquet --fit sales@12 --out new_encoded.parquet
    """
    found = Store(store)
    entries = [_fit_entry(name, found.fit(name)) for name in found.fits()]
    for name in (entry["fit"] for entry in entries if entry["source"] is None):
        stderr().print(f"{found.fit(name).spec_path} is damaged.", markup=False)
    if as_json:
        print_json(entries)
        return
    print_table(
        ["fit", "columns", "source", "generation", "earlier"],
        [
            [
                entry["fit"],
                entry["columns"],
                entry["source"],
                entry["generation"],
                "\n".join(f"{each['fit']}  {each['created']:.16}" for each in entry["earlier"]),
            ]
            for entry in entries
        ],
    )


def _fit_entry(name: str, folder: FitFolder) -> dict[str, Any]:
    spec, snapshots = last_spec(folder), list(folder.snapshots.readable())
    return {
        "fit": name,
        "columns": None if spec is None else len(spec.columns),
        "source": None if spec is None else spec.source,
        "generation": snapshots[0].generation if snapshots else None,
        "earlier": [
            {"fit": f"{name}@{each.generation}", "created": each.created.isoformat()}
            for each in snapshots[1:]
        ],
    }


def _status_entry(status: ColumnStatus) -> dict[str, Any]:
    return {
        "column": status.column,
        "stages": {
            stage.stage.name: {
                "state": stage.state.value,
                "reason": stage.reason,
                "summary": None if stage.manifest is None else stage.manifest.summary,
            }
            for stage in status.stages
        },
    }


def _round_trip(status: ColumnStatus) -> str:
    manifest = status.of(TRANSFORMED).manifest
    return "–" if manifest is None else round_trip_in_words(manifest.summary)


def _notes(status: ColumnStatus) -> str:
    """Return why the first stage is not done; if all are, why the model was kept or fitted."""
    for stage in status.stages:
        if stage.state in {State.FAILED, State.STALE}:
            return f"{stage.stage.name}: {stage.reason}"
    model = status.of(MODEL).manifest
    return "" if model is None else str(model.summary.get("decision", ""))
