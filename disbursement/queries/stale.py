"""What has happened to the people of approved lists since they were submitted: what an order must not pay any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from disbursement.models import PaymentOrder, Roster
from disbursement.models.sql import AT, FREE, NO_RESULT, REACHES
from disbursement.queries import rosters_of
from disbursement.queries.due import faults, lines_today
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
    WHERE r.id = ANY(%(rosters)s) AND ({wrong}) AND {asked}
    ORDER BY l.id
)
SELECT id, division_code, line_no, beneficiary_name, words, roster FROM found
ORDER BY division_code, roster, line_no LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that are to be paid: of which rosters, by which condition over l and r, with what it binds."""

    rosters: list[int]
    condition: str
    values: dict[str, Any]


def to_be_ordered(roster_ids: Iterable[int], banks: Collection[int] | None = None) -> Lines:
    """What an order may take of these rosters: of these banks alone, if any are named."""
    if banks is None:
        return Lines(list(roster_ids), FREE, {})
    return Lines(list(roster_ids), f"({AT}) = ANY(%(banks)s) AND {FREE}", {"banks": list(banks)})


def held_by(order: PaymentOrder) -> Lines:
    """What an order that was not sent holds."""
    held = f"EXISTS (SELECT FROM disbursement_orderpart q WHERE q.order_id = %(order)s AND {REACHES})"
    rosters = list(rosters_of(order).values_list("pk", flat=True))
    return Lines(rosters, f"{held} AND {NO_RESULT}", {"order": order.pk})


def stale_sql(version: PolicyVersion, asked: Lines) -> tuple[str, dict[str, Any]]:
    """Of the lines that are asked for those that are wrong today, in %(rosters)s, whose batches are of this version."""
    found, values = faults(version)
    faulty = (*found, _CARD)
    first = " ".join(f"WHEN {wrong} THEN '{column}{words}'" for column, words, wrong in faulty)
    wrong = " OR ".join(f"({one})" for _, _, one in faulty)
    sql = STALE.format(
        words=f"CASE {first} END", lines=lines_today(version), wrong=wrong, asked=asked.condition
    )
    return sql, values | asked.values


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


def stale_lines(asked: Lines, *, most: int = MOST) -> list[StaleLine]:
    """Of these lines those whose right, days, amount, people or account are not what they were at submission; at most `most`."""
    by_version: dict[int, list[int]] = defaultdict(list)
    lists = Roster.objects.filter(pk__in=asked.rosters)
    for pk, version_id in lists.values_list("pk", "batch__version_id"):
        by_version[version_id].append(pk)
    rows: list[tuple[Any, ...]] = []
    for version in PolicyVersion.objects.filter(pk__in=by_version):
        sql, values = stale_sql(version, asked)
        values |= {"rosters": by_version[version.pk], "most": most}
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            rows += cursor.fetchall()
    rows = sorted(rows, key=lambda row: (row[1], row[5], row[2]))[:most]
    if not rows:
        return []
    places = {one.code: one.short_name for one in Division.objects.filter(code__in={row[1] for row in rows})}
    return [StaleLine(row[0], places[row[1]], *row[2:5]) for row in rows]


def require_payable(policy: Policy, asked: Lines, *, remedy: str) -> None:
    """Nobody halted the policy and every one of these lines may be paid today; StepRefused names lines, and `remedy` what to do.

    废止 halts nothing that was listed before it; 暂停 does.
    """
    if said := refusal_of(policy, stale_lines(asked), remedy=remedy):
        raise StepRefused(said)


def refusal_of(policy: Policy, found: list[StaleLine], *, remedy: str) -> str:
    """What stands against paying lines of which these are stale; empty when nothing does."""
    if policy.status not in FINISHING:
        return f"“{policy}”现在是“{policy.get_status_display()}”，不能支付。政策恢复以后再办。"
    if not found:
        return ""
    named = "；".join(str(one) for one in found[:NAMED])
    more = (
        ""
        if len(found) <= NAMED
        else f"；还有 {len(found) - NAMED}{' 行以上' if len(found) == MOST else ' 行'}"
    )
    return f"有的明细送审以后变了，不能照旧支付：{named}{more}。{remedy}"
