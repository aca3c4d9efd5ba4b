from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from huimin.core.errors import Refused
from huimin.core.models import User
from huimin.core.work.command import StaffCommand
from recipients.services import registry_import


class Command(StaffCommand):
    help = "导入补贴对象基础信息采集表（24 列）。有一行错就整份不导入。"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="采集表 .xlsx、.xls 或 .csv")

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        path: Path = options["file"]
        if actor is None or not path.is_file():
            raise Refused(f"没有找到文件“{path.name}”。")
        content = path.read_bytes()
        known = registry_import.applied_before(content, actor=actor)
        if known:
            return {"import": known.pk, "repeated": True, "message": registry_import.already_applied(known)}
        one = registry_import.import_now(content, filename=path.name, actor=actor)
        return {
            "import": one.pk,
            "repeated": False,
            "households": one.household_count,
            "people": one.row_count,
            "warnings": len(one.warnings),
            "message": one.result_note,
        }
