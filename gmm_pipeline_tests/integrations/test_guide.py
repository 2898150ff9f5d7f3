"""The examples of docs/training.md, run one after the other as they stand there, with fewer
epochs.
"""

import pathlib
import re
import subprocess
import sys
from typing import Any

import polars as pl
import pytest
from encoded_table import NEEDED, mixed_table
from workplace import PROJECT

GUIDE = PROJECT / "docs" / "training.md"


@pytest.mark.parametrize("package", ["torch", "ctgan"])
def test_a_missing_package_is_named(package: str) -> None:
    module = {
        "torch": "gmm_pipeline.integrations.torch",
        "ctgan": "gmm_pipeline.integrations.ctgan",
    }[package]
    named = {"torch": r"gmm-pipeline\[torch\]", "ctgan": "the package `ctgan`"}[package]
    code = f"import sys; sys.modules[{package!r}] = None; import {module}"

    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert process.returncode == 1
    assert re.search(f"ModuleNotFoundError: .*{named}", process.stderr)


def test_the_examples_of_the_guide_run(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason=NEEDED).set_num_threads(1)
    pytest.importorskip("ctgan", reason=NEEDED)
    monkeypatch.chdir(tmp_path)
    table = mixed_table(1500)
    table.write_parquet("table.parquet")
    names: dict[str, Any] = {}

    examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    for number, example in enumerate(examples):
        exec(  # noqa: S102 - the guide is ours
            compile(re.sub(r"epochs=\d+", "epochs=1", example), f"example {number}", "exec"), names
        )
        if "synthetic" in names:
            synthetic: pl.DataFrame = names.pop("synthetic")
            assert synthetic.schema == table.schema
            assert synthetic.height == 1000

    assert len(examples) == 4
    assert names["table"].schema == table.schema
    assert names["table"].height == names["real"].shape[0]
