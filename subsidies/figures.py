"""Money of the confirmed indicators that this person may see."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Sum
from django.urls import reverse

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk import figures
from huimin.core.desk.figures import Figure
from huimin.core.values.money import wan
from subsidies.models import Indicator
from subsidies.states import IndicatorStatus

if TYPE_CHECKING:
    from huimin.core.models import User

_ZERO = Decimal(0)


@figures.source
def money_of_the_year(user: User) -> Iterable[Figure]:
    if not scope.reads(user, Area.INDICATOR):
        return
    year = clock.today().year
    sums = (
        Indicator.objects.visible_to(user)
        .filter(year=year, status=IndicatorStatus.CONFIRMED)
        .aggregate(**{name: Sum(name, default=_ZERO) for name in ("issued", "available", "frozen", "paid")})
    )
    url = reverse("subsidies:indicator-list")
    yield Figure(f"{year}年下达", wan(sums["issued"]), "万元", "已确认的指标", url, is_key=True)
    yield Figure("可用", wan(sums["available"]), "万元", "还能申请支付", url)
    yield Figure("冻结", wan(sums["frozen"]), "万元", "已申请，等银行回盘", url)
    yield Figure("已支付", wan(sums["paid"]), "万元", _share(sums["paid"], sums["issued"]), url)


def _share(paid: Decimal, issued: Decimal) -> str:
    return f"占下达的 {paid * 100 / issued:.1f}%" if issued else "还没有下达"
