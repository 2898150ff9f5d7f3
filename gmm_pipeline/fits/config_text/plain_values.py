"""Settings as plain data: numbers and arrays of NumPy, which programs pass, cannot be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def without_numpy(value: Any) -> Any:
    """Return settings with Python's numbers and lists in the place of NumPy's."""
    if isinstance(value, Mapping):
        return {name: without_numpy(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_numpy(each) for each in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
