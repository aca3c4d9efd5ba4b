"""Confirming a return: results in one statement, claims of failed lines released, indicators, ledger, messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F
from django.urls import reverse

from disbursement.models import Journal, OrderIndicator, PaymentOrder, PaymentResult, ReturnFile
from disbursement.queries import open_lines
from disbursement.services import ledger, notices
from disbursement.services.orders import LINES_AT_ONCE
from disbursement.states import ORDER_FLOW, RETURN_FLOW, OrderStatus, ReturnStatus
from huimin.core import clock
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Job
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.work import jobs, workflow
from huimin.core.work.jobs import JobRun
from huimin.core.work.verbs import advances
from subsidies import services as subsidies

if TYPE_CHECKING:
    from huimin.core.models import User

CONFIRM = "disbursement.confirm_return"
K = PaymentResult.Kind

# What is new is gathered and sorted before the first row is written. Read while writing, a table of results that the
# planner takes for empty (the county's first return) was walked over once more for every row written. The first order is
# not the second, so that a sort stands between them whatever index the planner finds.
APPLY = """
WITH named AS MATERIALIZED (
    SELECT t.*, CASE WHEN t.outcome = 'paid' THEN 'paid'
                     WHEN EXISTS (SELECT FROM disbursement_paymentresult p
                                  WHERE p.line_id = t.payment_line_id AND p.kind = 'paid') THEN 'late_return'
                     ELSE 'bank_failed' END AS kind
    FROM disbursement_returnline t WHERE t.return_file_id = %(file)s AND t.outcome IN ('paid', 'failed')
    ORDER BY t.payment_line_id
), fresh AS MATERIALIZED (
    SELECT n.* FROM named n
    WHERE NOT EXISTS (SELECT FROM disbursement_paymentresult p WHERE p.line_id = n.payment_line_id
                      AND (p.kind = n.kind OR (n.kind = 'late_return' AND p.kind = 'voluntary_refund')))
    ORDER BY n.line_no
)
INSERT INTO disbursement_paymentresult (line_id, kind, return_file_id, file_line_no, reason, note, actor_id,
                                        business_on)
SELECT n.payment_line_id, n.kind, %(file)s, n.line_no, n.reason, n.bank_words, %(actor)s, %(today)s
FROM fresh n ORDER BY n.line_no
"""


@advances("disbursement.returnfile")
def advance_return(pk: int, step: str, *, actor: User, note: str = "") -> ReturnFile:
    """Confirm (big files by a job) or refuse a return file."""
    if step == "confirm":
        return confirm_return(pk, actor=actor, note=note)
    if step == "refuse":
        return refuse_return(pk, actor=actor, note=note)
    raise BadInput(f"回盘没有“{step}”这一步。")


@transaction.atomic
def refuse_return(pk: int, *, actor: User, note: str) -> ReturnFile:
    """The second person found it wrong: no result is written, the bank sends another file."""
    found = _locked(pk, actor)
    workflow.move(found, RETURN_FLOW["refuse"], actor=actor, note=note)
    return found


def _locked(pk: int, actor: User) -> ReturnFile:
    found: ReturnFile = (
        ReturnFile.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=pk)
    )
    return found


def confirm_return(pk: int, *, actor: User, note: str = "") -> ReturnFile:
    """The second person's word; up to 5,000 lines at once, more by a job that can be watched."""
    found: ReturnFile = ReturnFile.objects.visible_to(actor).get(pk=pk)
    if found.line_count <= LINES_AT_ONCE:
        return apply_return(pk, actor=actor, note=note)
    with transaction.atomic():
        found = _locked(pk, actor)
        one = RETURN_FLOW["confirm"]
        refusal = workflow.why_not(found, one, actor=actor, note=note)
        reason = workflow.separation_refusal(found, one.duty, actor=actor)
        if refusal or reason:
            raise refusal or StepRefused(reason)
        tries = Job.objects.filter(
            key__startswith=f"{CONFIRM}:{pk}:", state__in=["failed", "stopped"]
        ).count()
        jobs.submit(
            CONFIRM,
            title=f"回盘入账：{found.order.number}",
            key=f"{CONFIRM}:{pk}:{tries}",
            actor=actor,
            division_code=found.division_code,
            county_code=found.county_code,
            payload={"file": pk, "note": privacy.scrub(note)},
            total=found.line_count,
        )
    return found


