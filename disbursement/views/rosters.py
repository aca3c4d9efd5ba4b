"""Rosters: lists, the page on which a township and five desks check it, export, print, who was left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import django_filters
from django.db.models import Q, QuerySet, Sum
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from disbursement import queries, services
from disbursement.models import PaymentLine, Roster, RosterOmission
from disbursement.queries.stale import MOST, StaleLine, stale_lines, to_be_ordered
from disbursement.states import ROSTER_FLOW, ROSTER_STATIONS, PaymentState, RosterStatus
from disbursement.views.common import LINE_COLUMNS, buttons, line_rows
from huimin.core.authority.roles import Area
from huimin.core.authority.steps import Step
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, opens, render_page, take_step
from huimin.core.desk.pages import Act, Check, Link, Nothing, Panel, Stat, Station, acts
from huimin.core.desk.places import place_names, with_places
from huimin.core.models import Division
from huimin.core.sheets.writer import Column
from huimin.core.work import workflow

_SORTS = {
    "batch": "batch_id",
    "place": "division_code",
    "status": "status",
    "total": "total",
    "lines": "line_count",
}
_LINE_SORTS = {"line": "line_no", "amount": "amount"}
_COLUMNS = [
    Column("批次号", 24),
    Column("批次名称", 40),
    Column("乡镇", 16),
    Column("状态", 12),
    Column("笔数", 10, "integer"),
    Column("金额", 16, "amount"),
]


class RosterFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(method="by_text", label="批次号或名称")
    status = django_filters.ChoiceFilter(label="状态", choices=RosterStatus.choices)

    def by_text(self, rows: QuerySet[Roster], _: str, value: str) -> QuerySet[Roster]:
        return rows.filter(Q(batch__number__icontains=value) | Q(batch__title__icontains=value))


class LineFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(method="by_name", label="姓名")
    state = django_filters.ChoiceFilter(
        label="状态",
        field_name="payment_state",
        choices=PaymentState.choices,
    )

    def by_name(self, rows: QuerySet[PaymentLine], _: str, value: str) -> QuerySet[PaymentLine]:
        return rows.filter(
            Q(beneficiary_name__contains=value)
            | Q(holder_name__contains=value)
            | Q(payee_name__contains=value)
        )


def _lines_filter(roster: Roster) -> type[LineFilter]:
    """The filter of one roster's lines, with the villages of its township to choose from."""
    villages = Division.objects.villages(roster.division_code).order_by("code")
    chosen = django_filters.ChoiceFilter(
        field_name="division_code", label="村", choices=[(one.code, one.short_name) for one in villages]
    )
    return type("RosterLineFilter", (LineFilter,), {"village": chosen})


def _rosters(request: StaffRequest) -> QuerySet[Roster]:
    rows: QuerySet[Roster] = Roster.objects.visible_to(request.user).select_related("batch", "policy")
    return rows


@opens(Area.ROSTER)
@require_safe
def roster_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _rosters(request),
        sorts=_SORTS,
        default="-batch",
        filterset=RosterFilter,
        totals={"lines": Sum("line_count"), "total": Sum("total")},
        export=reverse("disbursement:roster-list-export"),
    )
    context["rows"] = with_places(context["page"])
    context["nothing"] = Nothing(
        "没有符合条件的花名册", "批次下达以后，每个乡镇会有一份。", [Link("看全部花名册", request.path)]
    )
    return render(request, "disbursement/roster_list.html", context)


