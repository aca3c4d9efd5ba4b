from argparse import ArgumentParser
from decimal import Decimal
from pathlib import Path
from typing import Any

from huimin.core.bankformats.registry import all_formats, get_format
from huimin.core.bankformats.simulator import simulate_return
from huimin.core.errors import BadInput, Refused
from huimin.core.models import User
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "模拟银行（演示和测试用，不是真的银行）：读一份代发文件，写一份回盘。"
    needs_actor = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="代发文件")
        parser.add_argument(
            "--format", default="pipe_txt", choices=list(all_formats()), help="代发文件的格式"
        )
        parser.add_argument("--seed", type=int, required=True, help="随机种子，同一种子同一结果")
        parser.add_argument("--fail", default="0.01", help="失败比例，0 到 1")
        parser.add_argument("--pending", default="0", help="处理中比例，0 到 1")
        parser.add_argument("--date", default="", help="回盘日期 YYYYMMDD，不填就是代发日期")
        parser.add_argument("--out", type=Path, help="写到哪个文件；不填就写在代发文件旁边")

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        path: Path = options["file"]
        if not path.is_file():
            raise Refused(f"没有找到文件 {path.name}。")
        answer = simulate_return(
            path.read_bytes(),
            seed=options["seed"],
            fail_rate=_share(options["fail"]),
            pending_rate=_share(options["pending"]),
            date=options["date"],
            bank=get_format(options["format"]),
        )
        out: Path = options["out"] or path.with_name(f"{path.stem}_return{path.suffix}")
        out.write_bytes(answer)
        return {"file": str(out), "bytes": len(answer), "bank": "模拟银行"}


def _share(text: str) -> Decimal:
    share = Decimal(text) if text.replace(".", "", 1).isdecimal() else Decimal(-1)
    if not 0 <= share <= 1:
        raise BadInput("比例应在 0 到 1 之间，例如 0.02。")
    return share
