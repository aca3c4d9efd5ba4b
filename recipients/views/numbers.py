"""更正身份证号: asked for on a person's form, checked by another one against the card."""

from __future__ import annotations

from uuid import uuid4

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

from huimin.core.authority import scope
from huimin.core.authority.duties import Duty
from huimin.core.authority.posts import not_your_post
from huimin.core.authority.roles import Area
from huimin.core.desk import lists, pages
from huimin.core.desk.exports import workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, act_on_form, opens, take_step
from huimin.core.desk.looking import acknowledged_in, ask_about
from huimin.core.desk.pages import Link, Nothing
from huimin.core.records import audit, files
from huimin.core.sheets.writer import Column
from huimin.core.values import identity
from huimin.core.values.doubts import Doubt, Doubtful
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.models import NumberChange, Person
from recipients.services import numbers, pictures
from recipients.states import NUMBER_ASK_ROLES, NUMBER_FLOW, NumberChangeStatus

_HINT = "一个人申请，另一个人复核：看证件原件或照片，照着再输一遍正确的号。互换的，两个人的证件都要看。"


@opens(Area.REGISTRY)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("number")
def number_ask(request: StaffRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person.objects.visible_to(request.user).select_related("household"), pk=pk)
    refused = numbers.why_not_number(person)
    if not refused and not scope.holds(request.user, NUMBER_ASK_ROLES, division_code=person.division_code):
        refused = str(not_your_post(NUMBER_ASK_ROLES, "申请更正身份证号"))
    if refused:
        messages.error(request, refused)
        return redirect("recipients:person-detail", pk=pk)
    form = forms.NumberChangeForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        made = act_on_form(request, form, lambda: _ask(request, pk, form), name="number.ask")
        if made:
            messages.success(request, "已申请更正身份证号，另一个人复核后生效。")
            return redirect("recipients:number-detail", pk=made.result.pk)
    context = {
        "person": person,
        "form": form,
        "action_key": str(uuid4()),
        "duty": Duty.NUMBER_ASK,  # which desks of which lists it shuts
    }
    return render(request, "recipients/number_form.html", context)


def _ask(request: StaffRequest, pk: int, form: forms.NumberChangeForm) -> NumberChange:
    given = form.cleaned_data
    wanted = numbers.RightNumber(
        given["number"],
        given["reason"],
        given["proof"].read(pictures.MOST_BYTES + 1),
        exchange=given["exchange"],
        acknowledged=acknowledged_in(form),
    )
    try:
        return numbers.ask_number_change(pk, wanted, actor=request.user)
    except Doubtful as odd:
        ask_about(form, odd.doubts, hint="没有错的勾上，重新选照片，再送复核")
        raise


_SORTS = {"time": "id", "name": ("person__name_key", "id"), "place": ("division_code", "id")}


class NumberFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(label="姓名、农户编码、村", method="by_words")
    status = django_filters.ChoiceFilter(label="状态", choices=NumberChangeStatus.choices)

    def by_words(self, rows: QuerySet[NumberChange], _: str, value: str) -> QuerySet[NumberChange]:
        return rows.filter(queries.about(value, "person"))


def _shown(request: StaffRequest) -> QuerySet[NumberChange]:
    rows: QuerySet[NumberChange] = NumberChange.objects.visible_to(request.user).select_related(
        "person__household", "other", "asked_by", "checked_by"
    )
    return rows


@opens(Area.REGISTRY)
@require_safe
def number_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _shown(request),
        sorts=_SORTS,
        default="-time",
        filterset=NumberFilter,
        export=reverse("recipients:number-export"),
    )
    context["rows"] = queries.with_places(context["page"])
    context["nothing"] = Nothing(
        "没有符合条件的更正身份证号",
        "打开个人档案，点“更正身份证号”申请。",
        [Link("看全部更正身份证号", request.path), Link("找人", reverse("recipients:person-list"))],
    )
    return render(request, "recipients/number_list.html", context)


