"""SQL that triggers and reads share: the open fields of a line, the root over a list, which lines an order pays."""

from disbursement.states import RosterStatus
from recipients.models.parties import HOUSEHOLD_RIGHTS

# the open fields of a line, in the order in which anybody hashes them (huimin.core.values.digests); alias l is the line
PUBLIC_ROW = """ARRAY[l.line_no::text, l.division_code, l.group_name, l.public_name, l.quantity::text,
    l.standard_text, l.amount::text]"""
# Merkle root (hex) over lines l, from every open column: a changed amount or name shows, not only a changed leaf
ROOT = f"""encode(hm_merkle_root(coalesce(string_agg(hm_leaf({PUBLIC_ROW}, l.commitment), ''::bytea
    ORDER BY l.line_no), ''::bytea)), 'hex')"""


def counts(revision: str, present: str, status: str) -> str:
    """A line counts while it is of its roster's present revision and the roster was not cancelled; given columns.

    Whatever adds up, pays, shows or publishes lines asks this, by COUNTS or LIVE (aliases l and r) or by
    queries.live_lines(), and nothing else.
    """
    return f"({present} = {revision} AND {status} <> '{RosterStatus.CANCELLED.value}')"


def reaches(part: str, roster: str, bank: str, line_no: str) -> str:
    """Whether a part of an order (alias) holds the line with this roster, bank and number; given columns.

    Of one line at most one part is live (line_in_one_live_order). That a line counts and was not stopped is asked beside.
    """
    return f"""({part}.roster_id = {roster} AND {part}.bank_id = {bank}
        AND {line_no} >= lower({part}.lines) AND {line_no} < upper({part}.lines))"""


def status_of_order(roster: str, bank: str, line_no: str) -> str:
    """The status of the order that holds a line now, or NULL; given columns."""
    return f"""(SELECT o.status FROM disbursement_orderpart q JOIN disbursement_paymentorder o ON o.id = q.order_id
        WHERE q.is_live AND {reaches("q", roster, bank, line_no)})"""  # noqa: S608 -- columns of ours


def state_of(line: str, counted: str, order_status: str) -> str:
    """The code of PaymentState of a line: given its id, the condition under which it counts, its order's status or NULL.

    A line has one outcome (paid, failed, stopped); what undoes a payment comes after it and goes before it here.
    """
    return f"""CASE
    WHEN NOT {counted} THEN 'void'
    WHEN EXISTS (SELECT FROM disbursement_correction c WHERE c.failed_line_id = {line}) THEN 'taken_over'
    ELSE coalesce((SELECT p.kind FROM disbursement_paymentresult p WHERE p.line_id = {line}
                   ORDER BY p.kind IN ('late_return', 'voluntary_refund') DESC, p.id DESC LIMIT 1),
                  CASE {order_status} WHEN 'draft' THEN 'ordered' WHEN 'signed' THEN 'ordered'
                       WHEN 'sent' THEN 'at_bank' WHEN 'settled' THEN 'at_bank' ELSE 'waiting' END)
    END"""  # noqa: S608 -- columns of ours


def _claims_of_others(right: str, component: str, days: str) -> str:
    """FROM items: claims oc of the household's other rights, looked up one after the other (OFFSET 0), also where nobody has
    analysed the tables."""
    return f"""(SELECT x.other_id FROM {HOUSEHOLD_RIGHTS} x WHERE x.right_id = {right} OFFSET 0) h
        CROSS JOIN LATERAL (SELECT oc.period_range FROM disbursement_claim oc WHERE oc.entitlement_id = h.other_id
            AND oc.component = {component} AND oc.period_range && {days} OFFSET 0) oc"""  # noqa: S608 -- columns of ours


def paid_to_another_head(right: str, component: str, days: str) -> str:
    """Whether the household of this right holds a claim for these days by another member's right to the policy."""
    return f"EXISTS (SELECT FROM {_claims_of_others(right, component, days)})"


def paid_to_others(right: str, component: str, days: str) -> str:
    """Of these days those for which another right of the household holds a claim; NULL where none."""
    return f"(SELECT range_agg(oc.period_range) FROM {_claims_of_others(right, component, days)})"  # noqa: S608 -- columns of ours


