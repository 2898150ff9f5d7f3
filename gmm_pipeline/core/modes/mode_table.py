"""A column's Gaussian modes and tails as arrays, and the kernels that evaluate them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.modes import HALF_WIDTH_STDS, REACH, mixture_of

MAX_WIDTH_RATIO = 2.0**20
"""A mode this many times wider than another does not take values near that one's mean.

float32, written by the wide mode, would resolve a 32nd of the narrow one's half-width there.
"""


class ModeTable(NamedTuple):
    """Arrays of the mixture's components and of the tails; dropped components come last.

    A mode takes values up to `reach` half-widths from its mean. `floor` is added to every mode's
    probability. Modes wider than `coarse` do not take values near the narrowest one's mean.
    """

    n_gaussians: int
    means: NDArray[np.float64]
    half_widths: NDArray[np.float64]
    log_factors: NDArray[np.float64]
    reach: float
    floor: float
    coarse: float
    lowest_mean: float
    highest_mean: float
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    anchors: NDArray[np.float64]
    directions: NDArray[np.int64]
    bounds: NDArray[np.float64]


def mode_table(model: ColumnModel) -> ModeTable:
    """Return the table of a model."""
    mixture = mixture_of(model.gaussians + model.dropped)
    half_widths = HALF_WIDTH_STDS * mixture.stds
    # A component of weight 0 gets −inf, and so is never chosen.
    with np.errstate(divide="ignore"):
        log_factors = np.log(mixture.weights) - np.log(mixture.stds)
    keep = model.rules.extremes == "keep"
    tails = model.tails
    return ModeTable(
        n_gaussians=len(model.gaussians),
        means=mixture.means,
        half_widths=half_widths,
        log_factors=log_factors,
        reach=REACH if keep else np.inf,
        floor=model.rules.probability_floor,
        coarse=MAX_WIDTH_RATIO * float(half_widths[: len(model.gaussians)].min(initial=np.inf))
        if keep
        else np.inf,
        lowest_mean=float(mixture.means.min(initial=np.inf)),
        highest_mean=float(mixture.means.max(initial=-np.inf)),
        lows=np.array([tail.low for tail in tails], dtype=np.float64),
        highs=np.array([tail.high for tail in tails], dtype=np.float64),
        anchors=np.array([tail.anchor for tail in tails], dtype=np.float64),
        directions=np.array([tail.direction for tail in tails], dtype=np.int64),
        bounds=np.array([tail.bound for tail in tails], dtype=np.float64),
    )


@kernel
def _takes(x: float, k: int, table: ModeTable) -> bool:
    """Whether a Gaussian mode may take a value: it reaches it, and resolves the modes around it."""
    half_width = table.half_widths[k]
    if abs((x - table.means[k]) / half_width) > table.reach:
        return False
    # Only if some other mode is that much narrower; most columns never enter the loop.
    if half_width > table.coarse:
        smallest = half_width / MAX_WIDTH_RATIO
        for j in range(table.n_gaussians):
            if table.half_widths[j] < smallest and abs(x - table.means[j]) < smallest:
                return False
    return True


@kernel
def mode_probabilities(x: float, table: ModeTable, out: NDArray[np.float64]) -> float:
    """Write the Gaussian modes' posterior probabilities at x, not normalised; return their sum.

    Modes that may not take x get 0, and the sum is 0 if no mode may. `out` has room for the dropped
    components too: `floor` is added after normalising over all components, as in RDT and CTGAN.
    """
    largest = -np.inf
    for k in range(table.means.size):
        z = (x - table.means[k]) / table.half_widths[k]
        out[k] = -np.inf
        if k >= table.n_gaussians or _takes(x, k, table):
            out[k] = table.log_factors[k] - 0.5 * (HALF_WIDTH_STDS * z) * (HALF_WIDTH_STDS * z)
        if k < table.n_gaussians or table.floor > 0.0:
            largest = max(largest, out[k])
    if largest == -np.inf:
        return 0.0
    total = 0.0
    for k in range(table.means.size):
        # Relative to the largest, so that the sum is at least 1 however far out x lies.
        out[k] = np.exp(out[k] - largest)
        total += out[k]
    if table.floor == 0.0:
        total = 0.0
        for k in range(table.n_gaussians):
            total += out[k]
        return total
    floored = 0.0
    for k in range(table.n_gaussians):
        out[k] = out[k] / total + table.floor
        floored += out[k]
    return floored


@kernel
def tail_or_nearest_mode(x: float, table: ModeTable) -> int:
    """Return the mode of a value that no Gaussian mode may take: its tail, else the nearest mode.

    Beyond the outermost tails, the outermost tail takes it if it is open to that side.
    """
    n_tails = table.lows.size
    for t in range(n_tails):
        if table.lows[t] <= x <= table.highs[t]:
            return table.n_gaussians + t
    nearest, smallest = table.n_gaussians, np.inf
    for k in range(table.n_gaussians):
        distance = abs((x - table.means[k]) / table.half_widths[k])
        if distance < smallest:
            nearest, smallest = k, distance
    if n_tails > 0:
        if (
            x > table.highs[n_tails - 1]
            and x > table.highest_mean
            and table.directions[n_tails - 1] >= 0
        ):
            return table.n_gaussians + n_tails - 1
        if x < table.lows[0] and x < table.lowest_mean and table.directions[0] <= 0:
            return table.n_gaussians
    return nearest


@kernel
def sample_mode(x: float, draw: float, table: ModeTable, probabilities: NDArray[np.float64]) -> int:
    """Return the mode that a uniform draw selects at x; `probabilities` fits all components."""
    total = mode_probabilities(x, table, probabilities)
    if total == 0.0:
        return tail_or_nearest_mode(x, table)
    threshold = draw * total
    cumulative = 0.0
    chosen = 0
    for k in range(table.n_gaussians):
        # Modes of probability 0 must not be chosen, even if rounding leaves the sum below the draw.
        if probabilities[k] > 0.0:
            chosen = k
            cumulative += probabilities[k]
            if cumulative > threshold:
                break
    return chosen


@kernel
def most_likely_mode(x: float, table: ModeTable, probabilities: NDArray[np.float64]) -> int:
    """Return the most likely mode at x; `probabilities` fits all components."""
    if mode_probabilities(x, table, probabilities) == 0.0:
        return tail_or_nearest_mode(x, table)
    best = 0
    for k in range(table.n_gaussians):
        if probabilities[k] > probabilities[best]:
            best = k
    return best


@kernel
def value_in_mode(x: float, mode: int, table: ModeTable) -> float:
    """Return the value that encodes a coordinate in a Gaussian mode or a tail."""
    if mode < table.n_gaussians:
        value: float = (x - table.means[mode]) / table.half_widths[mode]
        return value
    t = mode - table.n_gaussians
    low, high, anchor = table.lows[t], table.highs[t], table.anchors[t]
    if table.directions[t] == 0:
        position = 2.0 * (x - low) / (high - low) - 1.0
    elif table.directions[t] > 0:
        position = (
            2.0 * np.log((x - anchor) / (low - anchor)) / np.log((high - anchor) / (low - anchor))
            - 1.0
        )
    else:
        position = 1.0 - 2.0 * np.log((anchor - x) / (anchor - high)) / np.log(
            (anchor - low) / (anchor - high)
        )
    scaled: float = table.bounds[t] * position
    return scaled


@kernel
def coordinate_in_mode(value: float, mode: int, table: ModeTable) -> float:
    """Return the coordinate that a value encodes in a Gaussian mode or a tail."""
    x: float
    if mode < table.n_gaussians:
        x = table.means[mode] + table.half_widths[mode] * value
        return x
    t = mode - table.n_gaussians
    low, high, anchor = table.lows[t], table.highs[t], table.anchors[t]
    position = value / table.bounds[t]
    if table.directions[t] == 0:
        x = low + (position + 1.0) / 2.0 * (high - low)
    elif table.directions[t] > 0:
        x = anchor + (low - anchor) * np.exp(
            (1.0 + position) / 2.0 * np.log((high - anchor) / (low - anchor))
        )
    else:
        x = anchor - (anchor - high) * np.exp(
            (1.0 - position) / 2.0 * np.log((anchor - low) / (anchor - high))
        )
    return x
