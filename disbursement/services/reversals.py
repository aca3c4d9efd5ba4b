"""Money that came back after it was paid: 退汇 (may be paid again by a correction) and 退款 (may not)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.db import IntegrityError, connection, transaction

from disbursement.models import PaymentLine, PaymentOrder, PaymentResult, Reversal
from disbursement.queries import order_of
from disbursement.services import notices
from disbursement.services.confirming import book
from disbursement.services.inherited import TO_RETURN, inherit_duties
from disbursement.states import REVERSAL_FLOW
from huimin.core import clock
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.work import workflow
from huimin.core.work.verbs import advances

if TYPE_CHECKING:
    from huimin.core.models import User


@transaction.atomic
def ask_reversal(
    line_id: int, *, kind: str, returned_on: date, bank_reference: str, reason: str, actor: User
) -> Reversal:
    """Register that a paid line's money is back (whole amount); it counts when another reconciler approves."""
    line = _line(line_id, actor)
    one = REVERSAL_FLOW["ask"]
    require_role(actor, one.roles, division_code=line.county_code, policy_id=line.policy_id, act=one.label)
    _require_words(kind, bank_reference, reason)
    paid = PaymentResult.objects.filter(line=line, kind=PaymentResult.Kind.PAID).first()
    order = order_of(line)
    if paid is None or order is None:
        raise StepRefused("这笔发放没有到账，不能登记退汇或退款。")
    if not paid.business_on <= returned_on <= clock.today():
        raise BadInput(f"退回到账日期应在{paid.business_on}到今天之间。", field="returned_on")
    try:
        with transaction.atomic():
            found = Reversal.objects.create(
                line=line,
                order=order,
                policy_id=line.policy_id,
                kind=kind,
                returned_on=returned_on,
                bank_reference=bank_reference.strip()[:40],
                reason=privacy.hide_digits(reason.strip())[:200],
                asked_by=actor,
                county_code=line.county_code,
                division_code=line.division_code,
            )
    except IntegrityError as error:
        if "one_reversal_per_line" not in str(error):
            raise
        raise StepRefused("这笔发放已经登记过退汇或退款，没有重复登记。") from error
    inherit_duties(found, [audit.subject_of(order)], TO_RETURN)
    workflow.take_duty(found, one.duty, actor=actor)
    audit.record(
        found, action=one.name, actor=actor, label=f"登记{found.get_kind_display()}", note=found.reason
    )
    return found


def _require_words(kind: str, bank_reference: str, reason: str) -> None:
    if kind not in Reversal.Kind.values:
        raise BadInput("请选择是退汇还是退款。", field="kind")
    if not bank_reference.strip():
        raise BadInput("请填写银行流水号。", field="bank_reference")
    if not reason.strip():
        raise BadInput("请写明原因。", field="reason")


def _line(line_id: int, actor: User) -> PaymentLine:
    line: PaymentLine = (
        PaymentLine.objects.visible_to(actor)
        .defer("beneficiary_id_number", "payee_id_number", "account_number")
        .select_related("roster")
        .get(pk=line_id)
    )
    return line


@advances("disbursement.reversal")
@transaction.atomic
def advance_reversal(pk: int, step: str, *, actor: User, note: str = "") -> Reversal:
    """Approve (the books change) or refuse."""
    found: Reversal = (
        Reversal.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=pk)
    )
    one = next((known for known in REVERSAL_FLOW.steps if known.name == step), None)
    if one is None:
        raise BadInput(f"退汇退款没有“{step}”这一步。")
    refusal = workflow.why_not(found, one, actor=actor, note=note)
    if refusal:
        raise refusal
    workflow.take_duty(found, one.duty, actor=actor)
    Reversal.objects.filter(pk=pk).update(checked_by=actor)
    if step == "approve":
        _apply(found, actor=actor)
    workflow.move(found, one, actor=actor, note=note)
    return found


def _apply(found: Reversal, *, actor: User) -> None:
    line = PaymentLine.objects.only("amount", "roster").get(pk=found.line_id)
    order = PaymentOrder.objects.select_for_update(of=("self",), no_key=True).get(pk=found.order_id)
    undone = [PaymentResult.Kind.LATE_RETURN, PaymentResult.Kind.VOLUNTARY_REFUND]
    if PaymentResult.objects.filter(line=line, kind__in=undone).exists():
        raise StepRefused("这笔发放已经由银行回盘记作退汇，不能再记一次。请退回这份登记。")
    PaymentResult.objects.create(
        line=line, kind=found.kind, note=found.reason, actor=actor, business_on=clock.today()
    )
    if found.kind == Reversal.Kind.LATE_RETURN:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM disbursement_claim WHERE line_id = %s", [line.pk])
        notices.tell_failed(order, line_id=line.pk)
    book(order, {found.kind: {line.roster_id: line.amount}}, at=f"reversal:{found.pk}", actor=actor)
