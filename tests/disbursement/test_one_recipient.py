"""Whoever stands for a recipient now: what was paid, stopped, failed or given back before counts for every right of theirs.

A recipient is a household (到户) or the record of a person (recipients.models.parties).
"""

from datetime import date
from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse
from psycopg.types.range import DateRange

from disbursement import proofs, services
from disbursement.models import Roster
from huimin.core.authority.roles import Role
from huimin.core.errors import Refused, StepRefused
from recipients.models import Entitlement
from recipients.services import corrections, deaths, declarations, entitlements, review, suspensions
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
