"""A change of the head of a household: every month is paid to one head, and what was paid to one is not paid to the other."""

from datetime import date

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.types.range import DateRange

from disbursement import proofs, services
from disbursement.models import Claim, Roster, RosterOmission
from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.errors import FileRefused, StepRefused
from huimin.core.models import Involvement
from huimin.core.work import jobs
from recipients.models import Entitlement, EntitlementVersion
from recipients.services import deaths, entitlements, heads
from tests.disbursement import factories as make
from tests.factories import ANYTHING, TOWN, VILLAGE, UserFactory
from tests.recipients import factories as lists

PHOTO = b"\x89PNG\r\n\x1a\n a page of the household's book IEND\xaeB`\x82"
in_a_transaction = pytest.mark.django_db


def households(frequency="monthly", rule=make.MONTHLY, valid=None):
    """Two households of one village with a right each, to households; the head of the first and a wife there."""
    here = make.world(0, frequency=frequency, rule=rule, object_type="household")
    book = here.books[VILLAGE]
    for _ in range(2):
        with transaction.atomic():
            head = make.person(VILLAGE, by=here["village"].pk)
            make.account(head)
        make.entitle(book, head, quantity="2", valid=valid or DateRange(date(2026, 1, 1), None))
        here.people.append(head)
    with transaction.atomic():
        wife = make.person(VILLAGE, household=here.people[0].household, by=here["village"].pk)
        make.account(wife)
    return here, here.people[0], wife


def change_head(here, new, *, cause="agreed", day=date(2026, 3, 10), **people):
    others = heads.members_of(new.household_id).exclude(pk=new.pk)
    wanted = heads.NewHead(cause, "户口本已变更", day, {one.pk: "11" for one in others}, PHOTO, ANYTHING)
    clerk = people.get("clerk") or UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    asked = heads.ask_head_change(new.pk, wanted, actor=clerk)
    checker = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN)
    return heads.check_head_change(asked.pk, "approve", actor=checker, acknowledged=ANYTHING)


def listed(batch, *people):
    """How often each stands on the batch's lists."""
    return [make.lines_of(batch).filter(beneficiary_id=one.pk).count() for one in people]


