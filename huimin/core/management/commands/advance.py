from typing import Any

from django.core.management.base import CommandParser

from huimin.core.models import User
from huimin.core.work import verbs
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = (
        "以某人的名义办一步：advance disbursement.roster:12 approve --as USERNAME。与页面上的按钮同一个服务。"
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("object", help="种类:编号，例如 recipients.declaration:12")
        parser.add_argument("step", help="步骤名，见 docs/workflows.md")
        parser.add_argument("--note", default="", help="意见或原因")

    def act(self, actor: User | None, *, object: str, step: str, note: str, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        done = verbs.advance(object, step, actor=actor, note=note)
        return {"对象": object, "步骤": step, "现在": getattr(done, "status", "")}
