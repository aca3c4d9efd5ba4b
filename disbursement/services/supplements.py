"""补发: who was due in a period and missed its list (confirmed late, list cancelled, stop taken back) is paid after all."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max

from disbursement.models import Batch, PaymentLine, PaymentResult, Roster, StopLift
from disbursement.services import generation
from disbursement.services.numbers import BATCH, next_number
from disbursement.states import BATCH_FLOW, ROSTER_FLOW, BatchStatus
from huimin.core import clock
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values.periods import Period
from huimin.core.work import workflow
from subsidies.models import Policy
from subsidies.states import FINISHING

if TYPE_CHECKING:
    from huimin.core.models import User

UNDER_WAY = (BatchStatus.ISSUED, BatchStatus.CLOSED)


def batch_of_period(policy: Policy, period: str) -> Batch:
    """The regular batch of a period (as people write it) that townships were given; StepRefused when there is none."""
    found = Batch.objects.filter(
        policy=policy, period=Period.parse(period).text, kind=Batch.Kind.REGULAR, status__in=UNDER_WAY
    ).first()
    if found is None:
        raise StepRefused(f"“{policy}”期次“{period}”还没有下达过批次，请直接建这一期的批次。")
    return found


def unpaid_totals(batch: Batch) -> tuple[int, Decimal]:
    """应发未发 of the batch's period: people and sum (元) that a 补发 could pay now."""
    found = generation.unpaid(batch).values()
    return sum(count for count, _ in found), sum((total for _, total in found), Decimal("0.00"))


@transaction.atomic
def make_supplement(pk: int, *, reason: str, actor: User) -> Batch:
    """A draft 补发 batch beside a regular one: same policy, period and claim component, so nobody is paid twice.

    Its rosters hold whoever is due, has no claim and no stop that stands. StepRefused when that is nobody.
    """
    asked: Batch = Batch.objects.visible_to(actor).get(pk=pk)
    # one supplement at a time per batch, so that they are numbered without gaps
    root = Batch.objects.select_for_update(of=("self",), no_key=True).get(pk=asked.supplements_id or asked.pk)
    one = BATCH_FLOW["supplement"]
    require_role(actor, one.roles, division_code=root.division_code, policy_id=root.policy_id, act=one.label)
    if not reason.strip():
        raise BadInput("补发要写明原因。", field="reason")
    _require_due(root)
    return _make(root, reason.strip()[:200], actor=actor)


def _require_due(root: Batch) -> None:
    if root.kind != Batch.Kind.REGULAR or root.status not in UNDER_WAY:
        raise StepRefused("只有已下达的正常批次可以补发。")
    if root.policy.status not in FINISHING:
        raise StepRefused(
            f"“{root.policy}”现在是“{root.policy.get_status_display()}”，政策恢复以后才能补发。"
        )
    if Batch.objects.filter(supplements=root, status=BatchStatus.DRAFT).exists():
        raise StepRefused("这一期还有一个补发批次没有下达，请先下达或作废它。")
    if not generation.unpaid(root):
        raise StepRefused(
            "这一期没有应发未发的人。停发的要先恢复发放，银行退回的走更正发放，花名册待核对的乡镇请重新生成。"
        )


def _make(root: Batch, reason: str, *, actor: User) -> Batch:
    last = Batch.objects.filter(supplements=root).aggregate(last=Max("attempt"))["last"] or 0
    batch = Batch.objects.create(
        county_code=root.county_code,
        division_code=root.division_code,
        number=next_number(BATCH, county_code=root.county_code, year=clock.today().year),
        kind=Batch.Kind.SUPPLEMENT,
        policy_id=root.policy_id,
        version_id=root.version_id,
        period=root.period,
        period_range=root.period_range,
        payment_round_id=root.payment_round_id,
        component=root.component,
        title=f"补发（第{last + 1}次）：{root.title}"[:120],
        supplements=root,
        reason=reason,
        attempt=last + 1,
        made_by=actor,
    )
    one = BATCH_FLOW["supplement"]
    workflow.take_duty(batch, one.duty, actor=actor)
    detail = {"supplements": root.number, "attempt": batch.attempt}
    audit.record(
        batch, action="make", actor=actor, label=one.label, after=batch.status, note=reason, detail=detail
    )
    return batch


@transaction.atomic
def lift_stop(pk: int, *, reason: str, actor: User) -> StopLift:
    """恢复发放: take a stop back. The line stays stopped; a list made anew, a 补发 or a 更正 may hold the person again.

    Whoever does it neither checks that list nor pays it; 部门经办 handles it at their own desk all the same.
    """
    if not reason.strip():
        raise BadInput("恢复发放要写明原因。", field="reason")
    line: PaymentLine = (
        PaymentLine.objects.visible_to(actor)
        .only("pk", "line_no", "amount", "roster_id", "county_code", "division_code", "policy_id")
        .get(pk=pk)
    )
    roster = Roster.objects.select_for_update(of=("self",), no_key=True).get(pk=line.roster_id)
    one = ROSTER_FLOW["lift_stop"]
    require_role(actor, one.roles, division_code=line.county_code, policy_id=line.policy_id, act=one.label)
    if not PaymentResult.objects.filter(line=line, kind=PaymentResult.Kind.STOPPED).exists():
        raise StepRefused("这一行没有停发，不用恢复。")
    if StopLift.objects.filter(line=line).exists():
        raise StepRefused("这一行已经恢复过了。")
    workflow.take_duty(line, one.duty, actor=actor)
    audit.record(
        roster,
        action=one.name,
        actor=actor,
        label=f"第 {line.line_no} 行恢复发放",
        note=reason.strip(),
        detail={"line": line.pk, "amount": str(line.amount)},
    )
    return StopLift.objects.create(line=line, reason=reason.strip()[:200], actor=actor)
