"""账户变更: asked for on a person's form, checked by another one against the card itself."""

from __future__ import annotations

from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core.authority.roles import Area
from huimin.core.desk import lists, pages
from huimin.core.desk.exports import workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, act_on_form, not_yours, opens, take_step
from huimin.core.desk.looking import acknowledged_in, ask_about
from huimin.core.desk.pages import Link, Nothing
from huimin.core.sheets.writer import Column
from huimin.core.values import identity
from huimin.core.values.doubts import Doubt, Doubtful
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.models import Account, AccountChange, Person
from recipients.services import accounts
from recipients.states import ACCOUNT_FLOW, AccountChangeStatus
from recipients.views.people import form_page


@opens(Area.REGISTRY)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("number")
def account_ask(request: StaffRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person.objects.visible_to(request.user).select_related("household"), pk=pk)
    step = ACCOUNT_FLOW["ask"]
    if answer := not_yours(request, step.roles, division_code=person.division_code, act=step.label):
        return answer
    form = forms.AccountChangeForm(
        request.POST or None, initial={"holder_name": identity.plain_name(person.name)}
    )
    if request.method == "POST" and form.is_valid():
        made = act_on_form(request, form, lambda: _ask(request, pk, form), name="account.ask")
        if made:
            messages.success(request, "已申请换卡，另一个人复核后生效。")
            return redirect("recipients:person-detail", pk=pk)
    return form_page(request, person, form, "申请换卡", "送复核")


def _ask(request: StaffRequest, pk: int, form: forms.AccountChangeForm) -> AccountChange:
    given: dict[str, Any] = dict(form.cleaned_data)
    reason = given.pop("reason")
    try:
        return accounts.ask_account_change(
            pk,
            accounts.NewAccount(**given),
            reason=reason,
            actor=request.user,
            acknowledged=acknowledged_in(form),
        )
    except Doubtful as odd:
        ask_about(form, odd.doubts)
        raise


_SORTS = {"time": "id", "name": ("person__name_key", "id"), "place": ("division_code", "id")}


class ChangeFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(label="姓名、农户编码、村", method="by_words")
    kind = django_filters.ChoiceFilter(label="种类", choices=Account.Kind.choices)
    status = django_filters.ChoiceFilter(label="状态", choices=AccountChangeStatus.choices)

    def by_words(self, rows: QuerySet[AccountChange], _: str, value: str) -> QuerySet[AccountChange]:
        return rows.filter(queries.about(value, "person"))


def _shown(request: StaffRequest) -> QuerySet[AccountChange]:
    rows: QuerySet[AccountChange] = (
        AccountChange.objects.visible_to(request.user)
        .defer("number")
        .select_related("person__household", "asked_by", "checked_by")
    )
    return rows


@opens(Area.REGISTRY)
@require_safe
def change_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _shown(request),
        sorts=_SORTS,
        default="-time",
        filterset=ChangeFilter,
        export=reverse("recipients:change-export"),
    )
    context["rows"] = queries.with_places(context["page"])
    context["nothing"] = Nothing(
        "没有符合条件的账户变更",
        "换卡在个人档案里申请。",
        [Link("看全部账户变更", request.path), Link("找人", reverse("recipients:person-list"))],
    )
    return render(request, "recipients/change_list.html", context)


@opens(Area.REGISTRY)
@require_safe
def change_export(request: StaffRequest) -> HttpResponseBase:
    chosen = ChangeFilter(request.GET, queryset=_shown(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-time")
    columns = [
        Column("姓名", 12), Column("身份证号", 22), Column("乡镇、村", 24), Column("农户编码", 16), Column("原账号尾号", 12),
        Column("新账号尾号", 12), Column("账户名称", 12), Column("户名与本人关系", 16), Column("种类", 10), Column("开户银行", 24),
        Column("原因", 30), Column("申请人", 12), Column("申请日期", 12), Column("状态", 10), Column("复核人", 12),
    ]  # fmt: skip
    rows = (
        (one.person.name, identity.mask_id_staff(one.person.id_number), one.place_name, one.person.household.code,
         one.old_tail, one.tail, one.holder_name, one.holder_relation, one.get_kind_display(), one.bank_name, one.reason,
         str(one.asked_by), str(timezone.localdate(one.created_at)), one.get_status_display(), str(one.checked_by or ""))
        for one in queries.in_places(chosen.qs.order_by(*order.columns))
    )  # fmt: skip
    return workbook(request, "账户变更", columns, rows, of=chosen.qs)


@opens(Area.REGISTRY)
@require_safe
def change_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """What is in use beside what is asked for, what is doubtful of it, and the second person's buttons."""
    rows = AccountChange.objects.visible_to(request.user)
    one = get_object_or_404(rows.select_related("person__household", "asked_by", "checked_by"), pk=pk)
    is_open = one.status == AccountChangeStatus.ASKED
    active = Account.objects.filter(person=one.person_id, is_active=True).defer("number").first()
    doubts = accounts.doubts_about(one) if is_open else []
    panel = _panel(request, one, doubts)
    context = {
        "one": one,
        "place": queries.place_names([one.division_code])[one.division_code],
        "active": active if is_open else None,
        "doubts": [] if panel.form else doubts,  # whoever decides has them with a box each
        "panel": panel,
        "history": history(one, nobody=""),
    }
    return render(request, "recipients/change_detail.html", context)


def _panel(request: StaffRequest, one: AccountChange, doubts: list[Doubt]) -> pages.Panel:
    found = workflow.actions(one, ACCOUNT_FLOW, actor=request.user)
    decides = any(not act.refused for act in found)
    whose = "亡故证明、领取人的身份证和卡（折）" if one.person.died_on else "本人的身份证和卡（折）"
    return pages.Panel(
        "复核",
        pages.acts(found, lambda name: reverse("recipients:change-step", args=[one.pk, name])),
        hint=f"一个人申请，另一个人复核：看{whose}，照着再输一遍账号。",
        form=forms.AccountCheckForm(doubts=doubts) if decides else None,
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
        lambda: accounts.check_account_change(
            pk,
            name,
            note=request.POST.get("note", ""),
            number_again=request.POST.get("number_again", ""),
            acknowledged=request.POST.getlist("acknowledged"),
            actor=request.user,
        ),
        back=reverse("recipients:change-detail", args=[pk]),
        done="换卡已生效。" if name == "approve" else "已退回申请人。",
    )
