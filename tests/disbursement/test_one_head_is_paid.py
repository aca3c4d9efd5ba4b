"""Of all who ever stood for a household one is paid for a day, however each came by the right."""

from datetime import date

import pytest
from django.db import transaction

from disbursement import proofs, services
from disbursement.forms import BatchForm
from disbursement.models import PaymentResult
from disbursement.services import rosters
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepRefused
from publicity.queries import awaited
from recipients.models import Entitlement
from recipients.services import (
    corrections,
    deaths,
    declarations,
    entitlements,
    review,
    suspensions,
)
from subsidies.models import Policy
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head, households, listed
from tests.factories import TOWN, VILLAGE, UserFactory, bank_office
from tests.recipients import factories as lists

in_a_transaction = pytest.mark.django_db


class Village:
    """A head with wife and a neighbour under a policy for households, paid once a year unless said otherwise."""

    def __init__(self, frequency="yearly", *, object_type="household", **terms):
        self.staff = make.staff()
        bank_office()
        self.policy = lists.policy(object_type=object_type, frequency=frequency, **(lists.NOTHING | terms))
        self.head, self.neighbour = self.person(), self.person()
        self.wife = self.person(household=self.head.household)
        checker = UserFactory(role=Role.FINANCE_CHECKER)
        make.funds.indicator(self["finance"], checker, issued="1000000", policy=self.policy, priority=1)

    def person(self, **more):
        with transaction.atomic():
            one = make.person(VILLAGE, by=self["village"].pk, **more)
            make.account(one)
        return one

    def __getitem__(self, name):
        return self.staff[name]

    def book(self, people, period="2026", *, another=False, quantity="2"):
        one = declarations.make_declaration(
            self.policy, period=period, division_code=VILLAGE, actor=self["village"], another=another
        )
        rows = [lists.line(who, quantity, row) for row, who in enumerate(people, 1)]
        declarations.load_lines(one.pk, rows, actor=self["village"])
        return one

    def declare(self, people, period="2026", **more):
        review.take_step(self.book(people, period, **more).pk, "submit", actor=self["village"])


def supplement(here, batch):
    more = services.make_supplement(batch.pk, reason="补发", actor=here["department"])
    more, job = services.issue_batch(more.pk, actor=here["department"])
    assert make.jobs.run(job.pk) == "done"
    return more


def list_of(batch, right):
    return make.lines_of(batch).get(entitlement_id=right.pk).roster


@in_a_transaction
def test_of_three_heads_in_one_month_the_last_gets_the_year():
    here, first, second = households("yearly", make.FLAT, make.YEAR)
    with transaction.atomic():
        third = make.person(VILLAGE, household=first.household, by=here["village"].pk)
        make.account(third)
    change_head(here, second, day=date(2026, 3, 10))
    change_head(here, third, day=date(2026, 3, 20), cause="mistaken")
    batch = make.issued_batch(here)
    assert listed(batch, first, second, third) == [0, 0, 1]
    assert make.approved(here, batch)


@in_a_transaction
def test_a_new_head_declared_for_the_year_of_the_dead_one_is_paid_alone():
    here = Village(stop_rule="next_year")
    here.declare([here.head, here.neighbour])
    deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    change_head(here, here.wife, cause="died", day=None)
    here.declare([here.wife], another=True)
    batch = make.issued_batch(here)
    assert listed(batch, here.head, here.wife, here.neighbour) == [0, 1, 1]


@in_a_transaction
def test_a_book_of_the_old_head_confirmed_late_does_not_pay_the_household_twice():
    here = Village()
    book = here.book([here.head, here.neighbour])
    change_head(here, here.wife)
    here.declare([here.wife], another=True)
    review.take_step(book.pk, "submit", actor=here["village"])
    batch = make.issued_batch(here)
    assert listed(batch, here.head, here.wife, here.neighbour) == [0, 1, 1]


@in_a_transaction
def test_what_was_withheld_from_a_dead_head_is_not_paid_beside_the_new_ones_year():
    here = Village()
    here.declare([here.head, here.neighbour])
    pause = lists.suspended(Entitlement.objects.get(beneficiary=here.head), "withheld", date(2026, 2, 1))
    deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    change_head(here, here.wife, cause="died", day=None)
    here.declare([here.wife], another=True)
    batch = make.issued_batch(here)
    make.returned(here, make.sent_order(here, batch))
    lists.lifted(pause, date(2026, 3, 1))
    assert services.unpaid_totals(batch) == (0, 0)
    assert proofs.households_are_paid_once()[1] == []


