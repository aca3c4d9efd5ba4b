"""Days as people read them, and as they are stored."""

from __future__ import annotations

from datetime import date, timedelta

from psycopg.types.range import DateRange


def day_text(day: date, today: date | None = None) -> str:
    """6月19日 in the year of `today`, in any other 2026年6月19日: a wrong year is seen."""
    text = f"{day.month}月{day.day}日"
    return text if today is not None and today.year == day.year else f"{day.year}年{text}"


def days_from(first: date, last: date | None) -> DateRange:
    """From day to day, both included, half-open as it is stored; without a last day for good."""
    return DateRange(first, last + timedelta(days=1) if last else None)
