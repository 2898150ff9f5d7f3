"""What Dagster loads by itself: the datasets of a file, or the demo, and what is in the store."""

import json
import pathlib
import subprocess
import sys

import polars as pl
import pytest
from workplace import PROJECT, Finished, Workplace

from gmm_pipeline.fits.demo import DEMO_FIT

FRAME = pl.DataFrame({"amount": [0.5 * number for number in range(100)]})
LISTED = """
import json
from gmm_pipeline.definitions import defs
repository = defs.get_repository_def()
print(json.dumps({
    "fits": sorted({key.path[0] for key in defs.resolve_asset_graph().materializable_asset_keys}),
    "jobs": sorted(job for job in repository.job_names if not job.startswith("__")),
    "schedules": {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs},
    "store": next(each.path for each in defs.resources.values() if type(each).__name__ == "StoreResource"),
}))
"""
BY_DG = f"""
import pathlib
import dagster as dg
from gmm_pipeline.definitions import defs
found = dg.load_from_defs_folder(path_within_project=pathlib.Path({str(PROJECT)!r}))
for keys in (lambda defs: defs.resolve_asset_graph().get_all_asset_keys(),
             lambda defs: {{job.name for job in defs.jobs}}):
    assert keys(found) == keys(defs)
"""


def loaded(workplace: Workplace, statement: str, **environment: str) -> Finished:
    """Run a statement in a fresh interpreter, in this folder and with these variables alone."""
    done = subprocess.run(
        [sys.executable, "-c", statement],
        cwd=workplace.path,
        env={"PATH": "", "HOME": str(workplace.path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def listed(workplace: Workplace, **environment: str) -> dict[str, object]:
    done = loaded(workplace, LISTED, **environment)
    assert done.status == 0, done.err
    found: dict[str, object] = done.json()
    return found


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    FRAME.write_parquet(workplace.path / "t.parquet")
    datasets = {
        "sales": {"source": "t.parquet", "schedule": "0 3 * * 1"},
        "visits": {"source": "not/there/*.parquet"},
    }
    (workplace.path / "datasets.yaml").write_text(
        json.dumps({"store": "results", "datasets": datasets})
    )
    return workplace


def test_without_a_file_the_demo_is_shown(place: Workplace) -> None:
    found = listed(place)

    assert found["fits"] == [DEMO_FIT]
    assert found["store"] == str(place.path / "gmm_store")
    assert not (place.path / "gmm_store").exists()


def test_the_datasets_of_the_file_are_shown_with_the_fits_of_the_store(place: Workplace) -> None:
    assert (
        place.call("run", "t.parquet", "--fit", "other", "--store", place.path / "results").status
        == 0
    )

    found = listed(place, GMM_PIPELINE_CONFIG="datasets.yaml")

    assert found["fits"] == ["other", "sales", "visits"]
    assert found["jobs"] == [
        f"{fit}_{job}" for fit in ("other", "sales", "visits") for job in ("job", "run")
    ]
    assert list(found["schedules"].values()) == ["0 3 * * 1"]
    assert found["store"] == str(place.path / "results")


def test_the_store_of_the_environment_takes_precedence(place: Workplace) -> None:
    found = listed(place, GMM_PIPELINE_CONFIG="datasets.yaml", GMM_PIPELINE_STORE="elsewhere")

    assert found["store"] == str(place.path / "elsewhere")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "datasets:\n  sales:\n    sauce: t\n",
            "datasets.sales.sauce: unknown setting. Did you mean 'source'?",
        ),
        (None, "datasets.yaml does not exist"),
    ],
)
def test_a_mistake_keeps_definitions_from_loading_and_is_told(
    place: Workplace, text: str | None, told: str
) -> None:
    file = pathlib.Path(place.path / "datasets.yaml")
    file.unlink()
    if text is not None:
        file.write_text(text)

    done = loaded(place, "import gmm_pipeline.definitions", GMM_PIPELINE_CONFIG="datasets.yaml")

    assert done.status == 1
    assert told in done.err


def test_dg_finds_the_same_definitions_in_the_folder_of_its_kind(place: Workplace) -> None:
    done = loaded(place, BY_DG, GMM_PIPELINE_CONFIG="datasets.yaml")

    assert done.status == 0, done.err
