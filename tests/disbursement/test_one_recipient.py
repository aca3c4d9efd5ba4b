"""Whoever stands for a recipient now: what was paid, stopped, failed or given back before counts for every right of theirs.

A recipient is a household (到户) or a human being, by whatever record (recipients.models.parties).
"""

from datetime import date
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from psycopg.types.range import DateRange

from disbursement import proofs, services
from disbursement.models import Roster
from huimin.core.authority.roles import Role
from huimin.core.errors import Refused, StepRefused
from recipients.models import Entitlement, Household
from recipients.services import corrections, deaths, declarations, entitlements, records, review, suspensions
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head, listed
from tests.disbursement.test_one_head_is_paid import Village, supplement
from tests.disbursement.test_pages import page_of
from tests.disbursement.test_rounds import FLOOD, Relief
from tests.factories import VILLAGE, grant
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db

JULY = date(2026, 7, 5)


def quarter():
    return Village("quarterly", is_open_ended=True, amount_rule=make.MONTHLY)


def paid_july(here):
    """The head's right ends with July, which the list of the quarter pays."""
    here.declare([here.head, here.neighbour], "2026Q1")
    right = Entitlement.objects.get(beneficiary=here.head)
    entitlements.take_step(right.pk, "end", actor=here["department"], note="迁出", happened=JULY)
    batch = make.issued_batch(here, "2026Q3")
    make.returned(here, make.sent_order(here, batch))
    return batch


def paid(batch, person):
    """First days and amounts of this person's lines."""
    return [
        (line.period_range.lower, line.amount)
        for line in make.lines_of(batch)
        if line.beneficiary_id == person.pk
    ]


# --- months that another right of the recipient was paid -----------------------------------------------------------------


def test_the_months_after_those_of_the_former_head_are_paid_to_the_one_who_was_declared():
    here = quarter()
    batch = paid_july(here)
    change_head(here, here.wife, cause="moved", day=JULY)
    here.declare([here.wife], "2026Q3")
    month = make.lines_of(batch).get(beneficiary_id=here.head.pk).amount
    assert services.unpaid_totals(batch) == (1, 2 * month)
    more = supplement(here, batch)
    assert paid(more, here.wife) == [(date(2026, 8, 1), 2 * month)]
    assert proofs.households_are_paid_once()[1] == []


def test_the_months_that_a_lifted_suspension_paid_to_the_dead_head_leave_the_others_to_the_new_one():
    here = quarter()
    here.declare([here.head, here.neighbour], "2026Q1")
    pause = lists.suspended(Entitlement.objects.get(beneficiary=here.head), "withheld", date(2026, 6, 20))
    deaths.record_death(here.head.pk, died_on=date(2026, 7, 10), actor=here["village"])
    batch = make.issued_batch(here, "2026Q3")
    make.returned(here, make.sent_order(here, batch))
    change_head(here, here.wife, cause="died", day=None)
    lists.lifted(pause, date(2026, 7, 9))
    make.returned(here, make.sent_order(here, supplement(here, batch)))
    here.declare([here.wife], "2026Q3")
    assert paid(supplement(here, batch), here.wife) == [(date(2026, 8, 1), Decimal("480.00"))]


def test_the_months_after_those_paid_under_a_record_that_was_set_aside_are_paid_under_the_new_one():
    here = quarter()
    batch = paid_july(here)
    records.void_person(here.head.pk, reason="错", actor=here["town_check"])
    again = here.person(number=here.head.id_number)
    here.declare([again], "2026Q3")
    assert [first for first, _ in paid(supplement(here, batch), again)] == [date(2026, 8, 1)]


