"""What a household was paid of the rights that a change of its head would pass: a panel of the page that decides it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe
from psycopg.types.range import DateRange

from disbursement import queries
from disbursement.models import Claim, PaymentLine
from disbursement.states import PaymentState
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk.http import StaffRequest, opens, render_page
from huimin.core.desk.pages import Nothing
from huimin.core.values.ranges import less
from recipients.models import HeadChange
from recipients.services import passing
from recipients.services.passing import Passing
from recipients.states import HEAD_FLOW, HeadChangeStatus
from subsidies.models import Policy

# a line that has not gone to the bank is made anew for the new head, out of an order too: neither signature nor sending
# takes one whose right has ended. Any other one's days are the household's
_MADE_ANEW = {PaymentState.WAITING, PaymentState.ORDERED}


@dataclass(frozen=True, slots=True)
class StillDue:
    """Of what passes under a policy the days that nobody of the household was paid for, or is being paid for."""

    policy: Policy
    days: tuple[DateRange, ...]


@opens(Area.ROSTER)
@require_safe
def head_payments(request: StaffRequest, pk: int) -> HttpResponse:
    """Lines of the household for periods that reach beyond the stops, and what is in truth left to pay the new head."""
    one = get_object_or_404(HeadChange.objects.visible_to(request.user).select_related("new_head"), pk=pk)
    works_here = scope.holds(
        request.user,
        HEAD_FLOW["ask"].roles | HEAD_FLOW["approve"].roles,
        division_code=one.division_code,
    )
    plan = passing.plan(one) if one.status == HeadChangeStatus.ASKED and works_here else []
    found = _lines(one, plan)
    shown = PaymentLine.objects.visible_to(request.user).filter(pk__in=[line.pk for line in found])
    context = {
        "one": one,
        "rows": list(
            queries.shown_lines(shown).select_related("roster__batch", "roster__policy").order_by("-pk")
        ),
        "due": [StillDue(right.right.policy, _left(right, found)) for right in plan if right.passes],
        "paid": sum(
            (line.amount for line in found if line.payment_state == PaymentState.PAID), start=Decimal(0)
        ),
        "nothing": Nothing("转的这些期间还没有发过"),
    }
    page, panel = "disbursement/head_payments.html", "disbursement/partials/head_payments.html"
    return render_page(request, page, panel, context)


def _lines(one: HeadChange, plan: list[Passing]) -> list[Any]:
    """Payments to anybody of the household for periods that reach beyond the stop of a right that passes."""
    wanted = [
        Q(roster__policy=found.right.policy_id, period_range__endswith__gt=found.ends_on)
        for found in plan
        if found.changes
    ]
    if not wanted:
        return []
    rows = queries.live_lines(queries.shown_lines(PaymentLine.objects.all()))
    household = Q(beneficiary_id__in=one.household.members.values("pk"))
    return list(rows.filter(household, reduce(or_, wanted)).only("pk", "amount", "roster__policy"))


def _left(found: Passing, lines: list[Any]) -> tuple[DateRange, ...]:
    paid = [line.pk for line in lines if line.payment_state not in _MADE_ANEW]
    claims = list(Claim.objects.filter(line__in=paid, line__roster__policy=found.right.policy_id))
    return tuple(
        piece
        for part in found.stretches
        for piece in less(
            part.valid, [one.period_range for one in claims if one.component == part.version.component]
        )
    )
