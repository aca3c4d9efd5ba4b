"""What waits for those who keep the ground under the business."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse

from huimin.core import clock
from huimin.core.accounts.auth import keeps_reference
from huimin.core.desk.todos import Todo, source
from huimin.core.models import CalendarDay
from huimin.core.values import workdays

if TYPE_CHECKING:
    from huimin.core.models import User


@source
def work_calendar(user: User) -> Iterator[Todo]:
    """Years that terms run into already, or soon will, and whose 放假安排 nobody has loaded."""
    if not keeps_reference(user):
        return
    today = clock.today()
    until = workdays.planned_until(today)
    for year in workdays.uncertain_years(today, until, CalendarDay.objects.over(today, until)):
        yield Todo(
            f"{year}年工作日历待载入",
            1,
            reverse("admin:core_calendarday_import" if settings.BACK_OFFICE else "core:workbench"),
            "去载入" if settings.BACK_OFFICE else "刷新",
            _WAY if settings.BACK_OFFICE else _WAY_WITHOUT_PAGE,
            due=max(today, date(year - 1, 12, 31)),
        )


_WAY = "国务院公布放假安排后，在基础表“工作日历”里导入（列：day,is_workday,name）；没有载入的年份，工作日按周一至周五推算"
_WAY_WITHOUT_PAGE = (
    "国务院公布放假安排后，请运维用 fill_calendar --file 载入；没有载入的年份，工作日按周一至周五推算"
)
