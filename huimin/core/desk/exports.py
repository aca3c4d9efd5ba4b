"""Lists as workbooks: what the export link of a list page answers with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from django.http import FileResponse

from huimin.core import clock
from huimin.core.sheets.writer import Column, write_rows

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_IN_MEMORY = 4 * 2**20


def workbook(
    name: str, columns: Sequence[Column], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> FileResponse:
    """The rows as 名称-20260619.xlsx; they are written before the answer begins, so a fault shows as an error page."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 -- the response closes it
    write_rows(file, columns, rows, title=title)
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=f"{name}-{clock.today():%Y%m%d}.xlsx", content_type=XLSX
    )


def download(content: bytes, *, name: str, content_type: str) -> FileResponse:
    """Stored bytes as a file to keep; never shown inside the page."""
    response = FileResponse([content], content_type=content_type)  # type: ignore[arg-type]
    response["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name)}"
    response["Content-Length"] = str(len(content))
    return response
