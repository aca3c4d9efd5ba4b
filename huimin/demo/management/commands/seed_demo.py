import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from huimin.core.errors import FileRefused, Refused
from huimin.core.work import clock_control, jobs
from huimin.demo import seeding, story


class Command(BaseCommand):
    help = "准备演示数据：金寨县的区划、账号、政策、指标、农户和各个状态的业务。同样的参数得到同样的内容。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="已经准备过就什么也不做")
        parser.add_argument(
            "--households",
            type=int,
            default=seeding.Plan.households,
            help=f"农户数，至少 {story.LEAST_HOUSEHOLDS}",
        )
        parser.add_argument("--seed", type=int, default=seeding.Plan.seed, help="随机种子")
        parser.add_argument("--bare", action="store_true", help="只准备基础数据，不演业务（测试用）")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENVIRONMENT == "production":
            raise CommandError("正式环境不准备演示数据。")
        if seeding.is_done():
            if not options["if_empty"]:
                raise CommandError("演示数据已经准备过。要重来请先 run.py resetdb。")
            return
        plan = seeding.Plan(households=options["households"], seed=options["seed"], is_bare=options["bare"])
        if not plan.is_bare and plan.households < story.LEAST_HOUSEHOLDS:
            raise CommandError(
                f"演示业务至少要 {story.LEAST_HOUSEHOLDS} 户农户，现在是 {plan.households} 户，没有写入任何数据。"
                "要更少的，请加 --bare，只准备基础数据。"
            )
        with connection.cursor() as cursor:
            cursor.execute(jobs.WORKER_SETTINGS)
        try:
            self._play(plan)
        except FileRefused as refused:
            raise CommandError("\n".join([str(refused), *map(str, refused.errors[:20])])) from refused
        except Refused as refused:
            raise CommandError(str(refused)) from refused

    def _play(self, plan: seeding.Plan) -> None:
        """The demo's past is played with the clock set back, and ends today."""
        clock_control.set_shift(timedelta(days=-seeding.DAYS_BACK))
        try:
            for step in seeding.STEPS:
                began = time.monotonic()
                told = step(plan)
                self.stdout.write(f"  {told}（{time.monotonic() - began:.1f} 秒）")
        finally:
            clock_control.set_shift(timedelta(0))
        self.stdout.write(f"  {seeding.finish(plan)}")
