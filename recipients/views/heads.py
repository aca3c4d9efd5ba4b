"""户主变更: asked for on the new head's form, checked by another one who sees which rights pass."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode
from uuid import uuid4

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk import lists, pages
from huimin.core.desk.exports import workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, act_on_form, not_yours, opens, take_step
from huimin.core.desk.looking import ask_about
from huimin.core.desk.pages import Link, Nothing
from huimin.core.errors import BadInput
from huimin.core.records import audit, files
from huimin.core.sheets.writer import Column
from huimin.core.values import identity
from huimin.core.values.doubts import Doubt, Doubtful
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.files import relations
from recipients.models import HeadChange, Person
from recipients.services import heads, passing, pictures
from recipients.states import HEAD_FLOW, HeadChangeStatus
from recipients.views import helpers

_PICK_AGAIN = "没有错的勾上，重新选照片，再送复核"
_HINT = "一个人申请，另一个人复核：看证明照片，核对新户主和每个人的关系，看清哪些资格转给新户主、从哪天起、多少钱。"


@opens(Area.REGISTRY)
@require_http_methods(["GET", "HEAD", "POST"])
def head_ask(request: StaffRequest, pk: int) -> HttpResponse:
    """This person is to become the head of the household."""
    person = get_object_or_404(Person.objects.visible_to(request.user).select_related("household"), pk=pk)
    step = HEAD_FLOW["ask"]
    if answer := not_yours(request, step.roles, division_code=person.division_code, act=step.label):
        return answer
    if refusal := heads.why_not_ask(person):
        messages.error(request, refusal)
        return redirect("recipients:person-detail", pk=pk)
    members = heads.members_of(person.household_id).exclude(pk=pk).only("name", "died_on", "is_holder")
    form = forms.HeadChangeForm(request.POST or None, request.FILES or None, members=members)
    if request.method == "POST" and form.is_valid():
        made = act_on_form(request, form, lambda: _ask(request, pk, form), name="head.ask")
        if made:
            messages.success(request, "已申请变更户主，另一个人复核后生效。")
            return redirect("recipients:head-detail", pk=made.result.pk)
    _ask_still(person, form)
    old = next((one for one in form.members if one.is_holder), None)
    context = {"person": person, "old": old, "form": form, "duty": step.duty, "action_key": str(uuid4())}
    return render(request, "recipients/head_form.html", context)


def _ask(request: StaffRequest, pk: int, form: forms.HeadChangeForm) -> HeadChange:
    wanted = form.wanted(form.cleaned_data["proof"].read(pictures.MOST_BYTES + 1))
    try:
        return heads.ask_head_change(pk, wanted, actor=request.user)
    except Doubtful as odd:
        ask_about(form, odd.doubts, hint=_PICK_AGAIN)
        raise


def _ask_still(person: Person, form: forms.HeadChangeForm) -> None:
    """Where the photograph alone is not taken, what is odd is asked beside it, ticks and all: it is chosen every time."""
    if "acknowledged" in form.fields or not form.is_bound or set(form.errors) != {"proof"}:
        return
    with suppress(BadInput):  # told when the photograph is one
        if doubts := heads.doubts_beforehand(person, form.wanted(b"")):
            ask_about(form, doubts, hint=_PICK_AGAIN)


_SORTS = {
    "time": "id",
    "name": ("new_head__name_key", "id"),
    "place": ("division_code", "id"),
    "day": ("starts_on", "id"),
}


class HeadFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(label="新、原户主姓名、农户编码、村", method="by_words")
    cause = django_filters.ChoiceFilter(label="原因", choices=HeadChange.Cause.choices)
    status = django_filters.ChoiceFilter(label="状态", choices=HeadChangeStatus.choices)

    def by_words(self, rows: QuerySet[HeadChange], _: str, value: str) -> QuerySet[HeadChange]:
        return rows.filter(queries.about(value, "new_head", "old_head"))


def _shown(request: StaffRequest) -> QuerySet[HeadChange]:
    rows: QuerySet[HeadChange] = HeadChange.objects.visible_to(request.user).select_related(
        "household", "old_head", "new_head", "asked_by", "checked_by"
    )
    return rows


@opens(Area.REGISTRY)
@require_safe
def head_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _shown(request),
        sorts=_SORTS,
        default="-time",
        filterset=HeadFilter,
        export=reverse("recipients:head-export"),
    )
    context["rows"] = queries.with_places(context["page"])
    context["nothing"] = Nothing(
        "没有符合条件的户主变更",
        "打开新户主的个人档案，点“改为户主”申请。",
        [Link("看全部户主变更", request.path), Link("找人", reverse("recipients:person-list"))],
    )
    return render(request, "recipients/head_list.html", context)


@opens(Area.REGISTRY)
@require_safe
def head_export(request: StaffRequest) -> HttpResponseBase:
    chosen = HeadFilter(request.GET, queryset=_shown(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-time")
    columns = [
        Column("新户主", 12), Column("新户主身份证号", 22), Column("原户主", 12), Column("乡镇、村", 24), Column("农户编码", 16),
        Column("原因", 16), Column("说明", 30), Column("变更日期", 12), Column("申请人", 12), Column("申请日期", 12),
        Column("状态", 10), Column("复核人", 12),
    ]  # fmt: skip
    rows = (
        (one.new_head.name, identity.mask_id_staff(one.new_head.id_number), str(one.old_head or ""), one.place_name,
         one.household.code, one.get_cause_display(), one.reason, str(one.starts_on), str(one.asked_by),
         str(timezone.localdate(one.created_at)), one.get_status_display(), str(one.checked_by or ""))
        for one in queries.in_places(chosen.qs.order_by(*order.columns))
    )  # fmt: skip
    return workbook(request, "户主变更", columns, rows, of=chosen.qs)


def _change(request: StaffRequest, pk: int) -> HeadChange:
    rows = HeadChange.objects.visible_to(request.user)
    found: HeadChange = get_object_or_404(
        rows.select_related("household", "old_head", "new_head", "asked_by", "checked_by", "proof"), pk=pk
    )
    return found


@opens(Area.REGISTRY)
@require_safe
def head_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """Who is to be head, what everybody is to that one, which rights pass; when it is done, which did."""
    one = _change(request, pk)
    is_open = one.status == HeadChangeStatus.ASKED
    # money of the household: for whoever may ask or decide here, and not for every reader of the registry
    sees_rights = _works_here(request, one)
    plan = passing.plan(one) if is_open and sees_rights else []
    doubts = heads.doubts_about(one, plan) if is_open and sees_rights else []
    passed = one.successions.select_related("earlier__policy", "ending").prefetch_related("versions")
    context = {
        "one": one,
        "place": queries.place_names([one.division_code])[one.division_code],
        "is_open": is_open,
        "members": _members(one),
        "doubts": doubts,
        "sees_rights": sees_rights,
        "plan": plan,
        "passed": passed if sees_rights and not is_open else [],
        "panel": _panel(request, one, plan, doubts),
        "paid_url": _paid_url(request, one) if sees_rights else "",
        "may_ask_again": one.status == HeadChangeStatus.REFUSED
        and scope.holds(request.user, HEAD_FLOW["ask"].roles, division_code=one.division_code)
        and not heads.why_not_head(one.new_head),
        "rights_url": _rights_url(request, one, plan),
        "history": history(one, nobody=""),
    }
    return render(request, "recipients/head_detail.html", context)


def _works_here(request: StaffRequest, one: HeadChange) -> bool:
    roles = HEAD_FLOW["ask"].roles | HEAD_FLOW["approve"].roles
    return scope.holds(request.user, roles, division_code=one.division_code)


def _members(one: HeadChange) -> list[Person]:
    """Everybody of the household with what they will be, or were then, to the new head."""
    found = list(heads.members_of(one.household_id).only("name", "relation", "birth_date", "died_on"))
    for member in found:
        code = one.relations.get(str(member.pk), relations.HOLDER if member.pk == one.new_head_id else "")
        member.now = relations.LABELS.get(member.relation, "")  # type: ignore[attr-defined]
        member.then = relations.LABELS.get(code, "没有填，要退回重新申请")  # type: ignore[attr-defined]
    return found


def _paid_url(request: StaffRequest, one: HeadChange) -> str:
    """The panel with what the household was paid of what passes, where this person may see it."""
    if one.status != HeadChangeStatus.ASKED or not scope.reads(request.user, Area.ROSTER):
        return ""
    return helpers.url_if_any("disbursement:head-payments", one.pk)


def _rights_url(request: StaffRequest, one: HeadChange, plan: list[passing.Passing]) -> str:
    """Where the rights that must be decided first are found, for whoever opens that list."""
    waits = {
        one.new_head.name if found.why_not == passing.TAKER_SUSPENDED else found.right.beneficiary.name
        for found in plan
        if found.must_be_decided
    }
    if not waits or not scope.reads(request.user, Area.REVIEW):
        return ""
    name = waits.pop() if len(waits) == 1 else ""
    return f"{reverse('recipients:entitlement-list')}?{urlencode({'q': name})}"


def _panel(
    request: StaffRequest, one: HeadChange, plan: list[passing.Passing], doubts: list[Doubt]
) -> pages.Panel:
    found = workflow.actions(one, HEAD_FLOW, actor=request.user)
    decides = any(not act.refused for act in found)
    form = forms.HeadCheckForm(initial={"seen": passing.seen(plan)}, doubts=doubts) if decides else None
    return pages.Panel(
        "复核",
        pages.acts(found, lambda name: reverse("recipients:head-step", args=[one.pk, name])),
        hint=_HINT,
        form=form,
        note_label="退回原因",
    )


@opens(Area.REGISTRY)
@require_safe
def head_proof(request: StaffRequest, pk: int) -> HttpResponse:
    """The photograph, for whoever may ask or decide here; each look leaves a row, since it may show more than it should."""
    one = _change(request, pk)
    if not _works_here(request, one):
        raise Http404
    audit.record(one, action="proof", actor=request.user, label="看户主变更的证明照片")
    response = HttpResponse(files.read(one.proof), content_type=one.proof.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@opens(Area.REGISTRY)
@require_POST
def head_step(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    get_object_or_404(HeadChange.objects.visible_to(request.user), pk=pk)
    if name not in {step.name for step in HEAD_FLOW.steps}:
        raise Http404
    return take_step(
        request,
        HEAD_FLOW[name],
        lambda: heads.check_head_change(
            pk,
            name,
            note=request.POST.get("note", ""),
            seen=request.POST.get("seen", ""),
            acknowledged=request.POST.getlist("acknowledged"),
            actor=request.user,
        ),
        back=reverse("recipients:head-detail", args=[pk]),
        done="户主变更已生效。" if name == "approve" else "已退回申请人。",
    )
