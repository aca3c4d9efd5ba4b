"""One person's own payments and what they wait for: 查我的补贴. Nothing here decrypts a private column."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.conf import settings
from django.db import connection

from disbursement.models.sql import COUNTS, LIVE, STATE, stops
from disbursement.queries.due import REASON, days_of, of_right, suspended
from disbursement.states import PaymentState
from publicity.rules import PUBLIC_STATES
from publicity.states import LineState
from recipients.models.parties import RIGHTS_OF_ONE, payee_of
from recipients.rules.amounts import counts_months_in_sql

# When and why, beside the state: `result.on_day`, `result.reason` and `result.words` of payment line `l`
RESULT_JOIN = """
    LEFT JOIN LATERAL (
        SELECT max(p.business_on) AS on_day,
               coalesce(max(p.reason) FILTER (WHERE p.kind IN ('bank_failed', 'late_return')), '') AS reason,
               coalesce(max(p.note) FILTER (WHERE p.kind IN ('bank_failed', 'late_return')), '') AS words
        FROM disbursement_paymentresult p WHERE p.line_id = l.id
    ) result ON TRUE
"""


@dataclass(frozen=True, slots=True)
class Known:
    """The registered person behind a question; without one every field is empty, so that the work stays the same."""

    pk: int = 0
    name: str = ""
    card_tail: str = ""
    phone: bytes = field(default=b"", repr=False)  # sealed; empty where none is registered
    office: str = ""
    office_phone: str = ""
    division_code: str = ""


@dataclass(frozen=True, slots=True)
class OwnPayment:
    """A payment as its own beneficiary reads it."""

    policy: str
    period: str
    year: int
    amount: Decimal
    quantity: Decimal
    quantity_label: str
    standard_text: str
    account_tail: str
    bank_name: str
    beneficiary_name: str
    state: LineState
    on_day: date | None
    reason: str
    bank_words: str
    is_correction: bool
    policy_phone: str
    event: str  # what a round of a one-off was for: 7月洪灾救助
    is_withheld: bool  # its right is withheld (暂缓) now: on no way to the bank yet, it stays where it is


@dataclass(frozen=True, slots=True)
class UnderReview:
    """A declaration that the person is on and that is not decided yet."""

    policy: str
    period: str
    amount: Decimal | None  # 元; none while the village still writes the list, where any figure may be a slip
    status: str
    excluded_reason: str
    event: str


@dataclass(frozen=True, slots=True)
class Awaited:
    """A confirmed right of which something is due that no roster lists; `hindrance` says why, or is empty."""

    policy: str
    quantity: Decimal
    quantity_label: str
    standard_text: str
    declared: Decimal | None  # 元, where what waits is the declared period, all of it and nothing else
    since: date | None  # the first day of what waits
    until: date | None  # the day after the last one; of a right that stands none
    own_account: bool
    hindrance: str


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one of the person's rights: it pauses, lost days, ended, passed to the new head or came from the old."""

    policy: str
    kind: str  # of rules.CHANGE_WORDS
    since: date
    until: date | None  # the last day, of days that were lost


MOST_PAYMENTS = 200  # of one person on one page
NOBODY = bytes(32)  # a key that belongs to no ID number


def person_by_key(key: bytes) -> Known:
    """One statement; the township's office comes along, since the answer names whom to ask."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.id, p.name, coalesce(a.tail, ''), coalesce(p.phone, ''), coalesce(f.name, ''), coalesce(f.phone, ''),
                      p.division_code
               FROM recipients_person p
               LEFT JOIN recipients_account a ON a.person_id = p.id AND a.is_active
               LEFT JOIN LATERAL (SELECT name, phone FROM core_office
                                  WHERE kind = 'township' AND division_id = left(p.division_code, 9) || '000'
                                  ORDER BY id LIMIT 1) f ON TRUE
               WHERE p.county_code = %s AND p.id_key = %s AND p.status <> 'void'""",
            [settings.COUNTY_CODE, key],
        )
        row = cursor.fetchone()
    return Known(*row) if row else Known()