@in_a_transaction
@pytest.mark.parametrize("rule", [make.MONTHLY, make.FLAT], ids=["by months", "once a period"])
@pytest.mark.parametrize(("quantity", "way"), [("2", "correction"), ("3", "supplement")])
def test_failed_money_of_a_right_that_was_declared_anew_has_a_way(rule, quantity, way):
    """Up to what failed by 更正; more than that is for a list."""
    here = Village("quarterly", is_open_ended=True, amount_rule=rule)
    here.declare([here.head, here.neighbour], "2026Q2")
    batch = make.issued_batch(here, "2026Q3")
    make.returned(here, make.sent_order(here, batch), fail=[0, 1])
    here.declare([here.head], "2026Q3", quantity=quantity)
    corrected = services.make_correction(batch.pk, actor=here["department"])
    assert listed(corrected, here.head) == [int(way == "correction")]
    if way == "supplement":
        assert listed(supplement(here, batch), here.head) == [1]
    assert services.unpaid_totals(batch)[0] == 0


@in_a_transaction
def test_a_failed_quarter_with_a_month_forfeited_is_corrected_once_and_the_rest_is_supplemented():
    here = make.world(4, rule=make.MONTHLY, frequency="quarterly", quantity=lambda _: "1.0000")
    batch = make.issued_batch(here, "2026Q3")
    make.returned(here, make.sent_order(here, batch), fail=[0, 1])
    line = PaymentResult.objects.filter(kind="bank_failed").order_by("pk").first().line
    right = Entitlement.objects.get(pk=line.entitlement_id)
    lists.lifted(lists.suspended(right, "forfeited", date(2026, 7, 10)), date(2026, 8, 20))
    corrected = services.make_correction(batch.pk, actor=here["department"])
    days = [
        (row.period_range.lower.month, row.period_range.upper.month)
        for made in (corrected, supplement(here, batch))
        for row in make.lines_of(made).filter(entitlement_id=right.pk)
    ]
    assert days == [(7, 8), (9, 10)]
    assert proofs.corrections()[1] == []
    assert services.unpaid_totals(batch)[0] == 0


@in_a_transaction
def test_a_correction_made_anew_keeps_the_days_that_nobody_else_has_claimed_since():
    here = make.world(4, rule=make.MONTHLY, frequency="quarterly", quantity=lambda _: "1.0000")
    batch = make.issued_batch(here, "2026Q3")
    make.returned(here, make.sent_order(here, batch), fail=[0, 1])
    line = PaymentResult.objects.filter(kind="bank_failed").order_by("pk").first().line
    right = Entitlement.objects.get(pk=line.entitlement_id)
    pause = lists.suspended(right, "forfeited", date(2026, 7, 20))
    corrected = services.make_correction(batch.pk, actor=here["department"], line_ids=[line.pk])
    suspensions.take_step(pause.pk, "correct", actor=here["department"], note="打错了人")
    rest = supplement(here, batch)
    roster = list_of(corrected, right)
    services.regenerate_roster(roster.pk, actor=here["town"])
    days = [
        (row.period_range.lower.month, row.period_range.upper.month)
        for made in (corrected, rest)
        for row in make.lines_of(made).filter(entitlement_id=right.pk)
    ]
    assert days == [(7, 8), (8, 10)]


@pytest.fixture
def late_book():
    """The head dies while a book for the third quarter is on its way, which is confirmed; then the wife becomes head."""
    here = Village("quarterly", is_open_ended=True, amount_rule=make.MONTHLY, has_township_review=True)
    checker = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN)
    first = here.book([here.head, here.neighbour], "2026Q1")
    late = here.book([here.head], "2026Q3")
    for book in (first, late):
        review.take_step(book.pk, "submit", actor=here["village"])
    review.take_step(first.pk, "approve_township", actor=checker)
    deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    review.take_step(late.pk, "approve_township", actor=checker)
    change_head(here, here.wife, cause="died", day=None)
    return here


