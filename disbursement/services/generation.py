"""The lines of a township's roster in one statement: who is due, why others are not, amount, digest, claim."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction

from disbursement.models import Batch, Roster
from disbursement.models.sql import PUBLIC_ROW, paid_to_another_head, stops
from disbursement.queries.due import REASON, amount_sql, by_month, due_now
from huimin.core.authority import scope
from huimin.core.errors import StepRefused
from recipients.models.parties import of_one_recipient
from recipients.rules import amounts
from subsidies.models import Policy

PUBLIC_NAME = "CASE WHEN %(protected)s THEN hm_mask_surname(g.beneficiary_name) ELSE g.beneficiary_name END"

# rights of which something in this period came back: few, and found from those results, so that the history of all the
# others is not read
EXCEPTIONS = """SELECT DISTINCT l.entitlement_id
    FROM disbursement_paymentresult x JOIN disbursement_paymentline l ON l.id = x.line_id
    WHERE x.kind IN ('bank_failed', 'late_return') AND l.policy_id = %(policy)s
      AND l.component = %(component)s AND l.period_range && %(period)s::daterange"""


def _happened(what: str) -> str:
    """Whether a line l of the right for these days has a result x that is `what`."""
    return f"""g.entitlement_id IN (SELECT entitlement_id FROM exceptions) AND EXISTS (
            SELECT FROM disbursement_paymentline l JOIN disbursement_paymentresult x ON x.line_id = l.id
            WHERE l.entitlement_id = g.entitlement_id AND l.component = %(component)s AND l.period_range && g.days
              AND {what})"""  # noqa: S608 -- conditions of ours


# stops of this period that nobody took back, and the rights for which they stand: few as well
STOPPED = f"""stopped AS MATERIALIZED (
    SELECT u.* FROM {stops()} u WHERE u.policy_id = %(policy)s AND u.component = %(component)s
      AND u.period_range && %(period)s::daterange
), held AS MATERIALIZED (
    SELECT * FROM {of_one_recipient("stopped")} z
)"""  # noqa: S608 -- constants of ours


# the days of right e for which a stop stands, for rules that count months: the others are due
HELD_DAYS = "(SELECT range_agg(z.period_range) FROM held z WHERE z.right_id = e.id)"


def is_held(right: str, days: str, *, own: str = "true") -> str:
    """Whether a stop stands for these days of a right; given columns, beside the CTE of STOPPED."""
    return f"""{right} IN (SELECT right_id FROM held) AND EXISTS (
            SELECT FROM held z WHERE z.right_id = {right} AND z.period_range && {days} AND {own})"""  # noqa: S608


# money that the bank sent back and that a correction will pay
# (which, where the right was cut short since, pays fewer days and leaves the others alone, and never pays more than failed:
# more than that, by a later declaration, is for a list)
HAS_FAILED = _happened(
    """g.amount <= l.amount AND x.kind IN ('bank_failed', 'late_return') AND NOT EXISTS (
                  SELECT FROM disbursement_correction t JOIN disbursement_paymentline n ON n.id = t.new_line_id
                  WHERE t.failed_line_id = l.id AND NOT n.period_range && g.days)"""
)
# a 补发 does not look at people who have their claim: they are nearly everybody. A rule that counts months pays the
# stretches that have none
UNCLAIMED = """AND NOT EXISTS (SELECT FROM disbursement_claim c WHERE c.entitlement_id = e.id
          AND c.component = %(component)s AND c.period_range {covers} (v.valid * %(period)s::daterange))"""
CLAIMED = """- coalesce((SELECT range_agg(c.period_range) FROM disbursement_claim c WHERE c.entitlement_id = e.id
          AND c.component = %(component)s AND c.period_range && %(period)s::daterange), '{}')"""

JUDGED = """
WITH {stopped}, due AS (
    {due}
), gathered AS (
    SELECT d.*, h.code AS household_code, h.group_name, coalesce(top.name, b.name) AS holder_name, b.is_holder,
           b.name AS beneficiary_name, b.id_number AS beneficiary_id_number, b.id_key AS beneficiary_key,
           b.id_commitment, p.name AS payee_name, p.id_number AS payee_id_number, p.id_key AS payee_key,
           a.number AS account_number, a.number_key AS account_key, a.number_commitment,
           a.holder_name AS account_name, a.tail, a.bank_name, a.branch_code, coalesce(a.bank_id, 0) AS bank_id,
           {unpayable} AS unpayable,
           {amount} AS amount
    FROM due d JOIN recipients_person b ON b.id = d.beneficiary_id
    JOIN recipients_household h ON h.id = b.household_id
    JOIN recipients_person p ON p.id = d.payee_id
    LEFT JOIN recipients_person top ON top.household_id = h.id AND top.is_holder AND top.status <> 'void'
    LEFT JOIN recipients_account a ON a.person_id = p.id AND a.is_active
), exceptions AS MATERIALIZED (
    {exceptions}
), judged AS (
    SELECT g.*, CASE
        WHEN g.unpayable IS NOT NULL THEN g.unpayable
        WHEN {is_stopped} THEN 'stopped'
        WHEN EXISTS (SELECT FROM disbursement_claim c WHERE c.entitlement_id = g.entitlement_id
                     AND c.component = %(component)s AND c.period_range && g.days) THEN 'claimed'
        WHEN {head} THEN 'head'
        WHEN {is_held} THEN 'house_stop'
        WHEN {has_failed} THEN 'failed'
        WHEN g.amount IS NULL THEN 'no_facts'
        WHEN g.amount = 0 THEN 'nothing_due' END AS reason
    FROM gathered g
)"""

GENERATE = """, numbered AS MATERIALIZED (
    SELECT g.*, {name} AS public_name, uuid_send(gen_random_uuid()) AS salt,
           row_number() OVER (ORDER BY g.division_code, g.group_name, g.household_code, g.is_holder DESC,
                              g.beneficiary_id, lower(g.days)) AS line_no
    FROM judged g WHERE g.reason IS NULL
), l AS MATERIALIZED (
    SELECT n.*, %(standard)s::text AS standard_text,
           hm_commitment(n.salt, n.id_commitment, n.number_commitment) AS commitment FROM numbered n
), added AS (
    INSERT INTO disbursement_paymentline (county_code, division_code, roster_id, revision, line_no, policy_id,
        entitlement_id, entitlement_version_id, component, period_range, household_code, group_name, holder_name,
        beneficiary_id, beneficiary_name, beneficiary_id_number, beneficiary_key, public_name, payee_id, payee_name,
        payee_id_number, payee_key, account_number, account_key, account_name, account_tail, bank_name, branch_code,
        bank_id, quantity, standard_text, amount, salt, commitment, leaf)
    SELECT %(county)s, l.division_code, %(roster)s, %(revision)s, l.line_no, %(policy)s, l.entitlement_id,
        l.version_id, %(component)s, l.days, l.household_code, l.group_name, l.holder_name, l.beneficiary_id,
        l.beneficiary_name, l.beneficiary_id_number, l.beneficiary_key, l.public_name, l.payee_id, l.payee_name,
        l.payee_id_number, l.payee_key, l.account_number, l.account_key, l.account_name, l.tail, l.bank_name,
        l.branch_code, l.bank_id, l.quantity, l.standard_text, l.amount, l.salt, l.commitment,
        hm_leaf({public}, l.commitment)
    FROM l RETURNING id, entitlement_id, component, period_range, line_no, amount, leaf
), claimed AS (
    INSERT INTO disbursement_claim (line_id, entitlement_id, component, period_range)
    SELECT id, entitlement_id, component, period_range FROM added
), left_out AS (
    INSERT INTO disbursement_rosteromission (roster_id, revision, entitlement_id, person_id, name, division_code,
                                             reason)
    SELECT DISTINCT ON (j.entitlement_id) %(roster)s, %(revision)s, j.entitlement_id, j.beneficiary_id,
           j.beneficiary_name, j.division_code, j.reason
    FROM judged j WHERE j.reason IS NOT NULL
      AND NOT EXISTS (SELECT FROM numbered n WHERE n.entitlement_id = j.entitlement_id)
    ORDER BY j.entitlement_id, lower(j.days)
)
SELECT count(*), coalesce(sum(amount), 0),
       encode(hm_merkle_root(coalesce(string_agg(leaf, ''::bytea ORDER BY line_no), ''::bytea)), 'hex') FROM added
