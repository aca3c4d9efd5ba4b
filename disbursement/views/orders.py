"""Payment orders: choose rosters, see which indicators pay, sign, send, download the bank's files."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import django_filters
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from disbursement import queries, services
from disbursement.forms import WholeYuanForm
from disbursement.models import BankFile, OrderIndicator, OrderPart, PaymentOrder, Roster
from disbursement.models.sql import NOT_STOPPED
from disbursement.queries.stale import StaleLine, held_by, refusal_of, stale_lines, to_be_ordered
from disbursement.services import papers
from disbursement.services.banks import AtBank, banks_of, by_bank
from disbursement.services.orders import CANCEL_FIRST
from disbursement.states import BANK_FILE_ROLES, ORDER_FLOW, RETURN_FLOW, OrderStatus, RosterStatus
from disbursement.views.common import buttons, may_take, order_url
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.bankformats.registry import get_format
from huimin.core.desk import exports, lists
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, code_first, opens, take_step
from huimin.core.desk.pages import Check, Link, Nothing, Panel, Stat, Station
from huimin.core.desk.places import place_names, with_places
from huimin.core.errors import Refused, StepRefused
from huimin.core.models import Job, Office
from huimin.core.records import audit, files
from huimin.core.sheets.writer import Column
from huimin.core.values.money import capital_yuan
from huimin.core.work import workflow
from subsidies.services import preview_deduction

_SORTS = {
    "number": "id",
    "policy": "policy__name",
    "bank": "bank__name",
    "status": "status",
    "total": "total",
    "lines": "line_count",
}
_COLUMNS = [
    Column("申请号", 24),
    Column("政策", 30),
    Column("状态", 12),
    Column("代发银行", 24),
    Column("笔数", 12, "integer"),
    Column("金额", 16, "amount"),
    Column("编制人", 12),
    Column("签章人", 12),
]


def _banks_in_reach(request: StaffRequest) -> QuerySet[Office]:
    """Those that an order in reach was made for, also such as pay nothing any more."""
    of_orders = PaymentOrder.objects.visible_to(request.user).order_by().values("bank")
    return Office.objects.filter(pk__in=of_orders).order_by("pk")


class OrderFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(method="by_text", label="申请号或政策")
    bank = django_filters.ModelChoiceFilter(queryset=_banks_in_reach, label="代发银行")
    status = django_filters.ChoiceFilter(label="状态", choices=OrderStatus.choices)

    def by_text(self, rows: QuerySet[PaymentOrder], _: str, value: str) -> QuerySet[PaymentOrder]:
        return rows.filter(Q(number__icontains=value) | Q(policy__name__icontains=value))


def _orders(request: StaffRequest) -> QuerySet[PaymentOrder]:
    rows: QuerySet[PaymentOrder] = PaymentOrder.objects.visible_to(request.user).select_related(
        "policy", "bank", "made_by", "signed_by"
    )
    return rows


@opens(Area.ORDER)
@require_safe
def order_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _orders(request),
        sorts=_SORTS,
        default="-number",
        filterset=OrderFilter,
        totals={"lines": Sum("line_count"), "total": Sum("total")},
        export=reverse("disbursement:order-export"),
    )
    context["may_make"] = _may_make(request)
    context["nothing"] = Nothing(
        "没有符合条件的支付申请", "花名册终审以后，由财政经办编制。", [Link("看全部支付申请", request.path)]
    )
    return render(request, "disbursement/order_list.html", context)


def _may_make(request: StaffRequest) -> bool:
    return scope.holds_anywhere(request.user, ORDER_FLOW["make"].roles)


@opens(Area.ORDER)
@require_safe
def order_export(request: StaffRequest) -> HttpResponseBase:
    chosen = OrderFilter(request.GET, queryset=_orders(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-number")
    rows = (
        (
            one.number,
            one.policy.name,
            one.get_status_display(),
            one.bank.name,
            one.line_count,
            one.total,
            one.made_by.name,
            one.signed_by.name if one.signed_by else "",
        )
        for one in chosen.qs.order_by(*order.columns)
    )
    return exports.workbook(request, "支付申请", _COLUMNS, rows)


@opens(Area.ORDER)
def order_new(request: StaffRequest) -> HttpResponseBase:
    """What is still to be ordered of approved rosters, by policy and bank; previewed against the indicators before anything
    is frozen."""
    if request.method == "POST":
        return _make(request)
    waiting = list(
        queries.with_free_lines(Roster.objects.visible_to(request.user).filter(status=RosterStatus.APPROVED))
        .select_related("batch", "policy")
        .order_by("policy__code", "batch_id", "division_code")
    )
    free = queries.to_order(one.pk for one in waiting)
    groups: dict[Any, list[Roster]] = defaultdict(list)
    for roster in with_places(waiting):
        roster.payable_count, roster.payable = queries.added_up(free[roster.pk].values())
        groups[roster.policy].append(roster)
    context = {
        "groups": [_group(policy, rosters, free) for policy, rosters in groups.items()],
        "stale": stale_lines(to_be_ordered(free)),
        "may_make": _may_make(request),
        "nothing": Nothing("没有等着支付的花名册", "花名册终审以后会出现在这里。"),
    }
    return render(request, "disbursement/order_new.html", context)


def _group(policy: Any, rosters: list[Any], free: dict[int, dict[int, queries.Sums]]) -> dict[str, Any]:
    total = sum((one.payable for one in rosters), queries.ZERO)
    found = by_bank(policy.county_code, [free[one.pk] for one in rosters])
    group: dict[str, Any] = {
        "policy": policy,
        "rosters": rosters,
        "total": total,
        "count": sum(one.payable_count for one in rosters),
        "banks": [(bank, get_format(bank.bank_format)) for bank in banks_of(policy.county_code)],
        "at_banks": found,
        "across": next((one for one in found if one.bank is None), None),
        "action_key": Panel("", ()).action_key,
        "newest": _newest([one.pk for one in rosters]),
        "deductions": [],
        "short": "",
    }
    if total:
        try:
            group["deductions"] = preview_deduction(policy, total)
        except Refused as refused:
            group["short"] = str(refused)
    group["open_failed"] = queries.failed_lines().filter(policy_id=policy.pk).count()
    return group


def _make(request: StaffRequest) -> HttpResponse:
    chosen = [int(pk) for pk in request.POST.getlist("rosters") if pk.isdecimal() and len(pk) < 19]
    bank = request.POST.get("bank", "")
    made: list[PaymentOrder] = []

    def act() -> None:
        _require_as_shown(request, chosen)
        made.extend(
            services.make_orders(
                chosen,
                actor=request.user,
                bank_id=int(bank) if bank.isdecimal() and len(bank) < 19 else None,
                cross_bank="cross_bank" in request.POST,
            )
        )

    answer = take_step(
        request,
        ORDER_FLOW["make"],
        act,
        back=reverse("disbursement:order-new"),
        done="支付申请已编制，指标已冻结。下一步：国库支付签章。",
    )
    if not made:
        return answer
    if len(made) > 1:
        most = get_format(made[0].bank_format).max_lines
        numbers = "、".join(one.number for one in made)
        messages.info(
            request, f"{made[0].bank}一份文件最多 {most:,} 笔，已分成 {len(made)} 笔支付申请：{numbers}。"
        )
    return redirect("disbursement:order-detail", pk=made[0].pk)


def _newest(rosters: list[int]) -> int:
    """The last order that was made of these rosters, whatever became of it; 0 where there is none."""
    found = OrderPart.objects.filter(roster__in=rosters).aggregate(last=Max("order"))["last"]
    return int(found or 0)


def _require_as_shown(request: StaffRequest, chosen: list[int]) -> None:
    """StepRefused, with their numbers, where orders were made of these rosters after the page was drawn: what the service
    finds left would otherwise be explained by what is left alone."""
    shown = request.POST.get("newest", "")
    if not shown.isdecimal() or len(shown) > 18:
        return
    rosters = Roster.objects.visible_to(request.user).filter(pk__in=chosen)
    since = OrderPart.objects.filter(roster__in=rosters, order__gt=int(shown)).values("order__number")
    orders = since.annotate(count=Sum("line_count"), sum=Sum("total")).order_by("order__number")
    if told := "、".join(
        f"{one['order__number']}（{one['count']:,} 笔 {one['sum']:,.2f} 元）" for one in orders
    ):
        raise StepRefused(
            f"您打开页面以后，这些花名册里有人编入了支付申请 {told}。请看下面现在还剩哪些，要付的再提交一次。"
        )


@opens(Area.ORDER)
@require_safe
def order_detail(request: StaffRequest, pk: int) -> HttpResponse:
    order = get_object_or_404(_orders(request), pk=pk)
    job = (
        Job.objects.filter(key__startswith=f"disbursement.send_order:{pk}:")
        .select_related("created_by")
        .last()
    )
    stale = stale_lines(held_by(order)) if _is_unsent(order) else []
    context = {
        "order": order,
        "parts": _parts(order),
        # a bank sees nothing of what another one pays
        "left": _left(order) if scope.reads(request.user, Area.ROSTER) else [],
        "make_url": order_url(request.user, order.policy),
        "upload_url": _upload_url(request, order),
        "deductions": OrderIndicator.objects.filter(order=order).select_related("indicator"),
        "format": get_format(order.bank_format),
        "file": BankFile.objects.filter(order=order).select_related("file").first(),
        "may_open_rosters": scope.reads(request.user, Area.ROSTER),
        "may_take": may_take(request.user, BANK_FILE_ROLES, order),
        "returns": order.return_files.select_related("uploaded_by", "confirmed_by").order_by("-pk"),
        "states": queries.state_totals(f"o.id = %s AND {NOT_STOPPED}", [order.pk]),
        "stations": _stations(order),
        "stats": _stats(order),
        "history": history(order),
        "panel": _panel(request, order, stale),
        "job": job if job and not job.is_finished else None,
        "stale": stale,
    }
    return render(request, "disbursement/order_detail.html", context)


def _upload_url(request: StaffRequest, order: PaymentOrder) -> str:
    """Where the bank's answer is handed in, for whoever does that, while it is still to come."""
    place: dict[str, Any] = {"division_code": order.division_code, "policy_id": order.policy_id}
    mine = scope.holds(request.user, RETURN_FLOW["upload"].roles, **place)
    return reverse("disbursement:return-upload") if mine and order.status == OrderStatus.SENT else ""


