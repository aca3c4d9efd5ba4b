from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from huimin.core import reference
from huimin.core.errors import BadInput
from huimin.core.models import User
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "导入行政区划（CSV：code,name,level,parent[,valid_from,valid_to]）；全部导入或一行不导。"
    needs_actor = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def act(self, actor: User | None, *, file: Path, **options: Any) -> dict[str, Any]:
        if not file.is_file():
            raise BadInput(f"没有这个文件：{file}。")
        done = reference.import_divisions(reference.read_divisions(file.read_bytes()), actor=actor)
        return {"新增": done.added, "变更": done.changed, "不变": done.same}
