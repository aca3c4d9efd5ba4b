"""Payment orders: gather approved rosters, freeze indicators, signed by another person, sent to the bank once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import transaction
from django.urls import reverse

from disbursement.models import OrderIndicator, PaymentOrder, Roster
from disbursement.queries import ZERO, payable_totals
from disbursement.services import bankfiles, banks, ledger, notices, today
from disbursement.services.numbers import ORDER, next_number
from disbursement.services.people import TO_ORDER, inherit_duties
from disbursement.services.rosters import explained, require_same_content
from disbursement.states import ORDER_FLOW, OrderStatus, RosterStatus
from huimin.core import clock
from huimin.core.authority.posts import require_role
from huimin.core.bankformats.layout import BankFormat
from huimin.core.bankformats.registry import get_format
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Job
from huimin.core.records import audit
from huimin.core.values import digests
from huimin.core.work import jobs, workflow
from huimin.core.work.jobs import JobRun
from huimin.core.work.verbs import advances
from subsidies import services as subsidies
from subsidies.models import Policy

if TYPE_CHECKING:
    from huimin.core.models import User

SEND = "disbursement.send_order"
LINES_AT_ONCE = 5_000  # more lines than this are worked off by a job with progress
STOP_FIRST = (
    "请停发这些行，再编制支付申请；换了卡、应发期间或金额变了的，停发后恢复发放，由补发批次照现在的发。"
)
CANCEL_FIRST = "请退回支付申请，停发这些行，再重新编制；换了卡、应发期间或金额变了的，停发后恢复发放，由补发批次照现在的发。"


@transaction.atomic
def make_order(roster_ids: Sequence[int], *, actor: User, bank_id: int | None = None) -> PaymentOrder:
    """One order over approved rosters of one policy; freezes the indicators, or refuses naming the missing yuan.

    `bank_id` may be left out where the county has one paying bank (代发银行); the order keeps its format.
    """
    rosters = list(
        Roster.objects.visible_to(actor)
        .select_for_update(of=("self",), no_key=True)
        .filter(pk__in=set(roster_ids))
        .order_by("pk")
    )
    if not rosters or len(rosters) != len(set(roster_ids)):
        raise BadInput("请选择要支付的花名册。", field="rosters")
    policy = _common_policy(rosters)
    one = ORDER_FLOW["make"]
    require_role(actor, one.roles, division_code=policy.county_code, policy_id=policy.pk, act=one.label)
    today.require_payable(policy, [roster.pk for roster in rosters], remedy=STOP_FIRST)
    bank = banks.choose_bank(policy.county_code, bank_id)
    totals = _payable(rosters, get_format(bank.bank_format), remark=policy.payment_remark)
    count = sum(count for count, _ in totals.values())
    total = sum((total for _, total in totals.values()), ZERO)
    order = PaymentOrder.objects.create(
        county_code=policy.county_code,
        division_code=policy.county_code,
        number=next_number(ORDER, county_code=policy.county_code, year=clock.today().year),
        policy=policy,
        bank=bank,
        bank_format=bank.bank_format,
        remark=policy.payment_remark,
        line_count=count,
        total=total,
        content_hash=_fingerprint(rosters),
        made_by=actor,
    )
    inherit_duties(order, [roster.duty_subject for roster in rosters], TO_ORDER)
    workflow.take_duty(order, one.duty, actor=actor)
    _freeze(order, totals, actor=actor)
    audit.record(
        order,
        action=one.name,
        actor=actor,
        label=one.label,
        after=order.status,
        detail={
            "count": count,
            "total": str(total),
            "rosters": [roster.pk for roster in rosters],
            "bank": bank.name,
        },
    )
    return order


def _common_policy(rosters: Sequence[Roster]) -> Policy:
    if len({roster.policy_id for roster in rosters}) != 1:
        raise StepRefused("一笔支付申请只能支付一项政策，请按政策分开编制。")
    for roster in rosters:
        if roster.status != RosterStatus.APPROVED:
            raise StepRefused("有花名册还没有终审，不能支付。请刷新页面后再选。")
        if roster.order_id is not None:
            raise StepRefused("有花名册已编入别的支付申请，不能支付两次。请刷新页面后再选。")
    return Policy.objects.get(pk=rosters[0].policy_id)


def _payable(rosters: Sequence[Roster], bank: BankFormat, *, remark: str) -> dict[int, tuple[int, Decimal]]:
    """Roster -> number and sum (元) of what the order will pay."""
    totals = payable_totals([roster.pk for roster in rosters])
    count = sum(count for count, _ in totals.values())
    if not count:
        raise StepRefused("这些花名册里的人都已停发或已有结果，没有要支付的钱。")
    if count > bank.max_lines:
        raise StepRefused(f"共 {count:,} 笔，银行一份文件最多 {bank.max_lines:,} 笔，请分成几笔支付申请。")
    banks.require_writable(bank, list(totals), remark=remark)
    return totals


def _fingerprint(rosters: Sequence[Roster]) -> str:
    return digests.merkle_root(bytes.fromhex(roster.content_hash) for roster in rosters).hex()


def _freeze(order: PaymentOrder, totals: dict[int, tuple[int, Decimal]], *, actor: User) -> None:
    deductions = subsidies.freeze_for(order.policy, order.total, subject=audit.subject_of(order), actor=actor)
    OrderIndicator.objects.bulk_create(
        OrderIndicator(order=order, indicator_id=one.indicator.pk, amount=one.amount) for one in deductions
    )
    Roster.objects.filter(pk__in=totals).update(order=order)
    for one in deductions:
        ledger.post_issue(one.indicator, actor=actor)
    ledger.post_order(order, ledger.order_shares(order, totals), actor=actor)


@advances("disbursement.paymentorder")
def advance_order(
    pk: int, step: str, *, actor: User, note: str = "", whole_yuan: str | None = None
) -> PaymentOrder:
    """Sign, cancel or send. `whole_yuan` is the integer part of the amount as the signer typed it on the page."""
    if step == "sign":
        return sign_order(pk, actor=actor, note=note, whole_yuan=whole_yuan)
    if step == "cancel":
        return cancel_order(pk, actor=actor, note=note)
    if step == "send":
        return send_order(pk, actor=actor)
    raise BadInput(f"支付申请没有“{step}”这一步；回盘齐了会自己办结。")


def _locked(pk: int, actor: User) -> PaymentOrder:
    order: PaymentOrder = (
        PaymentOrder.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=pk)
    )
    return order


@transaction.atomic
def sign_order(pk: int, *, actor: User, note: str = "", whole_yuan: str | None = None) -> PaymentOrder:
    """The second person's signature, under the order's total and fingerprint, which cannot change any more."""
    order = _locked(pk, actor)
    one = ORDER_FLOW["sign"]
    _require(order, "sign", actor=actor, note=note)
    if whole_yuan is not None:
        _require_seen(order, whole_yuan)
    _require_payable(order)
    workflow.take_duty(order, one.duty, actor=actor)
    PaymentOrder.objects.filter(pk=order.pk).update(signed_by=actor, signed_at=clock.now())
    workflow.move(order, one, actor=actor, note=note, detail=_detail(order))
    order.refresh_from_db()
    return order


def _require_seen(order: PaymentOrder, whole_yuan: str) -> None:
    """The signer types the integer part of the amount, so that nobody signs the wrong order by mistake."""
    typed = re.sub(r"[\s,，]", "", whole_yuan)
    if typed == str(int(order.total)):
        return
    said = "输入的金额整数部分与这笔申请不符，没有签章。请核对是不是这一笔。"
    if not typed:
        said = "签章要填应付金额的整数部分，确认您看的是这一笔。"
    elif re.search(r"[.．。]", typed):
        said = "只填元以上的整数部分，不要写小数，没有签章。"
    raise BadInput(said, field="whole_yuan")


def _require(order: PaymentOrder, step: str, *, actor: User, note: str | None = None) -> None:
    refusal = workflow.why_not(order, ORDER_FLOW[step], actor=actor, note=note)
    if refusal:
        raise refusal


def _require_payable(order: PaymentOrder) -> None:
    rosters = list(Roster.objects.filter(order=order).values_list("pk", flat=True))
    today.require_payable(order.policy, rosters, remedy=CANCEL_FIRST)


def _require_unchanged(order: PaymentOrder) -> None:
    """The lists are those that were approved and signed; that they add up is asked by the trigger on the order."""
    rosters = list(Roster.objects.filter(order=order).order_by("pk"))
    for roster in rosters:
        require_same_content(roster)
    if _fingerprint(rosters) != order.content_hash:
        raise StepRefused("花名册与签章时的名单指纹不一致。已停止办理，请报告审计管理员。")


def _detail(order: PaymentOrder) -> dict[str, object]:
    return {"count": order.line_count, "total": str(order.total), "root": order.content_hash}


@transaction.atomic
def cancel_order(pk: int, *, actor: User, note: str) -> PaymentOrder:
    """Before it goes to the bank: indicators are available again, the rosters may join another order."""
    order = _locked(pk, actor)
    workflow.move(order, ORDER_FLOW["cancel"], actor=actor, note=note, detail=_detail(order))
    for one in OrderIndicator.objects.filter(order=order).order_by("indicator_id"):
        subsidies.release_frozen(one.indicator_id, one.amount, subject=audit.subject_of(order), actor=actor)
        OrderIndicator.objects.filter(pk=one.pk).update(released=one.amount)
    ledger.post_cancel(order, actor=actor)
    Roster.objects.filter(order=order).update(order=None)
    return order


def send_order(pk: int, *, actor: User) -> PaymentOrder:
    """Make the bank's file and mark the order as sent, once; big orders are worked off by a job."""
    order: PaymentOrder = PaymentOrder.objects.visible_to(actor).get(pk=pk)
    if order.line_count <= LINES_AT_ONCE:
        return send_now(pk, actor=actor)
    with transaction.atomic():
        order = _locked(pk, actor)
        _require(order, "send", actor=actor)
        tries = Job.objects.filter(key__startswith=f"{SEND}:{pk}:", state__in=["failed", "stopped"]).count()
        jobs.submit(
            SEND,
            title=f"生成代发文件：{order.number}",
            key=f"{SEND}:{pk}:{tries}",
            actor=actor,
            division_code=order.division_code,
            county_code=order.county_code,
            payload={"order": pk},
            total=order.line_count,
        )
    return order


