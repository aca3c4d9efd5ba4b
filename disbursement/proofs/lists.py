"""What `prove` recomputes of lists: their lines, claims, days and amounts."""

from __future__ import annotations

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from disbursement.models import (
    OrderPart,
    Roster,
)
from disbursement.models.sql import (
    COUNTS,
    HOLDER,
    LIVE,
    stops,
)
from disbursement.proofs.shared import COUNT_LINES, MOST
from disbursement.queries import content_of, live_lines
from disbursement.queries.due import counts_months, goes_on, lines_today, other_than_due
from disbursement.states import (
    OrderStatus,
    RosterStatus,
)
from huimin.core.records.proofs import proof, rows
from recipients.models.parties import HOUSEHOLD_RIGHTS, of_one_recipient
from subsidies.models import PolicyVersion


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
