"""Round dates and times of day for axes."""

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
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 2, 3, 6)
_MONTH, _YEAR = 31, 366
_MONDAY = 4
"""1970-01-05 was one."""
_FURTHEST_DAYS = 10**14


def clock_ticks(low: Fraction, high: Fraction, most: int) -> list[Tick]:
    """Return round times of day within a range of seconds."""
    step = _clock_step(high - low, most)
    return [Tick(place, clock_text(place, step)) for place in multiples(step, low, high)]


def date_ticks(low: Fraction, high: Fraction, most: int) -> list[Tick]:
    """Return round days, months or years within a range of days since 1970."""
    if max(abs(low), abs(high)) > _FURTHEST_DAYS:
        return []
    span = high - low
    for days in _DAY_STEPS:
        if span / days <= most:
            start = Fraction(_MONDAY if days > 2 else 0)  # noqa: PLR2004
            places = [
                start + place for place in multiples(Fraction(days), low - start, high - start)
            ]
            return [Tick(place, date_text(int(place))) for place in places]
    for months in _MONTH_STEPS:
        if span / (months * _MONTH) <= most:
            return [
                Tick(Fraction(_days(month)), str(np.datetime64(month, "M")))
                for month in range(_month(low) // months * months, _month(high) + 1, months)
                if low <= _days(month) <= high
            ]
    years = max(int(round_step(span / _YEAR, most)), 1)
    first, last = _month(low) // 12 + 1970, _month(high) // 12 + 1970
    starts = {
        year: _days((year - 1970) * 12) for year in range(first // years * years, last + 1, years)
    }
    return [Tick(Fraction(day), str(year)) for year, day in starts.items() if low <= day <= high]


def moment_ticks(low: Fraction, high: Fraction, most: int) -> list[Tick]:
    """Return round dates, or times with their dates below, within a range of seconds since 1970."""
    step = _clock_step(high - low, most)
    if step == DAY:
        return [
            Tick(tick.at * DAY, tick.text, tick.under)
            for tick in date_ticks(low / DAY, high / DAY, most)
        ]
    ticks: list[Tick] = []
    day = None
    for place in multiples(step, low, high):
        under = "" if place // DAY == day else date_text(int(place // DAY))
        day = place // DAY
        ticks.append(Tick(place, clock_text(place % DAY, step), under))
    return ticks


def date_text(days: int) -> str:
    """Return days since 1970 as a date."""
    return str(np.datetime64(days, "D")) if abs(days) <= _FURTHEST_DAYS else f"day {days:,}"


def _clock_step(span: Fraction, most: int) -> Fraction:
    if span < most:
        return round_step(span, max(most * 2 // 3, 2))
    return Fraction(next((step for step in _CLOCK_STEPS if span / step <= most), DAY))


def clock_text(seconds: Fraction, step: Fraction) -> str:
    """Return seconds since midnight as a time, as fine as the step."""
    minutes, rest = divmod(seconds, _MINUTE)
    text = f"{int(minutes) // 60:02d}:{int(minutes) % 60:02d}"
    if step >= _MINUTE:
        return text
    places = 0
    while step * 10**places % 1:
        places += 1
    return f"{text}:{float(rest):0{3 + places if places else 2}.{places}f}"


def _month(days: Fraction) -> int:
    """Return the months since 1970 of a day."""
    return int(np.datetime64(int(days // 1), "D").astype("datetime64[M]").astype(np.int64))


def _days(month: int) -> int:
    """Return the first day of a month, both counted from 1970."""
    return int(np.datetime64(month, "M").astype("datetime64[D]").astype(np.int64))
