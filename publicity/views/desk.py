"""The desk of 发放公开: what may be published, how the public would read it, publish, withdraw."""

from __future__ import annotations

from typing import Any

import django_filters
from django.core.paginator import Paginator
from django.db.models import QuerySet, Sum
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from disbursement.models import Roster
from huimin.core.authority.roles import Area
from huimin.core.desk import lists
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, opens, take_step
from huimin.core.desk.pages import Act, Check, Link, Nothing, Pair, Panel, acts
from huimin.core.models import Division
from huimin.core.values.digests import spaced
from huimin.core.values.periods import Period
from huimin.core.work import workflow
from publicity import queries, services
from publicity.models import Disclosure
from publicity.states import DISCLOSURE_FLOW, DisclosureStatus
from publicity.views import exports

PAGE = 100


class DisclosureFilter(lists.HouseFilterSet):
    title = django_filters.CharFilter(label="标题", lookup_expr="icontains")
    status = django_filters.ChoiceFilter(label="状态", choices=DisclosureStatus.choices)
    overtaken = django_filters.ChoiceFilter(
        label="公开以后", choices=[("yes", "有钱退回")], method="by_return"
    )

    class Meta:
        model = Disclosure
        fields: list[str] = []

    def by_return(self, rows: QuerySet[Disclosure], _: str, value: str) -> QuerySet[Disclosure]:
        return rows.filter(pk__in=queries.overtaken(self.request.user).values("pk"))


@require_safe
@opens(Area.NOTICE)
def disclosure_list(request: StaffRequest) -> HttpResponse:
    """Published and withdrawn lists, with what still waits above them."""
    context = _listing(request)
    context["page_rows"] = _placed(context["page"])
    context["waiting"] = _placed(queries.publishable(request.user)[:20])
    context["waiting_count"] = queries.publishable(request.user).count()
    context["nothing"] = Nothing(
        "没有公开的名单",
        "钱发完、回盘办结的花名册，由主管部门经办公开以后列在这里。",
        [Link("看全部名单", request.path)],
    )
    return render(request, "publicity/desk_list.html", context)


def _listing(request: StaffRequest) -> dict[str, Any]:
    return lists.listing(
        request,
        Disclosure.objects.visible_to(request.user).select_related("policy"),
        sorts={
            "title": "title",
            "published": ("published_on", "id"),
            "count": "line_count",
            "total": "total",
        },
        default="-published",
        filterset=DisclosureFilter,
        totals={"total": Sum("total"), "paid_total": Sum("paid_total"), "line_count": Sum("line_count")},
        export=reverse("publicity:desk-export"),
    )


def _placed(rows: Any) -> list[tuple[Any, str]]:
    found = list(rows)
    names = Division.objects.titles([row.division_code for row in found])
    return [(row, names[row.division_code]) for row in found]


@require_safe
@opens(Area.NOTICE)
def disclosure_export(request: StaffRequest) -> HttpResponseBase:
    rows = DisclosureFilter(
        request.GET,
        queryset=Disclosure.objects.visible_to(request.user).select_related("policy"),
        request=request,
    ).qs
    order = lists.order_of(
        request.GET.get("sort", ""), {"total": "total", "published": "published_on"}, "-published"
    )
    return exports.disclosures(request, rows.order_by(*order.columns))


@require_safe
@opens(Area.ROSTER)
def preview(request: StaffRequest, roster_id: int) -> HttpResponse:
    """A roster as the public would read it, with the checks and the button."""
    roster = _roster(request, roster_id)
    found = services.preview_disclosure(roster, actor=request.user)
    publish = Act(
        DISCLOSURE_FLOW["publish"].label,
        reverse("publicity:desk-publish", args=[roster.pk]),
        style="primary",
        refused=found.refused,
        hint="公开以后谁都能看、能下载；只能撤下，不能改。",
    )
    panel = Panel(
        "办理",
        [publish],
        hint="公开的是实际发放的名单，不出现证件号、卡号、电话、住址。",
        checks=[] if found.refused else [Check("指纹与签章时一致"), Check("没有像证件号、卡号、电话的内容")],
    )
    context = {
        "roster": roster,
        "place": queries.place_title(roster.division_code),
        "period": Period.parse(roster.batch.period).label,
        "page": Paginator(found.lines, PAGE).get_page(request.GET.get("page")),
        "panel": panel,
    }
    return render(request, "publicity/desk_preview.html", context)


@require_POST
@opens(Area.ROSTER)
def publish(request: StaffRequest, roster_id: int) -> HttpResponse:
    roster = _roster(request, roster_id)
    return take_step(
        request,
        DISCLOSURE_FLOW["publish"],
        lambda: services.publish_disclosure(roster.pk, actor=request.user),
        back=reverse("publicity:desk-list"),
        done="名单已公开，群众现在就能看到。请打印张贴到村里。",
    )


@require_safe
@opens(Area.NOTICE)
def disclosure_detail(request: StaffRequest, disclosure_id: int) -> HttpResponse:
    found = _disclosure(request, disclosure_id)
    place = queries.place_title(found.division_code)
    actions = workflow.actions(found, DISCLOSURE_FLOW, actor=request.user)
    panel = Panel(
        "办理",
        acts(actions, lambda name: reverse(f"publicity:desk-{name}", args=[found.pk])),
        note_label="撤下原因",
        drawn=workflow.drawn(found),
        hint="撤下以后，核验页会写明名单已撤下和日期；改好以后可以重新公开。",
    )
    context = {
        "disclosure": found,
        "place": place,
        "panel": panel,
        "summary": _summary(found, place),
        "villages": queries.villages_of(found),
        "entries": history(found),
        "queries_today": queries.query_figures(),
    }
    return render(request, "publicity/desk_detail.html", context)


def _summary(found: Disclosure, place: str) -> list[Pair]:
    rows = [
        Pair("地方", place),
        Pair("政策", found.policy.name),
        Pair("期次", Period.parse(found.period).label),
        Pair("笔数", f"{found.line_count:,} 笔", is_number=True),
        Pair("金额", f"{found.total:,.2f} 元", is_number=True),
        Pair("已到账", f"{found.paid_total:,.2f} 元", is_number=True),
        Pair("核验码", spaced(found.code)),
    ]
    return [*rows, Pair("撤下原因", found.withdrawn_reason)] if found.withdrawn_reason else rows


@require_POST
@opens(Area.NOTICE)
def withdraw(request: StaffRequest, disclosure_id: int) -> HttpResponse:
    found = _disclosure(request, disclosure_id)
    return take_step(
        request,
        DISCLOSURE_FLOW["withdraw"],
        lambda: services.withdraw_disclosure(found.pk, actor=request.user, note=request.POST.get("note", "")),
        back=reverse("publicity:desk-detail", args=[found.pk]),
        done="名单已撤下，群众看不到了。",
        of=found,
    )


def _roster(request: StaffRequest, roster_id: int) -> Roster:
    rows = Roster.objects.visible_to(request.user).select_related("batch", "policy")
    found: Roster = get_object_or_404(rows, pk=roster_id)
    return found


def _disclosure(request: StaffRequest, disclosure_id: int) -> Disclosure:
    rows = Disclosure.objects.visible_to(request.user).select_related("policy", "batch")
    found: Disclosure = get_object_or_404(rows, pk=disclosure_id)
    return found
