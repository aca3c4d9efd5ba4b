"""回盘对账: upload, differences by kind, confirmation by a second person."""

from __future__ import annotations

from typing import Any

import django_filters
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from disbursement import queries, services
from disbursement.forms import ReturnForm
from disbursement.models import PaymentLine, PaymentOrder, ReturnFile, ReturnLine
from disbursement.states import RETURN_FILE_ROLES, RETURN_FLOW, OrderStatus, ReturnStatus
from disbursement.views.common import buttons, may_take
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.bankformats.reasons import reason_of
from huimin.core.desk import exports, lists
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, code_first, not_yours, opens, take_step
from huimin.core.desk.pages import Check, Link, Nothing, Panel, Stat
from huimin.core.desk.places import place_names
from huimin.core.errors import FileRefused, Refused, RowError
from huimin.core.models import Job
from huimin.core.records import audit, files
from huimin.core.sheets.writer import Column
from huimin.core.work import workflow

_SORTS = {"time": "id", "order": "order_id", "status": "status", "failed": "failed_count"}
_COLUMNS = [
    Column("支付申请", 24),
    Column("状态", 12),
    Column("笔数", 10, "integer"),
    Column("成功笔数", 10, "integer"),
    Column("成功金额", 16, "amount"),
    Column("失败笔数", 10, "integer"),
    Column("失败金额", 16, "amount"),
    Column("没有结果", 10, "integer"),
    Column("上传人", 12),
    Column("确认人", 12),
]
MOST_BYTES = 128 * 1024 * 1024
_TABS = (
    ("question", "要核对"),
    ("failed", "失败"),
    ("processing", "处理中"),
    ("paid", "成功"),
    ("open", "文件里没有"),
)


class ReturnFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(field_name="order__number", lookup_expr="icontains", label="申请号")
    status = django_filters.ChoiceFilter(label="状态", choices=ReturnStatus.choices)


def _returns(request: StaffRequest) -> QuerySet[ReturnFile]:
    rows: QuerySet[ReturnFile] = ReturnFile.objects.visible_to(request.user).select_related(
        "order__policy", "uploaded_by", "confirmed_by", "file"
    )
    return rows


@opens(Area.RETURN)
@require_safe
def return_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _returns(request),
        sorts=_SORTS,
        default="-time",
        filterset=ReturnFilter,
        totals={"paid": Sum("paid_total"), "failed": Sum("failed_total")},
        export=reverse("disbursement:return-export"),
    )
    waiting = PaymentOrder.objects.visible_to(request.user).filter(status=OrderStatus.SENT)
    context["waiting"] = waiting.select_related("policy").order_by("sent_at")[:20]
    context["may_upload"] = _may_upload(request)
    context["nothing"] = Nothing(
        "没有符合条件的回盘",
        "银行代发以后，把银行给的回盘文件上传到这里。",
        [Link("看全部回盘", request.path)],
    )
    return render(request, "disbursement/return_list.html", context)


def _may_upload(request: StaffRequest) -> bool:
    return scope.holds_anywhere(request.user, RETURN_FLOW["upload"].roles)


