"""更正发放: failed money, why in the bank's and in plain words, three steps for the villager, the correction batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import django_filters
from django.db.models import Q, QuerySet, Sum
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from disbursement import queries, services
from disbursement.models import Batch, PaymentLine
from disbursement.states import BATCH_FLOW
from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.bankformats.reasons import AGAIN, reason_of
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.http import StaffRequest, opens, take_step
from huimin.core.desk.pages import Nothing, Panel, Stat
from huimin.core.desk.places import with_places
from huimin.core.errors import BadInput
from huimin.core.sheets.writer import Column
from huimin.core.values.days import day_text

_SORTS = {"line": "id", "amount": "amount", "place": "division_code"}
# roster_forms 2f
_COLUMNS = [
    Column("享受人", 12),
    Column("银行账号", 10),
    Column("原批次号", 24),
    Column("批次名称", 40),
    Column("村", 16),
    Column("组", 12),
    Column("金额", 14, "amount"),
    Column("支付状态", 10),
    Column("失败原因", 24),
    Column("发放次数", 10, "integer"),
]


_TOLD = [
    Column("收款人", 12),
    Column("村", 16),
    Column("组", 12),
    Column("批次名称", 40),
    Column("金额", 14, "amount"),
    Column("退回日期", 12),
    Column("为什么", 30),
    Column("怎么跟他说", 60),
    Column("卡", 20),
]


class FailedFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(method="by_text", label="姓名或批次号")

    def by_text(self, rows: QuerySet[PaymentLine], _: str, value: str) -> QuerySet[PaymentLine]:
        return rows.filter(Q(payee_name__contains=value) | Q(roster__batch__number__icontains=value))


def _failed(request: StaffRequest) -> QuerySet[PaymentLine]:
    rows = queries.shown_lines(queries.failed_for(request.user))
    return rows.defer("beneficiary_id_number").select_related("roster__batch")


def _explained(rows: Iterable[Any]) -> list[Any]:
    """Plain words of the bank's reason and what to do, or what the family of the dead does; and the card of today."""
    found, today = with_places(rows), clock.today()
    for line in found:
        line.days = (today - line.failed_on).days
        line.why = reason_of(line.reason or "")
        line.card = (
            "没有在用的账户"
            if line.card_now is None
            else f"还是尾号 {line.card_now}"
            if bytes(line.card_key) == bytes(line.account_key)
            else f"已换卡，尾号 {line.card_now}"
        )
        line.is_new_card = line.card.startswith("已换卡")
        line.words, line.steps = line.why.villager_words, line.why.steps
        if line.payee_died:
            line.card += f"；{_of_the_dead(line)}"
            if _is_card_of_the_dead(line):
                line.words, line.steps = "收款人已去世", _FAMILY
    return found


_FAMILY = ("还没有改户主的，先改户主", "家里人带户口本、身份证和自己的卡，到乡镇财政所申请换卡", AGAIN)


def _is_card_of_the_dead(line: Any) -> bool:
    """Nobody can put it right at the bank: another card has to be registered, unless one was."""
    return not line.is_new_card and (line.card_now is None or line.account_name == line.payee_name)


def _of_the_dead(line: Any) -> str:
    """What the family does about money that goes to somebody who died: the head first, then the card it goes to."""
    said = f"收款人{day_text(line.payee_died)}已去世"
    if line.payee_heads:
        said += "，还是户主：家里有人的先办“改为户主”，改了还列在这里的"
    if line.is_new_card:
        return f"{said}，卡已换好，可以补发"
    if _is_card_of_the_dead(line):
        return f"{said}，由家里人申请换卡"
    return f"{said}，卡是{line.account_name}的，请这个人照“怎么跟他说”办"


