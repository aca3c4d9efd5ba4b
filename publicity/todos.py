from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.urls import reverse

from huimin.core.desk.todos import Todo, source
from publicity import queries
from publicity.models import Disclosure
from publicity.states import DISCLOSURE_FLOW, DisclosureStatus

if TYPE_CHECKING:
    from huimin.core.models import User


@source
def lists_to_publish(user: User) -> Iterable[Todo]:
    """Paid rosters that nobody has opened yet, for those whose post it is."""
    if not DISCLOSURE_FLOW["publish"].roles & user.roles():
        return []
    waiting = queries.publishable(user).count()
    shielded = Disclosure.objects.visible_to(user).filter(
        Disclosure.SHIELDED, status=DisclosureStatus.PUBLISHED
    )
    return [
        Todo(
            "公开的名单写着全名，已不显示",
            shielded.count(),
            reverse("publicity:desk-list"),
            "去撤下",
            "政策已改为保护隐私；墙上贴的也要揭下",
        ),
        Todo(
            "公开的名单写着已到账，钱后来退回了",
            queries.overtaken(user).count(),
            f"{reverse('publicity:desk-list')}?overtaken=yes",
            "去撤下，再公开",
            "撤下原因写退汇或退款；再公开的名单写的是现在的状态",
        ),
        Todo("发放名单等着公开", waiting, reverse("publicity:desk-list"), "去公开", "发完的钱要让群众看得到"),
    ]
