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


def offset() -> timedelta:
    with connection.cursor() as cursor:
        cursor.execute("SELECT shift FROM core_clock")
        row = cursor.fetchone()
    return row[0] if row else timedelta(0)
