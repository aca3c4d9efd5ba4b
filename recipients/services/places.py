"""Where a person may act: the villages under their grants, and the county a place belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from huimin.core.authority import scope
from huimin.core.authority.posts import not_your_post
from huimin.core.models import Division, Level
from recipients.files.places import Places

if TYPE_CHECKING:
    from huimin.core.models import User


def home_of(actor: User, roles: Iterable[str]) -> str:
    """The place that an import belongs to; StepForbidden when no grant lets this person do it."""
    found = scope.roots(actor, roles)
    if not found:
        raise not_your_post(roles, "导入")
    return found[0]


def county_of_home(home: str) -> str:
    """The county that an import belongs to; somebody of a city or province has no county, and takes the whole of it."""
    return scope.county_of(home) or home


def places_for(actor: User, roles: Iterable[str]) -> Places:
    """Villages of the county, each marked whether this person may write there."""
    mine = scope.roots(actor, roles)
    county = county_of_home(home_of(actor, roles))
    rows = Division.objects.below(county).filter(level__in=[Level.TOWN, Level.VILLAGE], valid_to__isnull=True)
    found = list(rows.values_list("code", "name", "level"))
    villages = [
        (code, name, any(scope.covers(root, code) for root in mine))
        for code, name, level in found
        if level == Level.VILLAGE
    ]
    return Places(villages, [(code, name) for code, name, level in found if level == Level.TOWN])