@jobs.handler(SEND, is_whole=True)
def _send_job(run: JobRun) -> None:
    pk = run.payload["order"]
    with run.transaction():
        order = PaymentOrder.objects.get(pk=pk)
        if order.status == OrderStatus.SIGNED:
            order = send_now(pk, actor=run.actor)
        elif order.status not in {OrderStatus.SENT, OrderStatus.SETTLED}:
            raise StepRefused(f"支付申请现在是“{order.get_status_display()}”，没有生成代发文件。")
    run.progress(order.line_count, order.line_count, f"代发文件已生成，共 {order.line_count:,} 笔")
    run.result(url=reverse("disbursement:order-detail", args=[pk]))


@transaction.atomic
def send_now(pk: int, *, actor: User) -> PaymentOrder:
    """The lists are recomputed; the file is written, stored, read back and re-summed before anything is committed."""
    order = _locked(pk, actor)
    _require(order, "send", actor=actor)
    _require_payable(order)
    _require_unchanged(order)
    PaymentOrder.objects.filter(pk=order.pk).update(sent_at=clock.now())
    with explained():
        workflow.move(order, ORDER_FLOW["send"], actor=actor, detail=_detail(order))
    order.refresh_from_db()
    made = bankfiles.make_file(order, actor=actor)
    ledger.post_send(order, actor=actor)
    notices.tell_bank(order)
    audit.record(
        order,
        action="bank_file",
        actor=actor,
        label="生成代发文件",
        detail={"format": made.format, "sha256": made.file.sha256},
    )
    return order
