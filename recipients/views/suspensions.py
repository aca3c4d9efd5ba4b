"""暂停记录: lifting a suspension with its last day, and the way back from a mistaken one."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from huimin.core.authority.roles import Area
from huimin.core.desk.errors import forbidden
from huimin.core.desk.http import StaffRequest, act_on_form, opens
from huimin.core.errors import StepForbidden
from huimin.core.work import workflow
from recipients import forms
from recipients.models import Suspension
from recipients.services import suspensions
from recipients.states import SUSPENSION_FLOW
from recipients.views.entitlements import page_of_right, payments_since, rights_shown

_DONE = {
    "lift": "已恢复。暂缓期间没有发的，在各期批次的页面建补发批次。",
    "release": "已恢复，停发期间不补。",
    "correct": "暂停已更正。没有发的期次，在各期批次的页面建补发批次；确实要暂停的，按对的再办一次。",
}


@opens(Area.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def suspension_step(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    """One step on a page of its own, with its reason; lifting asks for the last day."""
    pause = get_object_or_404(
        Suspension.objects.visible_to(request.user).select_related("made_by", "lifted_by"), pk=pk
    )
    if name not in {pause.lift_step, "correct"}:
        raise Http404
    one = get_object_or_404(rights_shown(request), pk=pause.entitlement_id)
    step = SUSPENSION_FLOW[name]
    refusal = workflow.why_not(pause, step, actor=request.user)
    if isinstance(refusal, StepForbidden):
        return forbidden(request, refusal)
    form = (
        forms.EntitlementStepForm(request.POST or None)
        if name == "correct"
        else forms.SuspensionLiftForm(
            request.POST or None, initial={"last_day": suspensions.last_day_today(pause)}
        )
    )
    why = str(refusal or workflow.separation_refusal(pause, step.duty, actor=request.user))
    if request.method == "POST" and form.is_valid():
        if act_on_form(
            request,
            form,
            lambda: suspensions.take_step(pk, name, actor=request.user, **form.cleaned_data),
            name=f"suspension.{name}",
        ):
            messages.success(request, f"{one.beneficiary}：{_DONE[name]}")
            return redirect("recipients:entitlement-list")
    elif why:
        messages.error(request, why)
        return redirect("recipients:entitlement-list")
    context = page_of_right(one, step, form) | {
        "suspension": pause,
        "payments_url": payments_since(request, one, pause.told_from),
    }
    return render(request, "recipients/entitlement_step.html", context)
