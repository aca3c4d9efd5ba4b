"""退汇退款: asked for on the page of the payment, checked by another reconciler."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from disbursement import services
from disbursement.forms import ReversalForm
from disbursement.models import PaymentLine, Reversal
from disbursement.states import REVERSAL_FLOW
from disbursement.views.common import buttons
from huimin.core.authority.roles import Area
from huimin.core.desk import lists
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, opens, take_step
from huimin.core.desk.pages import Nothing, Pair, Panel
from huimin.core.errors import BadInput
from huimin.core.work import workflow


@opens(Area.RETURN)
@require_safe
def reversal_list(request: StaffRequest) -> HttpResponse:
    rows = Reversal.objects.visible_to(request.user).select_related("asked_by", "checked_by", "line")
    rows = rows.defer("line__beneficiary_id_number", "line__payee_id_number", "line__account_number")
    context = lists.listing(request, rows, sorts={"time": "id", "status": "status"}, default="-time")
    context["nothing"] = Nothing(
        "没有退汇退款", "到账以后又退回来的钱，在那一笔发放的页面上登记，由另一位对账员复核。"
    )
    return render(request, "disbursement/reversal_list.html", context)


@opens(Area.RETURN)
@require_POST
def reversal_ask(request: StaffRequest, pk: int) -> HttpResponse:
    line = get_object_or_404(PaymentLine.objects.visible_to(request.user).only("pk"), pk=pk)
    form = ReversalForm(request.POST)

    def act() -> None:
        if not form.is_valid():
            raise BadInput("；".join(str(one.label) for one in form.summary) + "。")
        services.ask_reversal(line.pk, actor=request.user, **form.cleaned_data)

    return take_step(
        request,
        REVERSAL_FLOW["ask"],
        act,
        back=reverse("disbursement:line-detail", args=[line.pk]),
        done="已登记，等另一位对账员复核。",
    )


@opens(Area.RETURN)
@require_safe
def reversal_detail(request: StaffRequest, pk: int) -> HttpResponse:
    rows = Reversal.objects.visible_to(request.user).select_related("asked_by", "line")
    found = get_object_or_404(
        rows.defer("line__beneficiary_id_number", "line__payee_id_number", "line__account_number"), pk=pk
    )
    context = {
        "found": found,
        "facts": [
            Pair("种类", found.get_kind_display()),
            Pair("收款人", found.line.payee_name),
            Pair("金额", f"{found.line.amount:,.2f} 元", is_number=True),
            Pair("退回到账日期", found.returned_on),
            Pair("银行流水号", found.bank_reference),
            Pair("原因", found.reason),
            Pair("登记人", found.asked_by),
        ],
        "panel": Panel(
            "复核",
            buttons(found, REVERSAL_FLOW, actor=request.user, url_name="disbursement:reversal-step"),
            hint="登记的人不能复核。入账以后，退汇的可以更正发放，退款的不再发。",
            drawn=workflow.drawn(found),
        ),
        "history": history(found),
    }
    return render(request, "disbursement/reversal_detail.html", context)


@opens(Area.RETURN)
@require_POST
def reversal_step(request: StaffRequest, pk: int, step: str) -> HttpResponse:
    found = get_object_or_404(Reversal.objects.visible_to(request.user), pk=pk)
    one = next((known for known in REVERSAL_FLOW.steps if known.name == step), None)
    if one is None:
        return redirect("disbursement:reversal-detail", pk=pk)
    return take_step(
        request,
        one,
        lambda: services.advance_reversal(pk, step, actor=request.user, note=request.POST.get("note", "")),
        back=reverse("disbursement:reversal-detail", args=[pk]),
        done=f"“{one.label}”已办。",
        of=found,
    )
