"""Reads that span models: the state of a payment, what counts as payable, the digest of a roster, control numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from django.db import connection
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Sum, Value, When

from disbursement.models import Correction, PaymentLine, PaymentResult, Roster
from disbursement.models.sql import ROOT
from disbursement.states import OrderStatus, RosterStatus
from subsidies.models import Indicator

ZERO = Decimal("0.00")


def public_row(line: PaymentLine) -> list[str]:
    """PUBLIC_ROW of a loaded line: serial number, village code, group, name, quantity (4 places), standard, 元."""
    return [
        str(line.line_no),
        line.division_code,
        line.group_name,
        line.public_name,
        f"{line.quantity:.4f}",
        line.standard_text,
        f"{line.amount:.2f}",
    ]


# --- the state of a payment: derived here and nowhere else ---------------------------------------------------------

STATE_BADGES: Mapping[str, str] = MappingProxyType(
    {
        "待发": "todo",
        "已申请": "doing",
        "已送盘": "bank",
        "已支付": "ok",
        "退回": "bad",
        "停发": "off",
        "退款": "off",
        "退汇": "bad",
        "已重构": "off",
        "已作废": "off",
    }
)
PAYMENT_STATES = tuple(STATE_BADGES)

# the same as payment_state() for plain SQL; alias l is the line, r its roster, o the order or nothing
PAYMENT_STATE_SQL = """CASE
    WHEN l.revision <> r.revision OR r.status = 'cancelled' THEN '已作废'
    WHEN EXISTS (SELECT FROM disbursement_correction c WHERE c.failed_line_id = l.id) THEN '已重构'
    ELSE coalesce((SELECT CASE p.kind WHEN 'late_return' THEN '退汇' WHEN 'voluntary_refund' THEN '退款'
                                      WHEN 'stopped' THEN '停发' WHEN 'bank_failed' THEN '退回' ELSE '已支付' END
                   FROM disbursement_paymentresult p WHERE p.line_id = l.id
                   ORDER BY p.kind IN ('late_return', 'voluntary_refund') DESC, p.id DESC LIMIT 1),
                  CASE WHEN o.status IN ('sent', 'settled') THEN '已送盘' WHEN o.id IS NOT NULL THEN '已申请'
                       ELSE '待发' END)
    END"""


def has_result(*kinds: str) -> Exists:
    return Exists(PaymentResult.objects.filter(line=OuterRef("pk"), kind__in=kinds))


def payment_state() -> Case:
    """The word for what became of a line: PaymentLine.objects.annotate(payment_state=payment_state())."""
    kind = PaymentResult.Kind
    rules = (
        (~Q(revision=F("roster__revision")) | Q(roster__status=RosterStatus.CANCELLED), "已作废"),
        (Exists(Correction.objects.filter(failed_line=OuterRef("pk"))), "已重构"),
        (has_result(kind.LATE_RETURN), "退汇"),
        (has_result(kind.VOLUNTARY_REFUND), "退款"),
        (has_result(kind.STOPPED), "停发"),
        (has_result(kind.BANK_FAILED), "退回"),
        (has_result(kind.PAID), "已支付"),
        (Q(roster__order__status__in=[OrderStatus.SENT, OrderStatus.SETTLED]), "已送盘"),
        (Q(roster__order__isnull=False), "已申请"),
    )
    return Case(
        *(When(condition, then=Value(word)) for condition, word in rules),
        default=Value("待发"),
        output_field=CharField(),
    )


def live_lines(lines: QuerySet[PaymentLine] | None = None) -> QuerySet[PaymentLine]:
    """Lines that count: of the roster's present revision, in a roster that was not cancelled."""
    rows = PaymentLine.objects.all() if lines is None else lines
    return rows.filter(revision=F("roster__revision")).exclude(roster__status=RosterStatus.CANCELLED)


def lines_of_roster(roster: Roster) -> QuerySet[PaymentLine]:
    return PaymentLine.objects.filter(roster=roster, revision=roster.revision)


PRIVATE = ("beneficiary_id_number", "payee_id_number", "account_number")


def shown_lines(lines: QuerySet[PaymentLine]) -> QuerySet[PaymentLine]:
    """Lines as lists show them: with their state, the ID number of the beneficiary only (it is masked)."""
    return (
        lines.annotate(payment_state=payment_state())
        .select_related("roster")
        .defer("payee_id_number", "account_number", "salt", "commitment", "leaf")
    )