@pytest.mark.parametrize(
    ("frequency", "stop", "died", "period"),
    [
        ("monthly", "next_quarter", date(2026, 1, 10), "2026-03"),
        ("quarterly", "next_year", date(2026, 3, 10), "2026Q3"),
    ],
)
def test_the_periods_between_a_death_and_the_day_of_its_stop_are_paid(frequency, stop, died, period):
    here = Village(frequency, is_open_ended=True, amount_rule=make.MONTHLY, stop_rule=stop)
    here.declare([here.head, here.neighbour], "2026-01" if frequency == "monthly" else "2026Q1")
    deaths.record_death(here.head.pk, died_on=died, actor=here["village"])
    change_head(here, here.wife, cause="died", day=None)
    assert len(paid(make.issued_batch(here, period), here.head)) == 1


@pytest.mark.parametrize("who", ["own", "the new head's"])
def test_a_stop_of_some_months_does_not_hold_the_others(who):
    here = quarter()
    here.declare([here.head, here.neighbour], "2026Q1")
    right = Entitlement.objects.get(beneficiary=here.head)
    pause = lists.suspended(right, "forfeited", date(2026, 8, 10))
    batch = make.issued_batch(here, "2026Q3")
    make.approved(here, batch)
    line = make.lines_of(batch).get(beneficiary_id=here.head.pk)
    stopped = line.period_range
    services.stop_line(line.pk, reason="七八月在外地领过", actor=here["department"])
    suspensions.take_step(pause.pk, "correct", actor=here["department_check"], note="打错了人")
    if who != "own":
        change_head(here, here.wife, day=date(2026, 7, 20))
    to = here.head if who == "own" else here.wife
    assert [day for day, _ in paid(supplement(here, batch), to)] == [stopped.upper]
    assert proofs.stops_stand_until_lifted()[1] == []


# --- a household that was registered anew -------------------------------------------------------------------------------


@pytest.mark.parametrize("head_is", ["the same", "another"])
def test_a_household_that_is_registered_anew_is_not_paid_a_second_time(head_is):
    here = Village()
    here.declare([here.head, here.neighbour])
    batch = make.issued_batch(here)
    make.returned(here, make.sent_order(here, batch))
    right = Entitlement.objects.get(beneficiary=here.head)
    entitlements.take_step(
        right.pk, "end", actor=here["department"], note="户建错了", happened=date(2026, 1, 5)
    )
    for one in (here.head, here.wife):
        records.void_person(one.pk, reason="户建错了，另建", actor=here["town_check"])
    first, second = (here.head, here.wife) if head_is == "the same" else (here.wife, here.head)
    new = registered_anew(here, first)
    registered_anew(here, second, household=new.household)
    here.declare([new], another=True)
    assert services.unpaid_totals(batch) == (0, 0)


def set_aside(here, person):
    """With whatever right the person has, as wrongly registered."""
    for right in Entitlement.objects.filter(beneficiary=person).exclude(status="ended"):
        note = {"note": "户建错了", "happened": date(2026, 3, 20)}
        entitlements.take_step(right.pk, "end", actor=here["department"], **note)
    records.void_person(person.pk, reason="户建错了，另建", actor=here["town_check"])


@pytest.fixture
def paid_once():
    """A village whose household was paid the year under its head."""
    here = Village()
    here.declare([here.head, here.neighbour])
    here.batch = make.issued_batch(here)
    make.returned(here, make.sent_order(here, here.batch))
    return here


@pytest.mark.parametrize("cause", ["died", "moved"])
def test_the_household_of_a_head_who_followed_another_is_not_paid_again_where_that_head_is_registered_anew(
    paid_once, cause
):
    here = paid_once
    if cause == "died":
        deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    change_head(here, here.wife, cause=cause, day=None if cause == "died" else date(2026, 3, 10))
    set_aside(here, here.wife)
    new = registered_anew(here, here.wife)
    here.declare([new], another=True)
    assert services.unpaid_totals(here.batch) == (0, 0)
    with pytest.raises(StepRefused, match="没有"):
        supplement(here, here.batch)
    assert proofs.households_are_paid_once()[1] == []


