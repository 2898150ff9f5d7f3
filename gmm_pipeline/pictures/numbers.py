"""Numbers as people write them, and round ones for axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLAIN = range(-4, 6)
"""Ticks of these powers of ten are written without an exponent: 0.0001 to 999,999."""
_MOST_DIGITS = 6
"""Ticks that would need more digits are counted from a round number that stands below the axis."""
_MOST_PLACES = 20
"""Numbers with more digits before or after the point are rounded: int64 has 19."""
_LONG = 1e12
"""Numbers from here on have an exponent, as 13 digits cannot be taken in at a glance."""


@dataclass(frozen=True)
class Tick:
    """A mark of an axis.

    Parameters
    ----------
    at : Fraction
        In the units of the axis.
    text : str
    under : str
        A second line: the date that a time of day belongs to.
    """

    at: Fraction
    text: str
    under: str = ""


def order_of(value: Fraction) -> int:
    """Return the largest n with 10**n <= value, for a positive value."""
    exponent = len(str(value.numerator)) - len(str(value.denominator))
    return exponent if Fraction(10) ** exponent <= value else exponent - 1


def round_step(span: Fraction, most: int, least: Fraction = Fraction(0)) -> Fraction:
    """Return the smallest of 1, 2, 5 · 10**n, or of multiples of `least`, with few in a span."""
    if span <= 0:
        return least or Fraction(1)
    rough = max(span / most, least)
    decade = Fraction(10) ** order_of(rough)
    step = next(decade * factor for factor in (1, 2, 5, 10) if decade * factor >= rough)
    return step if not least or step % least == 0 else -(-step // least) * least


def multiples(step: Fraction, low: Fraction, high: Fraction) -> list[Fraction]:
    """Return the multiples of a step within a range."""
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def number_ticks(
    low: Fraction, high: Fraction, most: int, least: Fraction = Fraction(0)
) -> tuple[list[Tick], str]:
    """Return round numbers within a range, and the caption that they need.

    Parameters
    ----------
    low, high : Fraction
    most : int
        About how many there may be.
    least : Fraction
        Ticks are multiples of it; 0 allows all.
    """
    step = round_step(high - low, most, least)
    places = multiples(step, low, high)
    if not places:
        return [], ""
    largest = max(map(abs, places))
    start = Fraction(0)
    if largest and order_of(largest) - order_of(step) >= _MOST_DIGITS:
        whole = Fraction(10) ** (order_of(high - low) + 1)
        start = low // whole * whole
    if not start:
        return [Tick(place, number_text(place, step, largest)) for place in places], ""
    texts = ["+" + number_text(place - start, step, high - start) for place in places]
    return list(map(Tick, places, texts)), f"from {decimal_text(start)}"


def number_text(value: Fraction, step: Fraction, largest: Fraction) -> str:
    """Return a multiple of a step as text, in the notation that suits the largest of its axis."""
    if not value:
        return "0"
    last = order_of(step)
    if order_of(largest) in _PLAIN and last >= _PLAIN.start - 2:
        return _signed(f"{float(value):,.{max(0, -last)}f}")
    order = order_of(abs(value))
    mantissa = f"{float(value / Fraction(10) ** order):.{max(0, min(order - last, _MOST_DIGITS))}f}"
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    power = f"10{str(order).translate(_SUPERSCRIPTS)}"
    return _signed({"1": power, "-1": f"-{power}"}.get(mantissa, f"{mantissa}·{power}"))


def decimal_text(value: Fraction) -> str:
    """Return a decimal number with all its digits, or rounded if those are too many."""
    places = next((n for n in range(_MOST_PLACES + 1) if value * 10**n % 1 == 0), None)
    if places is None or abs(value) >= Fraction(10) ** _MOST_PLACES:
        return value_text(float(value))
    return _signed(f"{Decimal(int(value * 10**places)).scaleb(-places):,f}")


def value_text(value: float, digits: int = 5) -> str:
    """Return a number rounded to so many digits."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else _signed(f"{value:g}".replace("inf", "∞"))
    if 10 ** (digits - 1) <= abs(value) < _LONG:
        return _signed(f"{value:,.0f}")
    shown = f"{value:.{digits}g}"
    if "e" in shown:
        mantissa, _, power = shown.partition("e")
        return _signed(f"{mantissa}·10{str(int(power)).translate(_SUPERSCRIPTS)}")
    whole, dot, places = shown.partition(".")
    return _signed(f"{int(float(whole)):,}{dot}{places}" if whole not in {"-0", "0"} else shown)


def share_text(share: float) -> str:
    """Return a share as a percentage of 2 or 3 digits; 0 % and 100 % are exact."""
    if not math.isfinite(share):
        return "–"
    percent = 100 * share
    if 99 < percent < 100:  # noqa: PLR2004 - 99.96 % is not to become 100 %
        return f"{min(percent, 99.99):.4g} %"
    return f"{value_text(percent, 3 if percent >= 10 else 2)} %"  # noqa: PLR2004 - 91.2 %, 8.6 %


def counted(number: int, noun: str) -> str:
    """Return a number of things: "1 row", "2 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _signed(text: str) -> str:
    """Write a minus sign in place of a hyphen."""
    return text.replace("-", "−")
