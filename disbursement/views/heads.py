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
from disbursement.queries.recipients import rights_of_one_recipient, stopped_days
from disbursement.states import PaymentState
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk.http import StaffRequest, opens, render_page
from huimin.core.desk.pages import Nothing
from huimin.core.values.ranges import less, overlap
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
    """Of what passes under a policy the days that the recipient was not paid for and is not being paid for.

    Those that are stopped (停发) apart: they are paid to nobody until somebody lifts the stop.
    """

    policy: Policy
    days: tuple[DateRange, ...]
    stopped: tuple[DateRange, ...] = ()


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
    found = _lines(plan)
    shown = PaymentLine.objects.visible_to(request.user).filter(pk__in=[line.pk for line in found])
    context = {
        "one": one,
        "rows": list(
            queries.shown_lines(shown).select_related("roster__batch", "roster__policy").order_by("-pk")
        ),
        "due": _still_due(plan, found),
        "paid": sum(
            (line.amount for line in found if line.payment_state == PaymentState.PAID), start=Decimal(0)
        ),
        "nothing": Nothing("转的这些期间还没有发过"),
    }
    page, panel = "disbursement/head_payments.html", "disbursement/partials/head_payments.html"
    return render_page(request, page, panel, context)


def _lines(plan: list[Passing]) -> list[Any]:
    """Payments to the recipient, by whatever right, for periods that reach beyond the stop of a right that passes."""
    changing = [found for found in plan if found.changes]
    if not changing:
        return []
    beside = rights_of_one_recipient([found.right.pk for found in changing])
    wanted = [
        Q(entitlement_id__in=beside[found.right.pk], period_range__endswith__gt=found.ends_on)
        for found in changing
    ]
    rows = queries.live_lines(queries.shown_lines(PaymentLine.objects.all()))
    return list(rows.filter(reduce(or_, wanted)).only("pk", "amount", "roster__policy"))


def _still_due(plan: list[Passing], lines: list[Any]) -> list[StillDue]:
    """Of what passes the days that nobody claims for the recipient, and of these what a stop stands for."""
    passing_on = [found for found in plan if found.passes]
    rights = [found.right.pk for found in passing_on]
    stopped, beside = stopped_days(rights), rights_of_one_recipient(rights)
    taken = Claim.objects.filter(line__in=[one.pk for one in lines if one.payment_state not in _MADE_ANEW])
    claims = list(taken.only("entitlement_id", "component", "period_range"))
    due = []
    for found in passing_on:
        left, held = [], []
        for part in found.stretches:
            component = part.version.component
            paid = [
                one.period_range
                for one in claims
                if one.entitlement_id in beside[found.right.pk] and one.component == component
            ]
            stops = [one.days for one in stopped[found.right.pk] if one.component == component]
            for piece in less(part.valid, paid):
                left += less(piece, stops)
                held += overlap(piece, stops)
        due.append(StillDue(found.right.policy, tuple(left), tuple(held)))
    return due
