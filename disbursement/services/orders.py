"""Payment orders: gather lines of approved rosters, freeze indicators, signed by another person, sent to the bank once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.urls import reverse

from disbursement.models import OrderIndicator, PaymentOrder, Roster
from disbursement.queries import Sums, added_up, rosters_of, stale, to_order
from disbursement.services import bankfiles, banks, ledger, notices, parts
from disbursement.services.inherited import TO_ORDER, inherit_duties
from disbursement.services.numbers import ORDER, next_number
from disbursement.services.origins import given_back
from disbursement.services.parts import Part
from disbursement.services.rosters import explained, require_same_content
from disbursement.states import ORDER_FLOW, OrderStatus, RosterStatus
from huimin.core import clock
from huimin.core.authority.posts import NOBODY_ELSE, require_role
from huimin.core.bankformats.registry import get_format
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Job
from huimin.core.records import audit
from huimin.core.work import jobs, workflow
from huimin.core.work.jobs import JobRun
from huimin.core.work.verbs import advances
from subsidies import services as subsidies
from subsidies.models import Policy

if TYPE_CHECKING:
    from huimin.core.models import Office, User

SEND = "disbursement.send_order"
LINES_AT_ONCE = 5_000  # more lines than this are worked off by a job with progress
STOP_FIRST = "请停发这些行，再编制支付申请；换了卡、换了户主、应发期间或金额变了的，停发后请部门经办恢复发放，由补发批次照现在的发。"
OTHERS = f"请国库支付退回支付申请，重新编制以后“{{post}}”由另一位同事办。{NOBODY_ELSE}"
CANCEL_FIRST = "请退回支付申请，停发这些行，再重新编制；换了卡、换了户主、应发期间或金额变了的，停发后请部门经办恢复发放，由补发批次照现在的发。"


@transaction.atomic
def make_orders(
    roster_ids: Sequence[int], *, actor: User, bank_id: int | None = None, cross_bank: bool = False
) -> list[PaymentOrder]:
    """Orders over what one bank pays of approved rosters of one policy; freezes the indicators, or refuses naming the missing yuan.

    One order, or as many as the bank needs files. Lines at other paying banks stay for orders of theirs. Lines at none of
    them are taken with `cross_bank` alone (跨行). `bank_id` may be left out where the county has one paying bank.
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
    free = to_order([roster.pk for roster in rosters])
    bank = banks.choose_bank(policy.county_code, bank_id)
    across = banks.paid_across(policy.county_code, free.values())
    wanted = {bank.pk} | (across if cross_bank else set())
    _require_lines(bank, free, wanted, across)
    stale.require_payable(
        policy, stale.to_be_ordered([roster.pk for roster in rosters], wanted), remedy=STOP_FIRST
    )
    files = _files(rosters, free, wanted, bank, remark=policy.payment_remark)
    return [
        _make(policy, bank, found, place=f"{place}/{len(files)}", rosters=rosters, actor=actor)
        for place, found in enumerate(files, 1)
    ]


def _common_policy(rosters: Sequence[Roster]) -> Policy:
    if len({roster.policy_id for roster in rosters}) != 1:
        raise StepRefused("一笔支付申请只能支付一项政策，请按政策分开编制。")
    if any(roster.status != RosterStatus.APPROVED for roster in rosters):
        raise StepRefused("有花名册还没有终审，不能支付。请刷新页面后再选。")
    return Policy.objects.get(pk=rosters[0].policy_id)


def _require_lines(
    bank: Office, free: dict[int, dict[int, Sums]], wanted: set[int], across: set[int]
) -> None:
    """There is something for this bank to pay; otherwise where the lines are, and what to do."""
    if any(wanted & one.keys() for one in free.values()):
        return
    if not free:
        raise StepRefused(
            "这些花名册里的人都已编入支付申请、已停发或已有结果，没有要支付的钱。请刷新页面后再看。"
        )
    count, total = added_up(sums for one in free.values() for at, sums in one.items() if at in across)
    if count:
        raise StepRefused(
            f"这些花名册里没有账户在{bank}的人。有 {count:,} 笔 {total:,.2f} 元的账户不在本县的代发银行，"
            f"要由{bank}付的，请勾选“跨行支付”。"
        )
    raise StepRefused(f"这些花名册里没有账户在{bank}的人，账户都在别的代发银行。请换一家银行编制。")


