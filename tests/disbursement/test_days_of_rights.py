"""No list pays days after a right's end, or outside what was confirmed when it was made; the proof compares it later."""

from datetime import date, timedelta

import pytest
from psycopg.types.range import DateRange

from disbursement import proofs, services
from disbursement.queries import stale
from huimin.core.authority.roles import Role
from huimin.core.errors import FileRefused, StepRefused
from recipients.models import Declaration, Entitlement
from recipients.services import corrections, deaths, entitlements
from tests.disbursement import factories as make
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def monthly():
    """A county where everybody's right runs from January on and again from July on; the first person's right."""
    here = make.world(2, frequency="monthly", rule=make.MONTHLY)
    for person in here.people:
        book = make.declaration(here.policy, person.division_code, here["village"])
        make.entitle(book, person, quantity="2", valid=DateRange(date(2026, 7, 1), None))
    return here, Entitlement.objects.get(beneficiary=here.people[0])


def end(here, right):
    entitlements.take_step(
        right.pk, "end", actor=here["department"], note="2月迁出", happened=date(2026, 2, 10)
    )


def confirm_again(here, right, first):
    book = Declaration.objects.create(
        county_code=right.county_code,
        division_code=right.division_code,
        policy=here.policy,
        version=here.policy.versions.get(),
        period=f"{first:%Y-%m}",
        period_range=DateRange(first, first + timedelta(days=30)),
        serial=99,
        made_by=here["village"],
    )
    book.lines.create(
        line_no=1, beneficiary=right.beneficiary, payee=right.beneficiary, quantity=2, amount="240"
    )
    entitlements.entitle(book, actor=here["village"])


def paid_to(here, right, period):
    batch = make.issued_batch(here, period=period)
    make.approved(here, batch)
    return make.lines_of(batch).filter(beneficiary_id=right.beneficiary_id).count()


def test_a_right_confirmed_anew_is_not_paid_for_the_months_after_its_end():
    here, right = monthly()
    end(here, right)
    confirm_again(here, right, date(2026, 11, 1))
    assert [paid_to(here, right, period) for period in ("2026-02", "2026-09", "2026-11")] == [1, 0, 1]
    assert proofs.lines_lie_in_their_rights()[1] == []


def test_a_corrected_ending_pays_the_months_that_were_missed():
    here, right = monthly()
    end(here, right)
    assert paid_to(here, right, "2026-09") == 0
    ending = right.endings.get()
    another = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    corrections.correct_ending(ending.pk, "correct", actor=another, note="日期打错了")
    assert paid_to(here, right, "2026-10") == 1
    assert proofs.lines_lie_in_their_rights()[1] == []


# --- a right that ends after the list was made ----------------------------------------------------------------------------


def quarter():
    here = make.world(2, frequency="quarterly", rule=make.MONTHLY, quantity=lambda _: "1.0000")
    return here, make.issued_batch(here, period="2026Q3")


def ended_inside(here, batch, cause=date(2026, 7, 10)):
    line = make.lines_of(batch).first()
    right = Entitlement.objects.get(pk=line.entitlement_id)
    entitlements.take_step(right.pk, "end", actor=here["department"], note="迁出", happened=cause)
    return line, right


def test_a_right_that_ends_inside_the_period_of_a_list_is_not_submitted_for_all_of_it_and_made_anew_for_its_months():
    here, batch = quarter()
    line, right = ended_inside(here, batch)
    with pytest.raises(FileRefused) as refused:
        services.advance_roster(line.roster_id, "submit", actor=here["town"])
    assert "应发期间已变" in refused.value.errors[0].message
    services.regenerate_roster(line.roster_id, actor=here["town"])
    again = make.lines_of(batch).get(entitlement_id=right.pk)
    assert (line.amount, again.amount) == (360, 120)
    make.approved(here, batch)
    assert proofs.lines_lie_in_their_rights()[1] == []


def test_nor_is_it_ordered_when_it_ends_after_the_list_was_approved_by_hand_or_by_death():
    here, batch = quarter()
    rosters = [one.pk for one in make.approved(here, batch)]
    ended_inside(here, batch)
    dead = make.lines_of(batch).last()
    deaths.record_death(dead.beneficiary_id, died_on=date(2026, 7, 10), actor=here["town"])
    assert len(stale.stale_lines(stale.to_be_ordered(rosters))) == 2
    with pytest.raises(StepRefused, match="应发期间已变"):
        make.make_order(rosters, actor=here["order_maker"])


def test_a_list_of_before_the_end_pays_nothing_of_it_after_the_right_was_confirmed_anew():
    here, right = monthly()
    batch = make.issued_batch(here, period="2026-09")
    rosters = [one.pk for one in make.approved(here, batch)]
    end(here, right)
    confirm_again(here, right, date(2026, 11, 1))
    assert [one.words for one in stale.stale_lines(stale.to_be_ordered(rosters))] == [
        "应发期间已变，资格在这一期内终止、停发或变更过"
    ]


def test_a_rule_that_pays_the_period_once_pays_it_where_the_right_had_days_in_it():
    here = make.world(2)
    batch = make.issued_batch(here)
    ended_inside(here, batch)
    assert make.ordered(here, batch).line_count == 2
