"""A round of a one-off pays who was declared for it, by the standard and the people of its day, once."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from psycopg.types.range import DateRange

from disbursement import proofs, services
from disbursement.models import Claim, PaymentLine
from huimin.core.errors import BadInput, FileRefused, StepRefused
from publicity.queries import awaited, payments_of, under_review
from publicity.views.query import _when
from recipients import proofs as of_recipients
from recipients.models import Declaration, Entitlement, EntitlementVersion
from recipients.services import corrections, deaths, declarations, entitlements, review
from subsidies import services as funds
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head
from tests.recipients import factories as lists
from tests.subsidies import factories as of_policies

pytestmark = pytest.mark.django_db
FLOOD, FIRE = date(2026, 7, 10), date(2026, 9, 3)


class Relief:
    """A one-off policy, staff, and people who may be declared."""

    def __init__(self, **more):
        self.staff = make.staff()
        terms = lists.NOTHING | {"is_open_ended": True} | more
        self.policy = lists.policy(frequency="one_off", **terms)
        self.people = [lists.household()[0] for _ in range(3)]

    def __getitem__(self, name):
        return self.staff[name]

    def open(self, title, day):
        return funds.open_round(self.policy, title=title, day=day, actor=self["department"])

    def confirm(self, period, people):
        one = lists.declaration(self.policy, lines=people, period=period, actor=self["village"])
        review.take_step(one.pk, "submit", actor=one.made_by)
        return one

    def paid(self, period):
        return set(make.lines_of(make.issued_batch(self, period)).values_list("beneficiary_id", flat=True))


@pytest.fixture
def here():
    relief = Relief()
    relief.open("7月洪灾救助", FLOOD)
    relief.open("9月火灾救助", FIRE)
    return relief


def test_who_was_declared_for_one_round_gets_that_one_alone_and_who_for_both_gets_both(here):
    first, second, both = here.people
    here.confirm("2026#1", [first, both])
    here.confirm("2026#2", [second, both])
    assert here.paid("2026#1") == {first.pk, both.pk}
    assert here.paid("2026#2") == {second.pk, both.pk}
    assert Claim.objects.filter(line__beneficiary_id=both.pk).count() == 2
    assert of_recipients.one_offs_are_of_their_round()[1] == []


def test_a_round_nobody_was_declared_for_pays_nobody(here):
    here.confirm("2026#1", here.people)
    batch = services.make_batch(here.policy, "2026#2", actor=here["department"])
    with pytest.raises(StepRefused, match="没有享受资格有效的人"):
        services.issue_batch(batch.pk, actor=here["department"])


def test_rights_and_claims_have_the_day_of_the_round_whatever_the_policy_says_of_its_rights(here):
    here.confirm("2026#1", here.people[:1])
    day = DateRange(FLOOD, date(2026, 7, 11))
    assert EntitlementVersion.objects.get().valid == day
    batch = make.issued_batch(here, "2026#1")
    assert (batch.period_range, Claim.objects.get().period_range) == (day, day)
    assert "7月洪灾救助" in batch.title


def test_two_rounds_of_one_day_are_both_paid_to_who_was_declared_for_each(here):
    here.open("7月滑坡救助", FLOOD)
    here.confirm("2026#1", here.people)
    here.confirm("2026#3", here.people[:1])
    assert here.paid("2026#1") == {one.pk for one in here.people}
    assert here.paid("2026#3") == {here.people[0].pk}
    (right,) = Entitlement.objects.filter(beneficiary=here.people[0])
    assert right.versions.count() == 2


def test_a_second_time_in_the_same_round_is_refused_by_services_and_by_the_database(here):
    here.confirm("2026#1", here.people[:1])
    again = lists.declaration(here.policy, lines=[], period="2026#1", actor=here["village"], another=True)
    with pytest.raises(FileRefused) as refused:
        declarations.load_lines(again.pk, [lists.line(here.people[0])], actor=here["village"])
    assert "同一期的另一册" in refused.value.errors[0].message
    batch = make.issued_batch(here, "2026#1")
    with pytest.raises(StepRefused, match="已经有了"):
        services.make_batch(here.policy, "2026#1", actor=here["department"])
    line = make.lines_of(batch).get()
    names = [one.column for one in PaymentLine._meta.concrete_fields if one.column != "id"]
    values = ", ".join({"line_no": "line_no + 1"}.get(name, name) for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO disbursement_paymentline ({', '.join(names)}) SELECT {values} "
            "FROM disbursement_paymentline WHERE id = %s RETURNING id",
            [line.pk],
        )
        (second,) = cursor.fetchone()
        with pytest.raises(IntegrityError, match="never_paid_twice"):
            cursor.execute(
                """INSERT INTO disbursement_claim (line_id, entitlement_id, component, period_range)
                   SELECT id, entitlement_id, component, period_range FROM disbursement_paymentline WHERE id = %s""",
                [second],
            )


def test_a_right_is_not_moved_to_a_round_that_was_not_declared(here):
    here.confirm("2026#1", here.people[:1])
    version = EntitlementVersion.objects.get()
    copy = {
        one.attname: getattr(version, one.attname)
        for one in EntitlementVersion._meta.concrete_fields
        if one.name != "id"
    }
    other = here.confirm("2026#2", here.people[1:2]).lines.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        EntitlementVersion.objects.create(**copy | {"source_line_id": other.pk, "component": "#1"})
    with pytest.raises(IntegrityError, match="历史不能修改"), transaction.atomic():
        EntitlementVersion.objects.update(component="#2")


def test_a_period_without_its_round_is_refused_by_the_database(here):
    book = lists.declaration(here.policy, lines=[], period="2026#1", actor=here["village"])
    copy = {
        one.attname: getattr(book, one.attname)
        for one in Declaration._meta.concrete_fields
        if one.name != "id"
    }
    for wrong in (
        {"payment_round_id": None},
        {"period": "2026#2"},
        {"period_range": DateRange(FIRE, date(2026, 9, 4))},
    ):
        with pytest.raises(IntegrityError, match="没有开过，或与那一次不符"), transaction.atomic():
            Declaration.objects.create(**copy | {"serial": 9} | wrong)


def test_a_standard_of_july_is_used_by_a_round_in_november():
    here = Relief()
    clerk, checker = of_policies.people()
    rule = {"op": "mul", "args": [of_policies.FLAT["args"][0], {"op": "const", "value": "100.00"}]}
    facts = of_policies.version_facts(valid_from=date(2026, 7, 1), amount_rule=rule, is_open_ended=True)
    last = here.policy.versions.order_by("-number").first()
    levels = {name: getattr(last, name) for name in lists.NOTHING} | {"has_township_review": True}
    made = funds.add_version(here.policy, actor=clerk, **facts | levels)
    for step, actor in (("submit", clerk), ("publish", checker)):
        funds.advance_version(made.pk, step, actor=actor)
    here.open("11月大雪救助", date(2026, 11, 5))
    book = lists.declaration(here.policy, lines=here.people[:1], period="2026#1", actor=here["village"])
    assert book.version == made
    assert book.lines.get().amount == Decimal("200.00")


@pytest.mark.parametrize(("died", "paid"), [(9, 2), (10, 3)])
def test_a_round_pays_who_lived_on_its_day_whatever_the_stop_rule_says(here, died, paid):
    here.confirm("2026#1", here.people)
    deaths.record_death(here.people[0].pk, died_on=date(2026, 7, died), actor=here["town"])
    assert len(here.paid("2026#1")) == paid


@pytest.mark.parametrize("stop", ["same_month", "next_month", "next_year"])
def test_the_round_of_a_household_whose_head_died_before_its_day_is_paid_to_the_next_head(stop):
    here = Relief(object_type="household", stop_rule=stop)
    here.open("7月洪灾救助", FLOOD)
    head, wife = lists.household(2)
    here.confirm("2026#1", [head])
    deaths.record_death(head.pk, died_on=date(2026, 7, 1), actor=here["town"])
    change_head(here, wife, cause="died", day=None)
    assert here.paid("2026#1") == {wife.pk}


def test_a_policy_that_pays_by_periods_stops_with_a_month():
    with pytest.raises(BadInput, match="从一个月的头一天起停发"):
        lists.policy(stop_rule="next_day")


def test_an_end_before_the_day_takes_the_round_and_its_correction_gives_it_back(here):
    here.open("7月滑坡救助", FLOOD)
    for period in ("2026#1", "2026#3"):
        here.confirm(period, here.people[:1])
    right = Entitlement.objects.get()
    entitlements.take_step(right.pk, "end", actor=here["department"], note="迁出", happened=date(2026, 6, 5))
    assert all(one.valid.isempty for one in right.versions.all())
    corrections.correct_ending(
        right.endings.get().pk, "correct", actor=here["department_check"], note="打错了"
    )
    assert not any(one.valid.isempty for one in right.versions.all())


def test_what_one_missed_in_a_round_is_paid_by_its_supplement(here):
    here.confirm("2026#1", here.people[:1])
    batch = make.issued_batch(here, "2026#1")
    make.approved(here, batch)
    here.confirm("2026#2", here.people[1:2])
    assert services.unpaid_totals(batch) == (0, 0)
    late = lists.declaration(
        here.policy, lines=here.people[2:], period="2026#1", actor=here["village"], another=True
    )
    review.take_step(late.pk, "submit", actor=late.made_by)
    assert services.unpaid_totals(batch) == (1, Decimal("173.80"))


def test_who_opened_the_round_does_not_pass_its_lists_at_the_county(here):
    finance = here["finance"]
    opened = funds.open_round(here.policy, title="10月台风救助", day=date(2026, 10, 1), actor=finance)
    here.confirm(opened.period.text, here.people)
    batch = make.issued_batch(here, opened.period.text)
    with pytest.raises(StepRefused, match="不相容岗位"):
        make.approved(here, batch)


def test_the_commands_take_a_round_as_the_period(here, capsys):
    here.confirm("2026#2", here.people)
    call_command(
        "generate_batch",
        "--policy",
        here.policy.code,
        "--period",
        "2026#2",
        "--as",
        here["department"].username,
    )
    assert PaymentLine.objects.filter(component="#2").count() == 3


def test_proofs_are_silent_of_rounds(here):
    here.confirm("2026#1", here.people)
    make.approved(here, make.issued_batch(here, "2026#1"))
    for proof in (
        proofs.lines_lie_in_their_rights,
        proofs.unsent_lines_are_due,
        proofs.lines_belong_to_their_batch,
    ):
        assert proof()[1] == []


def test_a_round_with_a_wrong_day_goes_once_its_batch_was_taken_back_though_its_book_was_confirmed(here):
    here.confirm("2026#1", here.people)
    batch = make.issued_batch(here, "2026#1")
    one = here.policy.rounds.get(number=1)
    with pytest.raises(StepRefused, match="已有批次，不能放弃"):
        funds.discard_round(one.pk, note="基准日打错了", actor=here["finance"])
    services.advance_batch(batch.pk, "take_back", actor=here["department"], note="基准日打错了")
    with pytest.raises(StepRefused, match="要由另一个人放弃"):
        funds.discard_round(one.pk, note="基准日打错了", actor=here["department"])
    assert awaited(here.people[0].pk)
    funds.discard_round(one.pk, note="基准日打错了", actor=here["finance"])
    with pytest.raises(BadInput, match="已经放弃"):
        services.make_batch(here.policy, "2026#1", actor=here["department"])
    assert awaited(here.people[0].pk) == []
    again = here.open("7月洪灾救助", date(2026, 7, 20))
    here.confirm(again.period.text, here.people)
    assert here.paid(again.period.text) == {one.pk for one in here.people}


def test_who_was_declared_reads_what_the_round_was_for(here):
    here.confirm("2026#1", here.people[:1])
    make.issued_batch(here, "2026#1")
    (paid,) = payments_of(here.people[0].pk)
    assert _when(paid) == "2026年第1次：7月洪灾救助"
    lists.declaration(here.policy, lines=here.people[1:2], period="2026#2", actor=here["village"])
    (asked,) = under_review(here.people[1].pk)
    assert _when(asked) == "2026年第2次：9月火灾救助"
