"""The books of the special account: what an indicator's money became, and day by day the books beside the lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from disbursement.queries.lines import ZERO
from subsidies.models import Indicator


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


# the first of the newest days with something in the books; no older row is added up
SINCE = """
SELECT min(day), count(*) FROM (
    SELECT DISTINCT posted_on AS day FROM disbursement_journal
    WHERE county_code = ANY(%(counties)s) AND kind IN ('send', 'pay', 'fail', 'late_return', 'refund')
    ORDER BY posted_on DESC LIMIT %(most)s) newest
"""
DAYS = """
WITH books AS (
    SELECT j.posted_on AS day,
        sum(p.amount) FILTER (WHERE j.kind = 'send' AND p.account = 'at_bank') AS sent,
        sum(p.amount) FILTER (WHERE j.kind = 'pay' AND p.account = 'paid') AS paid,
        sum(p.amount) FILTER (WHERE j.kind = 'fail' AND p.account = 'returned') AS failed,
        sum(p.amount) FILTER (WHERE j.kind IN ('late_return', 'refund') AND p.account IN ('returned', 'recalled'))
            AS undone
    FROM disbursement_journal j JOIN disbursement_posting p ON p.journal_id = j.id
    WHERE j.county_code = ANY(%(counties)s) AND j.posted_on >= %(since)s GROUP BY j.posted_on
), lines AS (
    SELECT x.business_on AS day, sum(x.amount) FILTER (WHERE x.kind = 'paid') AS paid,
        sum(x.amount) FILTER (WHERE x.kind = 'bank_failed') AS failed,
        sum(x.amount) FILTER (WHERE x.kind IN ('late_return', 'voluntary_refund')) AS undone
    FROM disbursement_resultsum x
    WHERE x.kind <> 'stopped' AND x.business_on >= %(since)s AND x.county_code = ANY(%(counties)s)
    GROUP BY x.business_on
)
SELECT coalesce(b.day, l.day), coalesce(b.sent, 0), coalesce(b.paid, 0), coalesce(b.failed, 0),
       coalesce(b.undone, 0), coalesce(l.paid, 0), coalesce(l.failed, 0), coalesce(l.undone, 0)
FROM books b FULL JOIN lines l ON l.day = b.day
WHERE coalesce(b.sent, b.paid, b.failed, b.undone, l.paid, l.failed, l.undone) IS NOT NULL
ORDER BY 1 DESC LIMIT %(most)s
"""


def days(counties: Iterable[str], most: int = 31) -> list[Day]:
    """逐日核对 of the newest days on which something moved: the books beside the sums that the results left.

    `prove` adds up the lines themselves. Two statements, so that the second one reads the journals of these days alone.
    """
    asked: dict[str, Any] = {"counties": list(counties), "most": most}
    with connection.cursor() as cursor:
        cursor.execute(SINCE, asked)
        first, found = cursor.fetchone()
        # with fewer days in the books than are shown, older results without an entry are shown beside them
        cursor.execute(DAYS, asked | {"since": first if found == most else date.min})
        return [Day(*row) for row in cursor.fetchall()]
