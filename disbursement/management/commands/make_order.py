from argparse import ArgumentParser
from typing import Any

from disbursement import services
from huimin.core.models import User
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "把已终审的花名册编成一笔支付申请，冻结指标。"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bank", type=int, help="代发银行的编号（数字）；本县只有一家时不填")
        parser.add_argument("rosters", type=int, nargs="+", help="花名册的编号（数字）")

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        order = services.make_order(options["rosters"], actor=actor, bank_id=options["bank"])
        return {"order": order.pk, "number": order.number, "count": order.line_count, "total": order.total}
