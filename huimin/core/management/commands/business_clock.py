from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from huimin.core import clock
from huimin.core.errors import Refused
from huimin.core.work import clock_control


class Command(BaseCommand):
    help = "看或移动业务时钟（演示和测试用）：business_clock show、--advance 7d、--reset。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", nargs="?", choices=["show"], default="show")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--advance", metavar="SPAN", help="往前拨，例如 7d、12h；往回拨写 --advance=-60d")
        which.add_argument("--reset", action="store_true", help="回到真实时间")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["reset"]:
                clock_control.set_shift(timedelta(0))
            elif options["advance"]:
                clock_control.advance(clock_control.parse_span(options["advance"]))
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(f"业务时间：{clock.now():%Y-%m-%d %H:%M:%S}，与真实时间相差 {clock.offset()}")
