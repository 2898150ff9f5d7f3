"""The presets: settings that reproduce the conventions of other encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CTGAN = {
    "method": "dpgmm",
    "find_atoms": False,
    "extremes": "clip",
    "probability_floor": 1e-6,
    "out_of_range": "keep",
    "value_dtype": "float64",
}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "ctgan": _CTGAN,
    "ctab-gan+": {**_CTGAN, "drop_never_likeliest": True},
}
"""The settings of each preset; settings that are given explicitly take precedence.

Source: the encoders' own code. 1e-6 is what RDT and CTAB-GAN+ add to every probability before they
draw a mode.
"""
