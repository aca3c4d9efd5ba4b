from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import CommandParser, DjangoHelpFormatter

from huimin.core.models import User
from huimin.core.work import verbs
from huimin.core.work.command import StaffCommand


class Lines(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Help whose lines stay as they were written."""


def _steps(kind: str) -> str:
    names = "".join(f"\n    {one.name}  {one.label}" for one in verbs.steps_of(kind))
    return f"  {kind}{names}"


class Command(StaffCommand):
    help = (
        "以某人的名义办一步，与页面上的按钮同一个服务，例如：\n"
        "  advance disbursement.roster:12 submit --as town1"
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.formatter_class = Lines
        parser.epilog = "\n".join(["种类和步骤：", *map(_steps, verbs.kinds())])
        parser.add_argument("object", help="种类:编号；编号是它的页面地址里的数字")
        parser.add_argument("step", help="步骤名，见下面和 docs/workflows.md")
        parser.add_argument("--note", default="", help="意见或原因")

    def act(self, actor: User | None, *, object: str, step: str, note: str, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        done = verbs.advance(object, step, actor=actor, note=note)
        return {"对象": object, "步骤": step, "现在": getattr(done, "status", "")}
