"""One business clock for SQL, services and pages: business_now() = now() + an offset only the owner may set.

The demo and the tests move it; production must leave it at zero (`check --deploy` refuses an offset).
"""

from datetime import date, datetime, timedelta

from django.db import connection
from django.utils import timezone


def now() -> datetime:
    """Business time; inside a transaction it stands still, like the database's now()."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT business_now()")
        moment: datetime = cursor.fetchone()[0]
    return timezone.localtime(moment)


def today() -> date:
    return now().date()


def midnight() -> datetime:
    """When the day began that the trail calls today: by the wall clock, so that moving ours gives nobody a new day."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def offset() -> timedelta:
    with connection.cursor() as cursor:
        cursor.execute("SELECT shift FROM core_clock")
        row = cursor.fetchone()
    return row[0] if row else timedelta(0)