def test_a_stop_goes_with_the_household_to_where_its_head_is_registered_anew():
    here = Village()
    here.declare([here.head, here.neighbour])
    batch = make.issued_batch(here)
    make.approved(here, batch)
    line = make.lines_of(batch).get(beneficiary_id=here.head.pk)
    services.stop_line(line.pk, reason="在外地领过", actor=here["department"])
    deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    change_head(here, here.wife, cause="died", day=None)
    set_aside(here, here.wife)
    here.declare([registered_anew(here, here.wife)], another=True)
    assert services.unpaid_totals(batch) == (0, 0)


def test_a_household_of_which_nobody_is_left_goes_on_where_the_last_one_was_registered_anew(paid_once):
    here = paid_once
    set_aside(here, here.wife)
    new = registered_anew(here, here.wife)  # while the head still lives in the old one: another household
    assert Household.objects.get(pk=here.head.household_id).lineage == here.head.household_id
    set_aside(here, here.head)
    registered_anew(here, here.head, household=new.household)
    here.declare([new], another=True)
    assert services.unpaid_totals(here.batch) == (0, 0)


def test_who_leaves_a_household_that_goes_on_takes_nothing_of_it_into_another(paid_once):
    here = paid_once
    change_head(here, here.wife, cause="agreed", day=date(2026, 3, 10))
    set_aside(here, here.head)
    other = lists.household()[0]
    registered_anew(here, here.head, household=other.household)
    here.declare([other], another=True)
    assert services.unpaid_totals(here.batch)[0] == 1


def test_nobody_is_paid_in_two_households_for_the_same_days(paid_once):
    """Set aside as the head of one, who goes on under another, and registered anew with a household of one's own."""
    here = paid_once
    change_head(here, here.wife, cause="agreed", day=date(2026, 3, 10))
    set_aside(here, here.head)
    here.declare([registered_anew(here, here.head)], another=True)
    assert services.unpaid_totals(here.batch) == (0, 0)


def test_what_two_records_were_paid_before_they_were_one_household_is_no_fault_of_a_list(paid_once):
    here = paid_once
    set_aside(here, here.wife)
    set_aside(here, here.head)
    registered_anew(here, here.head, household=here.neighbour.household)
    houses = Entitlement.objects.filter(beneficiary__in=[here.head, here.neighbour]).values_list(
        "house", flat=True
    )
    assert set(houses) == {here.neighbour.household_id}
    assert proofs.households_are_paid_once()[1] == []


@pytest.mark.parametrize("kind", ["person", "household"])
@pytest.mark.parametrize("state", ["withheld", "forfeited"])
def test_who_is_suspended_is_so_under_the_next_record_too(kind, state):
    here = Village("quarterly", object_type=kind, is_open_ended=True, amount_rule=make.MONTHLY)
    here.declare([here.head, here.neighbour], "2026Q1")
    lists.suspended(Entitlement.objects.get(beneficiary=here.head), state, date(2026, 6, 20))
    batch = make.issued_batch(here, "2026Q3")
    set_aside(here, here.head)
    if kind == "household":
        again = registered_anew(here, here.head, household=here.head.household)
        change_head(here, again, cause="mistaken")
    else:
        again = registered_anew(here, here.head)
    here.declare([again], "2026Q3", another=True)
    assert services.unpaid_totals(batch) == (0, 0)


@pytest.mark.parametrize("kind", ["person", "household"])
def test_who_is_registered_under_the_right_number_is_not_paid_what_the_wrong_one_was(kind):
    here = Village(object_type=kind)
    here.declare([here.head, here.neighbour])
    batch = make.issued_batch(here)
    make.returned(here, make.sent_order(here, batch))
    set_aside(here, here.head)
    with transaction.atomic():
        right = make.person(
            VILLAGE, by=here["village"].pk, name=here.head.name, household=here.head.household
        )
        make.account(right)
    if kind == "household":
        change_head(here, right, cause="mistaken")
    here.declare([right], another=True)
    assert services.unpaid_totals(batch) == (0, 0)