@in_a_transaction
def test_no_quarter_is_lost_where_a_late_book_of_the_dead_head_was_confirmed(late_book):
    here = late_book
    batches = [make.issued_batch(here, f"2026Q{quarter}") for quarter in (1, 2, 3, 4)]
    assert [listed(batch, here.head, here.wife) for batch in batches] == [[1, 0], [0, 1], [0, 1], [0, 1]]
    assert {line.amount for line in make.lines_of(batches[1]).filter(beneficiary_id=here.wife.pk)} == {720}


@in_a_transaction
def test_a_death_can_be_corrected_after_a_late_book_and_a_change_of_head(late_book):
    here = late_book
    deaths.correct_death(here.head.deaths.get().pk, "correct", actor=here["town_check"], note="登记错了人")
    here.head.refresh_from_db()
    assert here.head.died_on is None
    batch = make.issued_batch(here, "2026Q3")
    assert listed(batch, here.head, here.wife) == [0, 1]


@in_a_transaction
@pytest.mark.parametrize("kind", ["earlier period", "on its way", "ending"])
def test_who_gave_a_right_its_days_back_passes_no_list_of_them(kind):
    here = make.world(6, rule=make.MONTHLY, frequency="quarterly")
    right = Entitlement.objects.order_by("pk").first()
    keeper = here["department_check"]
    if kind == "on its way":
        roster = list_of(make.issued_batch(here, "2026Q3"), right)
        make.approve(here, roster, until="pass_township_check")
        lists.lifted(lists.suspended(right, "withheld", date(2026, 7, 1)), by=keeper)
    elif kind == "ending":
        entitlements.take_step(
            right.pk, "end", actor=here["department"], note="迁出", happened=date(2026, 6, 20)
        )
        corrections.correct_ending(right.endings.get().pk, "correct", actor=keeper, note="没有迁出")
        roster = list_of(make.issued_batch(here, "2026Q3"), right)
        make.approve(here, roster, until="pass_township_check")
    else:
        pause = lists.suspended(right, "withheld", date(2026, 8, 1))
        batch = make.issued_batch(here, "2026Q2")
        make.approved(here, batch)
        lists.lifted(pause, by=keeper)
        roster = list_of(supplement(here, batch), right)
        make.approve(here, roster, until="pass_township_check")
    services.advance_roster(roster.pk, "pass_department_handle", actor=here["department_handle"])
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_roster(roster.pk, "pass_department_check", actor=keeper)


@in_a_transaction
def test_one_township_that_cannot_be_listed_leaves_the_others_theirs(monkeypatch):
    here = make.world(4)
    batch = services.make_batch(here.policy, "2026", actor=here["department"])
    batch, job = services.issue_batch(batch.pk, actor=here["department"])
    first = batch.rosters.order_by("division_code")[0]
    real = rosters.generate_first

    def refuses_the_first(pk, *, actor):
        if pk == first.pk:
            raise StepRefused("有人刚刚被另一个批次占用。")
        return real(pk, actor=actor)

    monkeypatch.setattr(rosters, "generate_first", refuses_the_first)
    assert make.jobs.run(job.pk) == "failed"
    job.refresh_from_db()
    assert "有 1 个乡镇没有生成，其余的已生成" in job.message
    assert [one.generated_at is not None for one in batch.rosters.order_by("division_code")] == [False, True]


@in_a_transaction
def test_the_title_of_a_batch_holds_no_number_of_anybody():
    here = make.world(2)
    made = services.make_batch(
        here.policy, "2026", title="补发王建国990524197001010011", actor=here["department"]
    )
    assert "990524197001010011" not in made.title
    form = BatchForm({"title": "补发王建国990524197001010011"}, policies=Policy.objects.all())
    assert "title" in form.errors


@in_a_transaction
def test_a_household_that_was_paid_is_not_told_to_wait():
    here, _, wife = households("yearly", make.FLAT, make.YEAR)
    make.returned(here, make.sent_order(here, make.issued_batch(here)))
    change_head(here, wife)
    assert awaited(wife.pk) == []


@in_a_transaction
def test_a_head_does_not_change_from_a_day_of_years_ago():
    here, _, wife = households()
    with pytest.raises(BadInput, match="请核对年份"):
        change_head(here, wife, day=date(2016, 7, 1))
