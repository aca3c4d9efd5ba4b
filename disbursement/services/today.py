"""What has happened to the people of approved lists since they were submitted: what an order must not pay any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from huimin.core.errors import StepRefused
from huimin.core.models import Division
from subsidies.models import Policy
from subsidies.states import PolicyStatus

NAMED = 5  # lines that a refusal names; the pages list more
MOST = 100

# lines to be paid (no result at all) against the registry of today. Not asked here: names and groups, which submission
# asked and no desk relies on any more
STALE = """
SELECT l.id, r.division_code, l.line_no, l.beneficiary_name, f.words
FROM disbursement_paymentline l
JOIN disbursement_roster r ON r.id = l.roster_id AND r.revision = l.revision
JOIN recipients_person b ON b.id = l.beneficiary_id
JOIN recipients_entitlement e ON e.id = l.entitlement_id
JOIN recipients_entitlementversion v ON v.id = l.entitlement_version_id
JOIN recipients_person p ON p.id = v.payee_id
LEFT JOIN recipients_account a ON a.person_id = p.id AND a.is_active
CROSS JOIN LATERAL (SELECT CASE
    WHEN e.status = 'suspended' THEN '享受资格已暂停'
    WHEN coalesce(e.ends_on <= lower(l.period_range), e.status = 'ended') THEN '享受资格已终止'
    WHEN b.died_on < lower(l.period_range) THEN '享受人在发放期开始前已登记死亡'
    WHEN p.id <> b.id AND p.died_on IS NOT NULL THEN '收款人已登记死亡'
    WHEN a.id IS NULL THEN '收款人没有在用的银行账户'
    WHEN a.number_key <> l.account_key THEN '收款人已换卡' END AS words) f
WHERE r.id = ANY(%s) AND f.words IS NOT NULL
  AND NOT EXISTS (SELECT FROM disbursement_paymentresult x WHERE x.line_id = l.id)
ORDER BY r.division_code, r.id, l.line_no LIMIT %s
"""


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
    """The policy is in force and every line may be paid today; StepRefused names lines, and `remedy` what to do."""
    if policy.status != PolicyStatus.PUBLISHED:
        raise StepRefused(f"“{policy}”现在是“{policy.get_status_display()}”，不能支付。恢复发布以后再办。")
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
