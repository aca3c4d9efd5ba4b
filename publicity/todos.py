from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.urls import reverse

from huimin.core.desk.todos import Todo, source
from publicity import queries
from publicity.states import DISCLOSURE_FLOW

if TYPE_CHECKING:
    from huimin.core.models import User


@source
def lists_to_publish(user: User) -> Iterable[Todo]:
    """Paid rosters that nobody has opened yet, for those whose post it is."""
    if not DISCLOSURE_FLOW["publish"].roles & user.roles():
        return []
    waiting = queries.publishable(user).count()
    return [
        Todo("发放名单等着公开", waiting, reverse("publicity:desk-list"), "去公开", "发完的钱要让群众看得到")
    ]