@opens(Area.ROSTER)
@require_safe
def correction_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _failed(request),
        sorts=_SORTS,
        default="-line",
        filterset=FailedFilter,
        totals={"total": Sum("amount")},
        size=50,
        export=reverse("disbursement:correction-export"),
    )
    context["rows"] = _explained(context["page"])
    batches = Batch.objects.visible_to(request.user).filter(kind=Batch.Kind.CORRECTION)
    context |= {
        "stats": [
            Stat("没补发", f"{context['page'].paginator.count:,}", "笔", "钱都在专户里", is_key=True),
            Stat("金额", f"{context['totals']['total'] or 0:,.2f}", "元"),
        ],
        "batches": batches.select_related("corrects").annotate(
            lines=Sum("rosters__line_count"), total=Sum("rosters__total")
        )[:20],
        "may_make": scope.holds_anywhere(request.user, BATCH_FLOW["pay_again"].roles),
        "action_key": Panel("", ()).action_key,
        "nothing": Nothing("没有失败待补发的钱", "银行退回的每一笔都已经补发、在更正批次里，或不再应发。"),
    }
    return render(request, "disbursement/correction_list.html", context)


@opens(Area.ROSTER)
@require_safe
def correction_export(request: StaffRequest) -> HttpResponseBase:
    chosen = FailedFilter(request.GET, queryset=_failed(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-line")
    rows = (
        (
            line.beneficiary_name,
            line.account_tail,
            line.roster.batch.number,
            line.roster.batch.title,
            line.place_name,
            line.group_name,
            line.amount,
            line.payment_state.label,
            f"{line.why.label}（{line.bank_words}）",
            line.roster.batch.attempt + (1 if line.corrects_line_id else 0),
        )
        for line in _explained(chosen.qs.order_by(*order.columns))
    )
    return workbook(request, "失败待补发", _COLUMNS, rows)


@opens(Area.FAILED)
@require_safe
def failed_list(request: StaffRequest) -> HttpResponse:
    """没发成功的钱, for whoever villagers ask: who, how much, since when, and how to tell."""
    context = lists.listing(
        request,
        _failed(request),
        sorts=_SORTS | {"since": ("failed_on", "id")},
        default="since",
        filterset=FailedFilter,
        totals={"total": Sum("amount")},
        size=50,
        export=reverse("disbursement:failed-export"),
    )
    context["rows"] = _explained(context["page"])
    context["nothing"] = Nothing("没有没发成功的钱", "银行退回来的每一笔都已经补发、正在补发，或不再应发。")
    return render(request, "disbursement/failed_list.html", context)


@opens(Area.FAILED)
@require_safe
def failed_export(request: StaffRequest) -> HttpResponseBase:
    chosen = FailedFilter(request.GET, queryset=_failed(request), request=request)
    rows = (
        (
            line.payee_name,
            line.place_name,
            line.group_name,
            line.roster.batch.title,
            line.amount,
            str(line.failed_on),
            line.words,
            "；".join(line.steps),
            line.card,
        )
        for line in _explained(chosen.qs.order_by("failed_on", "id"))
    )
    return workbook(request, "没发成功的钱", _TOLD, rows)


@opens(Area.ROSTER)
@require_POST
def correction_make(request: StaffRequest) -> HttpResponse:
    chosen = [int(pk) for pk in request.POST.getlist("lines") if pk.isdecimal()]
    made: list[Batch] = []

    def act() -> None:
        batches = set(
            Batch.objects.visible_to(request.user)
            .filter(rosters__lines__in=chosen)
            .values_list("pk", "corrects")
        )
        roots = {corrects or pk for pk, corrects in batches}
        if len(roots) != 1:
            raise BadInput("请选择同一个批次的失败明细，一个批次做一个更正批次。")
        made.append(services.make_correction(roots.pop(), actor=request.user, line_ids=chosen))

    answer = take_step(
        request,
        BATCH_FLOW["pay_again"],
        act,
        back=reverse("disbursement:correction-list"),
        done="更正批次已做好，已下达乡镇。",
    )
    return redirect("disbursement:batch-detail", pk=made[0].pk) if made else answer
