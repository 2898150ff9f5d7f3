"""What importing a part of the package loads: nothing that the part can do without."""

import json
import pkgutil
import subprocess
import sys

import pytest

import gmm_pipeline.core

FRAMEWORKS = {"dagster", "pyspark", "polars", "pyarrow", "pydantic"}
CORE_MODULES = [
    module.name
    for module in pkgutil.walk_packages(gmm_pipeline.core.__path__, "gmm_pipeline.core.")
]


def loaded_by(statement: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after a statement."""
    names = "sorted({name.split('.')[0] for name in sys.modules})"
    code = f"{statement}\nimport json, sys\nprint(json.dumps({names}))"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(process.stdout))


def test_the_core_is_numbers_only() -> None:
    loaded = loaded_by("import " + ", ".join(CORE_MODULES))
    assert {"gmm_pipeline", "numpy"} <= loaded
    assert not loaded & FRAMEWORKS
    assert "numba" not in loaded, "kernels import it when they are called"
    assert len(CORE_MODULES) > 10


def test_the_package_alone_loads_no_framework() -> None:
    loaded = loaded_by("import gmm_pipeline")
    assert "gmm_pipeline" in loaded
    assert not loaded & (FRAMEWORKS | {"numba", "numpy"})


def test_the_encoder_is_loaded_without_what_only_some_tables_need() -> None:
    loaded = loaded_by("from gmm_pipeline import TableEncoder")
    assert "polars" in loaded
    assert not loaded & {"dagster", "numba", "pandas", "pyspark"}


def test_the_encoder_fits_and_transforms_without_dagster_spark_and_pandas() -> None:
    # PyArrow imports pandas by itself wherever that is installed; so it is not, here.
    loaded = loaded_by(
        "import sys\n"
        "class WithoutPandas:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'pandas':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, WithoutPandas())\n"
        "import polars as pl\n"
        "from gmm_pipeline import TableEncoder\n"
        "table = pl.DataFrame({'x': [0.1 * n * n for n in range(100)], 'kind': ['a', 'b'] * 50})\n"
        "encoder = TableEncoder(seed=0).fit(table)\n"
        "encoded = encoder.transform(table).collect()\n"
        "assert encoder.inverse_transform(encoded).collect().schema == table.schema\n"
    )
    assert {"polars", "pyarrow", "numba"} <= loaded
    assert not loaded & {"dagster", "pyspark", "py4j", "pandas"}


def test_definitions_are_loaded_without_what_only_runs_need() -> None:
    loaded = loaded_by("import gmm_pipeline.definitions")
    assert "dagster" in loaded
    assert not loaded & {"numba", "polars", "pyspark", "dagster_pyspark", "py4j", "pandas"}


def test_the_package_has_nothing_else_at_its_top() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'TableEncodr'"):
        _ = gmm_pipeline.TableEncodr  # type: ignore[attr-defined]
