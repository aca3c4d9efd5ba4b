"""申报册: the list, a new one, one of them, and every step of its way."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import django_filters
from django.contrib import messages
from django.db.models import QuerySet, Sum
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.http import StaffRequest, act_on_form, act_with, again, not_yours, opens, take_step
from huimin.core.desk.pages import Link, Nothing
from huimin.core.models import Division, Level
from huimin.core.sheets.writer import Column
from recipients import forms, queries
from recipients.models import Declaration
from recipients.rules import vote_passes
from recipients.services import declarations, notices, review
from recipients.states import DECLARATION_FLOW, MAKER_ROLES, DeclarationStatus
from recipients.views import book
from subsidies.models import Policy

_SORTS = {
    "made": "id",
    "period": ("period", "id"),
    "place": ("division_code", "id"),
    "total": ("total", "id"),
}


class DeclarationFilter(lists.HouseFilterSet):
    policy = django_filters.CharFilter(field_name="policy__name", lookup_expr="icontains", label="政策")
    period = django_filters.CharFilter(label="期次", lookup_expr="istartswith")
    status = django_filters.ChoiceFilter(label="状态", choices=DeclarationStatus.choices)


def _rows(request: StaffRequest) -> QuerySet[Declaration]:
    rows: QuerySet[Declaration] = Declaration.objects.visible_to(request.user)
    return rows.select_related("policy", "made_by")


@opens(Area.REVIEW)
@require_safe
def declaration_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _rows(request),
        sorts=_SORTS,
        default="-made",
        filterset=DeclarationFilter,
        totals={"heads": Sum("people", default=0), "amount": Sum("total", default=Decimal(0))},
        export=reverse("recipients:declaration-export"),
    )
    context["rows"] = queries.with_places(context["page"])
    context["may_make"] = scope.holds_anywhere(request.user, MAKER_ROLES)
    context["nothing"] = Nothing(
        "没有符合条件的申报册", "可以放宽条件，或新编一册。", [Link("看全部申报册", request.path)]
    )
    return render(request, "recipients/declaration_list.html", context)


@opens(Area.REVIEW)
@require_safe
def declaration_export(request: StaffRequest) -> HttpResponseBase:
    chosen = DeclarationFilter(request.GET, queryset=_rows(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-made")
    columns = [
        Column("政策", 30), Column("期次", 10), Column("乡镇、村", 24), Column("册号", 8, "integer"),
        Column("人数", 10, "integer"), Column("金额（元）", 16, "amount"), Column("状态", 14), Column("编制人", 12),
    ]  # fmt: skip
    rows = (
        (str(one.policy), one.period, one.place_name, one.serial, one.people, one.total, one.get_status_display(),
         str(one.made_by))
        for one in queries.in_places(chosen.qs.order_by(*order.columns))
    )  # fmt: skip
    return workbook(request, "申报册", columns, rows, of=chosen.qs)


@opens(Area.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def declaration_new(request: StaffRequest) -> HttpResponse:
    if refusal := not_yours(request, MAKER_ROLES, act="编制申报册"):
        return refusal
    mine = scope.roots(request.user, MAKER_ROLES)
    villages = Division.objects.none()
    for root in mine:
        villages = villages | Division.objects.below(root).filter(level=Level.VILLAGE)
    policies = Policy.objects.visible_to(request.user).filter(status="published")
    form = forms.DeclarationForm(request.POST or None, policies=policies, villages=villages)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        made: list[Declaration] = []
        if act_on_form(
            request,
            form,
            lambda: made.append(
                declarations.make_declaration(
                    data["policy"],
                    period=data["period"],
                    division_code=data["division"].pk,
                    actor=request.user,
                    another=data["another"],
                )
            ),
            name="declaration.make",
        ):
            messages.success(request, "已新编一册，请录入或导入明细。")
            return redirect("recipients:declaration-detail", pk=made[0].pk)
    return render(request, "recipients/declaration_new.html", {"form": form, "action_key": str(uuid4())})


@opens(Area.REVIEW)
@require_safe
def declaration_detail(request: StaffRequest, pk: int) -> HttpResponse:
    one = book.visible(request, pk)
    return render(request, "recipients/declaration_detail.html", book.shown(request, one))


@opens(Area.REVIEW)
@require_POST
def declaration_step(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    one = book.visible(request, pk)
    if name not in {step.name for step in DECLARATION_FLOW.steps}:
        raise Http404
    step, note, back = DECLARATION_FLOW[name], request.POST.get("note", ""), book.url_of(pk)
    if name == "deliberate":
        form = forms.DeliberationForm(request.POST, meetings=review.meetings_of(one))
        if not form.is_valid():
            return again(request, form.summary_title, back=back, form=form)
        votes = form.votes(note)
        return take_step(
            request,
            step,
            lambda: review.deliberate(pk, votes, actor=request.user),
            back=back,
            done="评议结果已登记。"
            if vote_passes(present=votes.present, agreed=votes.agreed)
            else "评议没有通过，结果已登记。请退回编制；或核实有意见的人，剔除后改天再评议，写明原因。",
            of=one,
        )
    return take_step(
        request,
        step,
        lambda: review.take_step(one.pk, name, actor=request.user, note=note),
        back=back,
        done=f"{step.label}，已办好。",
        of=one,
    )


@opens(Area.REVIEW)
@require_POST
def notice_post(request: StaffRequest, pk: int) -> HttpResponse:
    book.visible(request, pk)
    return act_with(
        request,
        forms.PostNoticeForm(request.POST),
        lambda data: notices.post_notice(
            pk, place=data["place"], starts_on=data["starts_on"], actor=request.user
        ),
        name="notice.post",
        back=book.url_of(pk),
        done="公示已登记，名单和金额已锁定。请打印张贴并拍照。",
    )
