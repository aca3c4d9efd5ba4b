"""Moving the business clock: needs the owner's connection, and is refused in production."""

from __future__ import annotations

import re
from datetime import timedelta

import psycopg
from django.conf import settings
from django.db import connection

from huimin.core import clock
from huimin.core.errors import BadInput, Refused

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def parse_span(text: str) -> timedelta:
    """7d, -60d, 12h, 30m."""
    match = re.fullmatch(r"([+-]?\d+)([dhm])", text)
    if match is None:
        raise BadInput(f"看不懂“{text}”，要写成 7d、-60d、12h 这样。")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def advance(span: timedelta) -> timedelta:
    """Move the clock on by `span` (back when negative); returns the whole shift from real time."""
    return set_shift(clock.offset() + span)


def set_shift(shift: timedelta) -> timedelta:
    """Only the owner's role may write the clock, so this connects as the owner; it commits at once."""
    if settings.ENVIRONMENT == "production":
        raise Refused("正式环境不能移动业务时钟。")
    if not settings.DATABASE_OWNER_URL:
        raise Refused("移动业务时钟要有数据库属主的连接，请设置 DATABASE_OWNER_URL。")
    name = connection.settings_dict["NAME"]
    with psycopg.connect(settings.DATABASE_OWNER_URL, dbname=name) as owner:
        owner.execute("UPDATE core_clock SET shift = %s WHERE id = 1", [shift])
    return shift
