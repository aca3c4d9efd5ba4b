from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from huimin.core.errors import Refused
from huimin.core.models import User
from huimin.core.values.periods import Period
from huimin.core.work.command import StaffCommand
from recipients.models import Declaration
from recipients.services import declarations
from subsidies.models import Policy


class Command(StaffCommand):
    help = "把申报表导入一个村一期的申报册（没有就新编一册）。有一行错就整份不导入。"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="申报表 .xlsx、.xls 或 .csv")
        parser.add_argument("--policy", required=True, help="项目编码")
        parser.add_argument(
            "--period", required=True, help="期次，如 2026、2026Q1；一次性的写已开的那一次，如 2026#2"
        )
        parser.add_argument("--division", required=True, help="村的 12 位区划代码")

    @transaction.atomic
    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        path: Path = options["file"]
        if actor is None or not path.is_file():
            raise Refused(f"没有找到文件“{path.name}”。")
        policy = Policy.objects.visible_to(actor).get(code=options["policy"])
        period = Period.parse(options["period"]).text
        book = Declaration.objects.visible_to(actor).filter(
            policy=policy, period=period, division_code=options["division"], status="draft"
        )
        one = book.order_by("-serial").first() or declarations.make_declaration(
            policy, period=period, division_code=options["division"], actor=actor
        )
        added = declarations.import_lines(one.pk, path.read_bytes(), filename=path.name, actor=actor)
        return {"declaration": one.pk, "subject": f"recipients.declaration:{one.pk}", "lines": added}
