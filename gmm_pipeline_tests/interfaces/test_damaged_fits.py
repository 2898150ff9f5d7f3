"""What a damaged file of a fit touches: the commands that need it, and no other fit."""

import shutil
from collections.abc import Callable

import polars as pl
import pytest
from workplace import Workplace


@pytest.fixture(scope="module")
def two_fits(new_workplace: Callable[[], Workplace]) -> Workplace:
    """A workplace with the fits t and u of the same rows."""
    workplace = new_workplace()
    for name in "tu":
        pl.DataFrame({"x": ["a", "b"]}).write_parquet(workplace.path / f"{name}.parquet")
    assert workplace.call("run", "t.parquet").status == 0
    assert workplace.call("run", "u.parquet").status == 0
    return workplace


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"{}", b"[]"])
def test_a_damaged_spec_is_told_by_file_and_the_rest_goes_on(
    two_fits: Workplace, content: bytes
) -> None:
    spec = two_fits.store / "t" / "fit.json"
    spec.write_bytes(content)

    refused = two_fits.call("status", "--fit", "t")
    listed = two_fits.call("fits", "--json")

    assert refused.status == 2
    assert (
        f"{spec} is damaged. Write it again with `gmm-pipeline run SOURCE --fit t`" in refused.err
    )
    assert [(fit["fit"], fit["columns"]) for fit in listed.json()] == [("t", None), ("u", 1)]
    assert f"{spec} is damaged" in listed.err
    assert two_fits.call("show", "x", "--fit", "t").status == 0
    assert two_fits.call("status", "--fit", "u").status == 0
    export = ("export", "--fit", "t", "--out", "e.parquet")
    assert two_fits.call(*export).status == 0


def test_a_run_heals_a_damaged_spec(two_fits: Workplace) -> None:
    (two_fits.store / "t" / "fit.json").write_bytes(b"")

    ran = two_fits.call("run", "t.parquet", "--fit", "t")

    assert ran.status == 0
    assert "Everything is up to date" in ran.err
    assert two_fits.call("status", "--fit", "t").status == 0


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"3", b'"x"', b"{}"])
@pytest.mark.parametrize("file", ["source.json", "x/column.json", "x/results.json"])
def test_a_damaged_file_beside_it_ends_no_command_in_a_traceback(
    two_fits: Workplace, file: str, content: bytes
) -> None:
    shutil.rmtree(two_fits.store / "v", ignore_errors=True)
    shutil.copytree(two_fits.store / "u", two_fits.store / "v", symlinks=True)
    (two_fits.store / "v" / file).write_bytes(content)

    for command in (["status"], ["show", "x"], ["export", "--out", "e.parquet"]):
        finished = two_fits.call(*command, "--fit", "v")
        assert finished.status == 0, finished.err


def test_a_manifest_that_is_not_utf_8_is_told_and_healed_by_a_run(two_fits: Workplace) -> None:
    for manifest in (two_fits.store / "u" / "x" / "manifests").iterdir():
        manifest.write_bytes(b"\xff" + manifest.read_bytes())

    shown = two_fits.call("show", "x", "--fit", "u")

    assert shown.status == 2
    assert "column 'x'" in shown.err
    assert "is missing or damaged" in shown.err
    assert two_fits.call("run", "u.parquet").status == 0
    assert two_fits.call("show", "x", "--fit", "u").status == 0
