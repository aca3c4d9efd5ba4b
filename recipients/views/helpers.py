"""What the pages of this app share."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse

from huimin.core.authority import scope
from huimin.core.desk.http import StaffRequest
from huimin.core.models import Division, Level


def url_if_any(name: str, *args: Any) -> str:
    """The address of a higher app's page, or nothing where that app is not there."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def town_choices(request: StaffRequest) -> list[tuple[str, str]]:
    """Towns that a grant of this person lies in or covers."""
    return _choices(request, Level.TOWN)


def village_choices(request: StaffRequest) -> list[tuple[str, str]]:
    return _choices(request, Level.VILLAGE)


def _choices(request: StaffRequest, level: str) -> list[tuple[str, str]]:
    codes: set[str] = set()
    found: list[tuple[str, str]] = []
    for grant in request.user.active_grants:
        rows = Division.objects.below(grant.division_id).filter(level=level)
        if level == Level.TOWN and not grant.division_id.endswith("000"):
            rows = Division.objects.filter(pk=scope.town_of(grant.division_id))
        for one in rows:
            if one.code not in codes:
                codes.add(one.code)
                found.append((one.code, one.short_name))
    return found
