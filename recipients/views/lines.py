"""Lines of an 申报册: recorded, imported, changed and taken out while it is a draft, excluded later."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core.authority.roles import Area
from huimin.core.desk.exports import download, workbook
from huimin.core.desk.http import (
    StaffRequest,
    act_on_form,
    act_once,
    act_with,
    again,
    first_fault,
    opens,
    take_action_key,
)
from huimin.core.errors import FileRefused, Refused
from huimin.core.sheets.refusals import together
from huimin.core.sheets.writer import XLSX, Column
from huimin.core.values import identity
from recipients import forms, queries
from recipients.files import declaration as sheet
from recipients.models import DeclarationLine
from recipients.rules import amounts, plain
from recipients.services import declarations, review
from recipients.views import book

_COLUMNS = [
    Column("序号", 8, "integer"),
    Column("享受人", 12),
    Column("身份证号", 22),
    Column("收款人", 12),
    Column("小组", 14),
    Column("数量", 12, "quantity"),
    Column("金额（元）", 14, "amount"),
    Column("剔除原因", 30),
]


@opens(Area.REVIEW)
@require_POST
@sensitive_post_parameters("id_number")
def line_add(request: StaffRequest, pk: int) -> HttpResponse:
    one = book.visible(request, pk)
    form = forms.LineForm(request.POST, facts=amounts.facts_of(one.version))

    def add(data: dict[str, Any]) -> None:
        declarations.add_line(
            pk,
            name=data["name"],
            id_number=data["id_number"],
            payee_name=data["payee_name"],
            quantity=data["quantity"],
            facts=form.facts,
            actor=request.user,
        )

    return act_with(
        request, form, add, name="declaration.line.add", back=book.url_of(pk), done="已录入一行。"
    )


def _line(request: StaffRequest, pk: int, line: int) -> DeclarationLine | None:
    """A line of a book in reach; None when it is gone, as in a tab that was opened before it was deleted."""
    book.visible(request, pk)
    return (
        DeclarationLine.objects.select_related("declaration__version")
        .filter(pk=line, declaration_id=pk)
        .first()
    )


def _gone(request: StaffRequest, pk: int) -> HttpResponse:
    messages.error(request, "这一行已经删去，册里没有了。下面是现在的名单。")
    return redirect(book.url_of(pk))


@opens(Area.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def line_change(request: StaffRequest, pk: int, line: int) -> HttpResponse:
    found = _line(request, pk, line)
    if found is None:
        return _gone(request, pk)
    facts = amounts.facts_of(found.declaration.version)
    initial = {"quantity": plain(found.quantity)} | {
        f"fact_{key}": value for key, value in found.facts.items()
    }
    form = forms.FactsForm(request.POST or None, facts=facts, initial=initial)
    if (
        request.method == "POST"
        and form.is_valid()
        and act_on_form(
            request,
            form,
            lambda: declarations.change_line(
                line, quantity=form.cleaned_data["quantity"], facts=form.facts, actor=request.user
            ),
            name="declaration.line.change",
        )
    ):
        messages.success(request, "已改，金额按标准重算。")
        return redirect(book.url_of(pk))
    context = {"line": found, "one": found.declaration, "form": form, "action_key": str(uuid4())}
    return render(request, "recipients/line_form.html", context)


@opens(Area.REVIEW)
@require_POST
def line_remove(request: StaffRequest, pk: int, line: int) -> HttpResponse:
    if _line(request, pk, line) is None:
        return _gone(request, pk)
    return act_once(
        request,
        lambda: declarations.remove_line(line, actor=request.user),
        name="declaration.line.remove",
        back=book.url_of(pk),
        done="已删去一行。",
    )


@opens(Area.REVIEW)
@require_POST
def line_exclude(request: StaffRequest, pk: int, line: int) -> HttpResponse:
    if _line(request, pk, line) is None:
        return _gone(request, pk)
    return act_with(
        request,
        forms.ExcludeForm(request.POST),
        lambda data: review.exclude_line(line, reason=data["reason"], actor=request.user),
        name="declaration.line.exclude",
        back=book.url_of(pk),
        done="已剔除，原因已记录。",
    )


@opens(Area.REVIEW)
@require_POST
def lines_clear(request: StaffRequest, pk: int) -> HttpResponse:
    book.visible(request, pk)
    return act_once(
        request,
        lambda: declarations.clear_lines(pk, note=request.POST.get("note", ""), actor=request.user),
        name="declaration.clear",
        back=book.url_of(pk),
        done="这一册已清空，请重新录入或导入。",
    )


@opens(Area.REVIEW)
@require_POST
def lines_prefill(request: StaffRequest, pk: int) -> HttpResponse:
    book.visible(request, pk)
    return act_once(
        request,
        lambda: declarations.prefill(pk, actor=request.user),
        name="declaration.prefill",
        back=book.url_of(pk),
        done="已从上期带入，请逐人核对。",
    )


@opens(Area.REVIEW)
@require_POST
def lines_import(request: StaffRequest, pk: int) -> HttpResponse:
    one = book.visible(request, pk)
    form = forms.LinesSheetForm(request.POST, request.FILES)
    if not form.is_valid():
        return again(request, first_fault(form), back=book.url_of(pk))
    upload: UploadedFile = form.cleaned_data["file"]
    try:
        with transaction.atomic():
            take_action_key(request, "declaration.import")
            added = declarations.import_lines(
                pk,
                upload.read(),
                filename=upload.name or "",
                actor=request.user,
                replace=form.cleaned_data["replace"],
            )
    except FileRefused as refused:
        said = str(refused)
        faults = [fault for fault in together(refused.errors) if not said.endswith(fault.message)]
        told = book.shown(request, one, refusal=said, faults=faults[:200])
        return render(request, "recipients/declaration_detail.html", told)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"已导入 {added} 行。" if added else "这份文件已经导入过，没有重复写入。")
    return redirect(book.url_of(pk))


@opens(Area.REVIEW)
@require_safe
def lines_template(request: StaffRequest, pk: int) -> HttpResponseBase:
    one = book.visible(request, pk)
    content = sheet.template(
        amounts.facts_of(one.version),
        title=f"{one.policy.short_name}申报册",
        quantity_label=one.version.quantity_label,
    )
    return download(content, name=f"{one.policy.short_name}申报册.xlsx", content_type=XLSX)


@opens(Area.REVIEW)
@require_safe
def lines_export(request: StaffRequest, pk: int) -> HttpResponseBase:
    one = book.visible(request, pk)
    chosen = book.LineFilter(request.GET, queryset=book.lines_of(one), request=request)
    rows = (
        (
            line.line_no,
            line.beneficiary.name,
            identity.mask_id_staff(line.beneficiary.id_number),
            line.payee.name,
            line.beneficiary.household.group_name,
            line.quantity,
            line.amount,
            line.excluded_reason,
        )
        for line in chosen.qs.order_by(F("line_no")).iterator(chunk_size=queries.BLOCK)
    )
    return workbook(request, f"申报册明细-{one.pk}", _COLUMNS, rows)
