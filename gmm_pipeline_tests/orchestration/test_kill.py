import contextlib
import itertools
import pathlib
import signal
import time
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from workplace import Workplace, results

from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.manifest import FileFacts
from gmm_pipeline.store.names import encode_name

STAGES = ["raw", "sketch", "model", "feature_rank", "transformed"]
ROWS = 300_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("source") / "t.parquet"
    pl.DataFrame(
        {
            "heavy": rng.standard_cauchy(ROWS),
            "a/b": rng.integers(0, 10**6, ROWS),
            "text": rng.choice(["a", "b", "c"], ROWS),
        }
    ).write_parquet(path)
    return path


def drafted(stage: str) -> Callable[[pathlib.Path], bool]:
    """A draft of the stage is there that holds a file, or its result is."""

    def reached(fit: pathlib.Path) -> bool:
        # Folders of drafts may go while they are looked at.
        with contextlib.suppress(FileNotFoundError):
            return any(fit.glob(f"*/.drafts/{stage}-*/*")) or any(
                fit.glob(f"*/manifests/{stage}-*.json")
            )
        return False

    return reached


def made(results: int) -> Callable[[pathlib.Path], bool]:
    """So many manifests are there."""
    return lambda fit: sum(1 for _ in fit.glob("*/manifests/*.json")) >= results


MOMENTS = [drafted("raw"), drafted("transformed"), made(12)]


def whole_results(fit: pathlib.Path, columns: list[str]) -> int:
    """Count the results that are visible, after checking that each is as its manifest says."""
    seen = 0
    for column, stage in itertools.product(columns, STAGES):
        folder = ColumnFolder(fit / encode_name(column))
        result = folder.result(stage)
        if result is None:
            assert not (folder.path / stage).exists(), (
                f"{column}/{stage} is there without a manifest"
            )
            continue
        seen += 1
        files = {name: FileFacts.of(result.file(name)) for name in result.manifest.files}
        assert files == result.manifest.files
        found = [path for path in result.folder.resolve().rglob("*") if path.is_file()]
        assert len(found) == len(files), (
            f"{column}/{stage} holds files that its manifest does not know"
        )
    return seen


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_results(
    new_workplace: Callable[[], Workplace], workplace: Workplace, source: pathlib.Path
) -> None:
    undisturbed = new_workplace()
    assert undisturbed.call("run", source, "--fit", "t").status == 0
    columns = pl.scan_parquet(source).collect_schema().names()
    fit = workplace.store / "t"

    seen = []
    for reached in MOMENTS:
        with workplace.start("gmm-pipeline", "run", source, "--fit", "t") as process:
            while process.poll() is None and not reached(fit):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL, "the run ended before the moment came"
        seen.append(whole_results(fit, columns))
        assert workplace.call("status", "--fit", "t").status == 0

    again = workplace.call("run", source, "--fit", "t")

    assert again.status == 0, again.err
    assert seen == sorted(seen), "a result was lost"
    assert seen[0] < seen[-1] < len(columns) * len(STAGES), "the moments do not spread over the run"
    assert whole_results(fit, columns) == len(columns) * len(STAGES)
    assert results(fit) == results(undisturbed.store / "t")
    assert not list(fit.glob("*/.drafts/*"))
