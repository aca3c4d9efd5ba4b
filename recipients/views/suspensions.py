"""暂停记录: lifting a suspension with its last day, and the way back from a mistaken one."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from huimin.core.authority.roles import Area
from huimin.core.desk.errors import forbidden
from huimin.core.desk.http import StaffRequest, act_on_form, opens
from huimin.core.desk.looking import LookedAtForm
from huimin.core.errors import StepForbidden
from huimin.core.values.days import day_text
from huimin.core.work import workflow
from recipients import forms
from recipients.models import Entitlement, Suspension
from recipients.services import suspensions
from recipients.services.suspensions import Lifting
from recipients.states import SUSPENSION_FLOW
from recipients.views.entitlements import (
    asked,
    back_to_list,
    page_of_right,
    payments_since,
    reckoned,
    rights_shown,
)

_DONE = {
    "lift": "暂缓已恢复，末日{last_day}。暂缓期间没有发的，在各期批次的页面建补发批次。",
    "release": "停发已恢复，末日{last_day}，{resumes}起照发；{lost}。",
    "correct": "暂停已更正。没有发的期次，在各期批次的页面建补发批次；确实要暂停的，按对的再办一次。",
}


@opens(Area.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def suspension_step(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    """One step on a page of its own, with its reason; lifting asks for the last day."""
    pause = get_object_or_404(
        Suspension.objects.visible_to(request.user).select_related(
            "made_by", "lifted_by", "entitlement__policy"
        ),
        pk=pk,
    )
    if name not in {pause.lift_step, "correct"}:
        raise Http404
    one = get_object_or_404(rights_shown(request), pk=pause.entitlement_id)
    step = SUSPENSION_FLOW[name]
    refusal = workflow.why_not(pause, step, actor=request.user)
    if isinstance(refusal, StepForbidden):
        return forbidden(request, refusal)
    form = _form(request, pause, name)
    context = page_of_right(one, step, form) | _about(request, one, pause, form)
    why = str(refusal or workflow.separation_refusal(pause, step.duty, actor=request.user))
    if request.method == "POST" and form.is_valid():
        given = {key: value for key, value in form.cleaned_data.items() if key != "seen"}
        if act_on_form(
            request,
            form,
            lambda: suspensions.take_step(pk, name, actor=request.user, **given),
            name=f"suspension.{name}",
        ):
            messages.success(
                request, f"{one.beneficiary}的{one.policy}：{_done(name, form, context['lifting'])}"
            )
            return back_to_list(one)
    elif why:
        messages.error(request, why)
        return back_to_list(one)
    return render(request, "recipients/entitlement_step.html", context)


def _about(request: StaffRequest, one: Entitlement, pause: Suspension, form: Form) -> dict[str, Any]:
    keeps = pause.kind == Suspension.Kind.WITHHELD
    context = {
        "suspension": pause,
        "payments_url": payments_since(request, one, pause.told_from, keeps=keeps),
    }
    return context | (_released(request, one, pause, form) if isinstance(form, LookedAtForm) else {})


def _done(name: str, form: Form, lifting: Lifting | None) -> str:
    """What was done, as it was shown: which kind, with which last day, what is lost and from when on it goes on."""
    days = {"last_day": day_text(form.cleaned_data["last_day"])} if name != "correct" else {}
    if lifting:
        days["resumes"] = day_text(lifting.resumes)
        days["lost"] = f"{lifting.lost_text}不发，以后也不补" if lifting.lost else "没有少发的期次"
    return _DONE[name].format(**days)


def _form(request: StaffRequest, pause: Suspension, name: str) -> Form:
    given = request.POST or None
    if name == "correct":
        return forms.EntitlementStepForm(given)
    kind = forms.SuspensionReleaseForm if name == "release" else forms.SuspensionLiftForm
    return kind(given, initial={"last_day": _usual_day(pause)})


def _usual_day(pause: Suspension) -> date | None:
    """The last day that stands in the form; none where a 停发 would lose nothing by it: that is said by whoever lifts it."""
    day = suspensions.last_day_today(pause)
    is_idle = pause.kind == Suspension.Kind.FORFEITED and day < pause.told_from
    return None if is_idle else day


def _released(
    request: StaffRequest, one: Entitlement, pause: Suspension, form: LookedAtForm
) -> dict[str, Any]:
    """With the last day, from the first look on, what is never paid and from when on it goes on."""
    day = _usual_day(pause)
    cause = forms.LastDayForm(asked(request, "last_day") or ({"last_day": day} if day else None))
    context = {"ask_title": "先看从哪天起发、少发哪几期", "ask_verb": "按这个末日算", "cause_form": cause}
    return context | reckoned(
        request, one, form, cause, lambda day: suspensions.lifting_of(pause, **day), "lifting"
    )
