"""What the pages of policies and indicators show, in few queries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import F, Min, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from psycopg.types.range import DateRange

from subsidies.models import Indicator, IndicatorPolicy, Policy, PolicyVersion
from subsidies.states import IndicatorStatus, PolicyStatus, VersionStatus

if TYPE_CHECKING:
    from huimin.core.models import User

ZERO = Decimal(0)
FIGURES = ("issued", "available", "frozen", "paid")


def policies_listed(rows: QuerySet[Policy], today: date) -> QuerySet[Policy]:
    """With the standard and number of the version in force today, or else of the newest one."""
    versions = PolicyVersion.objects.filter(policy=OuterRef("pk"))
    in_force = versions.filter(published_at__isnull=False, valid__contains=today)
    newest = versions.order_by("-number")
    return rows.select_related("department").annotate(
        standard=Coalesce(
            Subquery(in_force.values("standard_text")[:1]), Subquery(newest.values("standard_text")[:1])
        ),
        version_number=Coalesce(
            Subquery(in_force.values("number")[:1]), Subquery(newest.values("number")[:1])
        ),
    )


def public_policies(county_code: str) -> QuerySet[Policy]:
    """What anyone may read of a county: policies in force and suspended ones; drafts and abolished ones are not shown."""
    shown = Policy.objects.filter(
        county_code=county_code, status__in=[PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED]
    )
    return shown.select_related("department").order_by("code")


SOON = 90  # days before which nobody is reminded of a standard that ends


def without_standard(policies: Iterable[int], today: date) -> dict[int, date]:
    """Policy -> the first day from today's standard on (or the last one's) for which none is published; none where it is open."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT v.policy_id, upper(d.days) FROM (
                   SELECT policy_id, range_agg(valid) AS days FROM subsidies_policyversion
                   WHERE status = 'published' AND policy_id = ANY(%s) GROUP BY policy_id) v
               CROSS JOIN LATERAL (SELECT days FROM unnest(v.days) AS days WHERE lower(days) <= %s
                                   ORDER BY days DESC LIMIT 1) d
               WHERE NOT upper_inf(d.days)""",
            [list(policies), today],
        )
        return dict(cursor.fetchall())


def gap_behind(version: PolicyVersion) -> DateRange | None:
    """The days after the last one of a version under way that no published version has, or would have left."""
    last = version.valid.upper
    if last is None:
        return None
    published = version.policy.versions.filter(status=VersionStatus.PUBLISHED, valid__startswith__gte=last)
    following = published.aggregate(first=Min("valid__startswith"))["first"]
    return None if following == last else DateRange(last, following)


def public_facts(policy: str) -> str:
    """What a policy says beside its status, as jsonb; given the alias."""
    return f"(to_jsonb({policy}) - 'status')"


def digest(text: str) -> str:
    """What the trail keeps of a text in the place of its words; given an expression. NULL of nothing."""
    return f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')"


def digests_of(policy: Policy) -> dict[str, str | None]:
    """Column -> digest of what the policy says now: on the trail when it is published, for `prove`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT f.key, {digest("f.value")} FROM subsidies_policy p
                CROSS JOIN jsonb_each_text({public_facts("p")}) f WHERE p.id = %s""",  # noqa: S608 -- constants of ours
            [policy.pk],
        )
        return dict(cursor.fetchall())


def confirmed_figures(user: User) -> dict[str, Decimal]:
    """The four sums over the confirmed indicators this person sees."""
    rows = Indicator.objects.visible_to(user).filter(status=IndicatorStatus.CONFIRMED)
    return rows.aggregate(**{name: Coalesce(Sum(name), ZERO) for name in FIGURES})


def unattached(user: User) -> QuerySet[Indicator]:
    """Confirmed money that no policy can draw on yet."""
    rows = Indicator.objects.visible_to(user).filter(status=IndicatorStatus.CONFIRMED)
    linked = IndicatorPolicy.objects.values("indicator_id")
    return rows.exclude(pk__in=linked)


def policies_of(indicators: list[Indicator]) -> dict[int, list[dict[str, Any]]]:
    """Code, name and priority of the policies each indicator may pay."""
    found: dict[int, list[dict[str, Any]]] = {}
    links = IndicatorPolicy.objects.filter(indicator__in=indicators).order_by("priority", "policy__code")
    for link in links.values("indicator_id", "policy_id", "priority", name=F("policy__short_name")):
        found.setdefault(link["indicator_id"], []).append(dict(link))
    return found
