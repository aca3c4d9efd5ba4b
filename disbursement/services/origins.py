"""What lists were made from, by its names in the record of duties: whoever decided upon it checks no list and pays none.

What was given back stands for every right of the recipient (recipients.models.parties): a change of head or a later
declaration does not lose whose word the money goes by.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from disbursement.models import Roster
from disbursement.models.sql import LIVE, stops
from recipients.models.parties import of_one_recipient

# lists are made a year ahead at most, and a stop rule looks a year ahead at most: of what was decided longer ago than this
# before the first day of the lists at hand no day reaches them. Of these acts and no others the days are compared
_SINCE = "(SELECT min(lower(l.period_range)) - interval '2 years' FROM l)"
# what can still come about after a list was checked, with the days it speaks for: stops that were taken back, failures of
# policies of the lists at hand and who booked them, days that were given back. Suspensions lifted or corrected, endings,
# in the days until then, or until the stop rule's day, and in the month after it; one that withheld had withheld earlier
# days as well. A corrected ending gives back the days from the one on which it would have stopped the money; one that
# came of a death is told by the death that was corrected
_BACK = f"""
SELECT t.line_id, t.entitlement_id, t.component, t.period_range AS days, 'disbursement.paymentline:' || t.line_id AS source
FROM {stops("", since=_SINCE)} t
UNION ALL SELECT f.id, f.entitlement_id, f.component, f.period_range, w.source
FROM disbursement_paymentresult x JOIN disbursement_paymentline f ON f.id = x.line_id
CROSS JOIN LATERAL (
    SELECT 'disbursement.returnfile:' || x.return_file_id AS source WHERE x.return_file_id IS NOT NULL
    UNION ALL SELECT 'disbursement.reversal:' || k.id FROM disbursement_reversal k
    WHERE k.line_id = f.id AND k.status = 'approved') w
WHERE x.kind IN ('bank_failed', 'late_return') AND x.business_on > {_SINCE}
  AND f.policy_id IN (SELECT l.policy_id FROM l)
UNION ALL SELECT 0, u.entitlement_id, NULL, daterange(CASE WHEN u.kind = 'forfeited' THEN u.first_day END,
    (greatest(u.lifted_at, u.corrected_at, u.forfeits_from) + interval '1 month')::date), 'recipients.suspension:' || u.id
FROM recipients_suspension u WHERE u.status <> 'standing' AND coalesce(u.corrected_at, u.lifted_at) > {_SINCE}
UNION ALL SELECT 0, g.entitlement_id, NULL,
    daterange(g.ends_on, (greatest(g.ends_on, g.over_at) + interval '1 month')::date), w.source
FROM recipients_ending g CROSS JOIN LATERAL (
    SELECT 'recipients.ending:' || g.id AS source
    UNION ALL SELECT 'recipients.death:' || g.death_id WHERE g.death_id IS NOT NULL) w
WHERE g.status = 'corrected' AND g.over_at > {_SINCE}
UNION ALL SELECT 0, e.id, NULL, daterange(NULL, (k.lifted_at + interval '1 month')::date), 'recipients.recordpause:' || k.id
FROM recipients_recordpause k JOIN recipients_entitlement e ON e.beneficiary_id = k.person_id
WHERE k.status = 'lifted' AND k.lifted_at > {_SINCE}"""  # noqa: S608 -- constants of ours
# the lines whose money is declared to a head: they pay whoever was head when the list was made (parties.payee_of)
_PAYEES = "l JOIN recipients_entitlementversion v ON v.id = l.entitlement_version_id AND v.payee_id <> l.beneficiary_id"
# who put that payee back, dead or out of use, for whatever days until a month after it, and who asked for the newest change
# that made the payee head
_PAID_TO_A_HEAD = f"""
SELECT l.roster_id, 'recipients.death:' || k.id FROM {_PAYEES} JOIN recipients_death k ON k.person_id = l.payee_id
WHERE k.status = 'corrected' AND l.period_range && daterange(NULL, (k.corrected_at + interval '1 month')::date)
UNION SELECT l.roster_id, 'recipients.recordpause:' || k.id FROM {_PAYEES} JOIN recipients_recordpause k ON k.person_id = l.payee_id
WHERE k.status = 'lifted' AND l.period_range && daterange(NULL, (k.lifted_at + interval '1 month')::date)
UNION SELECT l.roster_id, 'recipients.headchange:' || c.id FROM {_PAYEES} CROSS JOIN LATERAL (
    SELECT max(c.id) AS id FROM recipients_headchange c
    WHERE c.new_head_id = l.payee_id AND c.status = 'approved') c
