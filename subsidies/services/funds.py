"""The four figures of an indicator and the only ways they change: freeze, pay, release, reopen.

Who may freeze or pay is the caller's matter (disbursement takes these steps by its own flows); what can be spent
is decided here and by the constraints of the table. Locks are taken in the order of ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from huimin.core import clock
from huimin.core.errors import StepRefused
from huimin.core.values.money import format_yuan, parse_yuan
from subsidies.models import Indicator, IndicatorMove, IndicatorPolicy, Policy
from subsidies.states import IndicatorStatus

if TYPE_CHECKING:
    from huimin.core.models import User

_Kind = IndicatorMove.Kind
# move: the figure it takes from, the figure it gives to
_WAYS = {
    _Kind.FREEZE: ("available", "frozen"),
    _Kind.PAY: ("frozen", "paid"),
    _Kind.RELEASE: ("frozen", "available"),
    _Kind.REOPEN: ("paid", "available"),
}
_FIGURES = {"available": "可用数", "frozen": "冻结数", "paid": "已支付数"}


@dataclass(frozen=True, slots=True)
class Deduction:
    """How much (元) one indicator pays of an amount."""

    indicator: Indicator
    amount: Decimal


def preview_deduction(policy: Policy, amount: Decimal) -> list[Deduction]:
    """Which confirmed indicators would pay, by priority and then id; StepRefused names the missing yuan."""
    amount = parse_yuan(amount, allow_zero=False)
    links = (
        IndicatorPolicy.objects.filter(policy=policy, indicator__status=IndicatorStatus.CONFIRMED)
        .select_related("indicator")
        .order_by("priority", "indicator_id")
    )
    found, missing = [], amount
    for link in links:
        part = min(missing, link.indicator.available)
        if part > 0:
            found.append(Deduction(link.indicator, part))
            missing -= part
    if missing:
        raise StepRefused(f"指标不足，尚缺 {format_yuan(missing)} 元。请登记或挂接新的指标后再办。")
    return found


@transaction.atomic
def lock_indicators(policies: Iterable[Policy]) -> list[int]:
    """Lock every indicator of these policies in the order of ids: call it first when one transaction freezes for several."""
    wanted = IndicatorPolicy.objects.filter(policy__in=list(policies)).values("indicator_id")
    rows = Indicator.objects.filter(pk__in=wanted).order_by("pk").select_for_update(of=("self",), no_key=True)
    return [indicator.pk for indicator in rows]


@transaction.atomic
def freeze_for(policy: Policy, amount: Decimal, *, subject: str, actor: User) -> list[Deduction]:
    """Available → frozen for `subject` (audit.subject_of of a payment order), from the indicators that preview names."""
    lock_indicators([policy])
    deductions = preview_deduction(policy, amount)
    for one in deductions:
        _shift(one.indicator.pk, _Kind.FREEZE, one.amount, subject=subject, actor=actor)
    return deductions


@transaction.atomic
def pay_frozen(indicator_id: int, amount: Decimal, *, subject: str, actor: User) -> None:
    """Frozen → paid: the bank has credited the money."""
    _shift(indicator_id, _Kind.PAY, amount, subject=subject, actor=actor)


@transaction.atomic
def release_frozen(indicator_id: int, amount: Decimal, *, subject: str, actor: User) -> None:
    """Frozen → available: the bank returned it, the order was cancelled, or lines were stopped."""
    _shift(indicator_id, _Kind.RELEASE, amount, subject=subject, actor=actor)


@transaction.atomic
def reopen_paid(indicator_id: int, amount: Decimal, *, subject: str, actor: User) -> None:
    """Paid → available: money once credited came back (退汇, 退款)."""
    _shift(indicator_id, _Kind.REOPEN, amount, subject=subject, actor=actor)


def _shift(
    indicator_id: int, kind: IndicatorMove.Kind, amount: Decimal, *, subject: str, actor: User
) -> None:
    """One conditional UPDATE and its row on the trail; two at once cannot both take the last yuan."""
    amount = parse_yuan(amount, allow_zero=False)
    taken, given = _WAYS[kind]
    rows = Indicator.objects.filter(
        pk=indicator_id, status=IndicatorStatus.CONFIRMED, **{f"{taken}__gte": amount}
    )
    if rows.update(**{taken: F(taken) - amount, given: F(given) + amount}) != 1:
        raise StepRefused(_why_not(indicator_id, taken, amount))
    IndicatorMove.objects.create(
        indicator_id=indicator_id,
        kind=kind,
        amount=amount,
        subject=subject,
        actor=actor,
        business_at=clock.now(),
    )


def _why_not(indicator_id: int, taken: str, amount: Decimal) -> str:
    indicator = Indicator.objects.get(pk=indicator_id)
    if indicator.status != IndicatorStatus.CONFIRMED:
        return f"指标“{indicator}”还没有确认，不能使用。"
    missing = amount - getattr(indicator, taken)
    return f"指标“{indicator}”的{_FIGURES[taken]}不足，尚缺 {format_yuan(missing)} 元。"