@pytest.fixture
def child():
    """A village in which a child's money, declared for the year, goes to the head."""
    here = Village(object_type="person")
    here.child = here.wife
    book = declarations.make_declaration(
        here.policy, period="2026", division_code=VILLAGE, actor=here["village"], another=False
    )
    lines = [lists.line(here.child, "2", 1, payee=here.head.name), lists.line(here.neighbour, "2", 2)]
    declarations.load_lines(book.pk, lines, actor=here["village"])
    review.take_step(book.pk, "submit", actor=here["village"])
    return here


def payees(batch, person):
    return [line.payee_name for line in make.lines_of(batch) if line.beneficiary_id == person.pk]


def test_the_money_of_a_child_whose_payee_died_goes_to_the_next_head(child):
    here = child
    deaths.record_death(here.head.pk, died_on=date(2026, 1, 20), actor=here["village"])
    batch = make.issued_batch(here)
    assert payees(batch, here.child) == []
    make.returned(here, make.sent_order(here, batch))
    change_head(here, here.child, cause="died", day=None)
    more = supplement(here, batch)
    assert payees(more, here.child) == [here.child.name]
    make.returned(here, make.sent_order(here, more))


def test_failed_money_of_a_child_whose_payee_died_is_corrected_to_the_next_head_and_not_before(child):
    here = child
    batch = make.issued_batch(here)
    make.returned(here, make.sent_order(here, batch), fail={0, 1})
    deaths.record_death(here.head.pk, died_on=date(2026, 1, 20), actor=here["village"])
    first = services.make_correction(batch.pk, actor=here["department"])
    assert payees(first, here.child) == []
    change_head(here, here.child, cause="died", day=None)
    second = services.make_correction(batch.pk, actor=here["department"])
    assert payees(second, here.child) == [here.child.name]


def test_failed_money_of_a_child_names_the_card_of_whoever_is_head_by_now(child):
    here = child
    batch = make.issued_batch(here)
    place = make.lines_of(batch).get(beneficiary_id=here.child.pk).line_no - 1
    make.returned(here, make.sent_order(here, batch), fail={place})

    def card():
        client = page_of(here["department"])
        (line,) = client.get(reverse("disbursement:correction-list")).context["rows"]
        return line.card

    assert card() == f"还是尾号 {here.head.accounts.get().tail}"
    deaths.record_death(here.head.pk, died_on=date(2026, 1, 20), actor=here["village"])
    assert "先办“改为户主”" in card()
    change_head(here, here.child, cause="died", day=None)
    assert card() == f"已换卡，尾号 {here.child.accounts.get().tail}"


def test_who_asked_for_the_head_who_is_paid_passes_no_list_of_the_child(child):
    here = child
    change_head(here, here.child, clerk=here["department_check"], day=date(2026, 1, 20))
    with pytest.raises(StepRefused, match="户主变更申请"):
        make.approved(here, make.issued_batch(here))


def test_a_list_that_pays_the_head_of_before_is_not_sent_once_the_head_has_changed(child):
    here = child
    batch = make.issued_batch(here)
    rosters = make.approved(here, batch)
    change_head(here, here.child, day=date(2026, 1, 20))
    with pytest.raises(Refused, match="收款人"):
        make.make_order([one.pk for one in rosters], actor=here["order_maker"])


FORGED = {
    "another household": "UPDATE recipients_household SET lineage = %(other)s WHERE id = %(own)s",
    "a time": "UPDATE recipients_household SET continued_at = now() WHERE id = %(own)s",
    "no household": "UPDATE recipients_entitlement SET house = NULL WHERE beneficiary_id = %(head)s",
    "a right elsewhere": "UPDATE recipients_entitlement SET house = %(other)s WHERE beneficiary_id = %(head)s",
    "somebody else": "UPDATE recipients_entitlement SET human = human + 1 WHERE beneficiary_id = %(head)s",
    "another human being": "UPDATE recipients_person SET human = human + 1 WHERE id = %(head)s",
}


