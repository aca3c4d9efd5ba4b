"""One human being with two records: registered anew after the first was voided, and still paid once for a period."""

import pytest
from django.db import transaction

from disbursement import services
from disbursement.models import PaymentLine, RosterOmission
from disbursement.proofs import nobody_paid_twice
from huimin.core.errors import FileRefused
from huimin.core.work import jobs
from recipients.models import Person
from tests.disbursement import factories as make
from tests.factories import OTHER_TOWN, OTHER_VILLAGE, TOWN, VILLAGE
from tests.recipients import factories as lists

TWIN = RosterOmission.Reason.TWIN


@pytest.fixture
def here(committed_db):
    return make.world(6)


@pytest.fixture
def turn_into(owner_connection):
    """turn_into(one, again): the first record is 作废 and bears the second's number, as only the owner can write it."""

    def turn(one, again):
        tables = ("recipients_person", "recipients_entitlement")
        for table in tables:
            owner_connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner_connection.execute(
            """UPDATE recipients_person a SET status = 'void', id_key = b.id_key, id_number = b.id_number, human = b.human
               FROM recipients_person b WHERE a.id = %s AND b.id = %s""",
            [one.pk, again.pk],
        )
        owner_connection.execute(
            "UPDATE recipients_entitlement SET human = %s WHERE beneficiary_id = %s", [again.pk, one.pk]
        )
        owner_connection.commit()
        for table in tables:
            owner_connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        owner_connection.commit()

    return turn


def registered_again(here, one, village):
    """The same ID number under a new household, with an account and a right; the first record is 作废."""
    lists.set_aside(one)
    with transaction.atomic():
        again = make.person(village, by=here["village"].pk, number=one.id_number)
        make.account(again)
    make.entitle(here.books[village], again)
    return again


def roster_at(batch, town):
    return batch.rosters.get(division_code=town)


def somebody_at(here, village):
    return next(one for one in here.people if one.division_code == village)


def left_out(roster, one):
    return (
        RosterOmission.objects.filter(roster=roster, revision=roster.revision, person_id=one.pk).get().reason
    )


def test_who_was_paid_under_another_record_is_left_out_with_the_reason(here):
    batch = make.issued_batch(here)
    one = somebody_at(here, VILLAGE)
    make.approve(here, roster_at(batch, TOWN))
    again = registered_again(here, one, OTHER_VILLAGE)
    roster = services.regenerate_roster(roster_at(batch, OTHER_TOWN).pk, actor=other_town(here))
    assert left_out(roster, again) == TWIN
    assert "作废" in TWIN.label
    assert not PaymentLine.objects.filter(beneficiary_id=again.pk).exists()
    assert nobody_paid_twice()[1] == []


def test_the_line_under_the_void_record_must_go_before_the_new_record_is_paid(here):
    batch = make.issued_batch(here)
    one = somebody_at(here, VILLAGE)
    again = registered_again(here, one, OTHER_VILLAGE)
    other = roster_at(batch, OTHER_TOWN)
    assert left_out(services.regenerate_roster(other.pk, actor=other_town(here)), again) == TWIN
    services.regenerate_roster(roster_at(batch, TOWN).pk, actor=here["town"])
    services.regenerate_roster(other.pk, actor=other_town(here))
    assert list(
        make.lines_of(batch).filter(beneficiary_id__in=[one.pk, again.pk]).values_list("beneficiary_id")
    ) == [(again.pk,)]
    assert nobody_paid_twice()[1] == []


def test_a_supplement_does_not_pay_the_second_record(here):
    batch = make.issued_batch(here)
    one = somebody_at(here, VILLAGE)
    make.approved(here, batch)
    again = registered_again(here, one, OTHER_VILLAGE)
    assert services.supplements.unpaid_totals(batch)[0] == 0
    with transaction.atomic():
        late = make.person(OTHER_VILLAGE, by=here["village"].pk)
        make.account(late)
    make.entitle(here.books[OTHER_VILLAGE], late)
    made = services.make_supplement(batch.pk, reason="补报", actor=here["department"])
    made, job = services.issue_batch(made.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    assert set(make.lines_of(made).values_list("beneficiary_id", flat=True)) == {late.pk}
    assert left_out(roster_at(made, OTHER_TOWN), again) == TWIN


def test_a_list_with_the_second_record_is_not_submitted_while_the_first_holds_the_period(here, turn_into):
    """The second record came onto its list before the first one held the period."""
    batch = make.issued_batch(here)
    one = somebody_at(here, VILLAGE)
    turn_into(one, somebody_at(here, OTHER_VILLAGE))
    with pytest.raises(FileRefused) as refused:
        services.advance_roster(roster_at(batch, OTHER_TOWN).pk, "submit", actor=other_town(here))
    assert "同一身份证号" in refused.value.errors[0].message


def test_a_correction_does_not_pay_who_is_paid_under_another_record(here, turn_into):
    order = make.sent_order(here)
    make.returned(here, order, fail={0})
    batch = here.policy.batch_set.get()
    failed = PaymentLine.objects.get(results__kind="bank_failed")
    paid = next(one for one in here.people if one.pk != failed.beneficiary_id)
    turn_into(paid, Person.objects.get(pk=failed.beneficiary_id))
    PaymentLine.objects.get(beneficiary_id=paid.pk)
    from huimin.core.errors import StepRefused

    with pytest.raises(StepRefused, match="已由别的名单发了"):
        services.make_correction(batch.pk, actor=here["department"])


def test_a_correction_that_is_made_anew_leaves_out_who_is_paid_under_another_record(here, turn_into):
    make.returned(here, make.sent_order(here), fail={0})
    batch = here.policy.batch_set.get()
    failed = PaymentLine.objects.get(results__kind="bank_failed")
    roster = services.make_correction(batch.pk, actor=here["department"]).rosters.get()
    assert roster.line_count == 1
    paid = next(one for one in here.people if one.pk != failed.beneficiary_id)
    turn_into(paid, Person.objects.get(pk=failed.beneficiary_id))
    assert services.regenerate_roster(roster.pk, actor=here["town"]).line_count == 0


def other_town(here):
    return make.UserFactory(role=make.Role.TOWNSHIP_CLERK)
