"""How much lies where on its way to the cards, within the reach of this person."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Q, Sum
from django.urls import reverse

from disbursement.models import OrderPart, Roster
from disbursement.states import BatchStatus, OrderStatus, RosterStatus
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk import figures
from huimin.core.desk.figures import Figure
from huimin.core.values.money import wan

if TYPE_CHECKING:
    from huimin.core.models import User

_ZERO = Decimal(0)


@figures.source
def on_its_way(user: User) -> Iterable[Figure]:
    if not scope.reads(user, Area.ROSTER):
        return
    checking = ~Q(status__in=[RosterStatus.ISSUED, RosterStatus.APPROVED, RosterStatus.CANCELLED])
    sums = (
        Roster.objects.visible_to(user)
        .filter(batch__status=BatchStatus.ISSUED)
        .aggregate(
            township=Sum("total", filter=Q(status=RosterStatus.ISSUED), default=_ZERO),
            checking=Sum("total", filter=checking, default=_ZERO),
        )
    )
    at_bank = OrderPart.objects.filter(
        is_live=True, order__status=OrderStatus.SENT, roster__in=Roster.objects.visible_to(user)
    ).aggregate(total=Sum("total", default=_ZERO))
    url = reverse("disbursement:roster-list")
    yield Figure("乡镇核对中", wan(sums["township"]), "万元", "已下达，还没送审", url)
    yield Figure("审核中", wan(sums["checking"]), "万元", "从乡镇审核到财政复核", url)
    yield Figure("银行代发中", wan(at_bank["total"]), "万元", "已送盘，还没有办结", url)
