"""一次性发放: the rounds of a policy on its page, opening the next one, giving up one that was opened by mistake."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk.http import StaffRequest, act_on_form, not_yours, opens
from huimin.core.desk.pages import Link
from huimin.core.values.days import day_text
from subsidies import services
from subsidies.forms import RoundDiscardForm, RoundForm
from subsidies.models import PaymentRound, Policy
from subsidies.states import POLICY_FLOW

SHOWN = 50


def shown(policy: Policy, request: StaffRequest) -> dict[str, Any]:
    """What the policy's page shows of its rounds; nothing for a policy that pays by regular periods."""
    place: dict[str, Any] = {"division_code": policy.division_code, "policy_id": policy.pk}
    may_open = scope.holds(request.user, POLICY_FLOW["open_round"].roles, **place)
    return {
        "is_one_off": policy.is_one_off,
        "rounds": policy.rounds.select_related("opened_by", "given_up_by")[:SHOWN]
        if policy.is_one_off
        else [],
        "may_open_round": may_open,
        "why_no_round": services.why_no_round(policy) if policy.is_one_off else "",
    }


@opens(Area.POLICY)
@require_http_methods(["GET", "HEAD", "POST"])
def round_open(request: StaffRequest, pk: int) -> HttpResponse:
    policy = get_object_or_404(Policy.objects.visible_to(request.user), pk=pk)
    roles = POLICY_FLOW["open_round"].roles
    if refusal := not_yours(request, roles, division_code=policy.division_code, policy_id=pk):
        return refusal
    back = reverse("subsidies:policy-detail", args=[pk])
    if why := services.why_no_round(policy):
        messages.error(request, why)
        return redirect(back)
    form = RoundForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        made = act_on_form(
            request,
            form,
            lambda: services.open_round(policy, actor=request.user, **given),
            name="policy.open_round",
        )
        if made:
            messages.success(request, f"已开{made.result}。申报、建批次时在期次里选它。")
            return redirect(f"{back}#rounds")
    crumbs = [
        Link("政策与资金"),
        Link("政策清单", reverse("subsidies:policy-list")),
        Link(policy.name, back),
        Link("开一次发放"),
    ]
    title = f"开一次发放：{policy.name}"
    context = {"form": form, "title": title, "crumbs": crumbs, "action_key": uuid4(), "save": "开一次发放"}
    return render(request, "subsidies/policy_form.html", context)


@opens(Area.POLICY)
@require_http_methods(["GET", "HEAD", "POST"])
def round_discard(request: StaffRequest, pk: int) -> HttpResponse:
    """A page for any round, since each can be the one with the wrong day."""
    rows = PaymentRound.objects.filter(policy__in=Policy.objects.visible_to(request.user))
    one = get_object_or_404(rows.select_related("policy"), pk=pk)
    policy = one.policy
    roles = POLICY_FLOW["discard_round"].roles
    if refusal := not_yours(request, roles, division_code=policy.division_code, policy_id=policy.pk):
        return refusal
    back = reverse("subsidies:policy-detail", args=[policy.pk])
    if one.given_up_at is not None:
        messages.error(request, f"{one}已经放弃过了。")
        return redirect(f"{back}#rounds")
    form = RoundDiscardForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        note = form.cleaned_data["note"]
        done = act_on_form(
            request,
            form,
            lambda: services.discard_round(pk, note=note, actor=request.user),
            name="policy.discard_round",
        )
        if done:
            messages.success(request, f"{one}已放弃，申报、建批次时不再出现。")
            return redirect(f"{back}#rounds")
    crumbs = [
        Link("政策与资金"),
        Link("政策清单", reverse("subsidies:policy-list")),
        Link(policy.name, back),
        Link("放弃一次发放"),
    ]
    title = f"放弃{one.period.label}：{one.title}（基准日{day_text(one.day)}）"
    context = {
        "form": form,
        "title": title,
        "crumbs": crumbs,
        "action_key": uuid4(),
        "save": f"放弃{one.period.label}",
        "style": "danger",
        "hint": "已有在办的申报册、没作废的批次的，先把它们办掉，才能放弃。",
        "links": _made_of(one),
    }
    return render(request, "subsidies/policy_form.html", context)


def _made_of(one: PaymentRound) -> list[Link]:
    """The lists of the rooms above in which whatever hinders giving the round up is found."""
    chosen = urlencode({"policy": one.policy.name, "period": one.period.text})
    return [
        Link("看这一次的申报册", f"{reverse('recipients:declaration-list')}?{chosen}"),
        Link("看这一次的批次", f"{reverse('disbursement:batch-list')}?{chosen}"),
    ]
