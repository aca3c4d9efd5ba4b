from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from disbursement.models import BankFile, PaymentOrder
from huimin.core.errors import Refused
from huimin.core.models import User
from huimin.core.records import audit, files
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "把支付申请的代发文件写到文件夹；每次都是同样的字节。"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("order", type=int, help="支付申请的编号（数字）")
        parser.add_argument("--out", required=True, type=Path, help="文件夹")

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        order = PaymentOrder.objects.visible_to(actor).get(pk=options["order"])
        made = BankFile.objects.filter(order=order).select_related("file").first()
        if made is None:
            raise Refused(f"支付申请 {order.number} 还没有送银行，没有代发文件。")
        folder: Path = options["out"]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / made.file.name
        path.write_bytes(files.read(made.file))
        path.chmod(0o600)
        audit.record(order, action="file.download", actor=actor, label="导出代发文件")
        return {
            "order": order.number,
            "file": str(path),
            "sha256": made.file.sha256,
            "format": made.format,
            "count": order.line_count,
            "total": order.total,
        }
