"""No household is paid under two heads for the same days, nor to anybody what was stopped: guards of the claims."""

import pgtrigger

from disbursement.models.sql import paid_to_another_head, stops
from recipients.models.parties import HOUSEHOLD_RIGHTS, of_one_recipient

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
                SELECT h.house FROM {HOUSEHOLD_RIGHTS} h
                JOIN added a ON a.entitlement_id = h.right_id)
                ORDER BY p.id FOR NO KEY UPDATE;
            IF FOUND AND EXISTS (SELECT FROM added a WHERE {_PAID}) THEN
                RAISE EXCEPTION '这一户这些天已发给另一任户主（household_never_paid_twice）' USING ERRCODE = '23P01';
            END IF;
            RETURN NULL;
        """,  # noqa: S608 -- constants of ours
    )


def stops_stand() -> pgtrigger.Trigger:
    """Of Claim, after household_never_paid_twice by its name: a stop that frees a claim meanwhile is seen here, or its
    claim there."""
    return pgtrigger.Trigger(
        name="stops_stand_until_lifted",
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="added"),
        func=f"""
            IF EXISTS (
                WITH stopped AS MATERIALIZED (SELECT u.* FROM {stops()} u
                    WHERE u.period_range && (SELECT range_merge(range_agg(a.period_range)) FROM added a))
                SELECT FROM {of_one_recipient("stopped")} h JOIN added a ON a.entitlement_id = h.right_id
                    AND a.component = h.component AND a.period_range && h.period_range) THEN
                RAISE EXCEPTION '这一户这些天有一笔停发，没有恢复（stops_stand_until_lifted）' USING ERRCODE = '23514';
            END IF;
            RETURN NULL;
        """,  # noqa: S608 -- constants of ours
    )
