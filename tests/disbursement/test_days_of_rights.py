"""No list pays days after a right's end, or outside what was confirmed when it was made; the proof compares it later."""

from datetime import date, timedelta

import pytest
from psycopg.types.range import DateRange

from disbursement import proofs
from disbursement.models import Roster
from huimin.core import clock
from recipients.models import Declaration, Entitlement, EntitlementVersion
from recipients.services import endings, entitlements
from tests.disbursement import factories as make

pytestmark = pytest.mark.django_db


def monthly():
    """A county where everybody's right runs from January on and again from July on; the first person's right."""
    here = make.world(2, frequency="monthly", rule=make.MONTHLY)
    EntitlementVersion.objects.update(valid=DateRange(date(2026, 1, 1), date(2026, 7, 1)))
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


def test_the_proof_is_silent_of_months_paid_before_anybody_knew_and_speaks_of_those_paid_after():
    here, right = monthly()
    assert paid_to(here, right, "2026-09") == 1
    end(here, right)
    Roster.objects.update(generated_at=clock.now() - timedelta(hours=1))
    assert proofs.lines_lie_in_their_rights()[1] == []
    Roster.objects.update(generated_at=clock.now() + timedelta(hours=1))
    (fault,) = proofs.lines_lie_in_their_rights()[1]
    assert "不在享受资格" in fault


def test_the_proof_is_silent_of_months_paid_before_a_new_version_closed_the_old_one():
    here, right = monthly()
    assert paid_to(here, right, "2026-10") == 1
    EntitlementVersion.objects.filter(entitlement=right, valid__startswith=date(2026, 7, 1)).update(
        valid=DateRange(date(2026, 7, 1), date(2026, 9, 1))
    )
    assert len(proofs.lines_lie_in_their_rights()[1]) == 1
    book = make.declaration(here.policy, right.division_code, here["village"])
    make.entitle(book, right.beneficiary, quantity="3", valid=DateRange(date(2026, 9, 1), None))
    later = EntitlementVersion.objects.latest("pk")
    Roster.objects.update(generated_at=later.created_at - timedelta(minutes=1))
    assert proofs.lines_lie_in_their_rights()[1] == []


def test_a_corrected_ending_pays_the_months_that_were_missed():
    here, right = monthly()
    end(here, right)
    assert paid_to(here, right, "2026-09") == 0
    ending = right.endings.get()
    endings.correct_ending(ending.pk, "correct", actor=here["department_check"], note="日期打错了")
    assert paid_to(here, right, "2026-10") == 1
    assert proofs.lines_lie_in_their_rights()[1] == []
