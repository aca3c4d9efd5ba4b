"""导入采集表: upload, progress, result by kind of fault, the workbook to mend."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from huimin.core.authority import scope
from huimin.core.authority.posts import names_of
from huimin.core.authority.roles import Area
from huimin.core.desk import lists
from huimin.core.desk.exports import download
from huimin.core.desk.http import StaffRequest, act_on_form, opens
from huimin.core.desk.pages import Link, Nothing
from huimin.core.errors import RowError
from huimin.core.models import BankBranch, Job
from huimin.core.records import audit, files
from huimin.core.sheets.refusals import together
from huimin.core.sheets.writer import XLSX
from recipients import forms, queries
from recipients.files.registry import template
from recipients.models import RegistryImport
from recipients.services import registry_import
from recipients.states import IMPORT_ROLES
from recipients.views import helpers

# states of a job that will not go on by itself
BROKEN = {Job.State.FAILED: "没有办成", Job.State.STOPPED: "已停止"}


@opens(Area.REGISTRY)
@require_http_methods(["GET", "HEAD", "POST"])
def import_list(request: StaffRequest) -> HttpResponse:
    """Upload and the latest imports on one page."""
    form = forms.SheetForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        answer = _take(request, form)
        if answer is not None:
            return answer
    rows = queries.imports_for(request.user)
    context = lists.listing(request, rows, sorts={"time": "id", "rows": ("row_count", "id")}, default="-time")
    for one in context["page"]:
        _say_how_it_stands(one)
    may_import = scope.holds_anywhere(request.user, IMPORT_ROLES)
    context |= {"form": form, "may_import": may_import, "action_key": str(uuid4())}
    context["nothing"] = Nothing(
        "还没有导入过",
        "下载空表，填好后在上面上传。" if may_import else f"由{names_of(IMPORT_ROLES)}上传。",
        [Link("下载空表", reverse("recipients:import-template"))],
    )
    return render(request, "recipients/import_list.html", context)


def _take(request: StaffRequest, form: forms.SheetForm) -> HttpResponse | None:
    upload: UploadedFile = form.cleaned_data["file"]
    taken = act_on_form(
        request,
        form,
        lambda: registry_import.submit_import(upload.read(), filename=upload.name or "", actor=request.user),
        name="registry.upload",
    )
    if taken is None:
        return None
    one, job = taken.result
    if job is None:
        messages.info(request, registry_import.already_applied(one))
    return redirect("recipients:import-detail", pk=one.pk)


def _say_how_it_stands(one: RegistryImport) -> None:
    """An import whose job broke off is not under way: what the job says holds, there is no second state to forget."""
    broken = one.status == RegistryImport.Status.CHECKING and one.job_state in BROKEN  # type: ignore[attr-defined]
    one.is_broken = broken  # type: ignore[attr-defined]
    one.word = BROKEN[one.job_state] if broken else one.get_status_display()  # type: ignore[attr-defined]
    one.badge = "bad" if broken else RegistryImport.Status(one.status).badge  # type: ignore[attr-defined]


@opens(Area.REGISTRY)
@require_safe
def import_detail(request: StaffRequest, pk: int) -> HttpResponse:
    one = get_object_or_404(queries.imports_for(request.user), pk=pk)
    _say_how_it_stands(one)
    job = Job.objects.filter(key=f"{registry_import.KIND}:{pk}").select_related("created_by").first()
    context: dict[str, Any] = {
        "one": one,
        "may_import": _may_import(request, one),
        "job": job,
        "kinds": _by_kind(one.errors),
        "warnings": _by_kind(one.warnings),
    }
    return render(request, "recipients/import_detail.html", context)


def _by_kind(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Faults of one column together, the most frequent first; what is alike in many rows is said once."""
    ordered = sorted(errors, key=lambda error: error["column"])
    groups = [(column, list(found)) for column, found in groupby(ordered, key=lambda error: error["column"])]
    groups.sort(key=lambda group: -len(group[1]))
    return [
        {
            "column": column or "整份表",
            "count": len(found),
            "faults": together(RowError(**error) for error in found)[:50],
        }
        for column, found in groups
    ]


@opens(Area.REGISTRY)
@require_safe
def import_errors(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The faulty rows as a workbook; taking it away leaves a trace, since it holds the rows as they came."""
    one = get_object_or_404(
        RegistryImport.objects.visible_to(request.user).select_related("error_file"), pk=pk
    )
    if one.error_file is None:
        raise Http404
    if not _may_import(request, one):
        raise PermissionDenied
    content = files.read(one.error_file)
    audit.record(one, action="errors.download", actor=request.user, label="下载待改正的行")
    return download(content, name=one.error_file.name, content_type=XLSX)


def _may_import(request: StaffRequest, one: RegistryImport) -> bool:
    """The rows hold whole numbers: for those who fill in and mend such workbooks, not for all who read the registry."""
    return scope.holds(request.user, IMPORT_ROLES, division_code=one.division_code)


@opens(Area.REGISTRY)
@require_safe
def import_template(request: StaffRequest) -> HttpResponseBase:
    villages = [f"{code}-{name}" for code, name in helpers.village_choices(request)]
    branches = [str(branch) for branch in BankBranch.objects.all()]
    return download(template(villages, branches), name="补贴对象基础信息采集表.xlsx", content_type=XLSX)
