from argparse import ArgumentParser
from typing import Any

from disbursement import queries, services
from huimin.core.models import User
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "把已终审的花名册里一家代发银行的明细编成支付申请，冻结指标；一份文件放不下的，编成几笔。"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bank", type=int, help="代发银行的编号（数字）；本县只有一家时不填")
        parser.add_argument(
            "--cross-bank", action="store_true", help="账户不在本县代发银行的，也由这家银行付（跨行）"
        )
        parser.add_argument("rosters", type=int, nargs="+", help="花名册的编号（数字）")

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        made = services.make_orders(
            options["rosters"], actor=actor, bank_id=options["bank"], cross_bank=options["cross_bank"]
        )
        left = queries.to_order(options["rosters"])
        return {
            "orders": [
                {"order": one.pk, "number": one.number, "count": one.line_count, "total": one.total}
                for one in made
            ],
            "to_order": queries.added_up(sums for one in left.values() for sums in one.values())[0],
        }
