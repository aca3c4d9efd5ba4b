"""What has happened to the people of approved lists since they were submitted: what an order must not pay any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from disbursement.models import Roster
from disbursement.services.due import faults, lines_today
from huimin.core.errors import StepRefused
from huimin.core.models import Division
from subsidies.models import Policy, PolicyVersion
from subsidies.states import FINISHING

NAMED = 5  # lines that a refusal names; the pages list more
MOST = 100

# beside what submission asks of the registry of today. Not asked here: names and groups, which submission asked and no
# desk relies on any more
_CARD = ("收款人", "已换卡", "a.number_key <> l.account_key")
# All that is wrong is gathered before it is sorted and cut off: told to stop at a hundred, the planner looks every line
# up in five tables one after the other, in the belief that the hundred are soon found. Most days there is not one.
STALE = """
WITH found AS MATERIALIZED (
    SELECT DISTINCT ON (l.id) l.id, r.id AS roster, r.division_code, l.line_no, l.beneficiary_name, {words} AS words
    FROM {lines}
    WHERE r.id = ANY(%(rosters)s) AND ({wrong})
      AND NOT EXISTS (SELECT FROM disbursement_paymentresult x WHERE x.line_id = l.id)
    ORDER BY l.id
)
SELECT id, division_code, line_no, beneficiary_name, words, roster FROM found
ORDER BY division_code, roster, line_no LIMIT %(most)s
"""


def stale_sql(version: PolicyVersion) -> tuple[str, dict[str, Any]]:
    """Lines to be paid (no result at all) of %(rosters)s that are wrong today; the rosters' batches are of this version."""
    found, values = faults(version)
    asked = (*found, _CARD)
    first = " ".join(f"WHEN {wrong} THEN '{column}{words}'" for column, words, wrong in asked)
    wrong = " OR ".join(f"({one})" for _, _, one in asked)
    return STALE.format(words=f"CASE {first} END", lines=lines_today(version), wrong=wrong), values


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
    """Lines of these rosters whose right, days, amount, people or account are not what they were at submission; at most `most`."""
    by_version: dict[int, list[int]] = defaultdict(list)
    lists = Roster.objects.filter(pk__in=list(roster_ids))
    for pk, version_id in lists.values_list("pk", "batch__version_id"):
        by_version[version_id].append(pk)
    rows: list[tuple[Any, ...]] = []
    for version in PolicyVersion.objects.filter(pk__in=by_version):
        sql, values = stale_sql(version)
        values |= {"rosters": by_version[version.pk], "most": most}
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            rows += cursor.fetchall()
    rows = sorted(rows, key=lambda row: (row[1], row[5], row[2]))[:most]
    if not rows:
        return []
    places = {one.code: one.short_name for one in Division.objects.filter(code__in={row[1] for row in rows})}
    return [StaleLine(row[0], places[row[1]], *row[2:5]) for row in rows]


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