@jobs.handler(CONFIRM, is_whole=True)
def _confirm_job(run: JobRun) -> None:
    """One transaction for the whole file; a rerun after a kill finds either nothing or everything done."""
    pk = run.payload["file"]
    run.progress(0, message="正在入账，整份一起办")
    with run.transaction():
        found = ReturnFile.objects.get(pk=pk)
        if found.status == ReturnStatus.UPLOADED:
            found = apply_return(pk, actor=run.actor, note=run.payload["note"])
        elif found.status == ReturnStatus.REFUSED:
            raise StepRefused("这份回盘已被退回，没有入账。")
        elif found.confirmed_by_id != run.actor.pk:
            raise StepRefused("这份回盘已由别人确认入账，这项任务没有再办。")
    run.progress(
        found.line_count,
        found.line_count,
        f"回盘已入账：成功 {found.paid_count:,} 笔，失败 {found.failed_count:,} 笔",
    )
    run.result(url=reverse("disbursement:return-detail", args=[pk]))


@transaction.atomic
def apply_return(pk: int, *, actor: User, note: str = "") -> ReturnFile:
    """All lines or none. Lines that had the same result already are left alone.

    Indicators come last: others wait for them, and wait five seconds only. Whatever reads every line is done before.
    """
    found = _locked(pk, actor)
    order = PaymentOrder.objects.select_for_update(of=("self",), no_key=True).get(pk=found.order_id)
    one = RETURN_FLOW["confirm"]
    refusal = workflow.why_not(found, one, actor=actor, note=note)
    if refusal:
        raise refusal
    workflow.take_duty(found, one.duty, actor=actor)
    ReturnFile.objects.filter(pk=pk).update(confirmed_by=actor, confirmed_at=clock.now())
    written = _write_results(found, actor=actor)
    _release_claims(found)
    amounts = _sums(found)
    notices.queue_paid(found)
    notices.tell_failed(order, file_id=pk)
    is_complete = order.status == OrderStatus.SENT and not open_lines(order.pk)
    book(order, amounts, at=f"return:{pk}", actor=actor)
    workflow.move(found, one, actor=actor, note=note, detail={"results": written, "order": order.number})
    if is_complete:  # 办结 when no line is open
        workflow.move(order, ORDER_FLOW["settle"], actor=actor)
    found.refresh_from_db()
    return found


def _write_results(found: ReturnFile, *, actor: User) -> int:
    with connection.cursor() as cursor:
        cursor.execute(APPLY, {"file": found.pk, "actor": actor.pk, "today": clock.today()})
        return int(cursor.rowcount)


def _release_claims(found: ReturnFile) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM disbursement_claim c USING disbursement_paymentresult p
               WHERE p.return_file_id = %s AND p.line_id = c.line_id AND p.kind IN ('bank_failed', 'late_return')""",
            [found.pk],
        )


def _sums(found: ReturnFile) -> dict[str, dict[int, Decimal]]:
    """Kind of result -> roster -> sum (元) of what this file brought."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.kind, l.roster_id, sum(l.amount) FROM disbursement_paymentresult p
               JOIN disbursement_paymentline l ON l.id = p.line_id
               WHERE p.return_file_id = %s GROUP BY p.kind, l.roster_id""",
            [found.pk],
        )
        sums: dict[str, dict[int, Decimal]] = defaultdict(dict)
        for kind, roster, total in cursor.fetchall():
            sums[kind][roster] = total
    return sums


Move = Callable[..., None]
# kind of result -> journal, what happens to the indicator, and the counters of the order's share of it
_EFFECTS: dict[K, tuple[Journal.Kind, Move, dict[str, int]]] = {
    K.PAID: (Journal.Kind.PAY, subsidies.pay_frozen, {"paid": 1}),
    K.BANK_FAILED: (Journal.Kind.FAIL, subsidies.release_frozen, {"released": 1}),
    K.LATE_RETURN: (Journal.Kind.LATE_RETURN, subsidies.reopen_paid, {"paid": -1, "released": 1}),
    K.VOLUNTARY_REFUND: (Journal.Kind.REFUND, subsidies.reopen_paid, {"paid": -1, "released": 1}),
}


def book(order: PaymentOrder, sums: dict[str, dict[int, Decimal]], *, at: str, actor: User) -> None:
    """Ledger per roster and kind, and the same amounts on the indicators. The order is locked by the caller."""
    # indicators are always locked in the order of their ids, so that two returns cannot wait for one another
    moves: list[tuple[int, Move, Decimal]] = []
    for kind, (journal, move, counters) in _EFFECTS.items():
        if not sums.get(kind):
            continue
        moved = ledger.post_result(order, journal, sums[kind], at=at, actor=actor)
        for indicator, amount in moved.items():
            moves.append((indicator, move, amount))
            changes = {field: F(field) + sign * amount for field, sign in counters.items()}
            OrderIndicator.objects.filter(order=order, indicator=indicator).update(**changes)
    for indicator, move, amount in sorted(moves, key=lambda one: one[0]):
        move(indicator, amount, subject=audit.subject_of(order), actor=actor)
