"""Reach: which rows a person sees, and where a role counts.

A row lies at a 12-digit division code; a grant covers a subtree. Codes nest by their digits, so a subtree is a
range of codes and every list stays one indexed condition, without a join.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Protocol, Self

from django.db import models
from django.db.models import Q

from huimin.core.authority.roles import OWN_OFFICE_ROLES, roles_reading


class GrantInForce(Protocol):
    """`policy_ids` are those of today, also where the grant names a department; None where it is not limited."""

    role: str
    division_id: str

    @property
    def policy_ids(self) -> list[int] | None: ...


class Holder(Protocol):
    """A person as far as reach is concerned: models.User is one."""

    office_id: int | None

    @property
    def active_grants(self) -> Sequence[GrantInForce]: ...


LEVEL_DIGITS = (2, 4, 6, 9, 12)  # of province, city, county, town, village


def subtree_prefix(code: str) -> str:
    """341524100000 (a town) -> 341524100: what all codes below it begin with."""
    for digits in LEVEL_DIGITS:
        if not code[digits:].strip("0"):
            return code[:digits]
    return code


def subtree_range(code: str) -> tuple[str, str]:
    """First and last code of a division and everything below it."""
    prefix = subtree_prefix(code)
    return prefix.ljust(12, "0"), prefix.ljust(12, "9")


def covers(root: str, code: str) -> bool:
    return code.startswith(subtree_prefix(root))


def county_of(code: str) -> str:
    """The county that a town or village lies in; empty for provinces, cities and no code."""
    return code[:6] + "000000" if code and code[4:6] != "00" else ""


def town_of(code: str) -> str:
    """The town that a village lies in; of a town itself its own code, as of whatever lies higher."""
    return code[:9] + "000"


def within(code: str, *, field: str = "division_code") -> Q:
    """Rows at or below a division."""
    return Q(**{f"{field}__range": subtree_range(code)})


NOTHING = Q(pk__in=[])


def reach(
    user: Holder,
    roles: Collection[str],
    *,
    place: str | Callable[[str], Q] = "division_code",
    policy: str | Callable[[list[int]], Q] = "",
    office: str = "",
) -> Q:
    """Rows that a grant in one of these roles covers today; the one place that says so for sets of rows.

    `place` is the field with the row's division, or gives the rows of a grant's division. `policy` is the field with
    the row's policy, empty where rows have none and a grant limited to policies counts whole, or gives the rows that
    a grant limited to these policies still covers. `office` is the field with the row's bank, to which the bank's
    own people are limited.
    """
    found = NOTHING
    for grant in grants_in(user, roles):
        here = within(grant.division_id, field=place) if isinstance(place, str) else place(grant.division_id)
        if grant.policy_ids is not None:
            here &= _of_policies(grant.policy_ids, policy)
        if office and grant.role in OWN_OFFICE_ROLES:
            here &= Q(**{office: user.office_id})
        found |= here
    return found


def _of_policies(ids: list[int], policy: str | Callable[[list[int]], Q]) -> Q:
    if isinstance(policy, str):
        return Q(**{f"{policy}__in": ids}) if policy else Q()
    return policy(ids)


class ScopedQuerySet(models.QuerySet[Any]):
    """Every list, detail, total, export, autocomplete and error message begins with visible_to."""

    def visible_to(self, user: Holder) -> Self:
        """Rows that a grant of `user` covers today, by place, by policy and by the area its role reads."""
        model = self.model
        readers = roles_reading(model.area)
        return self.filter(reach(user, readers, policy=model.policy_field, office=model.office_field))


class Scoped(models.Model):
    """A row that belongs to a place. Set `area`, `policy_field` where the row has a policy, `office_field` its bank."""

    county_code = models.CharField("县代码", max_length=12)
    division_code = models.CharField("区划代码", max_length=12)

    area: str = ""
    policy_field: str = ""
    office_field: str = ""

    objects = ScopedQuerySet.as_manager()

    class Meta:
        abstract = True


def counts_for(grant: GrantInForce, policy_id: int | None) -> bool:
    """Does a grant hold for that policy? For none asked about it always does."""
    return grant.policy_ids is None or policy_id is None or policy_id in grant.policy_ids


def grants_in(user: Holder, roles: Iterable[str]) -> list[GrantInForce]:
    """The person's grants of today in one of these roles, wherever they are."""
    wanted = set(roles)
    return [grant for grant in user.active_grants if grant.role in wanted]


def holds_anywhere(user: Holder, roles: Iterable[str]) -> bool:
    """Does the person have one of these roles at all? What a page offers; the service asks `holds` of the row."""
    return bool(grants_in(user, roles))


def holds(user: Holder, roles: Iterable[str], *, division_code: str, policy_id: int | None = None) -> bool:
    """Does a grant give one of these roles at that place, for that policy, today?"""
    return any(
        covers(grant.division_id, division_code) and counts_for(grant, policy_id)
        for grant in grants_in(user, roles)
    )


def policies_held(user: Holder, roles: Iterable[str], *, division_code: str) -> set[int] | None:
    """The policies for which the person has one of these roles at that place: none, some, or None for all there are."""
    limits = [
        grant.policy_ids for grant in grants_in(user, roles) if covers(grant.division_id, division_code)
    ]
    if any(ids is None for ids in limits):
        return None
    return {pk for ids in limits for pk in ids or ()}


def roots(user: Holder, roles: Iterable[str]) -> list[str]:
    """Divisions where the person has one of these roles today, the widest first."""
    return sorted({grant.division_id for grant in grants_in(user, roles)})


def patterns(user: Holder, roles: Iterable[str]) -> list[str]:
    """The same for statements written by hand, whose rows have no policy: within reach is LIKE ANY of them."""
    return [f"{subtree_prefix(code)}%" for code in roots(user, roles)]


def reads(user: Holder, area: str) -> bool:
    return holds_anywhere(user, roles_reading(area))
