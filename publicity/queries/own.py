"""One person's own payments and what they wait for: 查我的补贴. Nothing here decrypts a private column."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.conf import settings
from django.db import connection

from disbursement.models.sql import COUNTS, LIVE, STATE, stops
from disbursement.queries.due import (
    REASON,
    days_of,
    goes_on,
    later_heads,
    left_by_heads,
    of_right,
    still_owed,
    suspended,
)
from disbursement.states import BatchStatus, PaymentState
from huimin.core.values.periods import begins_in_sql, next_in_sql
from publicity.rules import PUBLIC_STATES
from publicity.states import LineState
from recipients.models.parties import HOUSEHOLD_RIGHTS, payee_of
from recipients.rules.amounts import counts_months_in_sql
from subsidies.states import PolicyStatus

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
    is_dead: bool = False  # as the registry has it, which may be a mistake


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
    account_name: str  # whose account it goes to: the surname
    is_own_account: bool  # of the beneficiary's own name
    bank_name: str
    beneficiary_name: str
    state: LineState
    on_day: date | None
    reason: str
    bank_words: str
    is_supplement: bool  # by a 补发 or a 更正发放
    policy_phone: str
    event: str  # what a round of a one-off was for: 7月洪灾救助
    turn: str  # of rules.TURNS: why it goes no further, or what was done since; empty: its state tells all
    new_tail: str  # of what is not paid: of the card in use now, where that is another one

    @property
    def is_under_way(self) -> bool:
        """Nobody has to do anything, and it comes."""
        in_hand = self.state == LineState.IN_HAND and not self.turn
        return self.state == LineState.AT_BANK or in_hand or self.turn in {"new_card", "other_card"}

    @property
    def needs_help(self) -> bool:
        """It came back, and the person has to do something about the card."""
        return self.state == LineState.FAILED and not self.turn


@dataclass(frozen=True, slots=True)
class UnderReview:
    """A declaration that the person is on and that is not decided yet."""

    policy: str
    period: str
    amount: Decimal | None  # 元; none while the village still writes the list, where any figure may be a slip
    status: str
    excluded_reason: str
    event: str
    is_out_of_use: bool  # the record of the person or of the payee: it is decided all the same, and not paid


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

    policy: str  # none of what concerns the household
    kind: str  # of rules.CHANGE_WORDS
    since: date
    until: date | None  # the last day, of days that were lost


MOST_PAYMENTS = 200  # of one person on one page
NOBODY = 0  # the number of no record


def person_by_key(key: bytes) -> Known:
    """One statement; the township's office comes along, since the answer names whom to ask."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.id, p.name, coalesce(a.tail, ''), coalesce(p.phone, ''), coalesce(f.name, ''), coalesce(f.phone, ''),
                      p.division_code, p.died_on IS NOT NULL
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


def tails_of(person_id: int) -> list[str]:
    """The last digits of every card that the person's payments went to, each once.

    Always MOST_PAYMENTS lines are read and joined: those of others fill up what the person lacks and are not looked at,
    so that the work does not tell how often somebody was paid.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH own AS MATERIALIZED (
                   SELECT id, roster_id, revision, account_tail FROM disbursement_paymentline
                   WHERE beneficiary_id = %(person)s ORDER BY id DESC LIMIT %(most)s),
               read AS MATERIALIZED (
                   SELECT *, true AS is_own FROM own
                   UNION ALL
                   (SELECT id, roster_id, revision, account_tail, false FROM disbursement_paymentline
                    ORDER BY id LIMIT %(most)s - (SELECT count(*) FROM own)))
               SELECT coalesce(array_agg(DISTINCT l.account_tail) FILTER (WHERE l.is_own), '{{}}')
               FROM read l
               JOIN disbursement_roster r ON r.id = l.roster_id AND {COUNTS}
               WHERE NOT EXISTS (SELECT FROM disbursement_correction c WHERE c.failed_line_id = l.id)""",  # noqa: S608 -- a constant of ours
            {"person": person_id, "most": MOST_PAYMENTS},
        )
        row = cursor.fetchone()
    return list(row[0])


