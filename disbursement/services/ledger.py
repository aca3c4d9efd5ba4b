"""Double entry of the special account: per order, roster (township × batch) and kind of event, never per line.

Accounts and indicators say the same (docs/decisions/0010-ledger-and-indicators.md):
  available = AVAILABLE + RETURNED + RECALLED,  frozen = ORDERED + AT_BANK,  paid = PAID,  issued = −ISSUED.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connection
from django.utils import timezone

from disbursement.models import (
    Batch,
    Journal,
    LedgerAccount,
    OrderIndicator,
    OrderPart,
    PaymentOrder,
    Posting,
    Roster,
)
from disbursement.queries import ZERO
from huimin.core import clock
from huimin.core.records import audit
from subsidies.models import Indicator, IndicatorMove

if TYPE_CHECKING:
    from huimin.core.models import User

A = LedgerAccount
K = Journal.Kind


@dataclass(frozen=True, slots=True)
class Share:
    """How much (元) of an indicator's money stands behind one roster of an order."""

    roster: Roster
    indicator_id: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    account: str
    indicator_id: int
    batch_id: int | None
    amount: Decimal


def allocate(wanted: Sequence[tuple[Roster, Decimal]], sources: Sequence[tuple[int, Decimal]]) -> list[Share]:
    """Fill the wanted amounts from the sources, both in their order; ValueError when they do not meet exactly."""
    shares: list[Share] = []
    rest = list(sources)
    for roster, amount in wanted:
        missing = amount
        while missing > 0 and rest:
            indicator, left = rest[0]
            part = min(missing, left)
            if part:
                shares.append(Share(roster, indicator, part))
            missing -= part
            rest[0] = (indicator, left - part)
            if left == part:
                rest.pop(0)
        if missing:
            raise ValueError("the indicators do not cover the rosters")
    return shares


def order_shares(order: PaymentOrder) -> list[Share]:
    """Which indicator pays how much of which roster. The same answer at every step: both sides are fixed with the order."""
    sums: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for roster, total in OrderPart.objects.filter(order=order).values_list("roster", "total"):
        sums[roster] += total
    rosters = list(Roster.objects.filter(pk__in=sums).order_by("pk"))
    deductions = OrderIndicator.objects.filter(order=order).order_by("pk").values_list("indicator", "amount")
    return allocate([(roster, sums[roster.pk]) for roster in rosters], list(deductions))


def post(
    key: str,
    kind: str,
    *,
    subject: str,
    summary: str,
    county_code: str,
    division_code: str,
    entries: Iterable[Entry],
    actor: User,
    posted_on: date | None = None,
) -> Journal | None:
    """One journal with its postings; None when there is nothing to post. A key is posted once (unique)."""
    rows = [entry for entry in entries if entry.amount]
    if not rows:
        return None
    journal = Journal.objects.create(
        key=key,
        kind=kind,
        subject=subject,
        summary=summary[:200],
        posted_on=posted_on or clock.today(),
        actor=actor,
        county_code=county_code,
        division_code=division_code,
    )
    Posting.objects.bulk_create(
        Posting(
            journal=journal,
            account=row.account,
            indicator_id=row.indicator_id,
            batch_id=row.batch_id,
            amount=row.amount,
        )
        for row in rows
    )
    return journal


def transfer(shares: Iterable[Share], source: str, target: str) -> list[Entry]:
    """Out of one account into another, per share."""
    return [
        entry
        for share in shares
        for entry in (
            Entry(source, share.indicator_id, share.roster.batch_id, -share.amount),
            Entry(target, share.indicator_id, share.roster.batch_id, share.amount),
        )
    ]


def by_roster(shares: Iterable[Share]) -> dict[Roster, list[Share]]:
    found: dict[Roster, list[Share]] = defaultdict(list)
    for share in shares:
        found[share.roster].append(share)
    return dict(found)


def post_issue(indicator: Indicator, *, actor: User) -> None:
    """The document's money enters the books the first time it is used, dated by its confirmation."""
    key = f"indicator:{indicator.pk}:issue"
    if Journal.objects.filter(key=key).exists():
        return
    move = (
        IndicatorMove.objects.filter(indicator=indicator, kind=IndicatorMove.Kind.ISSUE)
        .order_by("pk")
        .first()
    )
    post(
        key,
        K.ISSUE,
        subject=audit.subject_of(indicator),
        summary=f"{indicator.document_number} 下达",
        county_code=indicator.county_code,
        division_code=indicator.division_code,
        entries=[
            Entry(A.ISSUED, indicator.pk, None, -indicator.issued),
            Entry(A.AVAILABLE, indicator.pk, None, indicator.issued),
        ],
        actor=move.actor if move else actor,
        posted_on=timezone.localtime(move.business_at).date() if move else None,
    )


