"""Long work: the list, one job with its progress, stopping it, and the file it made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from huimin.core.desk import exports, lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.http import StaffRequest, any_staff, render_page
from huimin.core.desk.pages import Link, Nothing, Stat
from huimin.core.errors import Refused
from huimin.core.models import Job
from huimin.core.records import audit, files
from huimin.core.sheets.writer import Column
from huimin.core.work import jobs

_SORTS = {"time": "id", "title": "title", "state": "state"}
_COLUMNS = [
    Column("任务号", 12),
    Column("事项", 40),
    Column("发起人", 12),
    Column("发起时间", 18),
    Column("状态", 10),
    Column("已完成", 12, "integer"),
    Column("总数", 12, "integer"),
    Column("说明", 50),
]


class JobFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(field_name="title", lookup_expr="icontains", label="事项")
    state = django_filters.ChoiceFilter(label="状态", choices=Job.State.choices)
    whose = django_filters.ChoiceFilter(
        label="发起人", choices=[("mine", "我发起的"), ("others", "别人发起的")], method="by_person"
    )

    def by_person(self, rows: QuerySet[Job], _: str, value: str) -> QuerySet[Job]:
        mine = Q(created_by=self.request.user)
        return rows.filter(mine if value == "mine" else ~mine)


@any_staff
@require_safe
def job_list(request: StaffRequest) -> HttpResponse:
    rows = jobs.visible_to(request.user).select_related("created_by").defer("faults")
    context = lists.listing(
        request,
        rows,
        sorts=_SORTS,
        default="-time",
        filterset=JobFilter,
        export=reverse("core:job-export"),
    )
    context["stats"] = _stats(rows)
    context["nothing"] = Nothing(
        "没有符合条件的任务",
        "导入、生成花名册、核对这些要花时间的事，发起以后会在这里。",
        [Link("看全部任务", request.path)],
    )
    return render(request, "core/jobs.html", context)


def _stats(rows: QuerySet[Job]) -> list[Stat]:
    day_ago = timezone.now() - timedelta(days=1)
    counts: dict[str, Any] = rows.order_by().aggregate(
        running=Count("pk", filter=Q(state="running")),
        queued=Count("pk", filter=Q(state="queued")),
        done=Count("pk", filter=Q(state="done", finished_at__gte=day_ago)),
        failed=Count("pk", filter=Q(state="failed", finished_at__gte=day_ago)),
    )
    return [
        Stat("在做", str(counts["running"]), "个"),
        Stat("排队", str(counts["queued"]), "个", "轮到了会自己开始"),
        Stat("做完", str(counts["done"]), "个", "24 小时内"),
        Stat("失败", str(counts["failed"]), "个", "24 小时内，没有改数据"),
    ]


@any_staff
@require_safe
def job_export(request: StaffRequest) -> HttpResponseBase:
    chosen = JobFilter(request.GET, queryset=jobs.visible_to(request.user), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-time")
    rows = (
        (
            f"J{job.pk}",
            job.title,
            job.created_by.name,
            timezone.localtime(job.created_at).strftime("%Y-%m-%d %H:%M"),
            job.get_state_display(),
            job.done,
            job.total,
            job.message,
        )
        for job in chosen.qs.select_related("created_by").defer("faults").order_by(*order.columns).iterator()
    )
    return workbook(request, "后台任务", _COLUMNS, rows)


@any_staff
@require_safe
def job_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """The page of a job; htmx asks it again every two seconds and gets the changing part alone."""
    rows = jobs.visible_to(request.user).select_related("created_by__office", "result_file")
    job = get_object_or_404(rows, pk=pk)
    crumbs = [Link("后台任务", reverse("core:jobs")), Link(job.title)]
    return render_page(request, "core/job.html", "partials/job.html", {"job": job, "crumbs": crumbs})


@any_staff
@require_POST
def job_stop(request: StaffRequest, pk: int) -> HttpResponse:
    """Whoever asked for it may stop it; others may only look."""
    job = get_object_or_404(Job, pk=pk, created_by=request.user)
    try:
        jobs.ask_to_stop(job, actor=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("core:job", pk=pk)


@any_staff
@require_safe
def job_file(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The result of a job; taking it away leaves a trace."""
    job = get_object_or_404(jobs.visible_to(request.user).select_related("result_file"), pk=pk)
    stored = job.result_file
    if stored is None or not job.has_file:
        raise Http404
    content = files.read(stored)
    audit.record(
        job,
        action="file.download",
        actor=request.user,
        label="下载结果文件",
        detail={"file": str(stored.pk), "sha256": stored.sha256},
    )
    return exports.download(content, name=stored.name, content_type=stored.content_type)
