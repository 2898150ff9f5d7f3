"""Numbers as people write them, and round ones for axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLAIN = range(-4, 6)
_MOST_DIGITS = 6
_MOST_PLACES = 20
_LONG = 1e12


@dataclass(frozen=True)
class Tick:
    """A mark of an axis.

    Parameters
    ----------
    at : Fraction
        In the units of the axis.
    text : str
    under : str
        A second line, where the first is not enough.
    """

    at: Fraction
    text: str
    under: str = ""


def order_of(value: Fraction) -> int:
    """Return the power of ten that a positive number starts at."""
    exponent = len(str(value.numerator)) - len(str(value.denominator))
    return exponent if Fraction(10) ** exponent <= value else exponent - 1


def round_step(span: Fraction, most: int, least: Fraction = Fraction(0)) -> Fraction:
    """Return the smallest of 1, 2, 5, 10 … that divides a span into at most so many parts, in
    multiples of `least`.
    """
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
    """Return round numbers within a range, and what they are counted from if they would be too long
    otherwise.

    Parameters
    ----------
    low, high : Fraction
    most : int
        So many at most, about.
    least : Fraction
        The step between values, of which ticks are multiples; 0 if there is none.
    """
    step = round_step(high - low, most, least)
    places = multiples(step, low, high)
    if not places:
        return [], ""
    largest = max(map(abs, places))
    if largest and order_of(largest) - order_of(step) >= _MOST_DIGITS:
        whole = Fraction(10) ** (order_of(high - low) + 1)
        start = low // whole * whole
        if start:
            marks = [
                Tick(place, "+" + number_text(place - start, step, high - start))
                for place in places
            ]
            return marks, f"from {decimal_text(start)}"
    return [Tick(place, number_text(place, step, largest)) for place in places], ""


def number_text(value: Fraction, step: Fraction, largest: Fraction) -> str:
    """Return a multiple of a step as text; numbers up to `largest` are written alike."""
    if not value:
        return "0"
    last = order_of(step) if step else order_of(abs(value))
    if order_of(abs(largest) or abs(value)) in _PLAIN and last >= _PLAIN.start - 2:
        return signed(f"{float(value):,.{max(0, -last)}f}")
    order = order_of(abs(value))
    mantissa = f"{float(value / Fraction(10) ** order):.{max(0, min(order - last, _MOST_DIGITS))}f}"
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    power = f"10{str(order).translate(_SUPERSCRIPTS)}"
    return signed({"1": power, "-1": f"-{power}"}.get(mantissa, f"{mantissa}·{power}"))


def decimal_text(value: Fraction) -> str:
    """Return a number with a finite decimal expansion in full, where that is short enough."""
    places = 0
    while value * 10**places % 1 and places < _MOST_PLACES:
        places += 1
    if value * 10**places % 1 or abs(value) >= Fraction(10) ** _MOST_PLACES:
        return value_text(float(value))
    return signed(f"{Decimal(int(value * 10**places)).scaleb(-places):,f}")


def value_text(value: float, digits: int = 5) -> str:
    """Return a number with so many digits."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else signed(f"{value:g}".replace("inf", "∞"))
    if 10 ** (digits - 1) <= abs(value) < _LONG:
        return signed(f"{value:,.0f}")
    shown = f"{value:.{digits}g}"
    if "e" in shown:
        mantissa, _, power = shown.partition("e")
        return signed(f"{mantissa}·10{str(int(power)).translate(_SUPERSCRIPTS)}")
    whole, dot, places = shown.partition(".")
    return signed(f"{int(float(whole)):,}{dot}{places}" if whole not in {"-0", "0"} else shown)


def share_text(share: float) -> str:
    """Return a share as a percentage of two digits or so; small ones do not become 0."""
    if not share:
        return "0 %"
    if not math.isfinite(share):
        return "–"
    percent = 100 * share
    if percent > 99 and percent != 100:  # noqa: PLR2004
        return f"{min(percent, 99.99):.4g} %"
    return f"{value_text(percent, 3 if percent >= 10 else 2)} %"  # noqa: PLR2004


def counted(number: int, noun: str) -> str:
    """Return a number of things, in the plural if they are not one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def signed(text: str) -> str:
    """Return text with a minus sign in place of a hyphen."""
    return text.replace("-", "−")


def apart(places: Sequence[float], widths: Sequence[float], gap: float = 8.0) -> list[int]:
    """Return which of some centred labels can stand beside each other, the first ones having
    precedence.
    """
    kept: list[int] = []
    for number, (place, width) in enumerate(zip(places, widths, strict=True)):
        if all(abs(place - places[other]) >= (width + widths[other]) / 2 + gap for other in kept):
            kept.append(number)
    return kept
