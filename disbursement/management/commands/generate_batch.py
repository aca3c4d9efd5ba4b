from argparse import ArgumentParser
from typing import Any

from disbursement import services
from disbursement.models import Batch
from huimin.core.errors import Refused
from huimin.core.models import User
from huimin.core.work.command import StaffCommand
from subsidies.models import Policy


class Command(StaffCommand):
    help = "按政策和期次建批次、下达乡镇、生成花名册。"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--policy", required=True, help="项目编码")
        parser.add_argument(
            "--period",
            required=True,
            help="期次，如 2026、2026Q1、2026-01；一次性的写已开的那一次，如 2026#2",
        )
        parser.add_argument("--title", default="", help="发放标题")
        parser.add_argument("--early", default="", metavar="REASON", help="这一期还没有开始就发，写明原因")
        parser.add_argument(
            "--supplement", default="", metavar="REASON", help="补发这一期应发未发的人，写明原因"
        )

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        policy = Policy.objects.visible_to(actor).filter(code=options["policy"]).first()
        if policy is None:
            raise Refused(f"没有项目编码是“{options['policy']}”的政策。")
        batch = self._make(policy, actor, options)
        batch, job = services.issue_batch(batch.pk, actor=actor)
        self.run_job(job)
        rosters = list(batch.rosters.order_by("division_code"))
        return {
            "batch": batch.pk,
            "number": batch.number,
            "rosters": [roster.pk for roster in rosters],
            "count": sum(roster.line_count for roster in rosters),
            "total": sum(roster.total for roster in rosters),
        }

    def _make(self, policy: Policy, actor: User, options: dict[str, Any]) -> Batch:
        if not options["supplement"]:
            return services.make_batch(
                policy, options["period"], actor=actor, title=options["title"], early=options["early"]
            )
        beside = services.batch_of_period(policy, options["period"])
        return services.make_supplement(beside.pk, reason=options["supplement"], actor=actor)