def tails_of_key(key: bytes) -> list[str]:
    """The last digits of every card that the person's payments went to, each once.

    Always MOST_PAYMENTS lines are read and joined: those of others fill up what the person lacks and are not looked at,
    so that the work does not tell how often somebody was paid.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH own AS MATERIALIZED (
                   SELECT id, roster_id, revision, account_tail FROM disbursement_paymentline
                   WHERE beneficiary_key = %(key)s ORDER BY id DESC LIMIT %(most)s),
               read AS MATERIALIZED (
                   SELECT *, true AS is_own FROM own
                   UNION ALL
                   (SELECT id, roster_id, revision, account_tail, false FROM disbursement_paymentline
                    ORDER BY id LIMIT %(most)s - (SELECT count(*) FROM own)))
               SELECT coalesce(array_agg(DISTINCT l.account_tail) FILTER (WHERE l.is_own), '{{}}')
               FROM read l
               JOIN disbursement_roster r ON r.id = l.roster_id AND {COUNTS}
               WHERE NOT EXISTS (SELECT FROM disbursement_correction c WHERE c.failed_line_id = l.id)""",  # noqa: S608 -- a constant of ours
            {"key": key, "most": MOST_PAYMENTS},
        )
        row = cursor.fetchone()
    return list(row[0])


def payments_of_key(key: bytes, *, most: int = MOST_PAYMENTS) -> list[OwnPayment]:
    """The person's payments, newest first, by one statement over the index payment_of_person.

    A failed line that a correction took over is left out: the line that replaced it tells the whole story.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT y.name, b.period, extract(year FROM lower(l.period_range))::int, l.amount, l.quantity,
                       v.quantity_label, l.standard_text, l.account_tail, l.bank_name, l.beneficiary_name,
                       {STATE}, result.on_day, result.reason, result.words, l.corrects_line_id IS NOT NULL, y.phone,
                       coalesce(o.title, ''),
                       EXISTS (SELECT FROM recipients_suspension x WHERE x.entitlement_id = l.entitlement_id
                               AND x.status = 'standing' AND x.kind = 'withheld')
                FROM {LIVE}
                JOIN disbursement_batch b ON b.id = r.batch_id
                LEFT JOIN subsidies_paymentround o ON o.id = b.payment_round_id
                JOIN subsidies_policyversion v ON v.id = b.version_id
                JOIN subsidies_policy y ON y.id = b.policy_id
                {RESULT_JOIN}
                WHERE l.county_code = %s AND l.beneficiary_key = %s
                  AND NOT EXISTS (SELECT FROM disbursement_correction c WHERE c.failed_line_id = l.id)
                ORDER BY l.id DESC LIMIT %s""",  # noqa: S608 -- the join is a constant of ours
            [settings.COUNTY_CODE, key, most],
        )
        rows = cursor.fetchall()
    return [OwnPayment(*(*row[:10], PUBLIC_STATES[PaymentState(row[10])], *row[11:])) for row in rows]


def under_review(person_id: int) -> list[UnderReview]:
    """Declarations with this person that still run; the person's own lines alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT y.name, d.period, CASE WHEN d.status <> 'draft' THEN l.amount END, d.status, l.excluded_reason,
                      coalesce(o.title, '') FROM recipients_declarationline l
               JOIN recipients_declaration d ON d.id = l.declaration_id
               LEFT JOIN subsidies_paymentround o ON o.id = d.payment_round_id
               JOIN subsidies_policy y ON y.id = d.policy_id
               WHERE l.beneficiary_id = %s AND d.status NOT IN ('confirmed', 'withdrawn')
               ORDER BY d.id DESC LIMIT 50""",
            [person_id],
        )
        return [UnderReview(*row) for row in cursor.fetchall()]