@in_a_transaction
def test_every_month_goes_to_one_head_and_none_is_lost():
    here, head, wife = households()
    deaths.record_death(head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    change_head(here, wife, cause="died", day=None)
    batches = [make.issued_batch(here, period=f"2026-{month:02}") for month in range(1, 7)]
    assert [listed(batch, head, wife) for batch in batches] == [[1, 0]] * 3 + [[0, 1]] * 3
    assert {line.payee_name for line in make.lines_of(batches[-1]).filter(beneficiary_id=wife.pk)} == {
        wife.name
    }
    assert proofs.lines_lie_in_their_rights()[1] == []


@in_a_transaction
def test_a_quarter_in_which_the_head_changes_is_paid_to_both_for_their_months():
    here, head, wife = households(frequency="quarterly")
    change_head(here, wife, day=date(2026, 7, 10))
    batch = make.issued_batch(here, period="2026Q3")
    lines = make.lines_of(batch).filter(beneficiary_id__in=[head.pk, wife.pk]).order_by("period_range")
    assert [(one.beneficiary_name, one.amount) for one in lines] == [(head.name, 240), (wife.name, 480)]


@in_a_transaction
def test_a_year_that_is_paid_once_goes_to_the_last_head_who_has_days_in_it():
    here, head, wife = households("yearly", make.FLAT, make.YEAR)
    change_head(here, wife)
    batch = make.issued_batch(here)
    assert listed(batch, head, wife) == [0, 1]
    assert make.approved(here, batch)
    assert proofs.lines_lie_in_their_rights()[1] == []


@in_a_transaction
def test_what_is_listed_under_the_old_head_is_found_and_made_anew():
    for given in (("yearly", make.FLAT, make.YEAR, "2026"), ("monthly", make.MONTHLY, None, "2026-06")):
        here, head, wife = households(*given[:3])
        batch = make.issued_batch(here, period=given[3])
        assert listed(batch, head, wife) == [1, 0]
        change_head(here, wife)
        roster = Roster.objects.get(batch=batch)
        with pytest.raises(FileRefused) as refused:
            services.advance_roster(roster.pk, "submit", actor=here["town"])
        assert len(refused.value.errors) == 1, given
        services.regenerate_roster(roster.pk, actor=here["town"])
        assert listed(batch, head, wife) == [0, 1]
        make.approve(here, roster)


@in_a_transaction
@pytest.mark.parametrize(
    "given", [("yearly", make.FLAT, make.YEAR, "2026"), ("monthly", make.MONTHLY, None, "2026-06")]
)
def test_what_was_paid_to_the_old_head_is_not_paid_to_the_new_one(given):
    here, _, wife = households(*given[:3])
    batch = make.issued_batch(here, period=given[3])
    make.returned(here, make.sent_order(here, batch))
    change_head(here, wife)
    assert services.unpaid_totals(batch)[0] == 0
    assert proofs.households_are_paid_once() == (2, [])
    with pytest.raises(StepRefused):
        services.make_supplement(batch.pk, reason="户主变更", actor=here["department"])


@in_a_transaction
def test_a_supplement_says_why_the_new_head_is_not_on_it():
    here, head, wife = households(frequency="quarterly")
    neighbour = Entitlement.objects.get(beneficiary=here.people[1])
    entitlements.take_step(neighbour.pk, "suspend", actor=here["department"], note="待核实")
    batch = make.issued_batch(here, period="2026Q3")
    make.returned(here, make.sent_order(here, batch))
    lists.lifted(neighbour.suspensions.get())
    change_head(here, wife, day=date(2026, 7, 10))
    more = services.make_supplement(batch.pk, reason="核实以后补发", actor=here["department"])
    more, job = services.issue_batch(more.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    assert listed(more, here.people[1], head, wife) == [1, 0, 0]
    assert RosterOmission.objects.get(roster__batch=more, person_id=wife.pk).reason == "head"


@in_a_transaction
def test_money_of_the_old_head_that_failed_goes_to_the_new_one_once():
    here, _, wife = households()
    batch = make.issued_batch(here, period="2026-06")
    make.returned(here, make.sent_order(here, batch), fail=[0])
    change_head(here, wife)
    assert services.unpaid_totals(batch)[0] == 1


@in_a_transaction
def test_the_database_refuses_a_claim_for_days_that_another_head_holds():
    here, head, wife = households()
    batch = make.issued_batch(here, period="2026-06")
    change_head(here, wife)
    old = Claim.objects.get(line__beneficiary_id=head.pk)
    version = EntitlementVersion.objects.get(entitlement__beneficiary=wife)
    line = make.lines_of(batch).get(beneficiary_id=head.pk)
    line.pk, line.line_no = None, 99
    line.entitlement_id, line.entitlement_version_id = version.entitlement_id, version.pk
    line.save(force_insert=True)
    again = Claim(
        line=line,
        entitlement_id=version.entitlement_id,
        component=old.component,
        period_range=old.period_range,
    )
    with pytest.raises(IntegrityError, match="household_never_paid_twice"), transaction.atomic():
        again.save(force_insert=True)


@in_a_transaction
def test_who_asked_for_the_new_head_checks_no_list_on_which_that_one_stands():
    here, _, wife = households()
    change_head(here, wife, clerk=here["town"])
    batch = make.issued_batch(here, period="2026-06")
    roster = Roster.objects.get(batch=batch)
    services.advance_roster(roster.pk, "submit", actor=here["town"])
    duties = Involvement.objects.filter(
        subject__startswith=f"disbursement.roster:{roster.pk}#", inherited=True
    )
    assert Duty.HEAD_ASK in duties.values_list("duty", flat=True)


def test_a_right_passes_only_when_nobody_writes_a_list(run_in_threads):
    """Or the list would claim days for the old head that the next one, not seeing it, claims for the new."""
    here, head, wife = households()
    roster = Roster.objects.get(batch=make.issued_batch(here, period="2026-06"))

    def approve(_):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
            return change_head(here, wife)

    with transaction.atomic():
        services.regenerate_roster(roster.pk, actor=here["town"])
        (answer,) = run_in_threads(approve, 1)
    assert isinstance(answer, OperationalError)
    (answer,) = run_in_threads(approve, 1)
    assert answer.status == "approved"
    assert listed(roster.batch, head, wife) == [1, 0]
