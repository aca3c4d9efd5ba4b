from typing import Any

from django.core.management.base import CommandParser

from huimin.core.models import User
from huimin.core.work.command import StaffCommand
from publicity import services


class Command(StaffCommand):
    help = "公开一份发完、回盘已齐的花名册；名单里有像私密信息的，一律不公开。"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("roster", type=int, help="花名册的编号（数字）")

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        made = services.publish_disclosure(options["roster"], actor=actor)
        return {"disclosure": made.pk, "code": made.code, "lines": made.line_count, "total": made.total}
