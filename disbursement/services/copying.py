"""Copying failed payments into a correction roster: people fixed, days, amount and account of today, the claim taken anew."""

from __future__ import annotations

from decimal import Decimal

from django.db import connection

from disbursement.models import Roster
from disbursement.models.sql import PUBLIC_ROW, paid_to_another_head
from disbursement.queries.due import REASON, amount_sql, due_now
from disbursement.services.generation import CLAIMED, HELD_DAYS, STOPPED, is_held, run_claiming
from recipients.rules import amounts

_OF_FAILED = "AND e.id IN (SELECT entitlement_id FROM disbursement_paymentline WHERE id = ANY(%(lines)s))"
# of a rule that counts months, what the failed lines were for and no other line has claimed since
_AS_FAILED = """* (SELECT range_agg(k.period_range) FROM disbursement_paymentline k
        WHERE k.id = ANY(%(lines)s) AND k.entitlement_id = e.id)"""

# as the failed line had it, unless the policy has come to protect names since
# today's name, since it may be what failed; one that was masked stays masked
SHOWN_NAME = """CASE WHEN %(protected)s OR n.public_name <> n.beneficiary_name THEN hm_mask_surname(n.now_beneficiary)
    ELSE n.now_beneficiary END"""
# A failed line is corrected once: by a stretch of the version that it was made of, or of one that took its place since, the
# first that is free; what else of its days is due is paid by 补发
COPY = """
WITH {stopped}, due AS (
    {due}
), chosen AS (
    SELECT DISTINCT ON (f.id) f.id AS failed_id, d.*
    FROM disbursement_paymentline f
    JOIN due d ON d.entitlement_id = f.entitlement_id AND d.days <@ f.period_range AND NOT d.suspended
    WHERE f.id = ANY(%(lines)s)
      AND NOT EXISTS (SELECT FROM disbursement_claim c WHERE c.entitlement_id = f.entitlement_id
                      AND c.component = f.component AND c.period_range && d.days)
      AND NOT ({is_held})
    ORDER BY f.id, (d.version_id = f.entitlement_version_id) DESC, lower(d.days)
), numbered AS MATERIALIZED (
    SELECT f.*, d.version_id AS now_version, d.days AS now_days, d.quantity AS now_quantity, w.amount AS now_amount,
           b.name AS now_beneficiary, b.id_number AS now_id_number, b.id_key AS now_id_key, p.id AS now_payee_id, p.name AS now_payee, p.id_number AS now_payee_number, p.id_key AS now_payee_key,
           a.number AS now_number, a.number_key AS now_key, a.holder_name AS now_name, a.tail AS now_tail,
           a.bank_name AS now_bank, a.branch_code AS now_branch, coalesce(a.bank_id, 0) AS now_bank_id, a.number_commitment, b.id_commitment,
           uuid_send(gen_random_uuid()) AS new_salt,
           row_number() OVER (ORDER BY f.division_code, f.group_name, f.household_code, f.id) AS new_line_no
    FROM disbursement_paymentline f
    JOIN recipients_person b ON b.id = f.beneficiary_id
    JOIN chosen d ON d.failed_id = f.id
    CROSS JOIN LATERAL (SELECT {amount} AS amount) w
    JOIN recipients_person p ON p.id = d.payee_id
    JOIN recipients_account a ON a.person_id = p.id AND a.is_active
    WHERE w.amount > 0 AND w.amount <= f.amount
      AND NOT EXISTS (SELECT FROM disbursement_correction c WHERE c.failed_line_id = f.id)
      AND NOT {head} AND {unpayable} IS NULL
), l AS MATERIALIZED (
    SELECT n.new_line_no AS line_no, n.division_code, n.group_name, {shown} AS public_name, n.now_quantity AS quantity,
           n.standard_text, n.now_amount AS amount, n.id AS failed_id, n.new_salt,
           hm_commitment(n.new_salt, n.id_commitment, n.number_commitment) AS new_commitment FROM numbered n
), added AS (
    INSERT INTO disbursement_paymentline (county_code, division_code, roster_id, revision, line_no, policy_id,
        entitlement_id, entitlement_version_id, component, period_range, corrects_line_id, household_code,
        group_name, holder_name, beneficiary_id, beneficiary_name, beneficiary_id_number, beneficiary_key,
        public_name, payee_id, payee_name, payee_id_number, payee_key, account_number, account_key, account_name,
        account_tail, bank_name, branch_code, bank_id, quantity, standard_text, amount, salt, commitment, leaf)
    SELECT n.county_code, n.division_code, %(roster)s, %(revision)s, l.line_no, n.policy_id, n.entitlement_id,
        n.now_version, n.component, n.now_days, n.id, n.household_code, n.group_name, n.holder_name,
        n.beneficiary_id, n.now_beneficiary, n.now_id_number, n.now_id_key, l.public_name, n.now_payee_id,
        n.now_payee, n.now_payee_number, n.now_payee_key, n.now_number, n.now_key, n.now_name, n.now_tail, n.now_bank,
        n.now_branch, n.now_bank_id, l.quantity, n.standard_text, l.amount, l.new_salt, l.new_commitment,
        hm_leaf({public}, l.new_commitment)
    FROM l JOIN numbered n ON n.id = l.failed_id
    RETURNING id, corrects_line_id, entitlement_id, component, period_range, line_no, amount, leaf
), claimed AS (
    INSERT INTO disbursement_claim (line_id, entitlement_id, component, period_range)
    SELECT id, entitlement_id, component, period_range FROM added
), taken AS (
    INSERT INTO disbursement_correction (failed_line_id, new_line_id) SELECT corrects_line_id, id FROM added
)
SELECT count(*), coalesce(sum(amount), 0),
       encode(hm_merkle_root(coalesce(string_agg(leaf, ''::bytea ORDER BY line_no), ''::bytea)), 'hex') FROM added
"""