WHERE c.id IS NOT NULL"""  # noqa: S608 -- constants of ours
# who asked for the change by which somebody of the household is head now: of two who have a day the head is paid, and the
# days from the change on are a head's, whether a right passed, was there before or was declared since. The newest change
# is enough: it says who is head, also after the lists were approved
_MADE_HEAD = """
SELECT l.roster_id, 'recipients.headchange:' || c.id FROM (
    SELECT DISTINCT ON (c.household_id) c.household_id, c.id, c.new_head_id, c.starts_on
    FROM recipients_headchange c WHERE c.status = 'approved' ORDER BY c.household_id, c.id DESC) c
JOIN recipients_entitlement e ON e.house = c.household_id AND e.beneficiary_id = c.new_head_id
JOIN recipients_person p ON p.id = e.beneficiary_id AND p.is_holder
JOIN l ON l.entitlement_id = e.id
WHERE upper(l.period_range) > c.starts_on OR EXISTS (
    SELECT FROM recipients_entitlement a JOIN recipients_entitlementversion v ON v.entitlement_id = a.id
    WHERE a.house = e.house AND a.policy_id = e.policy_id AND a.id <> e.id
      AND v.component = l.component AND v.valid && l.period_range)"""
# who asked for the number from which the birth date of somebody follows, where the rule asks for the age
_SAID_THE_AGE = """
SELECT l.roster_id, 'recipients.numberchange:' || c.id FROM l
JOIN recipients_numberchange c ON c.person_id = l.beneficiary_id OR c.other_id = l.beneficiary_id
JOIN disbursement_roster r ON r.id = l.roster_id JOIN disbursement_batch t ON t.id = r.batch_id
JOIN subsidies_policyversion v ON v.id = t.version_id
WHERE c.status = 'approved' AND c.birth_date <> c.old_birth_date AND v.amount_rule::text LIKE '%%"age"%%'"""
GIVEN_BACK = f"""
SELECT b.roster_id, b.source FROM (
    WITH back AS MATERIALIZED ({_BACK}), meant AS MATERIALIZED (SELECT z.* FROM {of_one_recipient("back")} z)
    SELECT l.roster_id, t.source FROM meant t
    JOIN l ON l.entitlement_id = t.right_id AND l.component = coalesce(t.component, l.component)
         AND l.period_range && t.days AND l.id > t.line_id) b
UNION {_MADE_HEAD}
UNION {_PAID_TO_A_HEAD}
UNION {_SAID_THE_AGE}"""  # noqa: S608 -- constants of ours
ORIGINS = f"""
SELECT l.roster_id, 'recipients.declaration:' || d.declaration_id AS source FROM l
JOIN recipients_entitlementversion v ON v.id = l.entitlement_version_id
JOIN recipients_declarationline d ON d.id = v.source_line_id
UNION SELECT p.roster_id, 'recipients.headchange:' || p.change_id FROM (
    WITH RECURSIVE passed AS (
        SELECT l.roster_id, u.change_id, u.earlier_id FROM l
        JOIN recipients_entitlementversion v ON v.id = l.entitlement_version_id
        JOIN recipients_succession u ON u.id = v.succession_id
        UNION SELECT p.roster_id, u.change_id, u.earlier_id FROM passed p
        JOIN recipients_succession u ON u.later_id = p.earlier_id)
    SELECT * FROM passed) p
UNION SELECT r.id, 'subsidies.paymentround:' || t.payment_round_id FROM disbursement_roster r
JOIN disbursement_batch t ON t.id = r.batch_id AND t.payment_round_id IS NOT NULL
WHERE r.id IN (SELECT l.roster_id FROM l)
UNION {GIVEN_BACK}"""  # noqa: S608 -- constants of ours


def origins_of(roster: Roster) -> list[str]:
    """All of what the roster's lines that count were made from."""
    return _found(ORIGINS, [roster])


def given_back(rosters: Sequence[Roster]) -> list[str]:
    """Of that, what can have come about since the rosters were approved."""
    return _found(GIVEN_BACK, rosters)


def asked_of_lists(sources: str) -> str:
    """The statement, with one parameter: the rosters."""
    return f"""WITH l AS (SELECT l.* FROM {LIVE} WHERE r.id = ANY(%s))
        SELECT DISTINCT source FROM ({sources}) o"""  # noqa: S608 -- constants of ours


def _found(sources: str, rosters: Sequence[Roster]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(asked_of_lists(sources), [[one.pk for one in rosters]])
        return [source for (source,) in cursor.fetchall()]
