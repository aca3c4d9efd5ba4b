"""What the pages read of an 申报册: which quantities are odd, and whether an objection against it proved true."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django.db.models import (
    Aggregate,
    BooleanField,
    Case,
    Count,
    DecimalField,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from huimin.core.authority.scope import town_of, within
from recipients.models import (
    Declaration,
    DeclarationLine,
    Entitlement,
    EntitlementVersion,
    Objection,
    RecordStatus,
)
from recipients.rules import TIMES_EARLIER, TIMES_USUAL
from recipients.states import DeclarationStatus
from subsidies.states import Deliberation


def odd_quantities(lines: QuerySet[DeclarationLine], one: Declaration) -> QuerySet[Any]:
    """Lines with `earlier` (what the person had before this period), `usual` and `is_odd`: rules.odd_quantity in SQL."""
    before = EntitlementVersion.objects.filter(
        entitlement__policy=one.policy_id,
        entitlement__beneficiary=OuterRef("beneficiary"),
        valid__startswith__lt=one.period_range.lower,
    ).order_by("-valid")
    usual = Value(_usual(one), DecimalField(max_digits=12, decimal_places=4))
    differs = Q(quantity__gt=F("earlier") * TIMES_EARLIER) | Q(quantity__lt=F("earlier") / TIMES_EARLIER)
    odd = differs | Q(earlier__isnull=True, quantity__gt=F("usual") * TIMES_USUAL)
    return lines.annotate(earlier=Subquery(before.values("quantity")[:1]), usual=usual).annotate(
        is_odd=Case(When(odd, then=True), default=False, output_field=BooleanField())
    )


# of a line whose money would not go out as the records stand today: confirmed all the same, and not paid
NOT_PAID = (
    ~Q(beneficiary__status=RecordStatus.NORMAL)
    | ~Q(payee__status=RecordStatus.NORMAL)
    | Q(beneficiary__died_on__isnull=False)
)
_DECIDED = (DeclarationStatus.CONFIRMED, DeclarationStatus.WITHDRAWN)


def worth_a_look(one: Declaration) -> Q:
    """Of the lines of odd_quantities those to look at; of a book that is decided records of today say nothing."""
    odd = Q(is_odd=True)
    return odd if one.status in _DECIDED else odd | NOT_PAID


def not_paid_lines(one: Declaration) -> QuerySet[DeclarationLine]:
    """Lines in a book under way whose people are out of use or dead by now."""
    if one.status in _DECIDED:
        return one.lines.none()
    return one.lines.filter(NOT_PAID, excluded_at_level="")


_FEW = 5  # lines of a book that say nothing of what is usual
_NEIGHBOURS = 500  # rights whose middle says it as well as all of them


def _usual(one: Declaration) -> Decimal | None:
    """The median of the book, or where that has few lines, of rights under the policy in the same township.

    Of so many at most, by the index of places: a book of one applicant is opened all day, a policy has 200,000 rights.
    """
    found = one.lines.aggregate(count=Count("pk"), median=_Median("quantity"))
    if found["count"] >= _FEW:
        return cast("Decimal | None", found["median"])
    neighbours = (
        Entitlement.objects.filter(within(town_of(one.division_code)), policy=one.policy_id)
        .order_by("division_code", "pk")
        .values("pk")[:_NEIGHBOURS]
    )
    rights = EntitlementVersion.objects.filter(entitlement__in=neighbours, valid__isempty=False)
    found = rights.aggregate(count=Count("pk"), median=_Median("quantity"))
    return found["median"] if found["count"] >= _FEW else None


class _Median(Aggregate):
    """The value in the middle, one that somebody has."""

    function = "percentile_disc"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DecimalField(max_digits=12, decimal_places=4)


def was_objected(one: Declaration) -> bool:
    """Whether an objection against it proved true where that asks for a deliberation (有异议时)."""
    if one.version.deliberation != Deliberation.ON_OBJECTION:
        return False
    return Objection.objects.filter(notice__declaration=one, status=Objection.Status.UPHELD).exists()
