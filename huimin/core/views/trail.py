"""The audit trail and the proofs: what was done, and that nobody touched the record of it."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import django_filters
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from huimin.core.authority.roles import Area
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.http import StaffRequest, opens, take_action_key
from huimin.core.desk.pages import Link, Nothing
from huimin.core.errors import Refused
from huimin.core.models import AuditEvent, AuditSeal, Job, UnsealedEvent
from huimin.core.records import audit, files
from huimin.core.sheets.writer import Column
from huimin.core.work import jobs

_COLUMNS = [
    Column("序号", 10, "integer"),
    Column("时间", 20),
    Column("业务时间", 20),
    Column("操作人", 12),
    Column("机构", 24),
    Column("对象", 30),
    Column("动作", 20),
    Column("说明", 24),
    Column("原状态", 12),
    Column("新状态", 12),
    Column("意见", 40),
    Column("明细", 40),
]


class TrailFilter(lists.HouseFilterSet):
    actor = django_filters.CharFilter(label="操作人", method="by_actor")
    subject = django_filters.CharFilter(label="对象", method="by_subject")
    action = django_filters.CharFilter(label="动作", method="by_action")
    first = django_filters.DateFilter(field_name="at", lookup_expr="date__gte", label="从哪天")
    last = django_filters.DateFilter(field_name="at", lookup_expr="date__lte", label="到哪天")

    def by_actor(self, rows: QuerySet[AuditEvent], _: str, value: str) -> QuerySet[AuditEvent]:
        return rows.filter(Q(actor__name__icontains=value) | Q(actor__username=value))

    def by_subject(self, rows: QuerySet[AuditEvent], _: str, value: str) -> QuerySet[AuditEvent]:
        """花名册 12 is one object and 花名册 all rosters, as the list shows them; their names on the trail are taken too."""
        return rows.filter(audit.about(value))

    def by_action(self, rows: QuerySet[AuditEvent], _: str, value: str) -> QuerySet[AuditEvent]:
        return rows.filter(Q(action__icontains=value) | Q(label__icontains=value))


@opens(Area.AUDIT)
@require_safe
def trail(request: StaffRequest) -> HttpResponse:
    rows = audit.visible_to(request.user).select_related("actor", "seal")
    context = lists.keyset_listing(
        request,
        rows,
        sorts={"time": "id"},
        default="-time",
        filterset=TrailFilter,
        size=50,
        export=reverse("core:audit-export"),
    )
    context["lines"] = [
        {
            "event": event,
            "subject": audit.subject_words(event.subject),
            "before": audit.state_words(event.subject, event.before),
            "after": audit.state_words(event.subject, event.after),
            "digest": _digest(event),
        }
        for event in context["page"]
    ]
    context["head"] = AuditSeal.objects.order_by("-seq").first()
    context["unsealed"] = UnsealedEvent.objects.count()
    context["nothing"] = Nothing(
        "没有符合条件的记录",
        "只看得到您管辖范围内的。请放宽条件再看。",
        [Link("看全部记录", request.path)],
    )
    return render(request, "core/audit.html", context)


def _digest(event: AuditEvent) -> str:
    """First and last of the link's digest; an event without a seal waits for one."""
    seal: AuditSeal | None = getattr(event, "seal", None)
    digest = bytes(seal.digest).hex() if seal else ""
    return digest and f"{digest[:4]}…{digest[-4:]}"


@opens(Area.AUDIT)
@require_safe
def trail_export(request: StaffRequest) -> HttpResponseBase:
    """The filtered trail as a workbook; reading it leaves a trace too."""
    rows = TrailFilter(request.GET, queryset=audit.visible_to(request.user), request=request).qs.order_by(
        "-id"
    )
    shown = map(_export_row, rows.select_related("actor").iterator())
    return workbook(request, "审计日志", _COLUMNS, shown, of=rows)


def _export_row(event: AuditEvent) -> tuple[object, ...]:
    return (
        event.pk,
        timezone.localtime(event.at).strftime("%Y-%m-%d %H:%M:%S"),
        timezone.localtime(event.business_at).strftime("%Y-%m-%d %H:%M:%S"),
        event.actor.name if event.actor else "系统",
        event.office_name,
        event.subject,
        event.action,
        event.label,
        event.before,
        event.after,
        event.note,
        json.dumps(event.detail, ensure_ascii=False) if event.detail else "",
    )


@opens(Area.AUDIT)
@require_safe
def proof(request: StaffRequest) -> HttpResponse:
    """The last run of all proofs, line by line, and the head of the chain."""
    last = _proof_jobs(request).filter(state=Job.State.DONE, result_file__isnull=False).first()
    lines = json.loads(files.read(last.result_file)) if last and last.result_file else []
    head = AuditSeal.objects.order_by("-seq").first()
    context: dict[str, Any] = {
        "last": last,
        "lines": lines,
        "broken": sum(1 for line in lines if line["faults"]),
        "holds": sum(1 for line in lines if not line["faults"]),
        "running": _proof_jobs(request).filter(state__in=["queued", "running"]).first(),
        "head": head,
        "head_digest": bytes(head.digest).hex(" ", 4) if head else "",
        "action_key": uuid4(),
        "nothing": Nothing("还没有核过", "点“核一遍”，系统从头重算每一条，几分钟内有结果。"),
    }
    return render(request, "core/proof.html", context)


@opens(Area.AUDIT)
@require_POST
def proof_run(request: StaffRequest) -> HttpResponse:
    """Ask for another run; while one is running, that one is shown instead."""
    running = _proof_jobs(request).filter(state__in=["queued", "running"]).first()
    if running:
        return redirect("core:job", pk=running.pk)
    try:
        with transaction.atomic():
            take_action_key(request, "core.prove")
            job = jobs.submit(
                "core.prove",
                title="从头核对全部证明",
                key=f"core.prove:{request.POST['action_key']}",
                actor=request.user,
                division_code=settings.COUNTY_CODE,
                county_code=settings.COUNTY_CODE,
            )
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("core:proof")
    return redirect("core:job", pk=job.pk)


def _proof_jobs(request: StaffRequest) -> QuerySet[Job]:
    return jobs.visible_to(request.user).filter(kind="core.prove").select_related("result_file", "created_by")
