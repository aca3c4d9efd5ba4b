"""Budget indicators: the equation, the documents, and where each yuan went."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, act_on_form, not_yours, opens, take_step
from huimin.core.desk.pages import Link, Nothing, Pair, Panel, acts
from huimin.core.sheets.writer import Column
from huimin.core.values.money import format_yuan
from huimin.core.work import workflow
from subsidies import queries, services
from subsidies.forms import AttachForm, IndicatorFilter, IndicatorForm
from subsidies.models import Indicator, Policy
from subsidies.services.indicators import ATTACHERS, REGISTRARS
from subsidies.states import INDICATOR_FLOW, IndicatorStatus, PolicyStatus
from subsidies.views import told

_SORTS = {
    "document": "document_number",
    "year": ("year", "document_number"),
    "issued": "issued",
    "available": "available",
    "frozen": "frozen",
    "paid": "paid",
}
_COLUMNS = [
    Column("指标文号", 24),
    Column("上级文号", 24),
    Column("指标说明", 28),
    Column("资金来源", 14),
    Column("年度", 8, "integer"),
    Column("下达（元）", 18, "amount"),
    Column("可用（元）", 18, "amount"),
    Column("冻结（元）", 18, "amount"),
    Column("已支付（元）", 18, "amount"),
    Column("状态", 10),
    Column("挂接政策", 40),
]


@require_safe
@opens(Area.INDICATOR)
def indicator_list(request: StaffRequest) -> HttpResponse:
    zero = Decimal(0)
    context = lists.listing(
        request,
        Indicator.objects.visible_to(request.user),
        sorts=_SORTS,
        default="-year",
        filterset=IndicatorFilter,
        totals={name: Coalesce(Sum(name), zero) for name in queries.FIGURES},
        export=reverse("subsidies:indicator-export"),
    )
    rows = list(context["page"].object_list)
    attached = queries.policies_of(rows)
    context |= {
        "lines": [{"row": row, "policies": attached.get(row.pk, [])} for row in rows],
        "figures": queries.confirmed_figures(request.user),
        "cells": [format_yuan(context["totals"][name]) for name in queries.FIGURES],
        "unattached": queries.unattached(request.user).count(),
        "can_register": scope.holds(request.user, REGISTRARS, division_code=settings.COUNTY_CODE),
        "nothing": Nothing("没有符合条件的指标", "可以放宽条件，或登记收到的指标文件。"),
    }
    return render(request, "subsidies/indicator_list.html", context)


@require_safe
@opens(Area.INDICATOR)
def indicator_export(request: StaffRequest) -> HttpResponseBase:
    rows = Indicator.objects.visible_to(request.user)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-year")
    chosen = list(IndicatorFilter(request.GET, queryset=rows, request=request).qs.order_by(*order.columns))
    attached = queries.policies_of(chosen)
    lines = (
        (
            row.document_number,
            row.upper_document,
            row.name,
            row.get_source_display(),
            row.year,
            row.issued,
            row.available,
            row.frozen,
            row.paid,
            row.get_status_display(),
            "、".join(link["name"] for link in attached.get(row.pk, [])),
        )
        for row in chosen
    )
    return workbook(request, "资金指标", _COLUMNS, lines, title="资金指标台账（单位：元）")


@require_safe
@opens(Area.INDICATOR)
def indicator_detail(request: StaffRequest, pk: int) -> HttpResponse:
    indicator = _indicator(request, pk)
    can_attach = indicator.status != IndicatorStatus.REFUSED and scope.holds(
        request.user, ATTACHERS, division_code=indicator.division_code
    )
    panel = Panel(
        "办理",
        acts(
            workflow.actions(indicator, INDICATOR_FLOW, actor=request.user),
            lambda name: reverse("subsidies:indicator-step", args=[pk, name]),
        ),
        hint="登记的人不能确认。请对着原件核文号和金额。",
        drawn=workflow.drawn(indicator),
    )
    context = {
        "indicator": indicator,
        "crumbs": _crumbs(Link(indicator.document_number)),
        "facts": _facts(indicator),
        "attached": indicator.indicatorpolicy_set.select_related("policy").order_by(
            "priority", "policy__code"
        ),
        "moves": indicator.moves.select_related("actor").order_by("-id")[:200],
        "can_attach": can_attach,
        "panel": panel,
        "entries": history(indicator, limit=50, told=told),
    }
    return render(request, "subsidies/indicator_detail.html", context)


@opens(Area.INDICATOR)
def indicator_register(request: StaffRequest) -> HttpResponse:
    county = settings.COUNTY_CODE
    if refusal := not_yours(request, REGISTRARS, division_code=county):
        return refusal
    form = IndicatorForm(request.POST or None, initial={"year": clock.today().year})
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        made = act_on_form(
            request,
            form,
            lambda: services.register_indicator(county, actor=request.user, **facts),
            name="indicator.register",
        )
        if made:
            messages.success(request, "已登记。下一步：财政复核确认。")
            return redirect("subsidies:indicator-detail", made.result.pk)
    return _form_page(request, form, "登记指标", "登记", _crumbs(Link("登记指标")))


@opens(Area.INDICATOR)
def indicator_attach(request: StaffRequest, pk: int) -> HttpResponse:
    indicator = _indicator(request, pk)
    if refusal := not_yours(request, ATTACHERS, division_code=indicator.division_code):
        return refusal
    open_policies = Policy.objects.visible_to(request.user).filter(county_code=indicator.county_code)
    form = AttachForm(request.POST or None, policies=open_policies.exclude(status=PolicyStatus.ABOLISHED))
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        made = act_on_form(
            request,
            form,
            lambda: services.attach_indicator(indicator, actor=request.user, **chosen),
            name="indicator.attach",
        )
        if made:
            messages.success(request, f"已挂接到“{made.result.policy}”。")
            return redirect("subsidies:indicator-detail", pk)
    back = Link(indicator.document_number, reverse("subsidies:indicator-detail", args=[pk]))
    return _form_page(request, form, f"挂接政策：{indicator}", "挂接", _crumbs(back, Link("挂接政策")))


@require_POST
@opens(Area.INDICATOR)
def indicator_step(request: StaffRequest, pk: int, step: str) -> HttpResponse:
    indicator = _indicator(request, pk)
    one = next((one for one in INDICATOR_FLOW.steps if one.name == step), None)
    if one is None:
        messages.error(request, "没有这一步，请刷新页面后再看。")
        return redirect("subsidies:indicator-detail", pk)
    note = request.POST.get("note", "")
    return take_step(
        request,
        one,
        lambda: services.advance_indicator(indicator.pk, step, actor=request.user, note=note),
        back=reverse("subsidies:indicator-detail", args=[pk]),
        done=f"“{one.label}”已办好。",
        of=indicator,
    )


def _indicator(request: StaffRequest, pk: int) -> Indicator:
    rows = Indicator.objects.visible_to(request.user).select_related("registered_by")
    indicator: Indicator = get_object_or_404(rows, pk=pk)
    return indicator


def _crumbs(*more: Link) -> list[Link]:
    return [Link("政策与资金"), Link("指标与资金", reverse("subsidies:indicator-list")), *more]


def _facts(indicator: Indicator) -> list[Pair]:
    return [
        Pair("指标说明", indicator.name),
        Pair("资金来源", indicator.get_source_display()),
        Pair("上级文号", indicator.upper_document),
        Pair("预算年度", indicator.year, is_number=True),
        Pair("政府经济分类", indicator.economic_class),
        Pair("预算单位", indicator.budget_unit),
        Pair("登记人", indicator.registered_by.name),
    ]


def _form_page(request: StaffRequest, form: Any, title: str, verb: str, crumbs: list[Link]) -> HttpResponse:
    context = {"form": form, "title": title, "verb": verb, "crumbs": crumbs, "action_key": uuid4()}
    return render(request, "subsidies/indicator_form.html", context)
