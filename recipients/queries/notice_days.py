"""How long a notice hangs: the policy's term by the county's work calendar, and what to say where that is guessed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from huimin.core.models import CalendarDay
from huimin.core.values import workdays
from huimin.core.values.days import day_text
from huimin.core.values.workdays import DayKind, NoticeDays

if TYPE_CHECKING:
    from recipients.models import Notice
    from subsidies.models import PolicyVersion

_HORIZON = timedelta(days=200)  # days of the calendar that the longest term may need


def term_of(version: PolicyVersion) -> NoticeDays:
    kind = DayKind.WORK if version.notice_in_workdays else DayKind.NATURAL
    return NoticeDays(version.notice_days, kind, version.notice_counts_first)


def last_day(version: PolicyVersion, start: date) -> date:
    """The last full day of a notice posted on `start`, by the policy's term and the county's work calendar."""
    calendar = CalendarDay.objects.over(start, start + _HORIZON) if version.notice_in_workdays else {}
    return term_of(version).last_day(start, calendar)


def warning(first: date | None, last: date | None) -> str:
    """What to say of a term in 工作日 between the two days: empty when every year's 放假安排 is known, or without days."""
    if first is None or last is None:
        return ""
    return workdays.guessed(workdays.uncertain_years(first, last, CalendarDay.objects.over(first, last)))


def warning_before(version: PolicyVersion, start: date) -> str:
    """The same for a notice that is about to be posted on `start`."""
    return warning(start, last_day(version, start)) if version.notice_in_workdays else ""


def warning_of(notice: Notice) -> str:
    """The same for a posted notice; also where the calendar was changed since and now asks for more days."""
    version = notice.declaration.version
    if notice.withdrawn_at or not version.notice_in_workdays:
        return ""
    if guess := warning(notice.starts_on, notice.ends_on):
        return guess
    last = last_day(version, notice.starts_on)
    if last <= notice.ends_on:
        return ""
    return f"工作日历在张贴以后变过：按现在的日历应公示到{day_text(last)}。"
