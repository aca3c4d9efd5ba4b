"""What every page shows: county, business date, menu and unread messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from huimin.core import clock
from huimin.core.desk import menu
from huimin.core.models import Division, Notification


def house(request: HttpRequest) -> dict[str, Any]:
    """Lazy: a page that does not show an item pays no query for it."""
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    return {
        "house": {
            "county": SimpleLazyObject(_county_name),
            "today": SimpleLazyObject(clock.today),
            "clock_offset": SimpleLazyObject(_offset_days),
            "inbox_count": SimpleLazyObject(lambda: _unread(user) if signed_in else 0),
            "idle_seconds": settings.SESSION_IDLE_SECONDS,
            "is_demo": settings.ENVIRONMENT == "demo",
        },
        "nav": SimpleLazyObject(lambda: menu.for_user(user, request.path) if user and signed_in else []),
    }


def _county_name() -> str:
    return (
        Division.objects.filter(pk=settings.COUNTY_CODE).values_list("name", flat=True).first() or "惠民直达"
    )


def _offset_days() -> int:
    return round(clock.offset() / timedelta(days=1))


def _unread(user: Any) -> int:
    return Notification.objects.filter(user=user, read_at__isnull=True).count()