def copy_lines(roster: Roster, failed: list[int]) -> tuple[int, Decimal, str]:
    """Write the roster's lines from these failed ones, for the days and the amount (元) that are due today.

    Left out: who cannot be paid now (due.UNPAYABLE), whose days are claimed or stopped, and to whom nothing, or more than
    failed, is due now.
    """
    batch = roster.batch
    amount, values = amount_sql(amounts.rule_of(batch.version))
    sql = COPY.format(
        due=due_now(batch.version, also=_OF_FAILED, less=f"{_AS_FAILED} {CLAIMED}", shut=HELD_DAYS),
        amount=amount,
        stopped=STOPPED,
        is_held=is_held("f.entitlement_id", "d.days"),
        unpayable=REASON,
        head=paid_to_another_head("f.entitlement_id", "f.component", "d.days"),
        public=PUBLIC_ROW,
        shown=SHOWN_NAME,
    )
    values |= {"lines": failed, "roster": roster.pk, "revision": roster.revision}
    values |= {"protected": roster.policy.is_protected}
    values |= {"policy": batch.policy_id, "county": batch.county_code, "period": batch.period_range}
    values |= {"component": batch.component}
    return run_claiming(sql, values)


def copy_again(roster: Roster) -> tuple[int, Decimal, str]:
    """A correction roster made anew: the same failed payments as before, with the accounts of today.

    What was stopped on purpose in this roster stays out until somebody takes the stop back.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT l.corrects_line_id FROM disbursement_paymentline l
               WHERE l.roster_id = %s AND l.corrects_line_id IS NOT NULL AND NOT EXISTS (
                   SELECT FROM disbursement_paymentline s JOIN disbursement_paymentresult x ON x.line_id = s.id
                   WHERE s.roster_id = l.roster_id AND s.corrects_line_id = l.corrects_line_id
                     AND x.kind = 'stopped'
                     AND NOT EXISTS (SELECT FROM disbursement_stoplift t WHERE t.line_id = s.id))""",
            [roster.pk],
        )
        failed = [row[0] for row in cursor.fetchall()]
    return copy_lines(roster, failed)