# days of right e and version v that the recipient was paid, or is being paid, by another right (parties)
PAID_TO_ANOTHER_HEAD = f"""coalesce((SELECT range_agg(oc.period_range) FROM {RIGHTS_OF_ONE} h
    JOIN disbursement_claim oc ON oc.entitlement_id = h.other_id AND oc.component = v.component
    WHERE h.right_id = e.id), '{{}}')"""  # noqa: S608 -- constants of ours
# and those for which a line of another right of the same recipient is stopped, until somebody lifts it
STOPPED_FOR_THE_HOUSE = f"""coalesce((SELECT range_agg(u.period_range) FROM {RIGHTS_OF_ONE} h
    JOIN {stops()} u ON u.entitlement_id = h.other_id AND u.component = v.component
    WHERE h.right_id = e.id), '{{}}')"""  # noqa: S608 -- constants of ours
# the days of a right that no roster that counts lists, once they have come; of one that is on none yet, coming ones too.
# Each stretch, and those that a stop holds apart. Why not is asked of today, as a roster would ask it; what only the rule
# tells, of the last roster that left it out. An amount is told where what waits is what was declared, nothing else
_TODAY = "(business_now() AT TIME ZONE 'Asia/Shanghai')::date"


def _awaited(*, months: bool) -> str:
    """Of rules that count months, or of the others: what a pause takes ends otherwise."""
    return f"""SELECT y.name, v.quantity, pv.quantity_label, pv.standard_text,
       CASE WHEN d.days = c.period_range THEN s.amount END, lower(d.days), upper(d.days), p.id = b.id,
       coalesce(d.held, {REASON}, CASE WHEN y.status <> 'published' THEN 'policy' END, missed.reason,
                CASE WHEN lower(d.days) > {_TODAY} THEN 'coming' END, '')
FROM recipients_entitlement e
JOIN recipients_entitlementversion v ON v.entitlement_id = e.id
JOIN recipients_declarationline s ON s.id = v.source_line_id
JOIN recipients_declaration c ON c.id = s.declaration_id
JOIN subsidies_policyversion pv ON pv.id = c.version_id AND {counts_months_in_sql("pv")} = {months}
JOIN subsidies_policy y ON y.id = e.policy_id
JOIN recipients_person b ON b.id = e.beneficiary_id
JOIN recipients_person p ON p.id = {payee_of()}
LEFT JOIN recipients_account a ON a.person_id = p.id AND a.is_active
{of_right(months=months)}
CROSS JOIN LATERAL (
    SELECT x.listed, {suspended("'(,)'::daterange")} AS suspended, {STOPPED_FOR_THE_HOUSE} AS stopped,
           {days_of("'(,)'::daterange")} - coalesce(x.listed, '{{}}') - {PAID_TO_ANOTHER_HEAD} AS days
    FROM (SELECT range_agg(l.period_range) AS listed FROM {LIVE}
          WHERE l.entitlement_id = e.id AND l.component = v.component AND l.period_range && v.valid) x) w
CROSS JOIN LATERAL (
    SELECT w.suspended, k.days, k.held, e.ends_on FROM (
        SELECT unnest(w.days - w.stopped) AS days, NULL AS held
        UNION ALL SELECT unnest(w.days * w.stopped), 'house_stop') k) d
LEFT JOIN LATERAL (
    SELECT o.reason FROM disbursement_roster r
    JOIN disbursement_batch t ON t.id = r.batch_id AND t.component = v.component AND t.period_range && d.days
    JOIN disbursement_rosteromission o ON o.roster_id = r.id AND o.revision = r.revision AND o.entitlement_id = e.id
    WHERE r.policy_id = e.policy_id AND r.division_code = left(e.division_code, 9) || '000' AND r.status <> 'cancelled'
      AND o.reason IN ('twin', 'head', 'no_facts', 'nothing_due')
    ORDER BY o.id DESC LIMIT 1) missed ON true
WHERE e.beneficiary_id = %s AND (w.listed IS NULL OR lower(d.days) <= {_TODAY})
  AND NOT EXISTS (SELECT FROM subsidies_paymentround g WHERE g.id = c.payment_round_id AND g.given_up_at IS NOT NULL)"""  # noqa: S608 -- constants of ours