# --- totals and digests -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Content:
    """What a list says of itself: number of lines, sum in 元, Merkle root (hex) recomputed from the columns."""

    count: int
    total: Decimal
    root: str

    def agrees(self, roster: Roster) -> bool:
        return (self.count, self.total, self.root) == (roster.line_count, roster.total, roster.content_hash)


def content_of(roster: Roster) -> Content:
    """Recomputed from every line's columns, so that a changed amount or name shows, not only a changed leaf."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*), coalesce(sum(l.amount), 0), {ROOT} FROM disbursement_paymentline l WHERE l.roster_id = %s AND l.revision = %s""",  # noqa: S608
            [roster.pk, roster.revision],
        )
        return Content(*cursor.fetchone())


def payable_totals(roster_ids: list[int]) -> dict[int, tuple[int, Decimal]]:
    """Per roster: number and sum (元) of the lines with no result at all: what an order may pay now."""
    return _totals(roster_ids, PaymentResult.Kind.values)


def ordered_totals(roster_ids: list[int]) -> dict[int, tuple[int, Decimal]]:
    """Per roster: number and sum (元) of the lines that are not stopped: what its order holds, whatever came of it."""
    return _totals(roster_ids, [PaymentResult.Kind.STOPPED])


def _totals(roster_ids: list[int], without: list[str]) -> dict[int, tuple[int, Decimal]]:
    rows = (
        live_lines(PaymentLine.objects.filter(roster__in=roster_ids))
        .exclude(has_result(*without))
        .values("roster")
        .annotate(count=Count("*"), total=Sum("amount"))
        .order_by()
        .values_list("roster", "count", "total")
    )
    found = {roster: (count, total) for roster, count, total in rows}
    return {pk: found.get(pk, (0, ZERO)) for pk in roster_ids}


def state_totals(where: str, params: list[Any]) -> dict[str, tuple[int, Decimal]]:
    """Number and sum of the live lines in each state; `where` is a condition over l, r and o."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT s.state, count(*), sum(s.amount) FROM (
                    SELECT {PAYMENT_STATE_SQL} AS state, l.amount FROM disbursement_paymentline l
                    JOIN disbursement_roster r ON r.id = l.roster_id AND r.revision = l.revision
                         AND r.status <> 'cancelled'
                    LEFT JOIN disbursement_paymentorder o ON o.id = r.order_id WHERE {where}) s
                GROUP BY s.state""",  # noqa: S608
            params,
        )
        return {state: (count, total) for state, count, total in cursor.fetchall()}


def open_lines(order_id: int) -> int:
    """Lines of a sent order that have no outcome yet: 已送盘."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM disbursement_paymentline l
               JOIN disbursement_roster r ON r.id = l.roster_id AND r.revision = l.revision
               WHERE r.order_id = %s AND NOT EXISTS (
                   SELECT FROM disbursement_paymentresult p WHERE p.line_id = l.id
                   AND p.kind IN ('paid', 'bank_failed', 'stopped'))""",
            [order_id],
        )
        return int(cursor.fetchone()[0])


def failed_lines(lines: QuerySet[PaymentLine] | None = None) -> QuerySet[PaymentLine]:
    """Money that came back, that no other line has taken over and that nobody stopped in a correction."""
    kind = PaymentResult.Kind
    stopped = PaymentLine.objects.filter(
        entitlement_id=OuterRef("entitlement_id"),  # indexed; corrects_line_id is not
        corrects_line_id=OuterRef("pk"),
        results__kind=kind.STOPPED,
        stop_lift__isnull=True,
    )
    return live_lines(lines).filter(
        has_result(kind.BANK_FAILED, kind.LATE_RETURN),
        ~Exists(Correction.objects.filter(failed_line=OuterRef("pk"))),
        ~Exists(stopped),
    )


