"""Whom lists pay where an ending was corrected, a new head has died or is stopped, and the head has changed."""

from datetime import date

import pytest

from disbursement import proofs, services
from disbursement.models import PaymentResult, RosterOmission
from huimin.core.authority.roles import Role
from recipients.models import Entitlement
from recipients.services import corrections, deaths, entitlements, review
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head, listed
from tests.disbursement.test_one_head_is_paid import Village, supplement
from tests.factories import TOWN, UserFactory
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db


def by_months(**more):
    here = Village("quarterly", is_open_ended=True, amount_rule=make.MONTHLY, **more)
    here.quarters = [f"2026Q{number}" for number in (1, 2, 3, 4)]
    return here


def paid(here, *people):
    """What the lists of the year's four quarters say of each, in yuan."""
    batches = [make.issued_batch(here, quarter) for quarter in here.quarters]
    return [
        [
            int(sum(line.amount for line in make.lines_of(batch).filter(beneficiary_id=one.pk)))
            for one in people
        ]
        for batch in batches
    ]


@pytest.mark.parametrize("cause", ["moved", "died"])
def test_no_list_pays_a_former_head_days_of_the_present_one_after_an_ending_was_corrected(cause):
    here = by_months()
    here.declare([here.head, here.neighbour], "2026Q1")
    right = Entitlement.objects.get(beneficiary=here.head)
    if cause == "moved":
        pause = lists.suspended(right, "withheld", date(2026, 7, 1))
    entitlements.take_step(right.pk, "end", actor=here["department"], note="迁出", happened=date(2026, 7, 5))
    if cause == "died":
        deaths.record_death(here.head.pk, died_on=date(2026, 7, 10), actor=here["village"])
    else:
        lists.lifted(pause)
    change_head(here, here.wife, cause=cause, day=date(2026, 7, 5) if cause == "moved" else None)
    corrections.correct_ending(
        right.endings.get().pk, "correct", actor=here["department_check"], note="没有迁出"
    )
    assert paid(here, here.head, here.wife) == [[720, 0], [720, 0], [240, 480], [0, 720]]
    assert proofs.lines_lie_in_their_rights()[1] == []
    assert proofs.households_are_paid_once()[1] == []


def test_no_list_pays_a_new_head_beyond_a_death_from_before_a_late_book_was_confirmed():
    here = by_months(has_township_review=True)
    book = here.book([here.head, here.neighbour], "2026Q1")
    review.take_step(book.pk, "submit", actor=here["village"])
    change_head(here, here.wife, day=date(2026, 7, 10))
    deaths.record_death(here.wife.pk, died_on=date(2026, 10, 10), actor=here["village"])
    checker = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN)
    review.take_step(book.pk, "approve_township", actor=checker)
    assert paid(here, here.head, here.wife) == [[720, 0], [720, 0], [240, 480], [0, 240]]
    assert proofs.lines_lie_in_their_rights()[1] == []


@pytest.fixture
def stopped():
    """A year that is paid once: the head until March, then the wife, whose days are all forfeited from April on."""
    here = Village("yearly", is_open_ended=True)
    here.declare([here.head, here.neighbour], "2026")
    change_head(here, here.wife, day=date(2026, 3, 10))
    right = Entitlement.objects.get(beneficiary=here.wife)
    return here, lists.suspended(right, "forfeited", date(2026, 3, 20))


def test_a_year_of_which_the_new_head_forfeits_every_day_is_the_former_one_s_who_had_days_of_it(stopped):
    here, _ = stopped
    batch = make.issued_batch(here, "2026")
    assert listed(batch, here.head, here.wife, here.neighbour) == [1, 0, 1]
    assert RosterOmission.objects.get(person_id=here.wife.pk).reason == "suspended"
    make.returned(here, make.sent_order(here, batch))
    assert PaymentResult.objects.filter(kind="paid", line__beneficiary_id=here.head.pk).count() == 1
    for proved in (proofs.lines_lie_in_their_rights, proofs.households_are_paid_once):
        assert proved()[1] == []


def test_once_the_stop_is_lifted_the_year_is_not_paid_a_second_time(stopped):
    here, pause = stopped
    batch = make.issued_batch(here, "2026")
    make.returned(here, make.sent_order(here, batch))
    lists.lifted(pause, date(2026, 3, 25))
    assert services.unpaid_totals(batch)[0] == 0


def test_a_stop_that_is_lifted_before_the_list_was_sent_gives_the_year_to_the_new_head(stopped):
    here, pause = stopped
    batch = make.issued_batch(here, "2026")
    lists.lifted(pause, date(2026, 9, 30))
    roster = make.lines_of(batch).get(beneficiary_id=here.head.pk).roster
    services.regenerate_roster(roster.pk, actor=here["town"])
    assert listed(batch, here.head, here.wife) == [0, 1]


def test_a_year_that_the_new_head_forfeits_and_has_whole_is_nobody_s():
    """Both were declared for it: what two people decided is lost is not paid under the former head's name."""
    here = Village(stop_rule="next_year")
    here.declare([here.head, here.neighbour])
    deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    change_head(here, here.wife, cause="died", day=None)
    here.declare([here.wife], another=True)
    right = Entitlement.objects.get(beneficiary=here.wife)
    lists.suspended(right, "forfeited", date(2025, 3, 20))
    assert listed(make.issued_batch(here), here.head, here.wife) == [0, 0]


def test_a_year_that_is_withheld_from_the_new_head_waits_for_the_answer():
    here = Village("yearly", is_open_ended=True)
    here.declare([here.head, here.neighbour], "2026")
    change_head(here, here.wife, day=date(2026, 3, 10))
    pause = lists.suspended(Entitlement.objects.get(beneficiary=here.wife), "withheld", date(2026, 3, 20))
    batch = make.issued_batch(here, "2026")
    assert listed(batch, here.head, here.wife) == [0, 0]
    make.returned(here, make.sent_order(here, batch))
    lists.lifted(pause)
    assert listed(supplement(here, batch), here.head, here.wife) == [0, 1]
