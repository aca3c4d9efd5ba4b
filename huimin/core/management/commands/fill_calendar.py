from typing import Any

from huimin.core import reference
from huimin.core.models import User
from huimin.core.work.command import StaffCommand


class Command(StaffCommand):
    help = "填写工作日历：国务院公布的放假调休，2004 年起。"
    needs_actor = False

    def act(self, actor: User | None, **options: Any) -> dict[str, Any]:
        return {"天数": reference.fill_calendar(actor=actor)}
