"""Versions: composed in a form, published by another person, or given up with a reason."""

from __future__ import annotations

from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from huimin.core.authority.roles import Area
from huimin.core.desk.http import StaffRequest, act_on_form, not_yours, opens, take_step
from huimin.core.desk.pages import Link
from subsidies import services
from subsidies.forms import VersionForm
from subsidies.models import Policy, PolicyVersion
from subsidies.states import POLICY_FLOW, VERSION_FLOW, VersionStatus

# what each button did
_BUTTONS = {
    "submit": "已送审。",
    "publish": "已发布，上一版到生效日前一天为止。",
    "rework": "已退回修改。",
    "discard_version": "已放弃。",
}


@opens(Area.POLICY)
def version_add(request: StaffRequest, pk: int) -> HttpResponse:
    policy = get_object_or_404(Policy.objects.visible_to(request.user), pk=pk)
    roles = POLICY_FLOW["add_version"].roles
    if refusal := not_yours(request, roles, division_code=policy.division_code, policy_id=pk):
        return refusal
    last = policy.versions.order_by("-number").first()
    initial, kept = VersionForm.initial_of(last) if last else ({}, None)
    initial = {name: value for name, value in initial.items() if name not in {"valid_from", "valid_to"}}
    form = VersionForm(request.POST or None, initial=initial, kept_rule=kept, one_off=policy.is_one_off)
    if request.method == "POST" and form.is_valid():
        made = act_on_form(
            request,
            form,
            lambda: services.add_version(policy, actor=request.user, **form.terms()),
            name="version.add",
        )
        if made:
            messages.success(request, f"第 {made.result.number} 版已存为草稿。先试一试，再送审。")
            return redirect("subsidies:policy-detail", pk)
    return _page(request, policy, form, "添加版本")


@opens(Area.POLICY)
def version_edit(request: StaffRequest, pk: int) -> HttpResponse:
    version = _version(request, pk)
    policy = version.policy
    roles = VERSION_FLOW["revise_version"].roles
    if refusal := not_yours(request, roles, division_code=policy.division_code, policy_id=policy.pk):
        return refusal
    if version.status != VersionStatus.DRAFT:
        messages.error(request, "已送审或已发布的版本不能修改。要改请先退回，或者添加新版本。")
        return redirect("subsidies:policy-detail", policy.pk)
    initial, kept = VersionForm.initial_of(version)
    form = VersionForm(request.POST or None, initial=initial, kept_rule=kept, one_off=policy.is_one_off)
    if request.method == "POST" and form.is_valid():
        made = act_on_form(
            request,
            form,
            lambda: services.revise_version(version, actor=request.user, **form.terms()),
            name="version.revise",
        )
        if made:
            messages.success(request, "已保存。")
            return redirect("subsidies:policy-detail", policy.pk)
    return _page(request, policy, form, f"修改第 {version.number} 版")


@require_POST
@opens(Area.POLICY)
def version_step(request: StaffRequest, pk: int, step: str) -> HttpResponse:
    version = _version(request, pk)
    if step not in _BUTTONS:
        raise Http404
    one, note = VERSION_FLOW[step], request.POST.get("note", "")
    return take_step(
        request,
        one,
        lambda: services.advance_version(pk, step, actor=request.user, note=note),
        back=reverse("subsidies:policy-detail", args=[version.policy_id]),
        done=f"第 {version.number} 版{_BUTTONS[step]}",
    )


def _version(request: StaffRequest, pk: int) -> PolicyVersion:
    reach = Policy.objects.visible_to(request.user)
    return get_object_or_404(PolicyVersion.objects.select_related("policy").filter(policy__in=reach), pk=pk)


def _page(request: StaffRequest, policy: Policy, form: VersionForm, title: str) -> HttpResponse:
    crumbs = [
        Link("政策与资金"),
        Link("政策清单", reverse("subsidies:policy-list")),
        Link(policy.name, reverse("subsidies:policy-detail", args=[policy.pk])),
        Link(title),
    ]
    context = {"form": form, "policy": policy, "title": title, "crumbs": crumbs, "action_key": uuid4()}
    return render(request, "subsidies/version_form.html", context)