@opens(Area.RETURN)
@require_safe
def return_export(request: StaffRequest) -> HttpResponseBase:
    chosen = ReturnFilter(request.GET, queryset=_returns(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-time")
    rows = (
        (
            one.order.number,
            one.get_status_display(),
            one.line_count,
            one.paid_count,
            one.paid_total,
            one.failed_count,
            one.failed_total,
            one.open_count,
            one.uploaded_by.name,
            one.confirmed_by.name if one.confirmed_by else "",
        )
        for one in chosen.qs.order_by(*order.columns)
    )
    return exports.workbook(request, "回盘对账", _COLUMNS, rows)


@opens(Area.RETURN)
def return_upload(request: StaffRequest) -> HttpResponse:
    step = RETURN_FLOW["upload"]
    if refusal := not_yours(request, step.roles, act=step.label):
        return refusal
    form = ReturnForm(request.POST or None, request.FILES or None)
    errors: list[RowError] = []
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            if upload.size > MOST_BYTES:
                raise FileRefused("文件超过128MB，不是这一批的回盘。")
            taken = services.hand_in_return(upload, upload.name, size=upload.size, actor=request.user)
        except FileRefused as refused:
            form.add_error("file", str(refused))
            errors = refused.errors
        except Refused as refused:
            form.add_error("file", str(refused))
        else:
            if isinstance(taken, Job):
                return redirect("core:job", pk=taken.pk)
            (messages.info if taken.is_repeat else messages.success)(request, taken.message)
            return redirect("disbursement:return-detail", pk=taken.return_file.pk)
    return render(request, "disbursement/return_upload.html", {"form": form, "errors": errors})


@opens(Area.RETURN)
@require_safe
def return_detail(request: StaffRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(_returns(request), pk=pk)
    counts = _counts(found)
    tab = request.GET.get("kind", "")
    if tab not in dict(_TABS):
        tab = next((name for name, _ in _TABS if counts[name]), "paid")
    rows = _open_rows(found) if tab == "open" else _rows(found, tab)
    context = lists.listing(request, rows, sorts={"line": "line_no"}, default="line", size=50)
    context["rows"] = list(context["page"]) if tab == "open" else _with_lines(list(context["page"]))
    job = (
        Job.objects.filter(key__startswith=f"disbursement.confirm_return:{pk}:")
        .select_related("created_by")
        .last()
    )
    context |= {
        "found": found,
        "tab": tab,
        "tabs": [{"name": name, "label": label, "count": counts[name]} for name, label in _TABS],
        "stats": _stats(found),
        "may_take": may_take(request.user, RETURN_FILE_ROLES, found.order),
        "panel": _panel(request, found, counts),
        "history": history(found),
        "job": job if job and not job.is_finished else None,
        "nothing": Nothing("这一类没有明细", ""),
    }
    return render(request, "disbursement/return_detail.html", context)


def _rows(found: ReturnFile, tab: str) -> QuerySet[ReturnLine]:
    rows = ReturnLine.objects.filter(return_file=found)
    return rows.exclude(question="") if tab == "question" else rows.filter(outcome=tab)


def _open_rows(found: ReturnFile) -> QuerySet[PaymentLine]:
    """Lines of the order that this file does not mention and that have no outcome."""
    named = ReturnLine.objects.filter(return_file=found, payment_line_id=OuterRef("pk"))
    return (
        queries.lines_of_order(found.order_id)
        .filter(~Exists(named), results__isnull=True)
        .defer("beneficiary_id_number", "payee_id_number", "account_number")
    )


def _counts(found: ReturnFile) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FILTER (WHERE question <> ''), count(*) FILTER (WHERE outcome = 'failed'),
                      count(*) FILTER (WHERE outcome = 'processing'), count(*) FILTER (WHERE outcome = 'paid')
               FROM disbursement_returnline WHERE return_file_id = %s""",
            [found.pk],
        )
        counts = dict(zip(("question", "failed", "processing", "paid"), cursor.fetchone(), strict=True))
    # what was open at the upload beyond the lines still under way; later files only take away from it
    left_out = found.open_count > counts["processing"]
    return counts | {"open": _open_rows(found).count() if left_out else 0}


def _with_lines(rows: list[Any]) -> list[Any]:
    """The payment beside every line of the file, and the bank's reason in plain words."""
    lines = (
        PaymentLine.objects.filter(pk__in=[row.payment_line_id for row in rows])
        .defer("beneficiary_id_number", "payee_id_number", "account_number")
        .in_bulk()
    )
    names = place_names(line.division_code for line in lines.values())
    for row in rows:
        row.payment = lines[row.payment_line_id]
        row.place = names.get(row.payment.division_code, "")
        row.why = reason_of(row.reason) if row.outcome == ReturnLine.Outcome.FAILED else None
    return rows


def _stats(found: ReturnFile) -> list[Stat]:
    order = found.order
    rest = order.total - found.paid_total - found.failed_total
    return [
        Stat("送盘", f"{order.line_count:,}", "笔", f"{order.total:,.2f} 元"),
        Stat("银行成功", f"{found.paid_count:,}", "笔", f"{found.paid_total:,.2f} 元", is_key=True),
        Stat("银行失败", f"{found.failed_count:,}", "笔", f"{found.failed_total:,.2f} 元"),
        Stat("还没有结果", f"{found.open_count:,}", "笔", "保持已送盘，不能补发"),
        Stat("这份文件之外", f"{rest:,.2f}", "元", "送盘减成功减失败"),
    ]


def _panel(request: StaffRequest, found: ReturnFile, counts: dict[str, int]) -> Panel:
    checks = [
        Check("文件格式、编码、笔数、金额相符"),
        Check("每一笔都在送盘名单里，金额、账号一致"),
        Check(f"{counts['question']} 笔要核对", "warn" if counts["question"] else ""),
        Check(f"{found.open_count} 笔没有结果，保持已送盘", "wait" if found.open_count else ""),
    ]
    acts = buttons(found, RETURN_FLOW, actor=request.user, url_name="disbursement:return-step")
    hint = "不相容岗位：上传的人不能确认；编过、审过、签过这笔钱的人也不能。"
    return Panel("确认对账", acts, checks=checks, hint=hint, drawn=workflow.drawn(found))


@opens(Area.RETURN)
@require_POST
def return_step(request: StaffRequest, pk: int, step: str) -> HttpResponse:
    found = get_object_or_404(_returns(request), pk=pk)
    one = next((known for known in RETURN_FLOW.steps if known.name == step), None)
    if one is None:
        return redirect("disbursement:return-detail", pk=pk)
    return take_step(
        request,
        one,
        lambda: services.advance_return(pk, step, actor=request.user, note=request.POST.get("note", "")),
        back=reverse("disbursement:return-detail", args=[pk]),
        done=f"“{one.label}”已办。" if step == "refuse" else "已入账；笔数多的由后台接着办，可以离开本页。",
        of=found,
    )


@opens(Area.RETURN)
@require_safe
def return_original(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The file as the bank sent it, for the reconciler with a one-time code; each download leaves a trace."""
    found = get_object_or_404(_returns(request), pk=pk)
    if not may_take(request.user, RETURN_FILE_ROLES, found.order):
        raise PermissionDenied
    if asked := code_first(request, "下载回盘原文件", back=reverse("disbursement:return-detail", args=[pk])):
        return asked
    content = files.read(found.file)
    audit.record(found, action="file.download", actor=request.user, label="下载回盘原文件")
    return exports.download(content, name=found.file.name, content_type=found.file.content_type)