# whether a line that was not paid is due and told by no other line's claim (t.owed, beside its state s); of others NULL
_OWED = f"""CASE WHEN s.state IN ('waiting', 'ordered', 'bank_failed', 'late_return')
    THEN {still_owed("l.id", "l.entitlement_id", "l.component", "l.period_range", "v.id")} END"""
# of a line that goes no further as it is, why. In hand: its right pauses, nothing of it is due any more, an order would
# not pay it (REASON), or to another card. Failed: a stop holds the days, another line paid them, or nothing is due; the
# record is out of use, another card is in use meanwhile, or it is that of somebody dead
_TURN = f"""CASE
    WHEN s.state IN ('waiting', 'ordered') THEN CASE
        WHEN coalesce(e.ends_on <= lower(l.period_range), e.status = 'ended') THEN 'over'
        WHEN EXISTS (SELECT FROM recipients_suspension x WHERE x.entitlement_id = e.id AND x.status = 'standing'
                     AND (x.kind = 'withheld' OR x.forfeits_from <= lower(l.period_range))) THEN 'withheld'
        WHEN NOT t.owed THEN 'over'
        ELSE coalesce({REASON}, CASE WHEN a.number_key <> l.account_key THEN 'other_card' END) END
    WHEN s.state IN ('bank_failed', 'late_return') THEN CASE
        WHEN NOT t.owed THEN CASE
            WHEN EXISTS (SELECT FROM disbursement_claim c WHERE c.entitlement_id = e.id
                         AND c.component = l.component AND c.period_range && l.period_range) THEN 'paid'
            WHEN EXISTS (SELECT FROM {HOUSEHOLD_RIGHTS} h JOIN disbursement_claim c ON c.entitlement_id = h.other_id
                         AND c.component = l.component AND c.period_range && l.period_range
                         WHERE h.right_id = e.id) THEN 'paid_to_house'
            ELSE 'not_due' END
        WHEN EXISTS (SELECT FROM {stops()} u WHERE u.entitlement_id = e.id AND u.component = l.component
                     AND u.period_range && l.period_range) THEN 'held'
        WHEN EXISTS (SELECT FROM {HOUSEHOLD_RIGHTS} h JOIN {stops()} u ON u.entitlement_id = h.other_id
                     AND u.component = l.component AND u.period_range && l.period_range
                     WHERE h.right_id = e.id) THEN 'held'
        WHEN {REASON} = 'record' THEN 'record'
        WHEN a.number_key <> l.account_key THEN 'new_card'
        WHEN p.died_on IS NOT NULL AND coalesce(a.holder_name = p.name, true) THEN 'payee_died' END
    END"""  # noqa: S608 -- constants of ours
# its story is told by another: what a correction took over, also where it is stopped there; what was stopped, and may be
# paid again since; what another line of the right paid
_TOLD_BY_ANOTHER = """EXISTS (SELECT FROM disbursement_correction c WHERE c.failed_line_id = l.id)
    OR EXISTS (SELECT FROM disbursement_stoplift k WHERE k.line_id = l.id)
    OR EXISTS (SELECT FROM disbursement_paymentline n JOIN disbursement_roster nr ON nr.id = n.roster_id
               AND nr.revision = n.revision AND nr.status <> 'cancelled'
               WHERE n.entitlement_id = l.entitlement_id AND n.corrects_line_id = l.id
                 AND NOT EXISTS (SELECT FROM disbursement_stoplift k WHERE k.line_id = n.id))
    OR coalesce(w.turn = 'paid', false)"""


