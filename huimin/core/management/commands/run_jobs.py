from typing import Any

from huimin.core.models import Job, User
from huimin.core.work import jobs
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "没有后台任务进程时，把排队的任务一件一件在这里办完。已有进程在办的不受影响。"
    needs_actor = False

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        waiting = Job.objects.filter(state=Job.State.QUEUED).order_by("pk").values_list("pk", flat=True)
        ended = {f"J{pk}": jobs.run(pk) for pk in list(waiting)}
        return {"jobs": ended}
