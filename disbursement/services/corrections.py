"""更正发放: failed money of a batch is paid again by a new batch, to the same people, by the same chain of checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max, Q

from disbursement.models import Batch, PaymentLine, Roster
from disbursement.queries import failed_lines
from disbursement.services import copying
from disbursement.services.numbers import BATCH, next_number
from disbursement.states import BATCH_FLOW, BatchStatus
from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.posts import require_role
from huimin.core.errors import StepRefused
from huimin.core.records import audit
from huimin.core.work import workflow

if TYPE_CHECKING:
    from huimin.core.models import User


@transaction.atomic
def make_correction(pk: int, *, actor: User, line_ids: Sequence[int] | None = None) -> Batch:
    """A correction batch, already issued, with a roster per township for the failed lines of a batch.

    `line_ids` limits it to lines whose cards are known to be in order; without, all that can be paid now.
    """
    asked: Batch = Batch.objects.visible_to(actor).get(pk=pk)
    # one correction at a time per original batch, so that attempts are numbered without gaps
    root = Batch.objects.select_for_update(of=("self",), no_key=True).get(pk=asked.corrects_id or asked.pk)
    one = BATCH_FLOW["pay_again"]
    require_role(actor, one.roles, division_code=root.division_code, policy_id=root.policy_id, act=one.label)
    towns = _by_town(correctable(root), line_ids)
    if not towns:
        raise StepRefused(
            "这个批次没有可以更正发放的失败明细：都已在更正批次里、已由别的名单发了，或不再应发。"
        )
    batch = _make_batch(root, actor=actor)
    for town, failed in sorted(towns.items()):
        _make_roster(batch, town, failed, actor=actor)
    if not Roster.objects.filter(batch=batch, line_count__gt=0).exists():
        raise StepRefused(
            "选中的人现在都没有在用的银行账户，或资格已终止、变更，或这一期停发了没有恢复，没有可更正发放的钱。"
            "重新申报过、现在比失败的那一笔多的，建补发批次发。"
            "没有账户的，请先办理账户变更。"
        )
    return batch


def correctable(root: Batch) -> dict[int, str]:
    """Failed line -> township: what came back from the batch and its corrections and is still to be paid."""
    rows = failed_lines(
        PaymentLine.objects.filter(Q(roster__batch=root) | Q(roster__batch__corrects=root))
    ).values_list("pk", "division_code")
    return {pk: scope.town_of(code) for pk, code in rows}


def _by_town(found: dict[int, str], line_ids: Sequence[int] | None) -> dict[str, list[int]]:
    if line_ids is not None and not set(line_ids) <= set(found):
        raise StepRefused(
            "有的明细已在别的更正批次里、已由别的名单发了或不再应发，或不是这个批次的失败明细。请刷新页面后再选。"
        )
    towns: dict[str, list[int]] = defaultdict(list)
    for pk in sorted(found if line_ids is None else set(line_ids)):
        towns[found[pk]].append(pk)
    return towns


def _make_batch(root: Batch, *, actor: User) -> Batch:
    last = Batch.objects.filter(corrects=root).aggregate(last=Max("attempt"))["last"] or 0
    batch = Batch.objects.create(
        county_code=root.county_code,
        division_code=root.division_code,
        number=next_number(BATCH, county_code=root.county_code, year=clock.today().year),
        kind=Batch.Kind.CORRECTION,
        policy_id=root.policy_id,
        version_id=root.version_id,
        period=root.period,
        period_range=root.period_range,
        payment_round_id=root.payment_round_id,
        component=root.component,
        title=f"更正发放（第{last + 1}次）：{root.title}"[:120],
        corrects=root,
        attempt=last + 1,
        status=BatchStatus.DRAFT,
        made_by=actor,
    )
    audit.record(batch, action="make", actor=actor, label=BATCH_FLOW["pay_again"].label, after=batch.status)
    workflow.move(batch, BATCH_FLOW["issue"], actor=actor)
    return batch


def _make_roster(batch: Batch, town: str, failed: list[int], *, actor: User) -> None:
    """Written as its first revision at once; the township may make it anew when more cards are in order."""
    roster = Roster.objects.create(
        batch=batch,
        policy_id=batch.policy_id,
        county_code=batch.county_code,
        division_code=town,
        revision=1,
    )
    roster.line_count, roster.total, roster.content_hash = copying.copy_lines(roster, failed)
    roster.generated_at = clock.now()
    roster.save(update_fields=["line_count", "total", "content_hash", "generated_at"])
    audit.record(
        roster,
        action="generate",
        actor=actor,
        label="生成更正花名册",
        detail={"count": roster.line_count, "total": str(roster.total), "root": roster.content_hash},
    )