def _is_unsent(order: PaymentOrder) -> bool:
    return order.status in {OrderStatus.DRAFT, OrderStatus.SIGNED}


def _parts(order: PaymentOrder) -> list[Any]:
    """What it pays of each roster, runs of lines between those of other banks as one; `is_whole` where that is all that
    the roster has to be paid, `bank` where it is paid across (跨行)."""
    runs = (
        OrderPart.objects.filter(order=order)
        .select_related("roster__batch")
        .order_by("roster__division_code", "roster", "lines")
    )
    merged: dict[Any, Any] = {}
    for one in runs:
        part: Any = merged.setdefault((one.roster_id, one.bank_id, one.is_across), one)
        if part is not one:
            part.line_count, part.total = part.line_count + one.line_count, part.total + one.total
        part.last = one.lines.upper - 1
    found = list(merged.values())
    names = place_names(one.roster.division_code for one in found)
    banks = Office.objects.in_bulk({one.bank_id for one in found})
    for one in found:
        one.place = names.get(one.roster.division_code, one.roster.division_code)
        one.is_whole = one.line_count == one.roster.line_count
        one.bank = banks.get(one.bank_id)
    return found


def _left(order: PaymentOrder) -> list[AtBank]:
    """What is still to be ordered of the same rosters, by bank; of a cancelled order that holds what it has given free."""
    free = queries.still_to_order(queries.rosters_of(order))
    return by_bank(order.county_code, free.values())


