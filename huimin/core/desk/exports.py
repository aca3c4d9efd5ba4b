"""Lists as workbooks: what the export link of a list page answers with, and the trace that taking one away leaves.

A list that is too long to be written while somebody waits becomes a job. The job asks the same page again, as the same
person, so reach, filter, order and masks are those of the page; its file is for that person, for some days.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import resolve, reverse

from huimin.core import clock
from huimin.core.desk.addresses import came_from
from huimin.core.errors import StepRefused
from huimin.core.models import Job
from huimin.core.models.work import FILE_LASTS
from huimin.core.records import audit, files
from huimin.core.records.files import digest_of
from huimin.core.sheets.writer import XLSX, Column, write_rows
from huimin.core.values import privacy
from huimin.core.work import jobs
from huimin.core.work.jobs import JobRun

if TYPE_CHECKING:
    from huimin.core.desk.http import StaffRequest

# what one thread of the web server writes while somebody waits, and what one sheet of a workbook still opens with
MOST_ROWS = 50_000
MOST_IN_JOB = 500_000
JOB = "core.export"
_ROWS_AT_ONCE = 1_000
_IN_MEMORY = 4 * 2**20
_LONGEST_VALUE = 80


def workbook(
    request: StaffRequest,
    name: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    of: QuerySet[Any] | None = None,
) -> HttpResponseBase:
    """The rows as 名称-20260619.xlsx; they are written before the answer begins, so a fault shows as an error page.

    Every list that is taken away leaves one event: which, with what filter, how many rows. More than MOST_ROWS are
    written by a job, to whose page the person is led. `of`: what the rows are made from, of lists that may be so long; it
    is counted first, so that nobody waits for 50,000 rows that are thrown away.
    """
    run: JobRun | None = getattr(request, "job_run", None)
    if of is not None and run is None and of.order_by()[: MOST_ROWS + 1].count() > MOST_ROWS:
        return _by_job(request, name)
    most, taken = (MOST_IN_JOB, _watched(rows, run)) if run else (MOST_ROWS, rows)
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 -- the response closes it
    try:
        count = write_rows(file, columns, islice(taken, most + 1), title=title)
    except BaseException:
        file.close()
        raise
    if count > most:
        file.close()
        # the rows may be read in a transaction of their own, which ends here: a job asked for inside it would be undone
        if isinstance(rows, Generator):
            rows.close()
        if run:
            raise StepRefused(f"超过 {most:,} 行，一个表格放不下。请先按乡镇、村或日期缩小范围。")
        return _by_job(request, name)
    _trace(request, name, count)
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=f"{name}-{clock.today():%Y%m%d}.xlsx", content_type=XLSX
    )


def _watched(rows: Iterable[Sequence[object]], run: JobRun) -> Iterator[Sequence[object]]:
    """The rows, while the job's page shows how many and its button stops them."""
    for number, row in enumerate(rows, 1):
        if number % _ROWS_AT_ONCE == 0:
            run.stop_if_asked()
            run.progress(number, message=f"已写 {number:,} 行")
        yield row


def _by_job(request: StaffRequest, name: str) -> HttpResponseBase:
    """The same address for a worker; the job's parameters stay for ever, so they hold nobody's number."""
    query = request.GET.urlencode()
    if any(privacy.hide(value) != value for values in request.GET.lists() for value in values[1]):
        messages.error(
            request, f"超过 {MOST_ROWS:,} 行，一次导不完；筛选条件里有号码，不能转为后台任务。请换个条件。"
        )
        return redirect(came_from(request) or reverse("core:workbench"))
    started = f"{JOB}:{request.user.pk}:{digest_of(f'{request.path}?{query}'.encode())[:16]}:"
    with transaction.atomic():
        # asked for again while it is being written, it is the same job
        tries = Job.objects.filter(key__startswith=started, finished_at__isnull=False).count()
        job = jobs.submit(
            JOB,
            title=f"导出清单：{name}",
            key=f"{started}{tries}",
            actor=request.user,
            division_code=request.user.office.division_id if request.user.office else "",
            county_code=settings.COUNTY_CODE,
            payload={"path": request.path, "query": query},
        )
    messages.info(request, f"超过 {MOST_ROWS:,} 行，已转为后台任务。写好以后有消息提醒您，在这一页下载。")
    return redirect("core:job", pk=job.pk)


@jobs.handler(JOB)
def write_in_job(run: JobRun) -> None:
    """Ask the page for its list as whoever wanted it, who must still be allowed to see it; keep the file for them alone."""
    with run.transaction():
        answer = _asked_again(run)
        stored = files.store(
            b"".join(answer.streaming_content),  # type: ignore[arg-type]
            name=answer.filename,
            purpose="export",
            content_type=XLSX,
            actor=run.actor,
            county_code=run.job.county_code,
            division_code=run.job.division_code,
        )
        # not answer.close(), which tells Django that a request has ended and so closes the connection
        if answer.file_to_stream:
            answer.file_to_stream.close()
        days = FILE_LASTS[JOB].days
        run.result(file=stored, message=f"清单已写好，{days} 日内可以下载，只有您能下载。")


def _asked_again(run: JobRun) -> FileResponse:
    match = resolve(run.payload["path"])
    request: Any = HttpRequest()
    request.method, request.path, request.path_info = "GET", run.payload["path"], run.payload["path"]
    request.GET = QueryDict(run.payload["query"])
    request.user, request.job_run, request.resolver_match = run.actor, run, match
    try:
        if not run.actor.is_active:
            raise PermissionDenied
        answer: FileResponse = match.func(request, *match.args, **match.kwargs)
    except (PermissionDenied, Http404):
        raise StepRefused("您现在看不到这份清单，没有导出。") from None
    return answer


def _trace(request: StaffRequest, name: str, count: int) -> None:
    chosen = {
        key: privacy.hide(str(value))[:_LONGEST_VALUE]
        for key, value in request.GET.items()
        if value and key != "sort"
    }
    match = request.resolver_match
    audit.record(
        f"list:{match.view_name if match else name}",
        action="list.export",
        actor=request.user,
        label=f"导出清单：{name}"[:120],
        detail={"list": name, "filter": chosen, "rows": count},
        division_code=request.user.office.division_id if request.user.office else "",
    )


def download(content: bytes, *, name: str, content_type: str) -> FileResponse:
    """Stored bytes as a file to keep; never shown inside the page."""
    response = FileResponse([content], content_type=content_type)  # type: ignore[arg-type]
    response["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name)}"
    response["Content-Length"] = str(len(content))
    return response
