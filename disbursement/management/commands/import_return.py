from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from disbursement import services
from huimin.core.errors import Refused
from huimin.core.models import Job, User
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "上传一份银行回盘；不符时列出每一处，不改任何数据。"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="回盘文件")

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        path: Path = options["file"]
        if not path.is_file():
            raise Refused(f"没有找到文件 {path.name}。")
        with path.open("rb") as file:
            taken = services.hand_in_return(file, path.name, size=path.stat().st_size, actor=actor)
        if isinstance(taken, Job):  # many lines: done here and now
            taken = services.taken_by(self.run_job(taken))
        found = taken.return_file
        return {
            "return_file": found.pk,
            "is_repeat": taken.is_repeat,
            "message": taken.message,
            "paid": found.paid_count,
            "failed": found.failed_count,
            "open": found.open_count,
        }
