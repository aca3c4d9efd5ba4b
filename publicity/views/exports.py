from __future__ import annotations

from django.db.models import QuerySet
from django.http.response import HttpResponseBase

from huimin.core.desk.exports import workbook
from huimin.core.desk.http import StaffRequest
from huimin.core.models import Division
from huimin.core.sheets.writer import Column
from publicity.models import Disclosure

COLUMNS = (
    Column("地方", 24),
    Column("政策", 28),
    Column("期次", 12),
    Column("笔数", 10, "integer"),
    Column("金额（元）", 16, "amount"),
    Column("已到账（元）", 16, "amount"),
    Column("公开日期", 14),
    Column("状态", 10),
    Column("核验码", 22),
)


def disclosures(request: StaffRequest, rows: QuerySet[Disclosure]) -> HttpResponseBase:
    """The list page as a workbook; there is nothing private in it to mask."""
    found = list(rows)
    names = Division.objects.titles([row.division_code for row in found])
    return workbook(request, "发放公开", COLUMNS, (_cells(row, names) for row in found))


def _cells(row: Disclosure, names: dict[str, str]) -> tuple[object, ...]:
    return (
        names[row.division_code],
        row.policy.name,
        row.period,
        row.line_count,
        row.total,
        row.paid_total,
        f"{row.published_on:%Y-%m-%d}",
        row.get_status_display(),
        row.code,
    )
