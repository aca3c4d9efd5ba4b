"""A record that is put out of use is on no list, and whoever puts it back passes none that pays by it."""

from datetime import date

import pytest
from django.db import transaction
from django.urls import reverse
from psycopg.types.range import DateRange

from disbursement import proofs
from disbursement.models import RosterOmission
from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from recipients.services import deaths, records
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head, listed
from tests.disbursement.test_one_head_is_paid import Village, supplement
from tests.factories import VILLAGE, grant

pytestmark = pytest.mark.django_db


def paused(here, person):
    return records.pause_record(person.pk, reason="联系不上", actor=here["town"])


def lifted(here, pause, by):
    return records.lift_pause(pause.pk, "lift", note="本人来核对过", actor=here[by])


def monthly(payee=False):
    """People paid each month; of `payee` one of them by a mother."""
    here = make.world(2, frequency="monthly", rule=make.MONTHLY)
    with transaction.atomic():
        one = make.person(VILLAGE, by=here["village"].pk)
        make.account(one)
        child = make.person(VILLAGE, household=one.household, by=here["village"].pk)
    right = make.entitle(
        here.books[VILLAGE],
        child if payee else one,
        payee=one,
        quantity="1",
        valid=DateRange(date(2026, 1, 1), None),
    )
    return here, one, right.beneficiary


@pytest.mark.parametrize("payee", [False, True])
def test_what_was_not_paid_while_a_record_was_out_of_use_is_paid_when_it_is_back(payee):
    here, one, beneficiary = monthly(payee)
    pause = paused(here, one)
    batch = make.issued_batch(here, "2026-05")
    assert listed(batch, beneficiary) == [0]
    assert RosterOmission.objects.get(person_id=beneficiary.pk).reason == "record"
    lifted(here, pause, "department")
    make.returned(here, make.sent_order(here, batch))
    more = supplement(here, batch)
    assert listed(more, beneficiary) == [1]
    make.approved(here, more)


@pytest.mark.parametrize("payee", [False, True])
def test_who_puts_a_record_back_passes_no_list_that_pays_by_it(payee):
    here, one, _ = monthly(payee)
    lifted(here, paused(here, one), "town_check")
    with pytest.raises(StepRefused, match="恢复档案"):
        make.approved(here, make.issued_batch(here, "2026-05"))


def test_lists_of_other_people_are_passed_by_who_put_a_record_back():
    here = make.world(3, frequency="monthly", rule=make.MONTHLY)
    one = make.person(VILLAGE, by=here["village"].pk)
    lifted(here, paused(here, one), "town_check")
    make.approved(here, make.issued_batch(here, "2026-05"))


def test_a_department_s_clerk_who_puts_a_record_back_handles_the_list_all_the_same():
    here, one, beneficiary = monthly()
    lifted(here, paused(here, one), "department_handle")
    batch = make.issued_batch(here, "2026-05")
    assert listed(batch, beneficiary) == [1]
    make.approved(here, batch)


def test_who_puts_the_head_s_record_back_passes_no_list_of_the_head_after():
    here = Village("monthly", is_open_ended=True, amount_rule=make.MONTHLY)
    here.declare([here.head, here.neighbour], "2026-01")
    lifted(here, paused(here, here.head), "town_check")
    change_head(here, here.wife, day=date(2026, 3, 10))
    batch = make.issued_batch(here, "2026-05")
    assert listed(batch, here.wife) == [1]
    with pytest.raises(StepRefused, match="恢复档案"):
        make.approved(here, batch)


def test_who_puts_a_record_back_after_the_final_approval_pays_no_order_of_the_list():
    here, one, _ = monthly()
    found = make.approved(here, make.issued_batch(here, "2026-05"))
    grant(here["order_maker"], Role.TOWNSHIP_REVIEWER)
    lifted(here, paused(here, one), "order_maker")
    with pytest.raises(StepRefused, match="恢复档案"):
        make.make_order([roster.pk for roster in found], actor=here["order_maker"])
    assert proofs.separation_over_the_whole_way()[1] == []


def test_the_village_reads_that_whoever_the_money_was_for_has_died(client):
    here, one, _ = monthly()
    make.returned(here, make.sent_order(here, make.issued_batch(here, "2026-05")), fail=range(9))
    client.force_login(here["village"])
    said = "已去世，还是户主：家里有人的先办“改为户主”"
    assert said not in client.get(reverse("disbursement:failed-list")).content.decode()
    deaths.record_death(one.pk, died_on=date(2026, 6, 1), actor=here["village"])
    assert said in client.get(reverse("disbursement:failed-list")).content.decode()