@opens(Area.ROSTER)
@require_safe
def roster_list_export(request: StaffRequest) -> HttpResponseBase:
    chosen = RosterFilter(request.GET, queryset=_rosters(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-batch")
    found = with_places(chosen.qs.order_by(*order.columns))
    rows = (
        (
            one.batch.number,
            one.batch.title,
            one.place_name,
            one.get_status_display(),
            one.line_count,
            one.total,
        )
        for one in found
    )
    return workbook(request, "花名册", _COLUMNS, rows)


@opens(Area.ROSTER)
@require_safe
def roster_detail(request: StaffRequest, pk: int) -> HttpResponse:
    roster = get_object_or_404(_rosters(request), pk=pk)
    context = lists.keyset_listing(
        request,
        queries.shown_lines(queries.lines_of_roster(roster)),
        sorts=_LINE_SORTS,
        default="line",
        filterset=_lines_filter(roster),
        totals={"total": Sum("amount")},
        size=50,
        export=reverse("disbursement:roster-export", args=[pk]),
    )
    context["rows"] = with_places(context["page"], short=True)
    context["page_total"] = sum((line.amount for line in context["rows"]), queries.ZERO)
    context["nothing"] = Nothing("没有符合条件的人", "", [Link("看全部", request.path)])
    context |= {"roster": roster, "place": place_names([roster.division_code]).get(roster.division_code, "")}
    if not request.htmx:
        context |= _frame(request, roster)
    return render_page(
        request, "disbursement/roster_detail.html", "disbursement/partials/roster_lines.html", context
    )


def _frame(request: StaffRequest, roster: Roster) -> dict[str, Any]:
    buttons_of_mine = _acts(request, roster)
    decides = any(not one.refused for one in buttons_of_mine)
    # every line is hashed for whoever is about to decide upon the list, and for who asks; others look at the sums
    content = (queries.content_of if decides or "recompute" in request.GET else queries.sums_of)(roster)
    left_out = RosterOmission.objects.filter(roster=roster, revision=roster.revision).count()
    payable = queries.unstopped_total(roster)
    # whoever passes it is told what no order would pay; at the township the submission asks
    waits = decides and roster.status != RosterStatus.ISSUED
    stale = stale_lines(to_be_ordered([roster.pk])) if waits else []
    return {
        "orders": queries.orders_of([roster.pk]).get(roster.pk, []),
        "stations": _stations(roster),
        "stats": [
            Stat("笔数", f"{roster.line_count:,}", "笔", f"{left_out:,} 人没有进花名册"),
            Stat("应发金额", f"{roster.total:,.2f}", "元", f"第 {roster.revision} 版", is_key=True),
            Stat("可支付", f"{payable[1]:,.2f}", "元", f"{payable[0]:,} 笔，停发的不算"),
        ],
        "controls": _controls(roster, content),
        "agrees": content.agrees(roster),
        "left_out": left_out,
        "history": history(roster),
        "stale": stale,
        "stale_note": "审过也不能照旧支付：退回乡镇重编，或者停发这些行",
        "panel": _panel(roster, content, buttons_of_mine, stale),
    }


def _stations(roster: Roster) -> list[Station]:
    states = [state for state, _ in ROSTER_STATIONS]
    at = states.index(roster.status) if roster.status in states else -1  # type: ignore[arg-type]
    found = []
    for place, (_, label) in enumerate(ROSTER_STATIONS):
        done = place < at or roster.status == RosterStatus.APPROVED
        found.append(Station(label, "done" if done else "now" if place == at else "todo"))
    return found


def _controls(roster: Roster, content: queries.Content) -> list[dict[str, Any]]:
    """Control numbers side by side: what was fixed, what the lines say now, what the order holds."""
    fixed = queries.Content(roster.line_count, roster.total, roster.content_hash)
    found = (
        (f"花名册登记（第 {roster.revision} 版）", fixed),
        ("明细逐行重算" if content.root else "明细合计", content),
    )
    return [
        {
            "source": source,
            "count": one.count,
            "total": one.total,
            "root": one.root,
            "agrees": one.agrees(roster),
        }
        for source, one in found
    ]


def _acts(request: StaffRequest, roster: Roster) -> list[Act]:
    def also(step: Step) -> str:
        empty = step.name == "submit" and not roster.line_count
        return "花名册还没有生成，或者没有人可发。" if empty else ""

    return [
        *buttons(roster, ROSTER_FLOW, actor=request.user, url_name="disbursement:roster-step", also=also),
        *acts(
            workflow.acts(roster, ROSTER_FLOW, "regenerate", actor=request.user),
            lambda _: reverse("disbursement:roster-regenerate", args=[roster.pk]),
        ),
    ]


def _panel(roster: Roster, content: queries.Content, found: list[Act], stale: list[StaleLine]) -> Panel:
    wrong = "" if content.agrees(roster) else "明细与登记的名单指纹不一致，请报告审计管理员。"
    if wrong:
        found = [
            one if one.style != "primary" else replace(one, refused=one.refused or wrong) for one in found
        ]
    told = "明细与名单指纹一致" if content.root else "明细的笔数、金额与登记一致"
    checks = [
        Check(wrong or told, "bad" if wrong else "", roster.content_hash[:8]),
        Check("与补贴对象库比对", "wait", "送审校验", reverse("disbursement:roster-check", args=[roster.pk])),
    ]
    if stale:
        count = f"{len(stale):,} 笔{'以上' if len(stale) == MOST else ''}"
        checks.append(Check(f"送审以后变了 {count}，不能照旧支付", "bad", "看名单", "#stale"))
    if others := queries.named_otherwise(queries.lines_of_roster(roster)).count():
        url = reverse("disbursement:roster-check", args=[roster.pk])
        checks.append(Check(f"户名与收款人不同 {others:,} 笔", "warn", "逐笔看", url))
    hint = "不相容岗位：编过申报册、花名册的人，不能再审这份花名册；退回不受影响。"
    return Panel("办理", found, checks=checks, hint=hint, drawn=workflow.drawn(roster))


@opens(Area.ROSTER)
@require_POST
def roster_step(request: StaffRequest, pk: int, step: str) -> HttpResponse:
    roster = get_object_or_404(_rosters(request), pk=pk)
    one = next((known for known in ROSTER_FLOW.steps if known.name == step), None)
    if one is None:
        return redirect("disbursement:roster-detail", pk=pk)
    return take_step(
        request,
        one,
        lambda: services.advance_roster(
            pk,
            step,
            actor=request.user,
            note=request.POST.get("note", ""),
            content_hash=request.POST.get("content_hash"),
        ),
        back=reverse("disbursement:roster-detail", args=[pk]),
        done=f"“{one.label}”已办。",
        of=roster,
    )


@opens(Area.ROSTER)
@require_POST
def roster_regenerate(request: StaffRequest, pk: int) -> HttpResponse:
    get_object_or_404(_rosters(request), pk=pk)
    return take_step(
        request,
        ROSTER_FLOW["regenerate"],
        lambda: services.regenerate_roster(pk, actor=request.user),
        back=reverse("disbursement:roster-detail", args=[pk]),
        done="花名册已按现在的享受资格和账户重新生成。",
    )


@opens(Area.ROSTER)
@require_safe
def roster_export(request: StaffRequest, pk: int) -> HttpResponseBase:
    roster = get_object_or_404(_rosters(request), pk=pk)
    chosen = _lines_filter(roster)(
        request.GET, queryset=queries.shown_lines(queries.lines_of_roster(roster)), request=request
    )
    order = lists.order_of(request.GET.get("sort", ""), _LINE_SORTS, "line")
    rows = line_rows(chosen.qs.order_by(*order.columns))
    return workbook(request, f"花名册 {roster.batch.title}", LINE_COLUMNS, rows, of=chosen.qs)


@opens(Area.ROSTER)
@require_safe
def roster_print(request: StaffRequest, pk: int) -> HttpResponse:
    roster = get_object_or_404(_rosters(request), pk=pk)
    found = queries.shown_lines(queries.lines_of_roster(roster)).order_by("line_no")[:5_000]
    lines = with_places(found, short=True)
    context = {
        "roster": roster,
        "rows": lines,
        "place": place_names([roster.division_code]).get(roster.division_code, ""),
        "rest": max(0, roster.line_count - len(lines)),
    }
    return render(request, "disbursement/roster_print.html", context)


@opens(Area.ROSTER)
@require_safe
def roster_left_out(request: StaffRequest, pk: int) -> HttpResponse:
    """没有进花名册的人, with the reason."""
    roster = get_object_or_404(_rosters(request), pk=pk)
    rows = RosterOmission.objects.filter(roster=roster, revision=roster.revision)
    context = lists.listing(
        request, rows, sorts={"place": "division_code", "reason": "reason"}, default="place", size=50
    )
    context["rows"] = with_places(context["page"], short=True)
    stops = queries.standing_stops(roster, [one.entitlement_id for one in context["rows"]])
    for one in context["rows"]:
        one.stopped_line = stops.get(one.entitlement_id)
    context |= {
        "roster": roster,
        "nothing": Nothing("没有人被留在花名册外面", "享受资格有效的人都在花名册里。"),
    }
    return render(request, "disbursement/roster_left_out.html", context)


@opens(Area.ROSTER)
@require_safe
def roster_check(request: StaffRequest, pk: int) -> HttpResponse:
    """信息校验日志."""
    roster = get_object_or_404(_rosters(request), pk=pk)
    lines = queries.lines_of_roster(roster)
    others, shared = queries.named_otherwise(lines), queries.shared_accounts(lines)
    context = {
        "roster": roster,
        "errors": services.roster_errors(roster),
        "others": queries.with_relations(others, services.MOST_ERRORS),
        "shared": queries.with_relations(shared, services.MOST_ERRORS),
        "nothing": Nothing("都相符", "花名册与补贴对象库逐人比对，没有不符的地方。"),
    }
    return render(request, "disbursement/roster_check.html", context)
