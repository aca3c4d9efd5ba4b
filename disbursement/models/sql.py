"""SQL that triggers and reads share: the open fields of a line, the root over a list."""

from disbursement.states import RosterStatus
from recipients.models.heads import HEADS_RIGHTS

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


def state_of(line: str, counted: str, order_status: str) -> str:
    """The code of PaymentState of a line: given its id, the condition under which it counts, its order's status or NULL.

    A line has one outcome (paid, failed, stopped); what undoes a payment comes after it and goes before it here.
    """
    return f"""CASE
    WHEN NOT {counted} THEN 'void'
    WHEN EXISTS (SELECT FROM disbursement_correction c WHERE c.failed_line_id = {line}) THEN 'taken_over'
    ELSE coalesce((SELECT p.kind FROM disbursement_paymentresult p WHERE p.line_id = {line}
                   ORDER BY p.kind IN ('late_return', 'voluntary_refund') DESC, p.id DESC LIMIT 1),
                  CASE WHEN {order_status} IN ('sent', 'settled') THEN 'at_bank'
                       WHEN {order_status} IS NOT NULL THEN 'ordered' ELSE 'waiting' END)
    END"""  # noqa: S608 -- columns of ours


def paid_to_another_head(right: str, component: str, days: str) -> str:
    """Whether the household of this right holds a claim for these days under another head's right of the policy.

    Few rights ever passed with a change of head: the others are told by a look into those few.
    """
    return f"""({right} IN (SELECT h.right_id FROM {HEADS_RIGHTS} h) AND EXISTS (
        SELECT FROM {HEADS_RIGHTS} h JOIN {HEADS_RIGHTS} o ON o.household_id = h.household_id
             AND o.policy_id = h.policy_id AND o.right_id <> h.right_id
        JOIN disbursement_claim oc ON oc.entitlement_id = o.right_id AND oc.component = {component}
             AND oc.period_range && {days}
        WHERE h.right_id = {right}))"""  # noqa: S608 -- columns of ours


COUNTS = counts("l.revision", "r.revision", "r.status")
LIVE = f"disbursement_paymentline l JOIN disbursement_roster r ON r.id = l.roster_id AND {COUNTS}"
# alias o is the order of the roster, or nothing
STATE = state_of("l.id", COUNTS, "o.status")