AWAITED = f"{_awaited(months=False)} UNION ALL {_awaited(months=True)} ORDER BY 1, 6 DESC LIMIT 50"


def awaited(person_id: int) -> list[Awaited]:
    """What is confirmed for this person and not listed for payment yet; what is listed stands among the payments."""
    with connection.cursor() as cursor:
        cursor.execute(AWAITED, [person_id, person_id])
        return [Awaited(*row) for row in cursor.fetchall()]


# of a pause that was lifted the days that are lost: under a rule that counts months to the end of the month
_COUNTS_MONTHS = f"""EXISTS (SELECT FROM recipients_entitlementversion v
    JOIN recipients_declarationline s ON s.id = v.source_line_id
    JOIN recipients_declaration c ON c.id = s.declaration_id JOIN subsidies_policyversion pv ON pv.id = c.version_id
    WHERE v.entitlement_id = e.id AND {counts_months_in_sql("pv")})"""
# a right that ended stays paused for the days before its end
_PAUSED_BEFORE_ITS_END = "(e.ends_on IS NULL OR coalesce(x.forfeits_from, x.first_day) < e.ends_on)"
CHANGES = f"""SELECT y.name, w.kind, w.since, w.until FROM recipients_entitlement e
JOIN subsidies_policy y ON y.id = e.policy_id
CROSS JOIN LATERAL (
    SELECT x.kind, coalesce(x.forfeits_from, x.first_day) AS since, NULL::date AS until FROM recipients_suspension x
    WHERE x.entitlement_id = e.id AND x.status = 'standing' AND {_PAUSED_BEFORE_ITS_END}
    UNION ALL
    SELECT CASE WHEN m.months THEN 'lost' ELSE 'lost_periods' END, x.forfeits_from,
        CASE WHEN m.months THEN (date_trunc('month', x.last_day::timestamp) + interval '1 month - 1 day')::date
             ELSE x.last_day END
    FROM recipients_suspension x CROSS JOIN LATERAL (SELECT {_COUNTS_MONTHS} AS months) m
    WHERE x.entitlement_id = e.id AND x.status = 'lifted' AND x.last_day >= x.forfeits_from
      AND (e.ends_on IS NULL OR e.ends_on > x.forfeits_from)
    UNION ALL
    SELECT 'received', min(lower(v.valid)), NULL FROM recipients_entitlementversion v
    JOIN recipients_succession u ON u.id = v.succession_id
    WHERE v.entitlement_id = e.id AND NOT isempty(v.valid) AND e.status <> 'ended' GROUP BY u.change_id
    UNION ALL
    SELECT CASE WHEN g.head_change_id IS NOT NULL THEN 'passed' WHEN EXISTS (SELECT FROM recipients_suspension x
            WHERE x.entitlement_id = e.id AND x.status = 'standing' AND {_PAUSED_BEFORE_ITS_END}) THEN 'ended_paused'
        ELSE 'ended' END, g.ends_on, NULL FROM recipients_ending g
    WHERE g.entitlement_id = e.id AND g.status = 'standing' AND g.death_id IS NULL
) w
WHERE e.beneficiary_id = %s AND (w.kind IN ('withheld', 'forfeited')
       OR coalesce(w.until, w.since) > (business_now() AT TIME ZONE 'Asia/Shanghai')::date - 730)
ORDER BY y.name, w.since DESC LIMIT 50"""  # noqa: S608 -- constants of ours


def changes(person_id: int) -> list[Change]:
    """Pauses that stand, and of the last two years days that were lost and rights that ended or passed to another head, or came."""
    with connection.cursor() as cursor:
        cursor.execute(CHANGES, [person_id])
        return [Change(*row) for row in cursor.fetchall()]
