"""Counting days: calendar days (自然日) and working days (工作日), by the calendar that the caller gives.

The calendar maps dates to "is a working day", for the years whose 放假安排 the State Council has published (放假调休 moves
weekends): every day of them, or the announced ones alone. A day it lacks counts as working from Monday to Friday;
uncertain_years() says which years a result guessed at, and guessed() says it to people.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

Calendar = Mapping[date, bool]
FIRST_YEAR, LAST_YEAR = 2004, 2026  # what the package chinesecalendar 1.11 knows
_DAY = timedelta(days=1)
_WEEKDAYS = 5
# 元旦、劳动节、国庆节: holidays on fixed dates, which every published arrangement of a year names
_MARKS = ((1, 1), (5, 1), (10, 1))
_PUBLISHED_FROM = 11  # the month in which the next year's arrangement comes out


class DayKind(StrEnum):
    NATURAL = "natural"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class NoticeDays:
    """How long a notice hangs, as the policy says: 10 自然日含首日, 7 工作日, …"""

    days: int
    kind: DayKind
    count_first: bool

    def last_day(self, start: date, calendar: Calendar) -> date:
        """The last full day of a notice posted on `start`; the next step may be taken on the day after."""
        return add_days(start, self.days, self.kind, calendar, count_first=self.count_first)

    @property
    def label(self) -> str:
        unit = "个工作日" if self.kind == DayKind.WORK else "个自然日"
        return f"{self.days}{unit}，{'含' if self.count_first else '不含'}公示当日"


def is_workday(day: date, calendar: Calendar) -> bool:
    known = calendar.get(day)
    return day.weekday() < _WEEKDAYS if known is None else known


def add_days(start: date, days: int, kind: DayKind, calendar: Calendar, *, count_first: bool = False) -> date:
    """The last of `days` days after `start`, or from `start` on where day one counts.

    A working-day term whose first day is a holiday begins on the next working day. A natural-day term may end on a
    holiday: none of the notices studied postponed it. ValueError unless days is at least 1.
    """
    if days < 1:
        raise ValueError("a term has at least one day")
    if kind == DayKind.NATURAL:
        return start + timedelta(days=days - count_first)
    day = start - _DAY if count_first else start
    while days:
        day += _DAY
        days -= is_workday(day, calendar)
    return day


def uncertain_years(first: date, last: date, calendar: Calendar) -> tuple[int, ...]:
    """Years between the two days, both included, whose 放假安排 the calendar does not hold.

    `calendar` must reach over the whole of these years: one is held when the fixed holidays are in it.
    """
    years = range(first.year, last.year + 1)
    return tuple(
        year for year in years if not all(date(year, month, day) in calendar for month, day in _MARKS)
    )


def guessed(years: Iterable[int]) -> str:
    """What to tell about a last day that was counted through years not held; empty where there are none."""
    named = "、".join(map(str, years))
    return (
        f"{named}年的放假安排还没有公布，或没有载入工作日历：期满日按周一至周五推算，可能变动。"
        if named
        else ""
    )


def planned_until(today: date) -> date:
    """The last day that the calendar should reach by now: this year's, from November on the next year's."""
    return date(today.year + (today.month >= _PUBLISHED_FROM), 12, 31)


def seed_years() -> Iterator[tuple[date, bool, str]]:
    """Every day of 2004–2026: (date, is a working day, name). The name is empty on ordinary days; on a weekend that is worked
    it names the holiday that it makes up for, as 春节调休上班."""
    import chinese_calendar  # noqa: PLC0415  a big table that only seeding needs

    day = date(FIRST_YEAR, 1, 1)
    while day.year <= LAST_YEAR:
        off, english = chinese_calendar.get_holiday_detail(day)
        moved = chinese_calendar.workdays.get(day)
        label = chinese_calendar.Holiday(moved or english).chinese if moved or english else ""
        yield day, not off, f"{label}调休上班" if label and not off else label
        day += _DAY