def payments_of(person_id: int, *, most: int = MOST_PAYMENTS) -> list[OwnPayment]:
    """The person's payments, newest first, by one statement over the index payment_of_record.

    What is told by another line is left out: that one tells the whole story.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT y.name, batch.period, extract(year FROM lower(l.period_range))::int, l.amount, l.quantity,
                       v.quantity_label, l.standard_text, l.account_tail, hm_mask_surname(l.account_name),
                       l.account_name = l.beneficiary_name, l.bank_name, l.beneficiary_name,
                       s.state, result.on_day, result.reason, result.words, batch.kind <> 'regular', y.phone,
                       coalesce(o.title, ''), coalesce(w.turn, ''),
                       CASE WHEN w.turn IN ('new_card', 'other_card') THEN a.tail ELSE '' END
                FROM {LIVE}
                JOIN disbursement_batch batch ON batch.id = r.batch_id
                LEFT JOIN subsidies_paymentround o ON o.id = batch.payment_round_id
                JOIN subsidies_policyversion v ON v.id = batch.version_id
                JOIN subsidies_policy y ON y.id = batch.policy_id
                JOIN recipients_entitlement e ON e.id = l.entitlement_id
                JOIN recipients_entitlementversion ev ON ev.id = l.entitlement_version_id
                JOIN recipients_person b ON b.id = l.beneficiary_id
                JOIN recipients_person p ON p.id = {payee_of("e", "ev")}
                LEFT JOIN recipients_account a ON a.person_id = p.id AND a.is_active
                CROSS JOIN LATERAL (SELECT false AS suspended, l.period_range AS days, e.ends_on) d
                CROSS JOIN LATERAL (SELECT {STATE} AS state OFFSET 0) s
                CROSS JOIN LATERAL (SELECT {_OWED} AS owed OFFSET 0) t
                CROSS JOIN LATERAL (SELECT {_TURN} AS turn OFFSET 0) w
                {RESULT_JOIN}
                WHERE l.county_code = %s AND l.beneficiary_id = %s AND NOT ({_TOLD_BY_ANOTHER})
                ORDER BY l.id DESC LIMIT %s""",  # noqa: S608 -- the joins are constants of ours
            [settings.COUNTY_CODE, person_id, most],
        )
        rows = cursor.fetchall()
    return [OwnPayment(*(*row[:12], PUBLIC_STATES[PaymentState(row[12])], *row[13:])) for row in rows]


def under_review(person_id: int) -> list[UnderReview]:
    """Declarations with this person that still run; the person's own lines alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT y.name, d.period, CASE WHEN d.status <> 'draft' THEN l.amount END, d.status, l.excluded_reason,
                      coalesce(o.title, ''), 'normal' <> ANY(ARRAY[b.status, p.status]) FROM recipients_declarationline l
               JOIN recipients_declaration d ON d.id = l.declaration_id
               JOIN recipients_person b ON b.id = l.beneficiary_id
               JOIN recipients_person p ON p.id = l.payee_id
               LEFT JOIN subsidies_paymentround o ON o.id = d.payment_round_id
               JOIN subsidies_policy y ON y.id = d.policy_id
               WHERE l.beneficiary_id = %s AND d.status NOT IN ('confirmed', 'withdrawn')
               ORDER BY d.id DESC LIMIT 50""",
            [person_id],
        )
        return [UnderReview(*row) for row in cursor.fetchall()]


# days of right e and version v that the recipient was paid, or is being paid, by another right (parties)
PAID_TO_ANOTHER_HEAD = f"""coalesce((SELECT range_agg(oc.period_range) FROM {HOUSEHOLD_RIGHTS} h
    JOIN disbursement_claim oc ON oc.entitlement_id = h.other_id AND oc.component = v.component
    WHERE h.right_id = e.id), '{{}}')"""  # noqa: S608 -- constants of ours
# those for which a line of the right is stopped, until somebody lifts it, and those of another right of the recipient
STOPPED = f"""coalesce((SELECT range_agg(u.period_range) FROM {stops()} u
    WHERE u.entitlement_id = e.id AND u.component = v.component), '{{}}')"""  # noqa: S608 -- constants of ours
STOPPED_FOR_THE_HOUSE = f"""coalesce((SELECT range_agg(u.period_range) FROM {HOUSEHOLD_RIGHTS} h
    JOIN {stops()} u ON u.entitlement_id = h.other_id AND u.component = v.component
    WHERE h.right_id = e.id), '{{}}')"""  # noqa: S608 -- constants of ours