"""


# who would stand on a 补发 of the period now. A township whose list is still open makes that list anew instead
UNPAID = """
SELECT t.town, count(DISTINCT t.entitlement_id), sum(t.amount)
FROM (SELECT left(j.division_code, 9) || '000' AS town, j.entitlement_id, j.amount FROM judged j
      WHERE j.reason IS NULL) t
WHERE NOT EXISTS (SELECT FROM disbursement_roster r JOIN disbursement_batch b ON b.id = r.batch_id
                  WHERE r.division_code = t.town AND r.status = 'issued' AND b.kind <> 'correction'
                    AND b.policy_id = %(policy)s AND b.period_range = %(period)s::daterange
                    AND b.component = %(component)s)
GROUP BY t.town ORDER BY t.town
"""


def unpaid(batch: Batch) -> dict[str, tuple[int, Decimal]]:
    """应发未发: township -> people and sum (元) due for the batch's period, payable, not claimed, not stopped."""
    sql, params = _judged(batch, batch.county_code, unclaimed=True)
    with connection.cursor() as cursor:
        cursor.execute(sql + UNPAID, params)
        return {town: (count, total) for town, count, total in cursor.fetchall()}


def _judged(batch: Batch, division_code: str, *, unclaimed: bool) -> tuple[str, dict[str, Any]]:
    """The statement's beginning: everybody due below a division, each with an amount and perhaps a reason against it."""
    amount, params = amount_sql(amounts.rule_of(batch.version))
    here, less = "AND e.division_code BETWEEN %(low)s AND %(high)s", ""
    of_houses = batch.policy.object_type == Policy.ObjectType.HOUSEHOLD
    if unclaimed:
        months = by_month(batch.version)
        here, less = f"{here} {UNCLAIMED.format(covers='@>' if months else '&&')}", CLAIMED if months else ""
    sql = JUDGED.format(
        due=due_now(batch.version, also=here, less=less, shut=HELD_DAYS),
        unpayable=REASON,
        amount=amount,
        exceptions=EXCEPTIONS,
        stopped=STOPPED,
        is_stopped=is_held("g.entitlement_id", "g.days", own="z.is_own"),
        is_held=is_held("g.entitlement_id", "g.days"),
        head=paid_to_another_head("g.entitlement_id", "%(component)s", "g.days") if of_houses else "false",
        has_failed=HAS_FAILED,
    )
    low, high = scope.subtree_range(division_code)
    params |= {
        "policy": batch.policy_id,
        "county": batch.county_code,
        "low": low,
        "high": high,
        "period": batch.period_range,
        "component": batch.component,
    }
    return sql, params