def stops(condition: str = "NOT", *, since: str = "") -> str:
    """A FROM item: the lines that were stopped and whose stop nobody took back; with an empty condition, somebody did.
    Given a day, those that were stopped after it.

    What was stopped is paid to nobody of the house until the stop is lifted: of_one_recipient says for which rights.
    """
    after = f"x.business_on > {since} AND " if since else ""
    return f"""(SELECT s.id AS line_id, s.entitlement_id, s.policy_id, s.component, s.period_range FROM disbursement_paymentresult x JOIN disbursement_paymentline s ON s.id = x.line_id
        WHERE x.kind = 'stopped' AND {after}{condition} EXISTS (SELECT FROM disbursement_stoplift k WHERE k.line_id = s.id))"""  # noqa: S608


COUNTS = counts("l.revision", "r.revision", "r.status")
LIVE = f"disbursement_paymentline l JOIN disbursement_roster r ON r.id = l.roster_id AND {COUNTS}"
STATE = state_of("l.id", COUNTS, status_of_order("l.roster_id", "l.bank_id", "l.line_no"))

# --- which lines an order pays ------------------------------------------------------------------------------------------

REACHES = reaches("q", "l.roster_id", "l.bank_id", "l.line_no")
NO_RESULT = "NOT EXISTS (SELECT FROM disbursement_paymentresult p WHERE p.line_id = l.id)"
NOT_STOPPED = (
    "NOT EXISTS (SELECT FROM disbursement_paymentresult p WHERE p.line_id = l.id AND p.kind = 'stopped')"
)
# lines l of lists r that the order of part q holds, whatever came of them; stopped ones were stopped before it was made
ORDERED = f"{LIVE} JOIN disbursement_orderpart q ON {REACHES} AND {NOT_STOPPED}"
# of lines l of lists r: those that an order may take, since no live one holds them and nothing came of them
FREE = f"({NO_RESULT} AND NOT EXISTS (SELECT FROM disbursement_orderpart q WHERE q.is_live AND {REACHES}))"
# beside lines l of lists r: the live part q that holds them and its order o, or nothing
HOLDER = f"""LEFT JOIN disbursement_orderpart q ON q.is_live AND {REACHES}
    LEFT JOIN disbursement_paymentorder o ON o.id = q.order_id"""


def pays(bank: str) -> str:
    """Whether the county can pay through this bank today: it has a file format; given a column."""
    return f"{bank} IN (SELECT k.id FROM core_office k WHERE k.bank_format <> '')"  # noqa: S608 -- a column of ours


# the bank (0: none) at which the account of line l is to be paid: that with which it was listed, or where that is none
# that pays, the one at which the same account is known to be since
AT = f"""CASE WHEN {pays("l.bank_id")} THEN l.bank_id ELSE coalesce((
    SELECT k.bank_id FROM recipients_person w JOIN recipients_account k ON k.person_id = w.id
    WHERE w.id = l.payee_id AND k.is_active AND k.number_key = l.account_key), 0) END"""  # noqa: S608


def is_settled(roster: str, revision: str, line_count: str) -> str:
    """Whether an approved list was paid and every line of it has what became of it; given columns of the roster.

    Mostly settled orders hold all of it, and no line is read.
    """
    return f"""CASE
    WHEN NOT EXISTS (SELECT FROM disbursement_orderpart s WHERE s.roster_id = {roster} AND s.is_live) THEN false
    WHEN {line_count} = (SELECT sum(s.line_count) FROM disbursement_orderpart s JOIN disbursement_paymentorder o
         ON o.id = s.order_id WHERE s.roster_id = {roster} AND s.is_live AND o.status = 'settled') THEN true
    ELSE NOT EXISTS (SELECT FROM disbursement_paymentline l WHERE l.roster_id = {roster} AND l.revision = {revision}
         AND {NO_RESULT}) END"""  # noqa: S608 -- columns of ours


def has_free(roster: str, revision: str, status: str, line_count: str) -> str:
    """Whether an approved list has lines that an order may take; given columns of the roster.

    Mostly live orders hold all of it, and no line is read.
    """
    return f"""CASE WHEN {status} <> '{RosterStatus.APPROVED.value}' THEN false
    WHEN {line_count} = (SELECT sum(s.line_count) FROM disbursement_orderpart s
         WHERE s.roster_id = {roster} AND s.is_live) THEN false
    ELSE EXISTS (SELECT FROM disbursement_paymentline l WHERE l.roster_id = {roster} AND l.revision = {revision}
         AND {FREE}) END"""  # noqa: S608 -- columns of ours