_TODAY = "(business_now() AT TIME ZONE 'Asia/Shanghai')::date"
_ALL_DAYS = "'(,)'::daterange"
# the days of the periods that policy version pv of policy y pays: those that begin while it is in force (version_for)
_PAYS = f"""CASE WHEN y.frequency = 'one_off' THEN pv.valid ELSE
    daterange({next_in_sql("lower(pv.valid)", "y.frequency")}, {next_in_sql("upper(pv.valid)", "y.frequency")}) END"""
# of the present heads' days that are due, all of the periods in which they are
_PERIODS_OF_HEADS = f"""(SELECT range_agg(CASE WHEN y.frequency = 'one_off' THEN g.days ELSE
    daterange({begins_in_sql("lower(g.days)", "y.frequency")}, {next_in_sql("upper(g.days)", "y.frequency")}) END)
    FROM unnest(heads.due) AS g(days))"""  # noqa: S608 -- columns of ours


def _left(*, months: bool) -> str:
    """The days of right e that go to no later head; of a rule that pays a period once, none of a period that does."""
    left = left_by_heads(days_of(_ALL_DAYS), _ALL_DAYS, whole=False)
    return left if months else f"({left} - coalesce({_PERIODS_OF_HEADS}, '{{}}'))"


# for which days of a policy something may still be listed: of a public one all, of one that ended what 补发 goes back to
_OPEN = f"""CASE y.status WHEN '{PolicyStatus.PUBLISHED.value}' THEN '{{(,)}}'::datemultirange
    WHEN '{PolicyStatus.ABOLISHED.value}' THEN coalesce((SELECT range_agg(t.period_range)
        FROM disbursement_batch t WHERE t.policy_id = y.id AND t.county_code = e.county_code
          AND t.component = v.component AND t.kind = 'regular'
          AND t.status IN ('{BatchStatus.ISSUED.value}', '{BatchStatus.CLOSED.value}')), '{{}}')
    ELSE '{{}}' END"""  # noqa: S608 -- constants of ours