def _stats(order: PaymentOrder) -> list[Stat]:
    made = timezone.localtime(order.created_at)
    return [
        Stat("笔数", f"{order.line_count:,}", "笔"),
        Stat("应付金额", f"{order.total:,.2f}", "元", capital_yuan(order.total), is_key=True),
        Stat("代发银行", order.bank.name, "", get_format(order.bank_format).label),
        Stat("编制", str(order.made_by), "", f"{made.year}年{made.month}月{made.day}日"),
        Stat("签章", str(order.signed_by or "—"), "", "须由另一个人签章"),
    ]


def _stations(order: PaymentOrder) -> list[Station]:
    path = (
        (OrderStatus.DRAFT, "签章"),
        (OrderStatus.SIGNED, "送银行"),
        (OrderStatus.SENT, "银行代发"),
        (OrderStatus.SETTLED, "办结"),
    )
    states = [state for state, _ in path]
    at = states.index(order.status) if order.status in states else -1  # type: ignore[arg-type]
    stations = [Station("编制申请", "done", str(order.made_by))]
    for place, (_, label) in enumerate(path):
        done = place < at or order.status == OrderStatus.SETTLED
        who = str(order.signed_by or "") if place < 2 else ""
        stations.append(Station(label, "done" if done else "now" if place == at else "todo", who))
    return stations


