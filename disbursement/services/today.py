"""What has happened to the people of approved lists since they were submitted: what an order must not pay any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from disbursement.models.sql import LIVE
from disbursement.services.due import CUT, FAULTS
from huimin.core.errors import StepRefused
from huimin.core.models import Division
from subsidies.models import Policy
from subsidies.states import FINISHING

NAMED = 5  # lines that a refusal names; the pages list more
MOST = 100

# lines to be paid (no result at all) against the registry of today. Not asked here: names and groups, which submission
# asked and no desk relies on any more
_FAULTS = (*FAULTS, ("收款人", "已换卡", "a.number_key <> l.account_key"))
_FIRST = (
    "CASE " + " ".join(f"WHEN {wrong} THEN '{column}{words}'" for column, words, wrong in _FAULTS) + " END"
)
_WRONG = " OR ".join(wrong for _, _, wrong in _FAULTS)
# All that is wrong is gathered before it is sorted and cut off: told to stop at a hundred, the planner looks every line
# up in five tables one after the other, in the belief that the hundred are soon found. Most days there is not one.
STALE = f"""
WITH found AS MATERIALIZED (
    SELECT l.id, r.id AS roster, r.division_code, l.line_no, l.beneficiary_name, {_FIRST} AS words
    FROM {LIVE}
    JOIN recipients_person b ON b.id = l.beneficiary_id
    JOIN recipients_entitlementversion v ON v.id = l.entitlement_version_id
    {CUT}
    JOIN recipients_entitlement e ON e.id = l.entitlement_id
    CROSS JOIN LATERAL (SELECT e.status, e.ends_on, l.period_range AS days) d
    JOIN recipients_person p ON p.id = v.payee_id
    LEFT JOIN recipients_account a ON a.person_id = p.id AND a.is_active
    WHERE r.id = ANY(%s) AND ({_WRONG})
      AND NOT EXISTS (SELECT FROM disbursement_paymentresult x WHERE x.line_id = l.id)
)
SELECT id, division_code, line_no, beneficiary_name, words FROM found
ORDER BY division_code, roster, line_no LIMIT %s
"""  # noqa: S608 -- constants of ours


@dataclass(frozen=True, slots=True)
class StaleLine:
    """A line that must not be paid as it stands, and why."""

    line: int
    place: str
    line_no: int
    name: str
    words: str

    def __str__(self) -> str:
        return f"{self.place}花名册第 {self.line_no} 行{self.name}（{self.words}）"


def stale_lines(roster_ids: Iterable[int], *, most: int = MOST) -> list[StaleLine]:
    """Lines of these rosters whose right, people or account are not what they were at submission; at most `most`."""
    with connection.cursor() as cursor:
        cursor.execute(STALE, [list(roster_ids), most])
        rows = cursor.fetchall()
    if not rows:
        return []
    places = {one.code: one.short_name for one in Division.objects.filter(code__in={row[1] for row in rows})}
    return [StaleLine(row[0], places[row[1]], *row[2:]) for row in rows]


def require_payable(policy: Policy, roster_ids: Sequence[int], *, remedy: str) -> None:
    """Nobody halted the policy and every line may be paid today; StepRefused names lines, and `remedy` what to do.

    废止 halts nothing that was listed before it; 暂停 does.
    """
    if policy.status not in FINISHING:
        raise StepRefused(f"“{policy}”现在是“{policy.get_status_display()}”，不能支付。政策恢复以后再办。")
    found = stale_lines(roster_ids)
    if not found:
        return
    named = "；".join(str(one) for one in found[:NAMED])
    more = (
        ""
        if len(found) <= NAMED
        else f"；还有 {len(found) - NAMED}{' 行以上' if len(found) == MOST else ' 行'}"
    )
    raise StepRefused(f"有的明细送审以后变了，不能照旧支付：{named}{more}。{remedy}")
