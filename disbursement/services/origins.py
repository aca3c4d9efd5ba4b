"""What lists were made from, by its names in the record of duties: whoever decided upon it checks no list and pays none.

What was given back stands for every right of the recipient (recipients.models.parties): a change of head, a new record or
a later declaration does not lose whose word the money goes by.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from disbursement.models import Roster
from disbursement.models.sql import stops
from recipients.models.parties import of_one_recipient

# lines l that the bank had failed, or that came back, of policies of the lists at hand, with who said so
_FAILED = """(SELECT f.id AS line_id, f.entitlement_id, f.component, f.period_range, x.return_file_id
    FROM disbursement_paymentresult x JOIN disbursement_paymentline f ON f.id = x.line_id
    WHERE x.kind IN ('bank_failed', 'late_return') AND f.policy_id IN (SELECT l.policy_id FROM l))"""
# suspensions that somebody lifted or corrected, as endings: in the days until then, and in the month after it; one that
# withheld had withheld earlier days as well
_PAUSED = """(SELECT u.id, u.entitlement_id, daterange(CASE WHEN u.kind = 'forfeited' THEN u.first_day END,
        (greatest(u.lifted_at, u.corrected_at) + interval '1 month')::date) AS days
    FROM recipients_suspension u WHERE u.status <> 'standing')"""
_ENDED = """(SELECT g.id, g.entitlement_id,
        daterange(g.ends_on, greatest(g.ends_on, (g.over_at + interval '1 month')::date)) AS days
    FROM recipients_ending g WHERE g.status = 'corrected')"""
_TAKES_ITS_PLACE = """l.entitlement_id = t.right_id AND l.component = t.component
    AND l.period_range && t.period_range AND l.id > t.line_id"""

# what can still come about after a list was checked: stops that were taken back, failures, days that were given back
GIVEN_BACK = f"""
SELECT l.roster_id, 'disbursement.paymentline:' || t.line_id AS source FROM {of_one_recipient(stops(""))} t
JOIN l ON {_TAKES_ITS_PLACE}
UNION SELECT l.roster_id, 'disbursement.returnfile:' || t.return_file_id FROM {of_one_recipient(_FAILED)} t
JOIN l ON {_TAKES_ITS_PLACE} AND t.return_file_id IS NOT NULL
UNION SELECT l.roster_id, 'disbursement.reversal:' || k.id FROM {of_one_recipient(_FAILED)} t
JOIN l ON {_TAKES_ITS_PLACE}
JOIN disbursement_reversal k ON k.line_id = t.line_id AND k.status = 'approved'
UNION SELECT l.roster_id, 'recipients.suspension:' || t.id FROM {of_one_recipient(_PAUSED)} t
JOIN l ON l.entitlement_id = t.right_id AND l.period_range && t.days
UNION SELECT l.roster_id, 'recipients.ending:' || t.id FROM {of_one_recipient(_ENDED)} t
JOIN l ON l.entitlement_id = t.right_id AND l.period_range && t.days
"""  # noqa: S608 -- constants of ours
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
    """All of what the lines of the roster's present revision were made from."""
    return _found(ORIGINS, [roster])


def given_back(rosters: Sequence[Roster]) -> list[str]:
    """Of that, what can have come about since the rosters were approved."""
    return _found(GIVEN_BACK, rosters)


def _found(sources: str, rosters: Sequence[Roster]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH l AS (SELECT l.* FROM disbursement_paymentline l
                           JOIN unnest(%s::bigint[], %s::int[]) AS r(id, revision)
                           ON l.roster_id = r.id AND l.revision = r.revision)
                SELECT DISTINCT source FROM ({sources}) o""",  # noqa: S608 -- constants of ours
            [[one.pk for one in rosters], [one.revision for one in rosters]],
        )
        return [source for (source,) in cursor.fetchall()]
