"""Lists are judged by what was known when they were made: the proof compares it, and nobody else dates them."""

from contextlib import suppress
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction
from psycopg.types.range import DateRange

from disbursement import proofs, services
from disbursement.models import Roster
from huimin.core import clock
from recipients.models import Entitlement, EntitlementVersion
from tests.disbursement import factories as make
from tests.disbursement.test_days_of_rights import end, monthly, paid_to
from tests.disbursement.test_proofs import as_owner
from tests.recipients import factories as lists

JULY = date(2026, 7, 10)


@pytest.fixture
def date_lists(committed_db, owner_connection):
    """date_lists(day): as only the owner can."""
    change = "UPDATE disbursement_roster SET generated_at = %s"
    return lambda moment: as_owner(owner_connection, "disbursement_roster", change, moment)


def lie_outside():
    return len(proofs.lines_lie_in_their_rights()[1])


def test_the_proof_is_silent_of_months_paid_before_anybody_knew_and_speaks_of_those_paid_after(date_lists):
    here, right = monthly()
    assert paid_to(here, right, "2026-09") == 1
    end(here, right)
    assert lie_outside() == 0
    date_lists(clock.now() + timedelta(hours=1))
    (fault,) = proofs.lines_lie_in_their_rights()[1]
    assert "不在享受资格" in fault


def test_the_proof_is_silent_of_months_paid_before_a_new_version_closed_the_old_one(date_lists):
    here, right = monthly()
    assert paid_to(here, right, "2026-10") == 1
    book = make.declaration(here.policy, right.division_code, here["village"])
    make.entitle(book, right.beneficiary, quantity="3", valid=DateRange(date(2026, 9, 1), None))
    later = EntitlementVersion.objects.latest("pk")
    assert lie_outside() == 0
    date_lists(later.created_at + timedelta(minutes=1))
    assert lie_outside() == 1


def test_the_proof_finds_a_list_that_paid_forfeited_or_withheld_days(date_lists):
    here = make.world(3, rule=make.MONTHLY, frequency="quarterly", quantity=lambda _: "1.0000")
    make.approved(here, make.issued_batch(here, "2026Q3"))
    for right, kind in zip(Entitlement.objects.order_by("pk"), ("withheld", "forfeited"), strict=False):
        lists.suspended(right, kind, JULY)
    assert lie_outside() == 0
    date_lists(clock.now() + timedelta(hours=1))
    assert lie_outside() == 2


def test_a_month_in_which_a_stop_ended_is_forfeited_as_a_whole_where_months_count(date_lists):
    """Forfeited until 10 September, and the right begins on the 11th: it is due again from October on."""
    here = make.world(0, rule=make.MONTHLY, frequency="yearly")
    with transaction.atomic():
        one = make.person(by=here["village"].pk)
        make.account(one)
    book = make.declaration(here.policy, make.VILLAGE, here["village"])
    right = make.entitle(book, one, quantity="1", valid=DateRange(date(2026, 9, 11), None))
    make.approved(here, make.issued_batch(here))
    lists.lifted(lists.suspended(right, "forfeited", JULY), date(2026, 9, 10))
    assert lie_outside() == 0
    date_lists(clock.now() + timedelta(hours=1))
    assert lie_outside() == 1


@pytest.mark.parametrize("state", ["made", "approved"])
@pytest.mark.parametrize("column", ["generated_at", "submitted_at"])
def test_a_list_is_dated_by_its_steps_alone(committed_db, column, state):
    here = make.world(2)
    batch = make.issued_batch(here)
    if state == "approved":
        make.approved(here, batch)
    before = list(Roster.objects.order_by("pk").values_list("generated_at", "submitted_at"))
    assert all(made and bool(submitted) == (state == "approved") for made, submitted in before)
    for moment in (None, clock.now() - timedelta(days=400), clock.now()):
        with suppress(DatabaseError), transaction.atomic():
            Roster.objects.update(**{column: moment})
        assert list(Roster.objects.order_by("pk").values_list("generated_at", "submitted_at")) == before


def test_a_list_made_anew_is_dated_anew(committed_db):
    here = make.world(2)
    roster = make.issued_batch(here).rosters.exclude(line_count=0).first()
    again = services.regenerate_roster(roster.pk, actor=here["town"])
    again.refresh_from_db()
    assert again.revision == roster.revision + 1
    assert again.generated_at > roster.generated_at
