"""Lists as workbooks: what the export link of a list page answers with, and the trace that taking one away leaves."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.contrib import messages
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from huimin.core import clock
from huimin.core.records import audit
from huimin.core.sheets.writer import Column, write_rows
from huimin.core.values import privacy

if TYPE_CHECKING:
    from huimin.core.desk.http import StaffRequest

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# what one thread of the web server writes while somebody waits; more is asked for township by township
MOST_ROWS = 50_000
_IN_MEMORY = 4 * 2**20
_LONGEST_VALUE = 80


def workbook(
    request: StaffRequest,
    name: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
) -> HttpResponseBase:
    """The rows as 名称-20260619.xlsx; they are written before the answer begins, so a fault shows as an error page.

    Every list that is taken away leaves one event: which, with what filter, how many rows. More than MOST_ROWS are
    not given: the person is led back to narrow the list.
    """
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 -- the response closes it
    count = write_rows(file, columns, islice(rows, MOST_ROWS + 1), title=title)
    if count > MOST_ROWS:
        file.close()
        messages.error(request, f"超过 {MOST_ROWS:,} 行，一次导不完。请先按乡镇、村或日期缩小范围。")
        return redirect(_back(request))
    _trace(request, name, count)
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=f"{name}-{clock.today():%Y%m%d}.xlsx", content_type=XLSX
    )


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


def _back(request: StaffRequest) -> str:
    """The page that the export link stands on; the workbench when the browser does not say."""
    page = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(
        page, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return page if safe else reverse("core:workbench")


def download(content: bytes, *, name: str, content_type: str) -> FileResponse:
    """Stored bytes as a file to keep; never shown inside the page."""
    response = FileResponse([content], content_type=content_type)  # type: ignore[arg-type]
    response["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name)}"
    response["Content-Length"] = str(len(content))
    return response
