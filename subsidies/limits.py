"""Policies by which a grant is limited, for the ground floor (huimin.core.authority.limits)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from huimin.core.authority import limits
from subsidies.models import Policy, own_county_and_below


class PolicyList:
    """The county's one list."""

    def of_department(self) -> Any:
        mine = Policy.objects.filter(department=OuterRef("department")).order_by("pk")
        return ArraySubquery(mine.values("pk"))

    def offered(self, division_code: str) -> list[tuple[int, str]]:
        rows = Policy.objects.filter(own_county_and_below(division_code)).select_related("department")
        return [(one.pk, f"{one}（{one.department}）") for one in rows.order_by("department__code", "code")]

    def names(self, ids: Iterable[int]) -> dict[int, str]:
        return {one.pk: str(one) for one in Policy.objects.filter(pk__in=list(ids)).only("name")}


limits.register(PolicyList())