# --- the books ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Equation:
    """下达 = 实发 + 待发 + 退回待处理 + 停发 + 收回 of one indicator; amounts in 元.

    What was stopped never left 待发: 停发 is shown as a part of it, from the lines (`stopped`).
    """

    indicator: Indicator
    issued: Decimal
    available: Decimal
    ordered: Decimal
    at_bank: Decimal
    paid: Decimal
    returned: Decimal
    recalled: Decimal

    @property
    def waiting(self) -> Decimal:
        """待发: available, ordered, and at the bank without an outcome."""
        return self.available + self.ordered + self.at_bank

    @property
    def cash(self) -> Decimal:
        """What the special account must hold: everything that was not credited to people."""
        return self.issued - self.paid

    @property
    def agrees(self) -> bool:
        """Books in balance, and equal to the indicator's own four figures."""
        one = self.indicator
        return (
            self.issued == self.paid + self.waiting + self.returned + self.recalled
            and self.issued == one.issued
            and self.available + self.returned + self.recalled == one.available
            and self.ordered + self.at_bank == one.frozen
            and self.paid == one.paid
        )


def equations(indicators: QuerySet[Indicator]) -> list[Equation]:
    """Per confirmed indicator; one that nothing was drawn from yet has no entry in the books and is all available."""
    sums: dict[int, dict[str, Decimal]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indicator_id, account, sum(amount) FROM disbursement_posting GROUP BY indicator_id, account"
        )
        for indicator, account, total in cursor.fetchall():
            sums.setdefault(indicator, {})[account] = total
    found = []
    for one in indicators.filter(status="confirmed").order_by("-year", "document_number", "pk"):
        book = sums.get(one.pk, {"issued": -one.issued, "available": one.issued})
        part = {name: book.get(name, ZERO) for name in _ACCOUNTS}
        found.append(Equation(one, -book["issued"], **part))
    return found


_ACCOUNTS = ("available", "ordered", "at_bank", "paid", "returned", "recalled")


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the special account: what the books moved beside what the lines say, in 元."""

    day: date
    sent: Decimal
    paid: Decimal
    failed: Decimal
    undone: Decimal
    line_paid: Decimal
    line_failed: Decimal
    line_undone: Decimal

    @property
    def agrees(self) -> bool:
        return (self.paid, self.failed, self.undone) == (self.line_paid, self.line_failed, self.line_undone)


DAYS = """
WITH books AS (
    SELECT j.posted_on AS day,
        sum(p.amount) FILTER (WHERE j.kind = 'send' AND p.account = 'at_bank') AS sent,
        sum(p.amount) FILTER (WHERE j.kind = 'pay' AND p.account = 'paid') AS paid,
        sum(p.amount) FILTER (WHERE j.kind = 'fail' AND p.account = 'returned') AS failed,
        sum(p.amount) FILTER (WHERE j.kind IN ('late_return', 'refund') AND p.account IN ('returned', 'recalled'))
            AS undone
    FROM disbursement_journal j JOIN disbursement_posting p ON p.journal_id = j.id
    WHERE j.county_code = ANY(%(counties)s) GROUP BY j.posted_on
), lines AS (
    SELECT x.business_on AS day, sum(l.amount) FILTER (WHERE x.kind = 'paid') AS paid,
        sum(l.amount) FILTER (WHERE x.kind = 'bank_failed') AS failed,
        sum(l.amount) FILTER (WHERE x.kind IN ('late_return', 'voluntary_refund')) AS undone
    FROM disbursement_paymentresult x JOIN disbursement_paymentline l ON l.id = x.line_id
    WHERE x.kind <> 'stopped' AND l.county_code = ANY(%(counties)s) GROUP BY x.business_on
)
SELECT coalesce(b.day, l.day), coalesce(b.sent, 0), coalesce(b.paid, 0), coalesce(b.failed, 0),
       coalesce(b.undone, 0), coalesce(l.paid, 0), coalesce(l.failed, 0), coalesce(l.undone, 0)
FROM books b FULL JOIN lines l ON l.day = b.day
WHERE coalesce(b.sent, b.paid, b.failed, b.undone, l.paid, l.failed, l.undone) IS NOT NULL
ORDER BY 1 DESC LIMIT %(most)s
"""


def days(counties: Iterable[str], most: int = 31) -> list[Day]:
    """逐日核对 of the newest days on which something moved."""
    with connection.cursor() as cursor:
        cursor.execute(DAYS, {"counties": list(counties), "most": most})
        return [Day(*row) for row in cursor.fetchall()]
