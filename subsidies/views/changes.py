"""更正: asking for other facts of a public policy on a page, and the panel that shows what is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from huimin.core.authority.roles import Area
from huimin.core.desk.http import StaffRequest, act_on_form, not_yours, opens, take_step
from huimin.core.desk.pages import Act, Link, acts
from huimin.core.models import Department
from huimin.core.work import workflow
from subsidies import services
from subsidies.forms import PolicyChangeForm
from subsidies.models import Policy, PolicyChange
from subsidies.services.changes import field
from subsidies.states import CHANGE_FLOW, ChangeStatus


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact in words: what the policy says, what is asked for."""

    label: str
    now: str
    wanted: str


def open_change(policy: Policy) -> PolicyChange | None:
    return policy.changes.filter(status=ChangeStatus.ASKED).select_related("asked_by").first()


def shown(policy: Policy, change: PolicyChange) -> list[Difference]:
    return [
        Difference(str(field(name).verbose_name), _worded(name, getattr(policy, name)), _worded(name, wanted))
        for name, wanted in change.facts.items()
    ]


def _worded(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    column = field(name)
    if column.is_relation:
        return str(Department.objects.get(pk=value))
    return str(dict(column.flatchoices).get(value, value)) or "（空）"


def buttons(change: PolicyChange, request: StaffRequest) -> list[Act]:
    found = workflow.actions(change, CHANGE_FLOW, actor=request.user)
    return acts(found, lambda name: reverse("subsidies:change-step", args=[change.pk, name]))


@opens(Area.POLICY)
def change_ask(request: StaffRequest, pk: int) -> HttpResponse:
    policy = get_object_or_404(Policy.objects.visible_to(request.user), pk=pk)
    one = CHANGE_FLOW["ask"]
    if refusal := not_yours(request, one.roles, division_code=policy.division_code, policy_id=pk):
        return refusal
    # the form works on its own copy: what is asked for must not show as what the policy says
    own = get_object_or_404(Policy.objects.visible_to(request.user), pk=pk)
    form = PolicyChangeForm(request.POST or None, instance=own)
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        made = act_on_form(
            request,
            form,
            lambda: services.ask_change(policy, actor=request.user, **facts),
            name="policychange.ask",
        )
        if made:
            messages.success(request, "已申请更正，等另一个人审批。同意以前照原来的办。")
            return redirect("subsidies:policy-detail", pk)
    crumbs = [
        Link("政策与资金"),
        Link("政策清单", reverse("subsidies:policy-list")),
        Link(policy.name, reverse("subsidies:policy-detail", args=[pk])),
        Link("申请更正"),
    ]
    title = f"申请更正：{policy.name}"
    context = {"form": form, "title": title, "crumbs": crumbs, "action_key": uuid4(), "save": "申请更正"}
    return render(request, "subsidies/policy_form.html", context)


@require_POST
@opens(Area.POLICY)
def change_step(request: StaffRequest, pk: int, step: str) -> HttpResponse:
    change = get_object_or_404(PolicyChange.objects.visible_to(request.user), pk=pk)
    one = next((known for known in CHANGE_FLOW.steps if known.name == step), None)
    if one is None:
        raise Http404
    return take_step(
        request,
        one,
        lambda: services.advance_change(pk, step, actor=request.user, note=request.POST.get("note", "")),
        back=reverse("subsidies:policy-detail", args=[change.policy_id]),
        done=f"“{one.label}”已办好。",
    )
