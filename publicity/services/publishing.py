"""Opening a paid list to everybody, and taking it back. What is published reproduces the root that was signed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.db import connection, transaction

from disbursement.models import Roster
from disbursement.models.sql import LIVE, STATE
from disbursement.queries import lines_in_full, settled
from disbursement.states import PaymentState
from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.posts import not_your_post
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.values.digests import short_code
from huimin.core.work import workflow
from huimin.core.work.verbs import advances
from publicity import queries
from publicity.models import Disclosure
from publicity.queries import RESULT_JOIN
from publicity.rules import PUBLIC_STATES, OpenLine, root_of, unsafe_cell
from publicity.states import DISCLOSURE_FLOW, DisclosureStatus, LineState

if TYPE_CHECKING:
    from huimin.core.models import User

MOST_FINDINGS = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """A roster as the public would read it, and what stands against publishing it (empty: nothing)."""

    lines: list[OpenLine]
    refused: str


def preview_disclosure(roster: Roster, *, actor: User) -> Preview:
    """Every line as it would be published, with the same checks as publishing; writes nothing."""
    lines = _lines_of(roster)
    return Preview(lines, str(why_not_publish(roster, lines, actor=actor) or ""))


@transaction.atomic
def publish_disclosure(roster_id: int, *, actor: User) -> Disclosure:
    """Open a roster whose results are in. Refused while the bank owes answers, while a line looks private, and when
    the lines don't give the root that was signed; the database refuses the last one too.
    """
    one = DISCLOSURE_FLOW["publish"]
    roster = Roster.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=roster_id)
    lines = _lines_of(roster)
    if refusal := why_not_publish(roster, lines, actor=actor):
        raise refusal
    paid = [line for line in lines if line.state == LineState.PAID.label]
    disclosure = Disclosure.objects.create(
        roster=roster,
        batch=roster.batch,
        policy=roster.policy,
        county_code=roster.county_code,
        division_code=roster.division_code,
        period=roster.batch.period,
        title=roster.batch.title,
        line_count=roster.line_count,
        total=roster.total,
        paid_count=len(paid),
        paid_total=sum((line.amount for line in paid), start=roster.total * 0),
        paid_on=_last_paid_on(roster),
        root=roster.content_hash,
        code=short_code(roster.content_hash),
        surname_only=not lines_in_full(roster).exists(),
        published_by=actor,
        published_on=clock.today(),
    )
    _copy_lines(disclosure, roster)
    audit.record(
        disclosure,
        action=one.name,
        actor=actor,
        label=one.label,
        after=one.target,
        detail={
            "roster": roster.pk,
            "lines": len(lines),
            "total": str(roster.total),
            "root": roster.content_hash,
        },
    )
    return disclosure


@transaction.atomic
def withdraw_disclosure(disclosure_id: int, *, actor: User, note: str) -> Disclosure:
    """Take a list off the site with a reason; its code then says that it was withdrawn, and it may be published anew."""
    disclosure = (
        Disclosure.objects.visible_to(actor)
        .select_for_update(of=("self",), no_key=True)
        .get(pk=disclosure_id)
    )
    step = DISCLOSURE_FLOW["withdraw"]
    if refusal := workflow.why_not(disclosure, step, actor=actor, note=note):
        raise refusal
    # the marks first: a check lets no list be withdrawn without them
    Disclosure.objects.filter(pk=disclosure.pk).update(
        withdrawn_by=actor, withdrawn_at=clock.now(), withdrawn_reason=note.strip()[:200]
    )
    workflow.move(disclosure, step, actor=actor, note=note)
    disclosure.refresh_from_db()
    return disclosure


@advances("publicity.disclosure")
def advance_disclosure(pk: int, step: str, *, actor: User, note: str = "") -> Disclosure:
    """`advance publicity.disclosure:12 withdraw --note …`."""
    if step != DISCLOSURE_FLOW["withdraw"].name:
        raise BadInput(f"公开的名单没有“{step}”这一步。")
    return withdraw_disclosure(pk, actor=actor, note=note)


def why_not_publish(roster: Roster, lines: list[OpenLine], *, actor: User) -> StepRefused | None:
    """The first reason against publishing, in the order in which a clerk would look."""
    if not may_publish(roster, actor):
        return not_your_post(DISCLOSURE_FLOW["publish"].roles, "公开发放名单")
    if not settled(Roster.objects.filter(pk=roster.pk)).exists():
        return StepRefused("还有没发的，或银行还没有全部回盘。每一笔都有结果以后再公开。")
    if roster.disclosures.filter(status=DisclosureStatus.PUBLISHED).exists():
        return StepRefused("这份名单已经公开，不用再公开一次。")
    if fault := _names_fault(roster) or _title_fault(roster) or _text_fault(lines):
        return StepRefused(fault)
    if root_of(lines) != roster.content_hash or sum(line.amount for line in lines) != roster.total:
        return StepRefused("名单和签章时的指纹对不上，不能公开。请马上报告监督部门。")
    return None


def may_publish(roster: Roster, actor: User) -> bool:
    return scope.holds(
        actor,
        DISCLOSURE_FLOW["publish"].roles,
        division_code=roster.division_code,
        policy_id=roster.policy_id,
    )


def _names_fault(roster: Roster) -> str:
    if not (roster.policy.is_protected and lines_in_full(roster).exists()):
        return ""
    return "政策已改为保护隐私，只公示姓氏；这份名单审核、签章时写的是全名，改不了，不能公开。本人可以在“我的补贴”里查。"


def _title_fault(roster: Roster) -> str:
    """What the public page has as its heading."""
    hits = privacy.scan(roster.batch.title)
    return f"不能公开：发放标题里像有{hits[0].label}（{hits[0].shown}）。请报告系统管理员。" if hits else ""


def _text_fault(lines: Iterable[OpenLine]) -> str:
    """What looks like a private number, or would turn into a formula; names the first lines of the list."""
    found = []
    for line in lines:
        texts = (line.shown_name, line.group_name, line.standard_text)
        hits = privacy.scan("\n".join(texts))
        if hits:
            found.append(f"第 {line.line_no} 行像有{hits[0].label}（{hits[0].shown}）")
        elif any(unsafe_cell(text) for text in texts):
            found.append(f"第 {line.line_no} 行有表格会当成公式的符号")
        if len(found) == MOST_FINDINGS:
            break
    return f"不能公开：{'；'.join(found)}。请先更正登记，再重新公开。" if found else ""


def _lines_of(roster: Roster) -> list[OpenLine]:
    """The roster's open rows with their state, by one statement."""
    names = queries.villages_in_roster(roster)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT l.line_no, l.division_code, l.group_name, l.public_name, l.quantity, l.standard_text, l.amount,
                       l.commitment, {STATE}
                FROM {LIVE}
                WHERE r.id = %s ORDER BY l.line_no""",  # noqa: S608
            [roster.pk],
        )
        rows = cursor.fetchall()
    return [
        OpenLine(*(*row[:7], bytes(row[7]), names.get(row[1], ""), PUBLIC_STATES[PaymentState(row[8])].label))
        for row in rows
    ]


def _copy_lines(disclosure: Disclosure, roster: Roster) -> None:
    """All lines in one statement, as the trigger on the table demands; only open columns are read."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO publicity_disclosureline (disclosure_id, line_no, division_code, village, group_name,
                    shown_name, quantity, standard_text, amount, state, commitment)
                SELECT %s, l.line_no, l.division_code, coalesce(names.book ->> l.division_code, ''), l.group_name,
                    l.public_name, l.quantity, l.standard_text, l.amount, words.book ->> {STATE},
                    l.commitment
                FROM {LIVE}
                CROSS JOIN (SELECT %s::jsonb AS book) words CROSS JOIN (SELECT %s::jsonb AS book) names
                WHERE r.id = %s ORDER BY l.line_no""",  # noqa: S608
            [
                disclosure.pk,
                json.dumps(PUBLIC_STATES),
                json.dumps(queries.villages_in_roster(roster)),
                roster.pk,
            ],
        )


def _last_paid_on(roster: Roster) -> date | None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT max(result.on_day) FROM {LIVE} {RESULT_JOIN}
                WHERE r.id = %s
                  AND EXISTS (SELECT FROM disbursement_paymentresult p WHERE p.line_id = l.id AND p.kind = 'paid')""",  # noqa: S608
            [roster.pk],
        )
        found: date | None = cursor.fetchone()[0]
    return found
