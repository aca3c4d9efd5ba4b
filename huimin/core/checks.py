"""System checks: bad configuration is told with its remedy before it does harm."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection
from django.db.utils import Error as DatabaseError

from huimin.core import clock, crypto
from huimin.core.values import workdays
from huimin.env import BadSetting


@register(Tags.security)
def keyring(**_: Any) -> list[CheckMessage]:
    try:
        crypto.require_keys()
    except BadSetting as error:
        return [
            Error(str(error), hint="run.py makes one; production sets HUIMIN_KEYRING_FILE", id="huimin.E001")
        ]
    return []


@register(Tags.database, deploy=True)
def two_roles(**_: Any) -> list[CheckMessage]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT pg_has_role(current_user, tableowner, 'USAGE') FROM pg_tables
                   WHERE schemaname = current_schema() AND tablename = 'core_auditevent'"""
            )
            row = cursor.fetchone()
    except DatabaseError:
        return []
    if row and row[0]:
        return [
            Warning(
                "The app connects with the role that owns the tables.",
                hint="migrate with DATABASE_OWNER_URL and give DATABASE_URL the app role",
                id="huimin.W001",
            )
        ]
    return []


@register(deploy=True)
def messages_have_a_way(**_: Any) -> list[CheckMessage]:
    """A message whose channel has no provider waits in the outbox for ever, and whoever it was for is not told."""
    missing = sorted({"sms"} - set(settings.MESSAGE_PROVIDERS))
    return (
        [
            Warning(
                f"No provider for messages by {', '.join(missing)}: they wait in the outbox.",
                hint='HUIMIN_MESSAGE_PROVIDERS={"sms": "package.module.Class"}; "off" sends none of a channel',
                id="huimin.W003",
            )
        ]
        if missing
        else []
    )


@register(Tags.database, deploy=True)
def clock_not_moved(**_: Any) -> list[CheckMessage]:
    """Production runs on the real date; the demo's clock may be moved."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT shift <> interval '0' FROM core_clock")
            row = cursor.fetchone()
    except DatabaseError:
        return []
    if row and row[0]:
        return [
            Error("The business clock is moved.", hint="manage.py business_clock --reset", id="huimin.E002")
        ]
    return []


@register(Tags.database, deploy=True)
def calendar_is_loaded(**_: Any) -> list[CheckMessage]:
    """Terms in 工作日 that run into a year whose 放假安排 is not loaded end on guessed days.

    A database without a county has no terms yet, and is not asked.
    """
    try:
        today = clock.today()
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM core_division LIMIT 1")
            if cursor.fetchone() is None:
                return []
            cursor.execute(
                "SELECT day, is_workday FROM core_calendarday WHERE day >= %s", [f"{today.year}-01-01"]
            )
            calendar = dict(cursor.fetchall())
    except DatabaseError:
        return []
    missing = workdays.uncertain_years(today, workdays.planned_until(today), calendar)
    return (
        [
            Warning(
                f"The work calendar lacks the holidays of {', '.join(map(str, missing))}.",
                hint="manage.py fill_calendar --file days.csv, once the State Council has published them",
                id="huimin.W004",
            )
        ]
        if missing
        else []
    )
