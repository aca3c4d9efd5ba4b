"""A day as people read it."""

from __future__ import annotations

from datetime import date


def day_text(day: date, today: date | None = None) -> str:
    """6月19日 in the year of `today`, in any other 2026年6月19日: a wrong year is seen."""
    text = f"{day.month}月{day.day}日"
    return text if today is not None and today.year == day.year else f"{day.year}年{text}"
