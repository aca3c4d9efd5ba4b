from typing import Any

from django.core.management.base import CommandParser

from huimin.core.models import User
from huimin.core.work.command import StaffCommand
from recipients.services import notices


class Command(StaffCommand):
    help = "登记申报册现在这一级的公示已经张贴；天数按政策算，期满前不能往下办。"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("declaration", type=int, help="申报册的编号（数字）")
        parser.add_argument("--place", default="村务公开栏", help="张贴地点")

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        made = notices.post_notice(options["declaration"], place=options["place"], actor=actor)
        return {"notice": made.pk, "ends_on": made.ends_on, "lines": made.line_count, "digest": made.digest}