@opens(Area.REGISTRY)
@require_safe
def number_export(request: StaffRequest) -> HttpResponseBase:
    chosen = NumberFilter(request.GET, queryset=_shown(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-time")
    columns = [
        Column("姓名", 12), Column("乡镇、村", 24), Column("农户编码", 16), Column("原身份证号", 22), Column("正确的身份证号", 22),
        Column("互换的人", 12), Column("原因", 30), Column("申请人", 12), Column("申请日期", 12), Column("状态", 10), Column("复核人", 12),
    ]  # fmt: skip
    rows = (
        (one.person.name, one.place_name, one.person.household.code, identity.mask_id_staff(one.old_number),
         identity.mask_id_staff(one.id_number), str(one.other or ""), one.reason, str(one.asked_by),
         str(timezone.localdate(one.created_at)), one.get_status_display(), str(one.checked_by or ""))
        for one in queries.in_places(chosen.qs.order_by(*order.columns))
    )  # fmt: skip
    return workbook(request, "更正身份证号", columns, rows, of=chosen.qs)


def _change(request: StaffRequest, pk: int) -> NumberChange:
    found: NumberChange = get_object_or_404(_shown(request).select_related("proof"), pk=pk)
    return found


@opens(Area.REGISTRY)
@require_safe
def number_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """What is registered beside what is asked for, what follows from it, and the second person's buttons."""
    one = _change(request, pk)
    doubts = numbers.doubts_about(one) if one.status == NumberChangeStatus.ASKED else []
    panel = _panel(request, one, doubts)
    context = {
        "one": one,
        "place": queries.place_names([one.division_code])[one.division_code],
        "doubts": [] if panel.form else doubts,  # whoever decides has them with a box each
        "panel": panel,
        "sees_proof": _works_here(request, one),
        "history": history(one, nobody=""),
    }
    return render(request, "recipients/number_detail.html", context)


def _works_here(request: StaffRequest, one: NumberChange) -> bool:
    roles = NUMBER_FLOW["ask"].roles | NUMBER_FLOW["approve"].roles
    return scope.holds(request.user, roles, division_code=one.division_code)


def _panel(request: StaffRequest, one: NumberChange, doubts: list[Doubt]) -> pages.Panel:
    found = workflow.actions(one, NUMBER_FLOW, actor=request.user)
    decides = any(not act.refused for act in found)
    return pages.Panel(
        "复核",
        pages.acts(found, lambda name: reverse("recipients:number-step", args=[one.pk, name])),
        hint=_HINT,
        form=forms.NumberCheckForm(doubts=doubts) if decides else None,
        note_label="退回原因",
    )


@opens(Area.REGISTRY)
@require_safe
def number_proof(request: StaffRequest, pk: int) -> HttpResponse:
    """The photograph of the card, for whoever may ask or decide here; each look leaves a row."""
    one = _change(request, pk)
    if not _works_here(request, one):
        raise Http404
    audit.record(one, action="proof", actor=request.user, label="看更正身份证号的证件照片")
    response = HttpResponse(files.read(one.proof), content_type=one.proof.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@opens(Area.REGISTRY)
@require_POST
@sensitive_post_parameters("number_again")
def number_step(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    get_object_or_404(NumberChange.objects.visible_to(request.user), pk=pk)
    if name not in {step.name for step in NUMBER_FLOW.steps}:
        raise Http404
    return take_step(
        request,
        NUMBER_FLOW[name],
        lambda: numbers.check_number_change(
            pk,
            name,
            note=request.POST.get("note", ""),
            number_again=request.POST.get("number_again", ""),
            acknowledged=request.POST.getlist("acknowledged"),
            actor=request.user,
        ),
        back=reverse("recipients:number-detail", args=[pk]),
        done="身份证号已更正。没送审的名单请重新生成。" if name == "approve" else "已退回申请人。",
    )