def _files(
    rosters: Sequence[Roster],
    free: dict[int, dict[int, Sums]],
    wanted: set[int],
    bank: Office,
    *,
    remark: str,
) -> list[list[Part]]:
    """The parts of every order that is to be made: as many orders as the bank needs files."""
    written = get_format(bank.bank_format)
    banks.require_writable(written, list(free), wanted, remark=remark)
    counts = {pk: added_up(sums for at, sums in one.items() if at in wanted)[0] for pk, one in free.items()}
    placed = sorted(rosters, key=lambda roster: (roster.division_code, roster.pk))
    return parts.plan(placed, counts, wanted, bank=bank.pk, most=written.max_lines)


def _make(
    policy: Policy, bank: Office, found: list[Part], *, place: str, rosters: Sequence[Roster], actor: User
) -> PaymentOrder:
    one = ORDER_FLOW["make"]
    held = {part.roster_id for part in found}
    sources = [roster for roster in rosters if roster.pk in held]
    count, total = parts.total_of(found)
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
        content_hash=parts.fingerprint(found, {roster.pk: roster.content_hash for roster in sources}),
        made_by=actor,
    )
    _write(order, found)
    inherit_duties(order, [roster.duty_subject for roster in sources], TO_ORDER)
    _inherit_since(order, sources)
    workflow.take_duty(order, one.duty, actor=actor)
    _freeze(order, actor=actor)
    across, _ = parts.total_of([part for part in found if part.is_across])
    audit.record(
        order,
        action=one.name,
        actor=actor,
        label=one.label,
        after=order.status,
        detail={
            "count": count,
            "total": str(total),
            "rosters": [roster.pk for roster in sources],
            "bank": bank.name,
            "cross_bank": across,
            "file": place,
        },
    )
    return order


def _write(order: PaymentOrder, found: list[Part]) -> None:
    try:
        with explained():
            parts.write(order, found)
    except IntegrityError as error:
        if "账户在别的代发银行" not in str(error):
            raise
        raise StepRefused("有账户所在的代发银行刚刚重新认定过，没有编制。请刷新页面后再编制一次。") from error


def _freeze(order: PaymentOrder, *, actor: User) -> None:
    deductions = subsidies.freeze_for(order.policy, order.total, subject=audit.subject_of(order), actor=actor)
    OrderIndicator.objects.bulk_create(
        OrderIndicator(order=order, indicator_id=one.indicator.pk, amount=one.amount) for one in deductions
    )
    for one in deductions:
        ledger.post_issue(one.indicator, actor=actor)
    ledger.post_order(order, actor=actor)


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
    _inherit_since(order, list(rosters_of(order)))
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
    stale.require_payable(order.policy, stale.held_by(order), remedy=CANCEL_FIRST)


def _inherit_since(order: PaymentOrder, rosters: Sequence[Roster]) -> None:
    """Who gave days back after the lists were approved neither makes, nor signs, nor has signed the order (0014)."""
    inherit_duties(order, given_back(rosters), TO_ORDER, remedy=OTHERS)


def _require_unchanged(order: PaymentOrder) -> None:
    """The lists are those that were approved and signed; that they add up is asked by the trigger on the order."""
    rosters = list(rosters_of(order))
    for roster in rosters:
        require_same_content(roster)
    hashes = {roster.pk: roster.content_hash for roster in rosters}
    if parts.fingerprint(parts.parts_of(order), hashes) != order.content_hash:
        raise StepRefused("花名册与签章时的名单指纹不一致。已停止办理，请报告审计管理员。")


def _detail(order: PaymentOrder) -> dict[str, object]:
    return {"count": order.line_count, "total": str(order.total), "root": order.content_hash}


@transaction.atomic
def cancel_order(pk: int, *, actor: User, note: str) -> PaymentOrder:
    """Before it goes to the bank: indicators are available again, and its lines may join another order."""
    order = _locked(pk, actor)
    workflow.move(order, ORDER_FLOW["cancel"], actor=actor, note=note, detail=_detail(order))
    for one in OrderIndicator.objects.filter(order=order).order_by("indicator_id"):
        subsidies.release_frozen(one.indicator_id, one.amount, subject=audit.subject_of(order), actor=actor)
        OrderIndicator.objects.filter(pk=one.pk).update(released=one.amount)
    ledger.post_cancel(order, actor=actor)
    notices.tell_makers(order, note=note, actor=actor)
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
    _inherit_since(order, list(rosters_of(order)))
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
