"""专户账: the equation per indicator, day by day against the lines, the journals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import Case, DecimalField, F, QuerySet, Sum, Value, When
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from disbursement import queries
from disbursement.models import Journal, LedgerAccount
from huimin.core.authority import scope
from huimin.core.authority.roles import Area, roles_reading
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.http import StaffRequest, opens
from huimin.core.desk.pages import Nothing, Stat
from huimin.core.desk.places import with_places
from huimin.core.sheets.writer import Column
from subsidies.models import Indicator

_SORTS = {"number": "id", "day": "posted_on", "kind": "kind"}
_COLUMNS = [
    Column("日期", 12),
    Column("凭证号", 12),
    Column("摘要", 50),
    Column("种类", 12),
    Column("金额", 16, "amount"),
    Column("经办", 12),
]


class JournalFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(field_name="summary", lookup_expr="icontains", label="摘要")
    kind = django_filters.ChoiceFilter(label="种类", choices=Journal.Kind.choices)


def _journals(request: StaffRequest) -> QuerySet[Journal]:
    positive = Case(
        When(postings__amount__gt=0, then=F("postings__amount")),
        default=Value(Decimal(0)),
        output_field=DecimalField(max_digits=14, decimal_places=2),
    )
    rows: QuerySet[Journal] = (
        Journal.objects.visible_to(request.user).select_related("actor").annotate(amount=Sum(positive))
    )
    return rows


@opens(Area.LEDGER)
@require_safe
def ledger_page(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _journals(request),
        sorts=_SORTS,
        default="-number",
        filterset=JournalFilter,
        export=reverse("disbursement:ledger-export"),
    )
    context["rows"] = with_places(context["page"])
    indicators = _indicators(request)
    equations = queries.equations(indicators)
    days = queries.days(set(indicators.order_by().values_list("county_code", flat=True)))
    context |= {
        "equations": equations,
        "days": days,
        "stats": _stats(equations),
        "agrees": all(one.agrees for one in equations) and all(day.agrees for day in days),
        "nothing": Nothing("没有凭证", "指标第一次被支付申请占用时，账就从那里开始。"),
    }
    return render(request, "disbursement/ledger.html", context)


def _indicators(request: StaffRequest) -> QuerySet[Indicator]:
    """Who reads the ledger of a county reads the equations of all its indicators."""
    seen = scope.reach(request.user, roles_reading(Area.LEDGER), place="county_code")
    return Indicator.objects.filter(seen)


def _stats(equations: list[Any]) -> list[Stat]:
    def total(name: str) -> str:
        return f"{sum((getattr(one, name) for one in equations), Decimal(0)):,.2f}"

    return [
        Stat("下达", total("issued"), "元"),
        Stat("实发", total("paid"), "元", is_key=True),
        Stat("银行代发中", total("at_bank"), "元", "已送盘，还没有结果"),
        Stat(str(LedgerAccount.RETURNED.label), total("returned"), "元", "银行退回，等更正发放"),
        Stat("专户应有余额", total("cash"), "元", "下达减实发"),
    ]


@opens(Area.LEDGER)
@require_safe
def ledger_export(request: StaffRequest) -> HttpResponseBase:
    chosen = JournalFilter(request.GET, queryset=_journals(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-number")
    rows = (
        (
            one.posted_on.isoformat(),
            f"J-{one.pk}",
            one.summary,
            one.get_kind_display(),
            one.amount,
            one.actor.name,
        )
        for one in chosen.qs.order_by(*order.columns).iterator()
    )
    return workbook(request, "专户明细账", _COLUMNS, rows, of=chosen.qs)
