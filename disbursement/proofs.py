"""What `prove` recomputes of the money: lines, orders, bank files, claims, books."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from disbursement.models import (
    BankFile,
    LedgerAccount,
    OrderPart,
    ReturnFile,
    ReturnLine,
    Roster,
)
from disbursement.models.results import lifted_in_duty
from disbursement.models.sql import (
    COUNTS,
    HOLDER,
    LIVE,
    NOT_STOPPED,
    ORDERED,
    REACHES,
    pays,
    stops,
)
from disbursement.queries import content_of, equations, lines_of_order, live_lines
from disbursement.queries.due import counts_months, goes_on, lines_today, other_than_due
from disbursement.services.bankfiles import BLOCK, reference_of
from disbursement.services.inherited import TO_ORDER, TO_RETURN, TO_ROSTER
from disbursement.services.origins import GIVEN_BACK, ORIGINS
from disbursement.services.returns import digest_of
from disbursement.states import (
    BATCH_FLOW,
    ORDER_FLOW,
    RETURN_FLOW,
    REVERSAL_FLOW,
    ROSTER_FLOW,
    OrderStatus,
    ReturnStatus,
    RosterStatus,
)
from huimin.core import crypto
from huimin.core.authority.duties import Duty
from huimin.core.bankformats.layout import FAILURE, PENDING, SUCCESS
from huimin.core.bankformats.registry import get_format
from huimin.core.errors import FileRefused
from huimin.core.records import files
from huimin.core.records.proofs import proof, rows
from huimin.core.values import privacy
from recipients.models.parties import HOUSEHOLD_RIGHTS, of_one_recipient
from subsidies.models import Indicator, PolicyVersion

MOST = 20
OUTCOMES = {
    SUCCESS: ReturnLine.Outcome.PAID,
    FAILURE: ReturnLine.Outcome.FAILED,
    PENDING: ReturnLine.Outcome.PROCESSING,
}
COUNT_LINES = "SELECT count(*) FROM disbursement_paymentline"


@proof("花名册的笔数、金额、名单指纹与逐行重算一致")
def roster_contents() -> tuple[int, list[str]]:
    checked = 0
    faults: list[str] = []
    for roster in Roster.objects.exclude(generated_at=None).exclude(status=RosterStatus.CANCELLED).iterator():
        content = content_of(roster)
        checked += content.count
        if not content.agrees(roster) and len(faults) < MOST:
            faults.append(
                f"花名册 {roster.pk}：登记 {roster.line_count} 笔 {roster.total} 元，明细 {content.count} 笔 {content.total} 元"
            )
    return checked, faults


@proof("支付申请＝它的各段明细里没有停发的之和＝占用的指标，不多一分")
def order_totals() -> tuple[int, list[str]]:
    return rows(
        f"""WITH found AS (SELECT q.id, q.order_id, count(*) AS n, sum(l.amount) AS s FROM {ORDERED}
                           WHERE q.is_live GROUP BY q.id)
            SELECT o.number || '：申请 ' || o.total || ' 元，明细 ' || coalesce(x.s, 0) || ' 元，指标 ' || coalesce(d.s, 0)
                || ' 元' FROM disbursement_paymentorder o
            LEFT JOIN (SELECT order_id, sum(n) AS n, sum(s) AS s FROM found GROUP BY order_id) x ON x.order_id = o.id
            LEFT JOIN (SELECT order_id, sum(amount) AS s FROM disbursement_orderindicator GROUP BY order_id) d
                 ON d.order_id = o.id
            WHERE o.status <> 'cancelled'
              AND (o.line_count, o.total, o.total) IS DISTINCT FROM (x.n::bigint, x.s, d.s)
            UNION ALL
            SELECT o.number || ' 的一段：登记 ' || q.total || ' 元，明细 ' || coalesce(x.s, 0) || ' 元'
            FROM disbursement_orderpart q JOIN disbursement_paymentorder o ON o.id = q.order_id
            LEFT JOIN found x ON x.id = q.id
            WHERE q.is_live AND (q.line_count::bigint, q.total) IS DISTINCT FROM (x.n, x.s)""",  # noqa: S608
        count="SELECT count(*) FROM disbursement_paymentorder",
    )


@proof("没有一笔明细在两笔有效的支付申请里；撤销的申请不再占着明细；各代发银行只付自己的账户和跨行的")
def one_order_per_line() -> tuple[int, list[str]]:
    """At which bank an account was when its order was made can be said while no accounts were settled anew since."""
    return rows(
        f"""SELECT '明细 ' || l.id FROM {ORDERED} WHERE q.is_live GROUP BY l.id HAVING count(*) > 1
            UNION ALL
            SELECT o.number || ' 的一段' FROM disbursement_orderpart q
            JOIN disbursement_paymentorder o ON o.id = q.order_id JOIN disbursement_roster r ON r.id = q.roster_id
            WHERE q.is_live = (o.status = 'cancelled')
               OR (r.policy_id, r.county_code) <> (o.policy_id, o.county_code) OR r.status <> 'approved'
            UNION ALL
            SELECT '明细 ' || l.id || ' 的结果' FROM disbursement_paymentresult e
            JOIN disbursement_paymentline l ON l.id = e.line_id JOIN disbursement_roster r ON r.id = l.roster_id
            JOIN disbursement_returnfile f ON f.id = e.return_file_id {HOLDER}
            WHERE q.order_id IS DISTINCT FROM f.order_id
            UNION ALL
            SELECT o.number || ' 的一段：账户不在这家代发银行' FROM disbursement_orderpart q
            JOIN disbursement_paymentorder o ON o.id = q.order_id
            WHERE q.is_live AND q.bank_id <> o.bank_id AND NOT EXISTS (
                      SELECT FROM core_auditevent e WHERE e.subject = 'recipients.account' AND e.action = 'bank.settle'
                      AND e.at >= o.created_at)
              AND ({pays("q.bank_id")} OR (NOT q.is_across AND EXISTS (
                  SELECT FROM disbursement_paymentline l JOIN disbursement_roster r ON r.id = l.roster_id AND {COUNTS}
                  WHERE {REACHES} AND {NOT_STOPPED} AND NOT EXISTS (
                      SELECT FROM recipients_account k JOIN recipients_person w ON w.id = k.person_id
                      WHERE w.id = l.payee_id AND k.number_key = l.account_key AND k.bank_id = o.bank_id))))""",  # noqa: S608 -- constants of ours
        count="SELECT count(*) FROM disbursement_orderpart",
    )


@proof("代发文件读回来的每一笔，与支付申请的明细一致")
def bank_files() -> tuple[int, list[str]]:
    checked = 0
    faults: list[str] = []
    for made in BankFile.objects.select_related("order", "file").iterator():
        checked += made.line_count
        why = _file_fault(made)
        if why and len(faults) < MOST:
            faults.append(f"{made.file.name}：{why}")
    return checked, faults


def _file_fault(made: BankFile) -> str:
    try:
        content = get_format(made.format).read_payroll(files.read(made.file))
    except (FileRefused, ValueError) as error:
        return str(error)
    accounts = crypto.blind_index_many("account", (line.account for line in content.lines))
    people = crypto.blind_index_many("id_number", (line.id_number for line in content.lines))
    told = {
        line.reference: (line.amount, line.name, account, person)
        for line, account, person in zip(content.lines, accounts, people, strict=True)
    }
    total = sum(line.amount for line in content.lines)
    if (len(told), total) != (made.order.line_count, made.order.total):
        return f"文件 {len(told)} 笔 {total} 元，支付申请 {made.order.line_count} 笔 {made.order.total} 元"
    lines = lines_of_order(made.order_id).values_list(
        "pk", "amount", "account_name", "account_key", "payee_key"
    )
    sent = {
        reference_of(pk): (amount, name, bytes(account), bytes(person))
        for pk, amount, name, account, person in lines
    }
    other = [reference for reference, row in told.items() if sent.get(reference) != row]
    return f"{other[0]}等 {len(other)} 笔的金额、户名、账号或身份证号与明细不同" if other else ""


@proof("每一笔明细的账号、身份证号解密后，与核对时用的索引一致")
def private_values_match_keys() -> tuple[int, list[str]]:
    checked = 0
    faults: list[str] = []
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            """SELECT id, account_number, account_key, payee_id_number, payee_key, beneficiary_id_number,
                      beneficiary_key FROM disbursement_paymentline"""
        )
        while rows_now := cursor.fetchmany(BLOCK):
            checked += len(rows_now)
            faults += _unlike(rows_now)
    return checked, faults[:MOST]


_PRIVATE = (("account", 1, "账号"), ("id_number", 3, "收款人身份证号"), ("id_number", 5, "享受人身份证号"))


def _unlike(lines: Sequence[Any]) -> list[str]:
    """Lines where the index of what is decrypted is not the one in the next column."""
    faults = []
    for purpose, place, word in _PRIVATE:
        texts = crypto.decrypt_many(purpose, (line[place] for line in lines))
        for line, key in zip(lines, crypto.blind_index_many(purpose, texts), strict=True):
            if key != bytes(line[place + 1]):
                faults.append(f"明细 {line[0]} 的{word}")
    return faults


@proof("每一份回盘的明细，与留存的银行原文件逐笔一致")
def return_files() -> tuple[int, list[str]]:
    checked = 0
    faults: list[str] = []
    for found in ReturnFile.objects.exclude(status=ReturnStatus.REFUSED).select_related("file").iterator():
        checked += found.line_count
        why = _return_fault(found)
        if why and len(faults) < MOST:
            faults.append(f"回盘 {found.pk}：{why}")
    return checked, faults


def _return_fault(found: ReturnFile) -> str:
    data = files.read(found.file)
    try:
        content = get_format(found.format).read_return(data)
    except (FileRefused, ValueError) as error:
        return str(error)
    if (hashlib.sha256(data).hexdigest(), digest_of(content)) != (found.sha256, found.content_digest):
        return "原文件与上传时的指纹不符"
    told = {line.reference: OUTCOMES[line.result] for line in content.lines}
    kept = ReturnLine.objects.filter(return_file=found).values_list("payment_line_id", "outcome")
    if told != {reference_of(line): outcome for line, outcome in kept}:
        return f"原文件 {len(told)} 笔，登记的明细与它不同"
    return ""


@proof("回盘明细、发放结果的文字里没有账号、身份证号")
def no_numbers_in_words() -> tuple[int, list[str]]:
    """As the constraints hold it; asked anew, because a constraint may be dropped and put back unvalidated."""
    return rows(
        f"""SELECT '回盘 ' || return_file_id || ' 第 ' || line_no || ' 行' FROM disbursement_returnline
            WHERE concat_ws('甲', bank_words, bank_code, question) ~ '{privacy.LONG_DIGITS}'
            UNION ALL SELECT '明细 ' || line_id FROM disbursement_paymentresult
            WHERE note ~ '{privacy.LONG_DIGITS}'""",  # noqa: S608 -- a constant of ours
        count="SELECT (SELECT count(*) FROM disbursement_returnline) + (SELECT count(*) FROM disbursement_paymentresult)",
    )


@proof("有效的发放都占着自己的期次，已放开的都有原因")
def claims_are_live() -> tuple[int, list[str]]:
    return rows(
        f"""SELECT '明细 ' || l.id FROM {LIVE}
            LEFT JOIN disbursement_claim c ON c.line_id = l.id
            WHERE (c.line_id IS NULL) <> EXISTS (
                SELECT FROM disbursement_paymentresult p WHERE p.line_id = l.id
                AND p.kind IN ('bank_failed', 'stopped', 'late_return'))""",  # noqa: S608
        count=COUNT_LINES,
    )


@proof("没有不该有的占用：作废的名单、失败的发放都不占期次")
def no_stale_claims() -> tuple[int, list[str]]:
    return rows(
        f"""SELECT '明细 ' || c.line_id FROM disbursement_claim c
           JOIN disbursement_paymentline l ON l.id = c.line_id JOIN disbursement_roster r ON r.id = l.roster_id
           WHERE NOT {COUNTS}
              OR (l.entitlement_id, l.component, l.period_range)
                 IS DISTINCT FROM (c.entitlement_id, c.component, c.period_range)""",  # noqa: S608
        count="SELECT count(*) FROM disbursement_claim",
    )


@proof("同一个人同一项补贴同一期，没有到账两次，也没有两笔都有效")
def nobody_paid_twice() -> tuple[int, list[str]]:
    """By the record, whatever number it bore when a line was written (docs/decisions/0022)."""
    live = """SELECT l.id, l.beneficiary_id, l.policy_id, l.component, l.period_range FROM disbursement_paymentline l
              WHERE EXISTS (SELECT FROM disbursement_claim c WHERE c.line_id = l.id)
                 OR (EXISTS (SELECT FROM disbursement_paymentresult p WHERE p.line_id = l.id AND p.kind = 'paid')
                     AND NOT EXISTS (SELECT FROM disbursement_paymentresult u WHERE u.line_id = l.id
                                     AND u.kind = 'late_return'))"""
    return rows(
        f"""WITH live AS MATERIALIZED ({live})
            SELECT '明细 ' || a.id || ' 与 ' || b.id FROM live a
            JOIN live b ON b.beneficiary_id = a.beneficiary_id AND b.policy_id = a.policy_id
                 AND b.component = a.component AND b.period_range && a.period_range AND b.id > a.id""",  # noqa: S608
        count="SELECT count(*) FROM disbursement_paymentresult WHERE kind = 'paid'",
    )


@proof("同一户同一项补贴同一期，只发给一任户主")
def households_are_paid_once() -> tuple[int, list[str]]:
    return rows(
        f"""SELECT '占用 ' || c.line_id || ' 的这一户，这些天已发给另一任户主' FROM disbursement_claim c
            JOIN {HOUSEHOLD_RIGHTS} h ON h.right_id = c.entitlement_id
            JOIN disbursement_claim oc ON oc.entitlement_id = h.other_id AND oc.component = c.component
                 AND oc.period_range && c.period_range AND oc.line_id < c.line_id""",  # noqa: S608
        count="SELECT count(*) FROM disbursement_claim",
    )


@proof("停发了没有恢复的，这一户这些天没有别的发放")
def stops_stand_until_lifted() -> tuple[int, list[str]]:
    return rows(
        f"""WITH stopped AS MATERIALIZED (SELECT u.* FROM {stops()} u)
            SELECT '占用 ' || c.line_id || '：明细 ' || h.line_id || ' 停发了没有恢复' FROM {of_one_recipient("stopped")} h
            JOIN disbursement_claim c ON c.entitlement_id = h.right_id AND c.component = h.component
                 AND c.period_range && h.period_range""",  # noqa: S608 -- constants of ours
        count="SELECT count(*) FROM disbursement_paymentresult WHERE kind = 'stopped'",
    )


@proof("每一笔明细的政策、发放内容、期间都在它的批次之内")
def lines_belong_to_their_batch() -> tuple[int, list[str]]:
    """A line of another component would stand beside the claim that shuts out the second payment."""
    return rows(
        """SELECT '明细 ' || l.id FROM disbursement_paymentline l JOIN disbursement_roster r ON r.id = l.roster_id
           JOIN disbursement_batch b ON b.id = r.batch_id
           WHERE (l.policy_id, l.component, l.county_code) <> (b.policy_id, b.component, b.county_code)
              OR r.policy_id <> b.policy_id OR NOT l.period_range <@ b.period_range""",
        count=COUNT_LINES,
    )


# the right or the person behind line l, or another right of the same recipient, was touched since the list was written (or
# while it was): steps, ends, deaths, a later declaration, a corrected ID number. Such a line
# is found by submission, order, signature and sending
# Counted, not EXISTS, which the planner would join with the whole trail
_TOUCHED = f"""(SELECT count(*) FROM core_auditevent c
    WHERE c.subject = ANY(ARRAY['recipients.entitlement:' || f.entitlement, 'recipients.person:' || f.person]
            || ARRAY(SELECT 'recipients.entitlement:' || h.other_id FROM {HOUSEHOLD_RIGHTS} h WHERE h.right_id = f.entitlement)
            || ARRAY(SELECT 'recipients.declaration:' || s.declaration_id FROM recipients_entitlementversion o
                     JOIN recipients_declarationline s ON s.id = o.source_line_id
                     WHERE o.entitlement_id = f.entitlement OR o.entitlement_id IN (
                         SELECT h.other_id FROM {HOUSEHOLD_RIGHTS} h WHERE h.right_id = f.entitlement)))
      AND c.at >= (SELECT max(g.at) FROM core_auditevent g
                   WHERE g.subject = 'disbursement.roster:' || f.roster AND g.action = 'generate')
                  - interval '10 minutes') > 0"""  # noqa: S608 -- constants of ours


@proof("没有送盘的每一笔，天数和金额与按享受资格重算的一致；不一致的，是名单生成以后资格变动过")
def unsent_lines_are_due() -> tuple[int, list[str]]:
    checked = 0
    faults: list[str] = []
    for version in PolicyVersion.objects.filter(batch__rosters__in=_unsent()).distinct():
        checked += live_lines().filter(roster__in=_unsent(), roster__batch__version=version).count()
        other, values = other_than_due(version)
        with connection.cursor() as cursor:
            cursor.execute(
                f"""WITH found AS MATERIALIZED (
                        SELECT DISTINCT r.id AS roster, l.line_no, e.id AS entitlement, b.id AS person
                        FROM {lines_today(version)} {HOLDER}
                        WHERE t.version_id = %(version)s AND coalesce(o.status, '') NOT IN ('sent', 'settled')
                          AND ({other})
                          AND NOT EXISTS (SELECT FROM disbursement_paymentresult x WHERE x.line_id = l.id))
                    SELECT '花名册 ' || f.roster || ' 第 ' || f.line_no || ' 行' FROM found f
                    WHERE NOT {_TOUCHED} ORDER BY f.roster, f.line_no LIMIT {MOST}""",  # noqa: S608 -- constants of ours
                values | {"version": version.pk},
            )
            faults += [row[0] for row in cursor.fetchall()]
    return checked, faults[:MOST]


def _unsent() -> QuerySet[Roster]:
    """Lists of which orders that were sent do not hold every line."""
    sent = OrderPart.objects.filter(
        roster=OuterRef("pk"), is_live=True, order__status__in=[OrderStatus.SENT, OrderStatus.SETTLED]
    )
    count = sent.order_by().values("roster").annotate(n=Sum("line_count")).values("n")
    return Roster.objects.exclude(status=RosterStatus.CANCELLED).exclude(
        line_count=Coalesce(Subquery(count), 0)
    )


# (what was made, what it was made from, duties that count further down), and the lists l whose origins are asked for
_MADE_FROM = f"""
WITH l AS (SELECT l.id, l.roster_id, l.entitlement_id, l.entitlement_version_id, l.component, l.period_range, l.policy_id,
                  l.beneficiary_id, l.payee_id
           FROM {LIVE}),
