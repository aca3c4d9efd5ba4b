from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from huimin.core import reference
from huimin.core.errors import BadInput
from huimin.core.models import User
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "填写工作日历：国务院公布的放假调休，2004 年起；新的年份用 --file（CSV：day,is_workday,name）。"
    needs_actor = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path)

    def act(self, actor: User | None, *, file: Path | None = None, **options: Any) -> dict[str, Any]:
        if file is not None and not file.is_file():
            raise BadInput(f"没有这个文件：{file}。")
        days = reference.read_calendar(file.read_bytes()) if file else None
        return {"天数": reference.fill_calendar(days, actor=actor)}