def _awaited(*, months: bool) -> str:
    """The days of a right that no roster that counts lists, once they have come; of one that is on none yet, coming ones too.

    Each stretch, and those that a stop holds apart, by the version of the policy that pays them: of rules that count months,
    or of the others. A line that is stopped tells of itself; days whose stop was taken back wait. Why not is asked of today,
    as a roster would ask it; what only the rule tells, of the last roster that left it out. An amount is told where what
    waits is what was declared, nothing else.
    """
    return f"""SELECT y.name, v.quantity, pv.quantity_label, pv.standard_text,
       CASE WHEN d.days = c.period_range THEN s.amount END, lower(d.days), upper(d.days), p.id = b.id,
       coalesce(d.stop, {REASON}, nullif(d.held, 'lifted'), missed.reason,
                CASE WHEN lower(d.days) > {_TODAY} THEN 'coming' END, d.held, '')
FROM recipients_entitlement e
JOIN recipients_entitlementversion v ON v.entitlement_id = e.id
JOIN recipients_declarationline s ON s.id = v.source_line_id
JOIN recipients_declaration c ON c.id = s.declaration_id
JOIN subsidies_policy y ON y.id = e.policy_id
JOIN subsidies_policyversion pv ON pv.policy_id = y.id AND pv.published_at IS NOT NULL
     AND {counts_months_in_sql("pv")} = {months} AND {_PAYS} && v.valid
JOIN recipients_person b ON b.id = e.beneficiary_id
JOIN recipients_person p ON p.id = {payee_of()}
LEFT JOIN recipients_account a ON a.person_id = p.id AND a.is_active
{of_right(months=months)}
{later_heads(months=months)}
CROSS JOIN LATERAL (
    SELECT x.listed, coalesce(x.lifted, '{{}}') AS lifted, {suspended(_ALL_DAYS)} AS suspended, {STOPPED} AS stopped,
           {STOPPED_FOR_THE_HOUSE} AS stopped_for_house, {_OPEN} AS open,
           ({_left(months=months)} - coalesce(x.listed, '{{}}') - {PAID_TO_ANOTHER_HEAD}) * datemultirange({_PAYS}) AS days
    FROM (SELECT range_agg(l.period_range) FILTER (WHERE k.line_id IS NULL) AS listed,
                 range_agg(l.period_range) FILTER (WHERE k.line_id IS NOT NULL) AS lifted
          FROM {LIVE} LEFT JOIN disbursement_stoplift k ON k.line_id = l.id
          WHERE l.entitlement_id = e.id AND l.component = v.component AND l.period_range && v.valid) x) w
CROSS JOIN LATERAL (SELECT w.days - w.stopped - w.stopped_for_house AS days) f
CROSS JOIN LATERAL (
    SELECT w.suspended, k.days, k.stop, k.held, e.ends_on FROM (
        SELECT unnest(f.days * w.open - w.lifted) AS days, NULL AS stop, NULL AS held
        UNION ALL SELECT unnest(f.days * w.open * w.lifted), NULL, 'lifted'
        UNION ALL SELECT unnest(f.days - w.open), NULL, 'policy'
        UNION ALL SELECT unnest(w.days * w.stopped), 'stop', NULL
        UNION ALL SELECT unnest(w.days * w.stopped_for_house - w.stopped), 'house_stop', NULL) k) d
LEFT JOIN LATERAL (
    SELECT o.reason FROM disbursement_roster r
    JOIN disbursement_batch t ON t.id = r.batch_id AND t.component = v.component AND t.period_range && d.days
    JOIN disbursement_rosteromission o ON o.roster_id = r.id AND o.revision = r.revision AND o.entitlement_id = e.id
    WHERE r.policy_id = e.policy_id AND r.division_code = left(e.division_code, 9) || '000' AND r.status <> 'cancelled'
      AND o.reason IN ('head', 'no_facts', 'nothing_due')
    ORDER BY o.id DESC LIMIT 1) missed ON true
WHERE e.beneficiary_id = %s AND (w.listed IS NULL OR lower(d.days) <= {_TODAY})
  AND NOT EXISTS (SELECT FROM subsidies_paymentround g WHERE g.id = c.payment_round_id AND g.given_up_at IS NOT NULL)"""  # noqa: S608 -- constants of ours


AWAITED = f"{_awaited(months=False)} UNION ALL {_awaited(months=True)} ORDER BY 1, 6 DESC LIMIT 50"


def awaited(person_id: int) -> list[Awaited]:
    """What is confirmed for this person and not listed for payment yet; what is listed stands among the payments."""
    with connection.cursor() as cursor:
        cursor.execute(AWAITED, [person_id, person_id])
        return [Awaited(*row) for row in cursor.fetchall()]


# a right that ended stays paused for the days before its end
_PAUSED_BEFORE_ITS_END = "(e.ends_on IS NULL OR coalesce(x.forfeits_from, x.first_day) < e.ends_on)"
# of change h the day of the one by which its new head was head no more, the last before it: a change that counts from
# that day or an earlier one undoes it, and nobody else was head between
_LEFT_BEFORE = """(SELECT c.starts_on FROM recipients_headchange c WHERE c.household_id = h.household_id
    AND c.old_head_id = h.new_head_id AND c.status = 'approved' AND c.id < h.id ORDER BY c.id DESC LIMIT 1)"""
_UNDOES = f"coalesce({_LEFT_BEFORE} >= h.starts_on, false)"
# the same of change h by which somebody was head no more: that one's own headship began on its day or later
_NEVER_WAS = """coalesce((SELECT c.starts_on FROM recipients_headchange c WHERE c.household_id = h.household_id
    AND c.new_head_id = h.old_head_id AND c.status = 'approved' AND c.id < h.id ORDER BY c.id DESC LIMIT 1)
    >= h.starts_on, false)"""