made AS (
    SELECT {ROSTER_FLOW.subject_sql("r")} AS target, o.source, 'roster' AS kind FROM ({ORIGINS}) AS o
    JOIN disbursement_roster r ON r.id = o.roster_id
    UNION ALL SELECT {ROSTER_FLOW.subject_sql("r")}, '{BATCH_FLOW.kind}:' || r.batch_id, 'roster' FROM disbursement_roster r
    UNION ALL SELECT {ROSTER_FLOW.subject_sql("r")}, '{ROSTER_FLOW.kind}:' || r.id || '#' || earlier, 'roster'
    FROM disbursement_roster r CROSS JOIN generate_series(1, r.revision - 1) AS earlier
    UNION ALL SELECT {ORDER_FLOW.subject_sql("o")}, {ROSTER_FLOW.subject_sql("r")}, 'order'
    FROM disbursement_orderpart q JOIN disbursement_roster r ON r.id = q.roster_id
    JOIN disbursement_paymentorder o ON o.id = q.order_id
    UNION ALL SELECT {ORDER_FLOW.subject_sql("o")}, g.source, 'order' FROM ({GIVEN_BACK}) AS g
    JOIN disbursement_orderpart q ON q.roster_id = g.roster_id JOIN disbursement_paymentorder o ON o.id = q.order_id
    UNION ALL SELECT {RETURN_FLOW.subject_sql("f")}, '{ORDER_FLOW.kind}:' || f.order_id, 'return'
    FROM disbursement_returnfile f
    UNION ALL SELECT {REVERSAL_FLOW.subject_sql("v")}, '{ORDER_FLOW.kind}:' || v.order_id, 'return'
    FROM disbursement_reversal v
)"""  # noqa: S608 -- constants of ours
_INHERITED = {"roster": TO_ROSTER, "order": TO_ORDER, "return": TO_RETURN}


# what version v was worth when its roster was generated: what it is worth now, what endings cut off since, and where it
# was open until a version that was confirmed since; never beyond an ending that stood then, and nothing of what was
# suspended then, as far as that was known
THEN = f"""CROSS JOIN LATERAL (
    SELECT range_agg(x.days) AS days FROM (
        SELECT v.valid AS days UNION ALL
        SELECT k.valid_before FROM recipients_endingcut k JOIN recipients_ending g ON g.id = k.ending_id
        WHERE k.version_id = v.id AND g.made_at > r.generated_at) x) had