def write_lines(roster: Roster, batch: Batch) -> tuple[int, Decimal, str]:
    """Insert lines, claims and omissions of the roster's present revision; returns count, sum (元), root (hex)."""
    sql, params = _judged(batch, roster.division_code, unclaimed=batch.kind == Batch.Kind.SUPPLEMENT)
    sql += GENERATE.format(name=PUBLIC_NAME, public=PUBLIC_ROW)
    params |= {
        "roster": roster.pk,
        "revision": roster.revision,
        "standard": batch.version.standard_text,
        "protected": batch.policy.is_protected,
    }
    return run_claiming(sql, params)


def run_claiming(sql: str, params: dict[str, Any]) -> tuple[int, Decimal, str]:
    """A statement that takes claims; another batch that was quicker is told instead of a broken constraint."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, params)
            count, total, root = cursor.fetchone()
    except IntegrityError as error:
        if "household_never_paid_twice" in str(error):
            raise StepRefused(
                "有一户这些天已发给另一任户主，或正由另一个批次发给他，这份花名册没有生成。请再生成一次；还是不行的，报告系统管理员。"
            ) from error
        if "stops_stand_until_lifted" in str(error):
            raise StepRefused("有一户的这一期刚刚被停发，这份花名册没有生成。请再生成一次。") from error
        if "nothing_listed_of_void_records" in str(error):
            raise StepRefused("有人的档案刚刚作废，这份花名册没有生成。请再生成一次。") from error
        if "never_paid_twice" not in str(error):
            raise
        raise StepRefused("有人刚刚被另一个批次占用，这份花名册没有生成。请再生成一次。") from error
    return count, total, root
