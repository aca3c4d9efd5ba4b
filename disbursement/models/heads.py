"""No household is paid under two heads for the same days: a guard of the claims."""

import pgtrigger

from disbursement.models.sql import paid_to_another_head
from recipients.models.heads import HOUSEHOLD_RIGHTS

_PAID = paid_to_another_head("a.entitlement_id", "a.component", "a.period_range")


def household_never_paid_twice() -> pgtrigger.Trigger:
    """Of Claim. A right passes when nobody lists (recipients.services.succession), and of two lists of one household the
    later sees the claims of the earlier."""
    return pgtrigger.Trigger(
        name="household_never_paid_twice",
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="added"),
        func=f"""
            PERFORM pg_advisory_xact_lock_shared(hashtext('recipients.succession'));
            PERFORM FROM recipients_household p WHERE p.id IN (
                SELECT h.household_id FROM {HOUSEHOLD_RIGHTS} h JOIN added a ON a.entitlement_id = h.right_id)
                ORDER BY p.id FOR NO KEY UPDATE;
            IF FOUND AND EXISTS (SELECT FROM added a WHERE {_PAID}) THEN
                RAISE EXCEPTION '这一户这些天已发给另一任户主（household_never_paid_twice）' USING ERRCODE = '23P01';
            END IF;
            RETURN NULL;
        """,  # noqa: S608 -- constants of ours
    )