def balances(indicator_ids: Iterable[int] | None = None) -> dict[int, dict[str, Decimal]]:
    """Indicator -> account -> balance (元)."""
    found: dict[int, dict[str, Decimal]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT indicator_id, account, sum(amount) FROM disbursement_posting
               WHERE %(all)s OR indicator_id = ANY(%(ids)s) GROUP BY indicator_id, account""",
            {"all": indicator_ids is None, "ids": list(indicator_ids or [])},
        )
        for indicator, account, total in cursor.fetchall():
            found.setdefault(indicator, dict.fromkeys(A.values, ZERO))[account] = total
    return found


def post_order(order: PaymentOrder, *, actor: User) -> None:
    """Available → ordered per roster; money that came back is taken up first where it is meant for (更正发放)."""
    shares = order_shares(order)
    _reuse(order, shares, actor=actor)
    for roster, part in by_roster(shares).items():
        _post_roster(
            order, roster, K.ORDER, "编入支付申请", transfer(part, A.AVAILABLE, A.ORDERED), actor=actor
        )


def _reuse(order: PaymentOrder, shares: list[Share], *, actor: User) -> None:
    """退回转可用: corrections spend returned money; others only what the available balance lacks."""
    known = balances({share.indicator_id for share in shares})
    corrections = set(
        Batch.objects.filter(pk__in={share.roster.batch_id for share in shares}, kind=Batch.Kind.CORRECTION)
        .order_by()
        .values_list("pk", flat=True)
    )
    entries: list[Entry] = []
    for indicator, now in known.items():
        mine = [share for share in shares if share.indicator_id == indicator]
        needed = sum((share.amount for share in mine), ZERO)
        corrected = sum((share.amount for share in mine if share.roster.batch_id in corrections), ZERO)
        wanted = max(min(corrected, now[A.RETURNED]), needed - now[A.AVAILABLE])
        for account in (A.RETURNED, A.RECALLED):
            part = min(max(wanted, ZERO), now[account])
            entries += [Entry(account, indicator, None, -part), Entry(A.AVAILABLE, indicator, None, part)]
            wanted -= part
    post(
        f"order:{order.pk}:reuse",
        K.REUSE,
        subject=audit.subject_of(order),
        summary=f"{order.number} 退回资金转可用",
        county_code=order.county_code,
        division_code=order.division_code,
        entries=entries,
        actor=actor,
    )


def _post_roster(
    order: PaymentOrder,
    roster: Roster,
    kind: str,
    words: str,
    entries: list[Entry],
    *,
    actor: User,
    at: str = "",
) -> None:
    post(
        f"{at or f'order:{order.pk}'}:{kind}:{roster.pk}",
        kind,
        subject=audit.subject_of(order),
        summary=f"{order.number} {words}",
        county_code=roster.county_code,
        division_code=roster.division_code,
        entries=entries,
        actor=actor,
    )


def post_send(order: PaymentOrder, *, actor: User) -> None:
    for roster, part in by_roster(order_shares(order)).items():
        _post_roster(order, roster, K.SEND, "送银行代发", transfer(part, A.ORDERED, A.AT_BANK), actor=actor)


def post_cancel(order: PaymentOrder, *, actor: User) -> None:
    """Every journal of the order is reversed, entry by entry."""
    for journal in Journal.objects.filter(subject=audit.subject_of(order)).order_by("pk"):
        post(
            f"order:{order.pk}:cancel:{journal.pk}",
            K.CANCEL,
            subject=journal.subject,
            summary=f"{order.number} 撤销，冲回凭证 {journal.pk}",
            county_code=journal.county_code,
            division_code=journal.division_code,
            entries=[
                Entry(row.account, row.indicator_id, row.batch_id, -row.amount)
                for row in journal.postings.order_by("pk")
            ],
            actor=actor,
        )


def standing(order: PaymentOrder, account: str) -> dict[int, list[tuple[int, Decimal]]]:
    """Roster -> (indicator, balance) of an account within one order, in the order of the deductions."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT r.id, p.indicator_id, sum(p.amount) FROM disbursement_posting p
               JOIN disbursement_journal j ON j.id = p.journal_id
               JOIN disbursement_roster r ON r.batch_id = p.batch_id AND r.division_code = j.division_code
               JOIN disbursement_orderindicator d ON d.order_id = %(order)s AND d.indicator_id = p.indicator_id
               WHERE j.subject = %(subject)s AND p.account = %(account)s
                 AND r.id IN (SELECT roster_id FROM disbursement_orderpart WHERE order_id = %(order)s)
               GROUP BY r.id, p.indicator_id, d.id HAVING sum(p.amount) > 0 ORDER BY r.id, d.id""",
            {"order": order.pk, "subject": audit.subject_of(order), "account": account},
        )
        found: dict[int, list[tuple[int, Decimal]]] = defaultdict(list)
        for roster, indicator, amount in cursor.fetchall():
            found[roster].append((indicator, amount))
    return found


def post_result(
    order: PaymentOrder, kind: str, amounts: dict[int, Decimal], *, at: str, actor: User
) -> dict[int, Decimal]:
    """Book one kind of result of a return (or reversal) per roster; gives indicator -> amount moved."""
    source, target, words = _RESULTS[kind]
    known = standing(order, source)
    moved: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for roster in Roster.objects.filter(pk__in=amounts).order_by("pk"):
        part = _take(known.get(roster.pk, []), roster, amounts[roster.pk])
        _post_roster(order, roster, kind, words, transfer(part, source, target), actor=actor, at=at)
        for share in part:
            moved[share.indicator_id] += share.amount
    return dict(moved)


_RESULTS: dict[str, tuple[str, str, str]] = {
    K.PAY: (A.AT_BANK, A.PAID, "银行代发成功"),
    K.FAIL: (A.AT_BANK, A.RETURNED, "银行退票"),
    K.LATE_RETURN: (A.PAID, A.RETURNED, "到账后退汇"),
    K.REFUND: (A.PAID, A.RECALLED, "收款人退款"),
}


def _take(known: list[tuple[int, Decimal]], roster: Roster, amount: Decimal) -> list[Share]:
    """Fill from the first indicator on; what stands there must suffice, or the books are wrong."""
    return allocate([(roster, amount)], known)
