"""Ranges of rights that the owner of the database shortened with the triggers off are found by the proof."""

from recipients import proofs
from recipients.models import EntitlementVersion
from tests.disbursement.test_people_behind import behind
from tests.recipients import factories as lists
from tests.recipients.test_ending_rights import confirmed


def test_the_proof_finds_a_range_that_was_shortened_behind_the_trigger(committed_db, owner_connection):
    terms = lists.NOTHING | {"is_open_ended": True}
    confirmed(lists.household()[0], lists.policy(frequency="monthly", **terms), "2026-01")
    assert proofs.ranges_are_as_confirmed() == (1, [])
    behind(
        owner_connection,
        EntitlementVersion._meta.db_table,
        "UPDATE recipients_entitlementversion SET valid = '[2026-01-01,2026-02-01)'",
    )
    assert len(proofs.ranges_are_as_confirmed()[1]) == 1