CROSS JOIN LATERAL (
    SELECT (had.days + CASE WHEN NOT isempty(had.days) AND EXISTS (
                SELECT FROM recipients_entitlementversion w WHERE w.entitlement_id = v.entitlement_id AND w.id > v.id
                AND w.component = v.component AND w.created_at > r.generated_at)
            THEN datemultirange(daterange(lower(had.days), NULL)) ELSE '{{}}' END)
        * datemultirange(daterange(NULL, (
            SELECT min(g.ends_on) FROM recipients_ending g WHERE g.entitlement_id = v.entitlement_id
            AND g.made_at <= r.generated_at AND (g.over_at IS NULL OR g.over_at > r.generated_at))))
        - coalesce((SELECT range_agg(CASE
                WHEN u.kind = 'withheld' THEN daterange(NULL, NULL)
                WHEN u.lifted_at <= r.generated_at
                    THEN daterange(u.forfeits_from, greatest({goes_on("u.last_day", counts_months("r.id"))}, u.forfeits_from))
                ELSE daterange(u.forfeits_from, NULL) END)
            FROM recipients_suspension u WHERE u.entitlement_id = v.entitlement_id AND u.made_at <= r.generated_at
            AND (u.corrected_at IS NULL OR u.corrected_at > r.generated_at)
            AND (u.kind = 'forfeited' OR u.lifted_at IS NULL OR u.lifted_at > r.generated_at)), '{{}}') AS days) valid"""  # noqa: S608 -- constants of ours


@proof("每一笔送审的明细，都在生成时有效的享受资格期间之内，没有发到停发日期以后、停发期间和暂缓的时候")
def lines_lie_in_their_rights() -> tuple[int, list[str]]:
    """The few whose days are not simply those of the version today, or whose right has ever ended or been suspended, are
    looked at.

    A rule that counts months pays the days of the version, any other the period in which it has days.
    """
    return rows(
        f"""SELECT '明细 ' || l.id || '：' || l.period_range || ' 不在享受资格 ' || l.entitlement_id || ' 的有效期间'
           FROM {LIVE} JOIN disbursement_claim c ON c.line_id = l.id
           JOIN recipients_entitlementversion v ON v.id = l.entitlement_version_id
           {THEN}
           WHERE r.status <> 'issued'
             AND (NOT l.period_range <@ v.valid OR v.entitlement_id <> l.entitlement_id
                  OR v.component <> l.component
                  OR EXISTS (SELECT FROM recipients_ending g WHERE g.entitlement_id = v.entitlement_id)
                  OR EXISTS (SELECT FROM recipients_suspension u WHERE u.entitlement_id = v.entitlement_id))
             AND (v.entitlement_id <> l.entitlement_id OR v.component <> l.component
                  OR NOT CASE WHEN {counts_months("r.id")} THEN l.period_range <@ valid.days
                              ELSE l.period_range && valid.days END)""",  # noqa: S608 -- constants of ours
        count=COUNT_LINES,
    )


@proof("收回、作废的批次没有留下补发、更正")
def branches_have_their_batch() -> tuple[int, list[str]]:
    return rows(
        """SELECT '批次 ' || b.number FROM disbursement_batch b
           JOIN disbursement_batch o ON o.id = coalesce(b.supplements_id, b.corrects_id)
           WHERE b.status <> 'cancelled' AND o.status NOT IN ('issued', 'closed')""",
        count="SELECT count(*) FROM disbursement_batch WHERE kind <> 'regular'",
    )


@proof("没有作废的申报册、批次，都按那一期的政策版本办理")
def periods_are_of_their_version() -> tuple[int, list[str]]:
    made = """(SELECT '申报册 ' || id AS told, policy_id, version_id, period, period_range FROM recipients_declaration
        WHERE status <> 'withdrawn' UNION ALL SELECT '批次 ' || number, policy_id, version_id, period, period_range
        FROM disbursement_batch WHERE status <> 'cancelled') m"""
    wrong = f"""SELECT told || '：' || period FROM {made} WHERE NOT EXISTS (SELECT FROM subsidies_policyversion v
        WHERE (v.id, v.policy_id) = (version_id, m.policy_id) AND v.published_at IS NOT NULL AND v.valid @> lower(period_range))"""  # noqa: S608
    return rows(wrong, count=f"SELECT count(*) FROM {made}")  # noqa: S608 -- a constant of ours


@proof("经手过来源材料的人，没有在后面办不相容的岗位")
def separation_over_the_whole_way() -> tuple[int, list[str]]:
    """The pairs asked anew over what a list, an order, a return was made from, whatever was put on record as inherited.

    What somebody did on the source only after they had acted here is not held against what they did here; a change of
    the head that somebody asked for is of the day on which it was approved.
    """
    counting = ", ".join(
        f"('{kind}', '{duty}')" for kind, duties in _INHERITED.items() for duty in dict.fromkeys(duties)
    )
    return rows(
        f"""{_MADE_FROM} SELECT DISTINCT m.target || '：' || u.name || ' 办过 ' || m.source || ' 的 ' || s.duty || '，又办 '
                || t.duty FROM made m
            JOIN core_involvement s ON s.subject = m.source
            JOIN (VALUES {counting}) AS counts(kind, duty) ON counts.kind = m.kind AND counts.duty = s.duty
            JOIN core_user u ON u.id = s.user_id
            JOIN core_user w ON w.person_key = u.person_key
            JOIN core_involvement t ON t.subject = m.target AND t.user_id = w.id AND NOT t.inherited AND t.id > CASE s.duty
                WHEN '{Duty.HEAD_ASK}' THEN (SELECT max(k.id) FROM core_involvement k WHERE k.subject = m.source)
                ELSE s.id END
            JOIN core_dutyconflict c ON (c.first, c.second) IN ((s.duty, t.duty), (t.duty, s.duty))""",  # noqa: S608
        count="SELECT count(*) FROM core_involvement WHERE NOT inherited",
    )


@proof("每一次恢复发放，恢复的人都在经手记录里")
def stops_are_lifted_in_duty() -> tuple[int, list[str]]:
    """Whoever is not on record there would pass and pay the list that follows."""
    return rows(
        f"SELECT '明细 ' || k.line_id FROM disbursement_stoplift k WHERE NOT {lifted_in_duty('k')}",  # noqa: S608
        count="SELECT count(*) FROM disbursement_stoplift",
    )


@proof("每一笔最多一个结果：到账、退票、停发只有其一")
def one_outcome() -> tuple[int, list[str]]:
    return rows(
        """SELECT '明细 ' || line_id FROM disbursement_paymentresult
           WHERE kind IN ('paid', 'bank_failed', 'stopped') GROUP BY line_id HAVING count(*) > 1""",
        count="SELECT count(*) FROM disbursement_paymentresult",
    )


@proof("更正发放不多于失败的金额，一笔失败只有一笔更正")
def corrections() -> tuple[int, list[str]]:
    return rows(
        """SELECT '更正 ' || c.id FROM disbursement_correction c
           JOIN disbursement_paymentline f ON f.id = c.failed_line_id
           JOIN disbursement_paymentline n ON n.id = c.new_line_id
           WHERE n.amount > f.amount OR n.corrects_line_id IS DISTINCT FROM f.id
              OR NOT n.period_range <@ f.period_range
              OR (n.entitlement_id, n.component, n.beneficiary_id)
                 IS DISTINCT FROM (f.entitlement_id, f.component, f.beneficiary_id)""",
        count="SELECT count(*) FROM disbursement_correction",
    )


@proof("每张凭证借贷相等")
def journals_balance() -> tuple[int, list[str]]:
    return rows(
        """SELECT j.key::text FROM disbursement_journal j LEFT JOIN disbursement_posting p ON p.journal_id = j.id
           GROUP BY j.id HAVING coalesce(sum(p.amount), 1) <> 0""",
        count="SELECT count(*) FROM disbursement_journal",
    )


@proof("下达＝实发＋待发＋退回待处理＋收回，账与指标一致")
def ledger_equation() -> tuple[int, list[str]]:
    found = equations(Indicator.objects.all())
    return len(found), [str(one.indicator) for one in found if not one.agrees][:MOST]


@proof("账上的到账、退票、退汇、退款与明细的结果一致")
def ledger_and_results() -> tuple[int, list[str]]:
    accounts = {
        "pay": ("paid", LedgerAccount.PAID),
        "fail": ("bank_failed", LedgerAccount.RETURNED),
        "late_return": ("late_return", LedgerAccount.RETURNED),
        "refund": ("voluntary_refund", LedgerAccount.RECALLED),
    }
    faults: list[str] = []
    for journal, (kind, account) in accounts.items():
        _, found = rows(
            f"""SELECT '花名册所在批次 ' || coalesce(b.batch_id, x.batch_id) || ' {kind}' FROM
                (SELECT p.batch_id, sum(p.amount) AS total FROM disbursement_posting p
                 JOIN disbursement_journal j ON j.id = p.journal_id
                 WHERE j.kind = '{journal}' AND p.account = '{account}' GROUP BY p.batch_id) b
                FULL JOIN (SELECT r.batch_id, sum(l.amount) AS total FROM disbursement_paymentresult e
                           JOIN disbursement_paymentline l ON l.id = e.line_id
                           JOIN disbursement_roster r ON r.id = l.roster_id
                           WHERE e.kind = '{kind}' GROUP BY r.batch_id) x ON x.batch_id = b.batch_id
                WHERE b.total IS DISTINCT FROM x.total""",  # noqa: S608
            count=COUNT_LINES,
        )
        faults += found
    checked, _ = rows("SELECT '' WHERE false", count="SELECT count(*) FROM disbursement_paymentresult")
    return checked, faults[:MOST]


@proof("逐日核对用的结果合计，与逐笔结果相加一致")
def result_sums() -> tuple[int, list[str]]:
    return rows(
        """SELECT coalesce(s.day, x.day) || ' ' || coalesce(s.kind, x.kind) FROM
           (SELECT county_code, business_on AS day, kind, sum(count) AS n, sum(amount) AS total
            FROM disbursement_resultsum GROUP BY 1, 2, 3) s
           FULL JOIN (SELECT l.county_code, e.business_on AS day, e.kind, count(*) AS n, sum(l.amount) AS total
                      FROM disbursement_paymentresult e JOIN disbursement_paymentline l ON l.id = e.line_id
                      GROUP BY 1, 2, 3) x USING (county_code, day, kind)
           WHERE (s.n, s.total) IS DISTINCT FROM (x.n::numeric, x.total)""",
        count="SELECT count(*) FROM disbursement_resultsum",
    )


@proof("支付申请占用的指标＝已支付＋退回可用＋还在银行，与每一笔的结果相符")
def order_indicators() -> tuple[int, list[str]]:
    return rows(
        f"""SELECT o.number::text FROM disbursement_orderindicator d JOIN disbursement_paymentorder o ON o.id = d.order_id
           WHERE (o.status = 'settled' AND d.amount <> d.paid + d.released)
              OR (o.status = 'cancelled' AND d.released <> d.amount)
              OR (o.status IN ('draft', 'signed') AND (d.paid, d.released) <> (0, 0))
           UNION ALL
           SELECT o.number || '：指标记已支付 ' || d.paid || ' 元、退回 ' || d.released || ' 元，结果是 '
               || coalesce(x.paid, 0) || ' 元、' || coalesce(x.released, 0) || ' 元'
           FROM disbursement_paymentorder o
           JOIN (SELECT order_id, sum(paid) AS paid, sum(released) AS released FROM disbursement_orderindicator
                 GROUP BY order_id) d ON d.order_id = o.id
           LEFT JOIN (SELECT q.order_id,
                   sum(CASE e.kind WHEN 'paid' THEN l.amount WHEN 'bank_failed' THEN 0 ELSE -l.amount END) AS paid,
                   sum(CASE e.kind WHEN 'paid' THEN 0 ELSE l.amount END) AS released
               FROM {ORDERED} AND q.is_live JOIN disbursement_paymentresult e ON e.line_id = l.id
               GROUP BY q.order_id) x ON x.order_id = o.id
           WHERE o.status IN ('sent', 'settled')
             AND (d.paid, d.released) <> (coalesce(x.paid, 0), coalesce(x.released, 0))""",  # noqa: S608
        count="SELECT count(*) FROM disbursement_orderindicator",
    )
