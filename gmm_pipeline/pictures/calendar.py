"""Dates and times of day as text, and round ones for axes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from gmm_pipeline.pictures.numbers import Tick, multiples, round_step

_MINUTE, _HOUR, DAY = 60, 3600, 86_400
_CLOCK_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
)
"""Steps that people divide days into, in seconds."""
_DAY_STEPS, _WEEKS = (1, 2, 7, 14), (7, 14)
_MONTH_STEPS = (1, 2, 3, 6)
_MONTH, _YEAR = 31, 366
"""Days that a month or year has at most."""
_MONDAY = 4
"""Weeks are counted from 1970-01-05."""
_FURTHEST_DAYS = 10**14
"""About as far as seconds in int64 reach; NumPy's dates reach further."""


def clock_ticks(low: Fraction, high: Fraction, most: int) -> list[Tick]:
    """Return round times of day within a range of seconds."""
    step = _clock_step(high - low, most)
    return [Tick(place, clock_text(place, step)) for place in multiples(step, low, high)]


def moment_ticks(low: Fraction, high: Fraction, most: int) -> list[Tick]:
    """Return round dates, or times above their dates, within a range of seconds since 1970."""
    step = _clock_step(high - low, most)
    if step == DAY:
        days = date_ticks(low / DAY, high / DAY, most)
        return [Tick(tick.at * DAY, tick.text) for tick in days]
    places = multiples(step, low, high)
    days_of = [place // DAY for place in places]
    return [
        Tick(place, clock_text(place % DAY, step), "" if day == before else date_text(day))
        for place, day, before in zip(places, days_of, [None, *days_of], strict=False)
    ]


def date_ticks(low: Fraction, high: Fraction, most: int) -> list[Tick]:
    """Return round days, months or years within a range of days since 1970."""
    if max(abs(low), abs(high)) > _FURTHEST_DAYS:
        return []
    span = high - low
    for days in _DAY_STEPS:
        if span / days <= most:
            start = _MONDAY if days in _WEEKS else 0
            places = multiples(Fraction(days), low - start, high - start)
            return [Tick(place + start, date_text(int(place) + start)) for place in places]
    years = max(int(round_step(span / _YEAR, most)), 1)
    step = next((months for months in _MONTH_STEPS if span / (months * _MONTH) <= most), 12 * years)
    first, last = ((1970 * 12 + _month_of(day)) // step for day in (low, high))
    months = [number * step - 1970 * 12 for number in range(first, last + 1)]
    ticks = [(_first_day(month), str(np.datetime64(month, "M"))) for month in months]
    return [
        Tick(Fraction(day), text.removesuffix("-01") if step % 12 == 0 else text)
        for day, text in ticks
        if low <= day <= high
    ]


def date_text(days: int) -> str:
    """Return days since 1970 as a date."""
    return str(np.datetime64(days, "D")) if abs(days) <= _FURTHEST_DAYS else f"day {days:,}"


def clock_text(seconds: Fraction, step: Fraction) -> str:
    """Return seconds since midnight as a time of day, with seconds if the step has any."""
    minutes, rest = divmod(int(seconds), _MINUTE)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return text if step >= _MINUTE else f"{text}:{rest:02d}"


def _clock_step(span: Fraction, most: int) -> Fraction:
    return Fraction(next((step for step in _CLOCK_STEPS if span / step <= most), DAY))


def _month_of(day: Fraction) -> int:
    """Return the month of a day, both counted from 1970."""
    return int(np.datetime64(int(day // 1), "D").astype("datetime64[M]").astype(np.int64))


def _first_day(month: int) -> int:
    """Return the first day of a month, both counted from 1970."""
    return int(np.datetime64(month, "M").astype("datetime64[D]").astype(np.int64))