_LATELY = f"h.status = 'approved' AND greatest(h.starts_on, h.created_at::date) > {_TODAY} - 730"
CHANGES = f"""SELECT y.name, w.kind, w.since, w.until FROM recipients_entitlement e
JOIN subsidies_policy y ON y.id = e.policy_id
CROSS JOIN LATERAL (
    SELECT x.kind, coalesce(x.forfeits_from, x.first_day) AS since, NULL::date AS until FROM recipients_suspension x
    WHERE x.entitlement_id = e.id AND x.status = 'standing' AND {_PAUSED_BEFORE_ITS_END}
    UNION ALL
    SELECT CASE WHEN n.months THEN 'lost' ELSE 'lost_periods' END, lower(n.days), upper(n.days) - 1
    FROM recipients_suspension x CROSS JOIN LATERAL (
        SELECT m.months, unnest(m.paid * datemultirange(daterange(x.forfeits_from,
            greatest({goes_on("x.last_day", "m.months")}, x.forfeits_from)))) AS days
        FROM (SELECT {counts_months_in_sql("pv")} AS months, range_agg({_PAYS}) AS paid FROM subsidies_policyversion pv
              WHERE pv.policy_id = y.id AND pv.published_at IS NOT NULL GROUP BY 1) m) n
    WHERE x.entitlement_id = e.id AND x.status = 'lifted' AND x.last_day >= x.forfeits_from
      AND (e.ends_on IS NULL OR e.ends_on > x.forfeits_from)
    UNION ALL
    SELECT CASE WHEN {_UNDOES} THEN 'returned' ELSE 'received' END, min(lower(v.valid)), NULL
    FROM recipients_entitlementversion v JOIN recipients_succession u ON u.id = v.succession_id
    JOIN recipients_headchange h ON h.id = u.change_id
    WHERE v.entitlement_id = e.id AND NOT isempty(v.valid) AND e.status <> 'ended' GROUP BY h.id
    UNION ALL
    SELECT CASE WHEN g.head_change_id IS NOT NULL
            OR EXISTS (SELECT FROM recipients_succession u WHERE u.ending_id = g.id) THEN 'passed'
        WHEN g.death_id IS NOT NULL THEN 'dead' WHEN EXISTS (SELECT FROM recipients_suspension x
            WHERE x.entitlement_id = e.id AND x.status = 'standing' AND {_PAUSED_BEFORE_ITS_END}) THEN 'ended_paused'
        ELSE 'ended' END, g.ends_on, NULL FROM recipients_ending g
    WHERE g.entitlement_id = e.id AND g.status = 'standing'
) w
WHERE e.beneficiary_id = %s AND (w.kind IN ('withheld', 'forfeited') OR coalesce(w.until, w.since) > {_TODAY} - 730)
UNION ALL
(SELECT '', 'head', h.starts_on, NULL FROM recipients_headchange h
 JOIN recipients_person p ON p.id = h.new_head_id AND p.is_holder
 WHERE h.new_head_id = %s AND NOT {_UNDOES} AND {_LATELY} ORDER BY h.id DESC LIMIT 1)
UNION ALL
(SELECT '', 'former', h.starts_on, NULL FROM recipients_headchange h
 JOIN recipients_person p ON p.id = h.old_head_id AND NOT p.is_holder
 WHERE h.old_head_id = %s AND NOT {_NEVER_WAS} AND {_LATELY}
   AND NOT EXISTS (SELECT FROM recipients_ending g JOIN recipients_entitlement e ON e.id = g.entitlement_id
                   WHERE g.head_change_id = h.id AND g.status = 'standing' AND e.beneficiary_id = h.old_head_id)
 ORDER BY h.id DESC LIMIT 1)
ORDER BY 1, 3 DESC LIMIT 50"""  # noqa: S608 -- constants of ours


def changes(person_id: int) -> list[Change]:
    """Pauses that stand, and of the last two years days that were lost, rights that ended or passed to another
    head, or came, and that the person became the head, or is it no more and none of their rights passed."""
    with connection.cursor() as cursor:
        cursor.execute(CHANGES, [person_id] * 3)
        return [Change(*row) for row in cursor.fetchall()]
