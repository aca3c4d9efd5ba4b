"""账户变更: asked for on a person's form, checked by another one against the card itself."""

from __future__ import annotations

from typing import Any

import django_filters
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core.authority.roles import Area
from huimin.core.desk import lists, pages
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, act_on_form, opens, take_step
from huimin.core.desk.pages import Link, Nothing
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.models import Account, AccountChange, Person
from recipients.services import registry
from recipients.states import ACCOUNT_FLOW, AccountChangeStatus
from recipients.views.people import form_page


@opens(Area.REGISTRY)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("number")
def account_ask(request: StaffRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person.objects.visible_to(request.user).select_related("household"), pk=pk)
    form = forms.AccountChangeForm(request.POST or None, person=person, initial={"holder_name": person.name})
    if request.method == "POST" and form.is_valid():
        given: dict[str, Any] = dict(form.cleaned_data)
        reason = given.pop("reason")
        confirmed = {name: given.pop(name, False) for name in ("digits_confirmed", "shared_confirmed")}
        new = registry.NewAccount(**given)
        if act_on_form(
            request,
            form,
            lambda: registry.ask_account_change(pk, new, reason=reason, actor=request.user, **confirmed),
            name="account.ask",
        ):
            messages.success(request, "已申请换卡，另一个人复核后生效。")
            return redirect("recipients:person-detail", pk=pk)
    return form_page(request, person, form, "申请换卡", "送复核")


class ChangeFilter(lists.HouseFilterSet):
    status = django_filters.ChoiceFilter(label="状态", choices=AccountChangeStatus.choices)


@opens(Area.REGISTRY)
@require_safe
def change_list(request: StaffRequest) -> HttpResponse:
    rows = (
        AccountChange.objects.visible_to(request.user)
        .defer("number")
        .select_related("person", "asked_by", "checked_by")
    )
    context = lists.listing(request, rows, sorts={"time": "id"}, default="-time", filterset=ChangeFilter)
    context["rows"] = queries.with_places(context["page"])
    context["nothing"] = Nothing(
        "没有账户变更", "换卡在个人档案里申请。", [Link("找人", reverse("recipients:person-list"))]
    )
    return render(request, "recipients/change_list.html", context)


@opens(Area.REGISTRY)
@require_safe
def change_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """What is in use beside what is asked for, what is doubtful of it, and the second person's buttons."""
    rows = AccountChange.objects.visible_to(request.user)
    one = get_object_or_404(rows.select_related("person__household", "asked_by", "checked_by"), pk=pk)
    is_open = one.status == AccountChangeStatus.ASKED
    active = Account.objects.filter(person=one.person_id, is_active=True).defer("number").first()
    context = {
        "one": one,
        "place": queries.place_names([one.division_code])[one.division_code],
        "active": active if is_open else None,
        "doubts": registry.doubts_about(one),
        "panel": _panel(request, one),
        "history": history(one, nobody=""),
    }
    return render(request, "recipients/change_detail.html", context)


def _panel(request: StaffRequest, one: AccountChange) -> pages.Panel:
    found = workflow.actions(one, ACCOUNT_FLOW, actor=request.user)
    decides = any(not act.refused for act in found)
    return pages.Panel(
        "复核",
        pages.acts(found, lambda name: reverse("recipients:change-step", args=[one.pk, name])),
        hint="一个人申请，另一个人复核：看本人的身份证和卡（折），照着再输一遍账号。",
        form=forms.AccountCheckForm() if decides else None,
        note_label="退回原因",
    )


@opens(Area.REGISTRY)
@require_POST
@sensitive_post_parameters("number_again")
def change_step(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    get_object_or_404(AccountChange.objects.visible_to(request.user), pk=pk)
    if name not in {step.name for step in ACCOUNT_FLOW.steps}:
        raise Http404
    return take_step(
        request,
        ACCOUNT_FLOW[name],
        lambda: registry.check_account_change(
            pk,
            name,
            note=request.POST.get("note", ""),
            number_again=request.POST.get("number_again", ""),
            actor=request.user,
        ),
        back=reverse("recipients:change-detail", args=[pk]),
        done="换卡已生效。" if name == "approve" else "已退回申请人。",
    )