def _panel(request: StaffRequest, order: PaymentOrder, stale: list[StaleLine]) -> Panel:
    why = refusal_of(order.policy, stale, remedy=CANCEL_FIRST) if _is_unsent(order) else ""
    acts = buttons(
        order,
        ORDER_FLOW,
        actor=request.user,
        url_name="disbursement:order-step",
        also=lambda step: why if step.name != "cancel" else "",
        leave_out={"settle"},
    )
    signs = any(one.label == ORDER_FLOW["sign"].label and not one.refused for one in acts)
    form = WholeYuanForm() if signs else None
    hint = "不相容岗位：编过、审过花名册和编制支付申请的人，不能签章。签章后才生成代发文件，文件只生成一次。"
    checks = _other_names(request, order)
    return Panel("签章与送盘", acts, hint=hint, form=form, checks=checks, drawn=workflow.drawn(order))


def _other_names(request: StaffRequest, order: PaymentOrder) -> list[Check]:
    """Rosters of the order with accounts that are not named after the payee."""
    lines = queries.named_otherwise(queries.lines_of_order(order.pk))
    counts = lines.values("roster", "roster__division_code").annotate(count=Count("*"))
    found = list(counts.order_by("roster__division_code", "roster"))
    names = place_names(row["roster__division_code"] for row in found)
    looks = scope.reads(request.user, Area.ROSTER)
    return [
        Check(
            f"{names[row['roster__division_code']]}：户名与收款人不同 {row['count']:,} 笔",
            "warn",
            "逐笔看" if looks else "",
            reverse("disbursement:roster-check", args=[row["roster"]]) if looks else "",
        )
        for row in found
    ]


@opens(Area.ORDER)
@require_POST
def order_step(request: StaffRequest, pk: int, step: str) -> HttpResponse:
    order = get_object_or_404(_orders(request), pk=pk)
    one = next((known for known in ORDER_FLOW.steps if known.name == step), None)
    if one is None or step == "settle":
        return redirect("disbursement:order-detail", pk=pk)
    return take_step(
        request,
        one,
        lambda: services.advance_order(
            pk,
            step,
            actor=request.user,
            note=request.POST.get("note", ""),
            whole_yuan=request.POST.get("whole_yuan", "") if step == "sign" else None,
        ),
        back=reverse("disbursement:order-detail", args=[pk]),
        done=f"“{one.label}”已办。",
        of=order,
    )


@opens(Area.ORDER)
@require_safe
def order_paper(request: StaffRequest, pk: int) -> HttpResponseBase:
    """打印支付申请书."""
    order = get_object_or_404(_orders(request), pk=pk)
    url = request.build_absolute_uri(reverse("disbursement:order-detail", args=[pk]))
    content = papers.order_paper(order, url=url)
    return exports.download(content, name=f"支付申请书-{order.number}.pdf", content_type="application/pdf")


@opens(Area.ORDER)
@require_safe
def order_file(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The stored bytes, the same every time: for treasury and bank, with a one-time code; each download leaves a trace."""
    order = get_object_or_404(_orders(request), pk=pk)
    if not may_take(request.user, BANK_FILE_ROLES, order):
        raise PermissionDenied
    if asked := code_first(request, "下载代发文件", back=reverse("disbursement:order-detail", args=[pk])):
        return asked
    made = get_object_or_404(BankFile.objects.select_related("file"), order=order)
    content = files.read(made.file)
    audit.record(
        order,
        action="file.download",
        actor=request.user,
        label="下载代发文件",
        detail={"format": made.format, "sha256": made.file.sha256},
    )
    return exports.download(content, name=made.file.name, content_type=made.file.content_type)
