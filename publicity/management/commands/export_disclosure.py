from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from huimin.core.errors import BadInput
from huimin.core.models import User
from huimin.core.work.command import StaffCommand
from publicity import files, queries
from publicity.models import Disclosure

WRITERS = {".csv": files.csv_chunks, ".json": files.json_chunks}


class Command(StaffCommand):
    help = "把一份公开名单写成文件（.csv 或 .json），和网上下载的一字不差。不用登录：名单本来就是公开的。"
    needs_actor = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("disclosure", type=int, help="公开编号")
        parser.add_argument("--out", required=True, help="写到哪个文件，.csv 或 .json")

    def act(self, actor: User | None, *, disclosure: int, out: str, **options: Any) -> dict[str, Any]:
        found: Disclosure = queries.standing_disclosures().get(pk=disclosure)
        path = Path(out)
        if path.suffix not in WRITERS:
            raise BadInput("文件名要以 .csv 或 .json 结尾。")
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(WRITERS[path.suffix](found, queries.open_lines(found)))
        return {"文件": str(path), "笔数": found.line_count, "金额": found.total, "核验码": found.root}
