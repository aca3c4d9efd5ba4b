"""The database notes whose a right is; the proof finds what somebody with the owner's rights wrote over it."""

import pytest
from django.db import transaction

from recipients import proofs
from recipients.models import Household, Person
from tests.disbursement import factories as make
from tests.disbursement.test_people_behind import behind
from tests.factories import VILLAGE
from tests.recipients import factories as lists


@pytest.fixture
def anew(committed_db):
    """The only one of a household was set aside, and registered anew with a household of their own."""
    here = make.world(2)
    one = here.people[0]
    lists.set_aside(one)
    with transaction.atomic():
        return make.person(VILLAGE, by=here["village"].pk, number=one.id_number)


def test_a_number_registered_anew_is_the_same_human_being_and_the_household_goes_on(anew):
    before = Person.objects.get(status="void")
    assert Person.objects.get(pk=anew.pk).human == before.human == before.pk
    old = Household.objects.get(pk=before.household_id)
    assert old.lineage == anew.household_id
    assert old.continued_at is not None
    assert set(before.entitlements.values_list("human", flat=True)) == {before.pk}
    assert proofs.rights_are_of_their_recipients()[1] == []


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("recipients_person", "UPDATE recipients_person SET human = id WHERE id = {new}"),
        (
            "recipients_entitlement",
            "UPDATE recipients_entitlement SET human = {new} WHERE beneficiary_id = {old}",
        ),
        (
            "recipients_entitlement",
            "UPDATE recipients_entitlement SET house = {home} WHERE beneficiary_id = {old}",
        ),
        ("recipients_household", "UPDATE recipients_household SET lineage = {other} WHERE id = {home}"),
    ],
)
def test_the_proof_finds_a_record_a_right_and_a_household_that_are_not_whose_they_say(
    anew, owner_connection, table, statement
):
    old = Person.objects.get(status="void")
    other = Person.objects.exclude(human=old.human).get()
    given = {"new": anew.pk, "old": old.pk, "home": old.household_id, "other": other.household_id}
    behind(owner_connection, table, statement.format(**given))
    assert proofs.rights_are_of_their_recipients()[1] != []
