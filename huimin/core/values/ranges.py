"""Ranges of days beside one another: what of one is left by others, and what they share. Half-open, as they are stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from psycopg.types.range import DateRange


def _bounds(days: DateRange) -> tuple[date, date]:
    """First day and day after the last; open ends as the ends of the calendar, an empty range as none of its days."""
    if days.isempty:
        return date.min, date.min
    return days.lower or date.min, days.upper or date.max


def _between(first: date, until: date) -> list[DateRange]:
    if first >= until:
        return []
    return [DateRange(None if first == date.min else first, None if until == date.max else until)]


def less(days: DateRange, taken: Iterable[DateRange]) -> list[DateRange]:
    """The pieces of a range that none of the others has, in order."""
    left = _between(*_bounds(days))
    for other in taken:
        first, until = _bounds(other)
        if first < until:
            left = [piece for one in left for piece in _outside(one, first, until)]
    return left


def _outside(one: DateRange, first: date, until: date) -> list[DateRange]:
    lower, upper = _bounds(one)
    return [*_between(lower, min(upper, first)), *_between(max(lower, until), upper)]


def overlap(days: DateRange, others: Iterable[DateRange]) -> list[DateRange]:
    """The pieces of a range that one of the others has too."""
    lower, upper = _bounds(days)
    return [
        piece
        for first, until in map(_bounds, others)
        for piece in _between(max(lower, first), min(upper, until))
    ]