@pytest.mark.parametrize("what", FORGED)
def test_by_sql_nobody_says_whose_a_right_is(paid_once, what):
    here = paid_once
    given = {"own": here.head.household_id, "other": here.neighbour.household_id, "head": here.head.pk}
    with (
        pytest.raises(DatabaseError, match=r"不能改|只接续"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(FORGED[what], given)


def test_a_daughter_who_was_registered_in_the_wrong_household_is_paid_with_her_own():
    here = Village()
    here.declare([here.head, here.neighbour])
    batch = make.issued_batch(here)
    make.returned(here, make.sent_order(here, batch))
    records.void_person(here.wife.pk, reason="不是这一户的", actor=here["town_check"])
    own = registered_anew(here, here.wife)
    here.declare([own], another=True)
    assert services.unpaid_totals(batch)[0] == 1


def registered_anew(here, one, **more):
    with transaction.atomic():
        made = make.person(VILLAGE, by=here["village"].pk, name=one.name, number=one.id_number, **more)
        make.account(made)
    return made


# --- whose word the money goes by ---------------------------------------------------------------------------------------


def give_back(here, right, how, by):
    """The right has its days again by the word of `by`."""
    if how == "lifted":
        pause = lists.suspended(right, "withheld", date(2026, 2, 1))
        suspensions.take_step(pause.pk, "lift", actor=here[by], note="已认证", last_day=None)
        return
    entitlements.take_step(
        right.pk, "end", actor=here["department"], note="查无此户", happened=date(2026, 2, 1)
    )
    corrections.correct_ending(right.endings.get().pk, "correct", actor=here[by], note="查错了，人在")


@pytest.mark.parametrize("how", ["lifted", "corrected"])
@pytest.mark.parametrize("by", ["town_check", "department_check"])
def test_who_gave_a_right_its_days_back_passes_no_list_of_the_head_they_passed_on_to(how, by):
    here = Village("monthly", is_open_ended=True, amount_rule=make.MONTHLY)
    here.declare([here.head, here.neighbour], "2026-01")
    give_back(here, Entitlement.objects.get(beneficiary=here.head), how, by)
    change_head(here, here.wife, day=date(2026, 3, 10))
    batch = make.issued_batch(here, "2026-05")
    assert listed(batch, here.wife)
    with pytest.raises(StepRefused, match=r"终止更正|恢复享受|停发恢复"):
        make.approved(here, batch)


def test_who_asked_for_an_earlier_change_of_head_passes_no_list_of_the_one_after_the_next():
    here = Village("monthly", is_open_ended=True, amount_rule=make.MONTHLY)
    son = here.person(household=here.head.household)
    here.declare([here.head, here.neighbour], "2026-01")
    change_head(here, here.wife, clerk=here["department_check"])
    change_head(here, son, day=date(2026, 4, 10))
    with pytest.raises(StepRefused, match="户主变更申请"):
        make.approved(here, make.issued_batch(here, "2026-07"))


def test_who_corrected_a_death_passes_no_list_of_the_head_the_right_passed_on_to():
    here = Village("monthly", is_open_ended=True, amount_rule=make.MONTHLY)
    here.declare([here.head, here.neighbour], "2026-01")
    deaths.record_death(here.head.pk, died_on=date(2026, 2, 10), actor=here["village"])
    deaths.correct_death(here.head.deaths.get().pk, "correct", actor=here["town_check"], note="登记错了人")
    change_head(here, here.wife, day=date(2026, 3, 10))
    with pytest.raises(StepRefused, match="不相容岗位"):
        make.approved(here, make.issued_batch(here, "2026-07"))


@pytest.mark.parametrize("stop", ["same_month", "next_month", "next_year"])
def test_who_corrected_a_death_passes_no_round_that_left_the_dead_out(stop):
    here = Relief(stop_rule=stop)
    here.open("7月洪灾救助", FLOOD)
    here.confirm("2026#1", here.people)
    one = here.people[0]
    deaths.record_death(one.pk, died_on=date(2026, 7, 1), actor=here["village"])
    deaths.correct_death(one.deaths.get().pk, "correct", actor=here["town_check"], note="登记错了人")
    with pytest.raises(StepRefused, match="不相容岗位"):
        make.approved(here, make.issued_batch(here, "2026#1"))


def test_who_corrected_the_death_of_a_payee_passes_no_list_that_pays_by_it():
    here = make.world(2, frequency="monthly", rule=make.MONTHLY)
    with transaction.atomic():
        mother = make.person(VILLAGE, by=here["village"].pk)
        make.account(mother)
        child = make.person(VILLAGE, household=mother.household, by=here["village"].pk)
    make.entitle(
        here.books[VILLAGE], child, payee=mother, quantity="1", valid=DateRange(date(2026, 1, 1), None)
    )
    deaths.record_death(mother.pk, died_on=date(2026, 3, 1), actor=here["village"])
    deaths.correct_death(mother.deaths.get().pk, "correct", actor=here["town_check"], note="登记错了人")
    with pytest.raises(StepRefused, match="不相容岗位"):
        make.approved(here, make.issued_batch(here, "2026-05"))


@pytest.mark.parametrize("way", ["declared anew", "new head"])
def test_who_booked_a_failure_does_not_sign_what_is_paid_in_its_place(way):
    here = Village("quarterly", is_open_ended=True, amount_rule=make.FLAT)
    here.declare([here.head, here.neighbour], "2026Q2")
    batch = make.issued_batch(here, "2026Q3")
    make.returned(here, make.sent_order(here, batch), fail=[0, 1])
    grant(here["reconciler2"], Role.TREASURER)
    if way == "declared anew":
        here.declare([here.head], "2026Q3", quantity="3")
    else:
        change_head(here, here.wife, day=date(2026, 6, 10))
    order = make.ordered(here, supplement(here, batch))
    with pytest.raises(StepRefused, match="回盘确认"):
        services.sign_order(order.pk, actor=here["reconciler2"], whole_yuan=str(int(order.total)))


@pytest.mark.parametrize("when", ["approved", "ordered", "signed"])
@pytest.mark.parametrize("who", ["order_maker", "treasurer"])
def test_who_lifts_a_pause_after_the_final_approval_pays_no_order_of_the_list(who, when):
    here = make.world(4, rule=make.MONTHLY, frequency="quarterly", quantity=lambda _: "1.0000")
    grant(here[who], Role.DEPARTMENT_REVIEWER)
    batch = make.issued_batch(here, "2026Q3")
    right = Entitlement.objects.order_by("pk").first()

    def lift():
        pause = lists.suspended(right, "withheld", date(2026, 7, 1))
        suspensions.take_step(pause.pk, "lift", actor=here[who], note="已认证")

    found = make.approved(here, batch)
    with pytest.raises(StepRefused, match="恢复享受"):
        pay(here, found, lift, when)


def pay(here, rosters, lift, when):
    """Make, sign and send, with `lift` after one of the steps."""
    if when == "approved":
        lift()
    order = make.make_order([one.pk for one in rosters], actor=here["order_maker"])
    if when == "ordered":
        lift()
    services.sign_order(order.pk, actor=here["treasurer"], whole_yuan=str(int(order.total)))
    if when == "signed":
        lift()
    services.send_order(order.pk, actor=here["treasurer"])


@pytest.mark.parametrize("who", ["order_maker", "treasurer"])
def test_the_proof_of_separation_sees_an_order_that_was_paid_by_who_lifted_a_pause(who, monkeypatch):
    here = make.world(4, rule=make.MONTHLY, frequency="quarterly", quantity=lambda _: "1.0000")
    grant(here[who], Role.DEPARTMENT_REVIEWER)
    batch = make.issued_batch(here, "2026Q3")
    found = make.approved(here, batch)
    pause = lists.suspended(Entitlement.objects.order_by("pk").first(), "withheld", date(2026, 7, 1))
    suspensions.take_step(pause.pk, "lift", actor=here[who], note="已认证")
    monkeypatch.setattr("disbursement.services.orders.given_back", lambda rosters: [])
    pay(here, found, lambda: None, "")
    assert [fault for fault in proofs.separation_over_the_whole_way()[1] if "suspension.lift" in fault]
    assert Roster.objects.filter(batch=batch).exists()
