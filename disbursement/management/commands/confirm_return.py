from argparse import ArgumentParser
from typing import Any

from disbursement import services
from disbursement.services.confirming import CONFIRM
from disbursement.states import ReturnStatus
from huimin.core.models import Job, User
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "确认一份回盘并入账（须由上传人以外的对账员办理）。"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=int, help="回盘编号（数字）")
        parser.add_argument("--note", default="", help="意见")

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        assert actor is not None  # noqa: S101 -- --as is required
        found = services.confirm_return(options["id"], actor=actor, note=options["note"])
        if found.status == ReturnStatus.UPLOADED:
            # many lines: a job was submitted, done here and now
            self.run_job(Job.objects.filter(key__startswith=f"{CONFIRM}:{found.pk}:").latest("pk"))
            found.refresh_from_db()
        return {
            "return_file": found.pk,
            "status": found.status,
            "paid": found.paid_count,
            "failed": found.failed_count,
            "open": found.open_count,
            "order": found.order.status,
        }
