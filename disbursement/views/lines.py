"""One payment and what became of it; stopping it; the panel of payments on a person's page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from disbursement import queries, services
from disbursement.forms import BeyondForm, LiftForm, ReversalForm, StopForm
from disbursement.models import PaymentLine, PaymentResult, Reversal, StopLift
from disbursement.services.banks import bank_now
from disbursement.states import REVERSAL_FLOW, ROSTER_FLOW, PaymentState, ReversalStatus
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.bankformats.reasons import reason_of
from huimin.core.desk.http import StaffRequest, opens, render_page, take_step
from huimin.core.desk.pages import Link, Nothing, Pair, Panel
from huimin.core.desk.places import place_names
from huimin.core.models import Office
from huimin.core.work import workflow
from huimin.core.work.workflow import Action

_MOST_STOPS = 20  # of one person, on a page


@opens(Area.ROSTER)
@require_safe
def line_detail(request: StaffRequest, pk: int) -> HttpResponse:
    rows = queries.shown_lines(PaymentLine.objects.visible_to(request.user))
    line: Any = get_object_or_404(rows.select_related("roster__batch"), pk=pk)
    results: list[Any] = list(
        PaymentResult.objects.filter(line=line).select_related("actor", "return_file").order_by("pk")
    )
    for result in results:
        result.why = reason_of(result.reason)
    lift = StopLift.objects.filter(line=line).select_related("actor").first()
    context = {
        "line": line,
        "lift": lift,
        "lift_form": None if lift else _lift_form(request, line, results),
        "results": results,
        "facts": _facts(line),
        "lift_duty": ROSTER_FLOW["lift_stop"].duty,
        "stop": _stop(request, line),
        "stop_form": StopForm(),
        **_reversal(request, line),
        "action_key": Panel("", ()).action_key,
    }
    return render(request, "disbursement/line_detail.html", context)


def _facts(line: PaymentLine) -> list[Pair]:
    places, order = place_names([line.division_code]), queries.order_of(line)
    bank = Office.objects.filter(pk=bank_now(line)).first()
    return [
        Pair("享受人", line.beneficiary_name),
        Pair("户主", line.holder_name),
        Pair("收款人", line.payee_name),
        Pair("村组", f"{places.get(line.division_code, '')}{line.group_name}"),
        Pair("银行账户", f"{line.bank_name}，尾号 {line.account_tail}"),
        Pair("代发银行", str(bank or "不在本县的代发银行")),
        Pair("支付申请", order.number if order else "还没有编入"),
        Pair("账户名称", line.account_name),
        Pair("补贴标准", line.standard_text),
        Pair("数量", f"{line.quantity:f}".rstrip("0").rstrip("."), is_number=True),
        Pair("金额", f"{line.amount:,.2f} 元", is_number=True),
    ]


def _holds(request: StaffRequest, roles: Iterable[str], line: Any) -> bool:
    return scope.holds(request.user, roles, division_code=line.county_code, policy_id=line.policy_id)


def _stop(request: StaffRequest, line: Any) -> Action | None:
    """停发 as a button with its reason where whoever checked the list may not; nothing for those whose post it is not."""
    if line.payment_state != PaymentState.WAITING:
        return None
    return next(iter(workflow.acts(line.roster, ROSTER_FLOW, "stop_line", actor=request.user)), None)


def _reversal(request: StaffRequest, line: Any) -> dict[str, Any]:
    """The form of 退汇、退款, or the one that was registered and waits: there is no second beside it."""
    if line.payment_state != PaymentState.PAID:
        return {}
    waits = Reversal.objects.filter(line=line, status=ReversalStatus.ASKED).select_related("asked_by").first()
    if waits is None:
        return {
            "reversal_form": ReversalForm() if _holds(request, REVERSAL_FLOW["ask"].roles, line) else None
        }
    opens_it = scope.reads(request.user, Area.RETURN)
    url = reverse("disbursement:reversal-detail", args=[waits.pk]) if opens_it else ""
    return {"reversal": waits, "reversal_url": url}


def _lift_form(request: StaffRequest, line: Any, results: list[Any]) -> LiftForm | None:
    """Also on a line of a list that was made anew or given up: the stop holds for the person until it is taken back."""
    mine = _holds(request, ROSTER_FLOW["lift_stop"].roles, line)
    stopped = any(one.kind == PaymentResult.Kind.STOPPED for one in results)
    return LiftForm() if mine and stopped else None


@opens(Area.ROSTER)
@require_POST
def line_lift(request: StaffRequest, pk: int) -> HttpResponse:
    line = get_object_or_404(PaymentLine.objects.visible_to(request.user).only("pk", "roster_id"), pk=pk)
    return take_step(
        request,
        ROSTER_FLOW["lift_stop"],
        lambda: services.lift_stop(pk, reason=request.POST.get("reason", ""), actor=request.user),
        back=reverse("disbursement:line-detail", args=[line.pk]),
        done="已恢复。花名册重新生成、补发或更正发放时，名单里会有这个人。",
    )


@opens(Area.ROSTER)
@require_POST
def line_stop(request: StaffRequest, pk: int) -> HttpResponse:
    line = get_object_or_404(PaymentLine.objects.visible_to(request.user).only("pk", "roster_id"), pk=pk)
    return take_step(
        request,
        ROSTER_FLOW["stop_line"],
        lambda: services.stop_line(pk, reason=request.POST.get("reason", ""), actor=request.user),
        back=reverse("disbursement:line-detail", args=[line.pk]),
        done="这一笔已停发，不会编入支付申请。",
    )


def _named(stops: QuerySet[PaymentLine]) -> list[PaymentLine]:
    return list(
        stops.only("pk", "amount", "roster_id").select_related("roster__batch").order_by("-pk")[:_MOST_STOPS]
    )


@opens(Area.ROSTER)
@require_safe
def person_payments(request: StaffRequest, pk: int) -> HttpResponse:
    """What this person was paid, as beneficiary, newest first: a panel of the person's page, or a page by itself.

    With `entitlement` and `since` only what one right was paid for periods that reach beyond that day; of days that are
    withheld (`keeps`) none of it was too much.
    """
    rows = queries.live_lines(queries.shown_lines(PaymentLine.objects.visible_to(request.user)))
    beyond = BeyondForm(request.GET)
    since = beyond.cleaned_data["since"] if beyond.is_valid() else None
    if since:
        right = beyond.cleaned_data["entitlement"]
        rows = rows.filter(entitlement_id=right, period_range__endswith__gt=since)
    found: list[Any] = list(
        rows.filter(beneficiary_id=pk)
        .defer("beneficiary_id_number")
        .select_related("roster__batch")
        .order_by("-pk")[:60]
    )
    keeps = bool(request.GET.get("keeps"))
    paid = sum((line.amount for line in found if line.payment_state == PaymentState.PAID), queries.ZERO)
    stops = queries.unlifted_stops(PaymentLine.objects.visible_to(request.user).filter(beneficiary_id=pk))
    shown = {line.pk for line in found}
    context = {
        "rows": found,
        # of lists that were made anew or cancelled; those of a list that counts stand among the rows
        "stops": [] if since else [one for one in _named(stops) if one.pk not in shown],
        "paid": paid,
        "since": since,
        "keeps": keeps,
        "person_pk": pk,
        "name": found[0].beneficiary_name if found else "",
        "nothing": Nothing("这一天以后的期次没有发过" if keeps else "停发日期以后的期次没有发过")
        if since
        else Nothing(
            "还没有发放记录",
            "花名册生成以后，这里会列出每一笔。",
            [Link("看批次", reverse("disbursement:batch-list"))],
        ),
    }
    page, panel = "disbursement/person_payments.html", "disbursement/partials/person_payments.html"
    return render_page(request, page, panel, context)
