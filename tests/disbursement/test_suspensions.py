"""What a suspension does to the money: withheld days wait, forfeited ones are never due, and who lifts passes no list."""

from datetime import date
from decimal import Decimal

import pytest

from disbursement import proofs, services
from disbursement.models import PaymentLine, Roster, RosterOmission
from disbursement.queries.stale import stale_lines, to_be_ordered
from huimin.core.errors import FileRefused, StepRefused
from recipients.models import Entitlement
from recipients.services import suspensions
from subsidies.services import versions
from tests.disbursement import factories as make
from tests.disbursement.test_one_head_is_paid import Village
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db
JULY, AUGUST = date(2026, 7, 10), date(2026, 8, 1)


@pytest.fixture
def here():
    """Three people with 120.00 a month, paid by the quarter; a stop counts from the month after."""
    return make.world(3, rule=make.MONTHLY, frequency="quarterly", quantity=lambda _: "1.0000")


def first_right(here):
    """Of somebody who is not alone in their township."""
    return Entitlement.objects.get(beneficiary=here.people[1])


def paid_days(batch, right):
    rows = make.lines_of(batch).filter(entitlement_id=right.pk).order_by("period_range")
    return [
        (f"{one.period_range.lower:%m-%d}", f"{one.period_range.upper:%m-%d}", str(one.amount))
        for one in rows
    ]


def test_a_withheld_right_is_left_out_while_it_stands_and_paid_whole_after_it_was_lifted(here):
    right = first_right(here)
    pause = lists.suspended(right, "withheld", JULY)
    batch = make.issued_batch(here, "2026Q3")
    assert paid_days(batch, right) == []
    assert RosterOmission.objects.get(entitlement_id=right.pk).reason == "suspended"
    assert services.unpaid_totals(batch) == (0, 0)
    make.approved(here, batch)
    lists.lifted(pause, date(2026, 8, 31))
    assert services.unpaid_totals(batch) == (1, Decimal("360.00"))


def test_forfeited_months_are_never_due_and_the_others_are_paid_in_their_stretches(here):
    right = first_right(here)
    pause = lists.suspended(right, "forfeited", JULY)
    lists.lifted(pause, date(2026, 8, 20))
    batch = make.issued_batch(here, "2026Q3")
    assert paid_days(batch, right) == [("07-01", "08-01", "120.00"), ("09-01", "10-01", "120.00")]
    make.approved(here, batch)
    assert services.unpaid_totals(batch) == (0, 0)
    assert proofs.lines_lie_in_their_rights()[1] == []


def test_a_right_that_forfeits_all_of_a_period_is_left_out_with_the_reason(here):
    right = first_right(here)
    lists.suspended(right, "forfeited", date(2026, 5, 5))
    batch = make.issued_batch(here, "2026Q3")
    assert paid_days(batch, right) == []
    assert RosterOmission.objects.get(entitlement_id=right.pk).reason == "suspended"


def test_what_was_due_before_a_forfeiting_suspension_is_paid_while_it_stands(here):
    right = first_right(here)
    lists.suspended(right, "forfeited", JULY)
    assert paid_days(make.issued_batch(here, "2026Q2"), right) == [("04-01", "07-01", "360.00")]


def test_a_rule_that_pays_the_period_once_pays_it_when_a_day_of_it_is_not_forfeited():
    here = make.world(3)
    part, whole, other = (Entitlement.objects.get(beneficiary=one) for one in here.people)
    lists.suspended(part, "forfeited", JULY)
    lists.suspended(whole, "forfeited", date(2025, 11, 5))
    batch = make.issued_batch(here)
    assert set(make.lines_of(batch).values_list("entitlement_id", flat=True)) == {part.pk, other.pk}
    assert RosterOmission.objects.get().entitlement_id == whole.pk


def test_a_year_that_a_supplement_paid_once_is_not_paid_again_for_its_free_days():
    here = make.world(3)
    right = first_right(here)
    pause = lists.suspended(right, "withheld", JULY)
    batch = make.issued_batch(here)
    make.approved(here, batch)
    lists.lifted(pause)
    assert services.unpaid_totals(batch)[0] == 1
    more = services.make_supplement(batch.pk, reason="已认证", actor=here["department"])
    _, job = services.issue_batch(more.pk, actor=here["department"])
    assert make.jobs.run(job.pk) == "done"
    assert services.unpaid_totals(batch) == (0, 0)


def go_on(here, until, approved, order):
    if until == "approved":
        services.make_orders([one.pk for one in approved], actor=here["order_maker"])
    else:
        step = {"ordered": "sign", "signed": "send"}[until]
        services.advance_order(order.pk, step, actor=here["treasurer"])


@pytest.mark.parametrize("kind", ["withheld", "forfeited"])
@pytest.mark.parametrize("until", ["made", "approved", "ordered", "signed"])
def test_a_list_made_before_is_not_paid_as_it_stands(here, kind, until):
    batch = make.issued_batch(here, "2026Q3")
    line = make.lines_of(batch).order_by("pk").first()
    lists_, order = ([] if until == "made" else make.approved(here, batch)), None
    if until in {"ordered", "signed"}:
        order = make.make_order([one.pk for one in lists_], actor=here["order_maker"])
    if until == "signed":
        services.sign_order(order.pk, actor=here["treasurer"])
    lists.suspended(Entitlement.objects.get(pk=line.entitlement_id), kind, JULY)
    said = "享受资格已暂停" if kind == "withheld" else "应发期间已变，资格在这一期内终止、停发或变更过"
    if until == "made":
        with pytest.raises(FileRefused) as refused:
            services.advance_roster(line.roster_id, "submit", actor=here["town"])
        assert [one.message for one in refused.value.errors] == [f"第 {line.line_no} 行{said}。"]
        return
    with pytest.raises(StepRefused, match=said):
        go_on(here, until, lists_, order)


def test_a_corrected_suspension_makes_its_months_payable_beside_what_was_paid(here):
    """The list paid July and September; August comes by a 补发, and nothing is paid twice."""
    right = first_right(here)
    pause = lists.suspended(right, "forfeited", JULY)
    lists.lifted(pause, date(2026, 8, 20))
    batch = make.issued_batch(here, "2026Q3")
    make.approved(here, batch)
    suspensions.take_step(pause.pk, "correct", actor=here["department"], note="打错了人")
    assert services.unpaid_totals(batch) == (1, Decimal("120.00"))
    more = services.make_supplement(batch.pk, reason="暂停打错了", actor=here["department"])
    more, job = services.issue_batch(more.pk, actor=here["department"])
    assert make.jobs.run(job.pk) == "done"
    assert paid_days(more, right) == [("08-01", "09-01", "120.00")]
    make.approved(here, more)
    assert services.unpaid_totals(batch) == (0, 0)
    assert stale_lines(to_be_ordered(list(Roster.objects.values_list("pk", flat=True)))) == []
    assert proofs.unsent_lines_are_due()[1] == []
    assert proofs.lines_lie_in_their_rights()[1] == []


def test_who_lifted_a_suspension_passes_no_list_that_pays_the_right(here):
    right = first_right(here)
    pause = lists.suspended(right, "withheld", JULY)
    lists.lifted(pause, date(2026, 8, 31), by=here["department_check"])
    batch = make.issued_batch(here, "2026Q3")
    line = make.lines_of(batch).get(entitlement_id=right.pk)
    with pytest.raises(StepRefused, match="不相容岗位：您在这笔业务里已经办过“恢复享受”"):
        make.approve(here, line.roster)


def test_a_corrections_list_leaves_out_who_is_suspended(here):
    order = make.sent_order(here, make.issued_batch(here, "2026Q3"))
    make.returned(here, order, fail={0, 1, 2})
    line = PaymentLine.objects.order_by("pk").first()
    lists.suspended(Entitlement.objects.get(pk=line.entitlement_id), "withheld", JULY)
    services.make_correction(make.batch_of(order).pk, actor=here["department"])
    assert not PaymentLine.objects.filter(corrects_line_id=line.pk).exists()
    assert PaymentLine.objects.exclude(corrects_line_id=None).count() == 2


@pytest.mark.parametrize(
    ("declared_by", "paid_by", "lost", "resumes", "listed_for"),
    [
        (make.FLAT, make.MONTHLY, ("2026年8月", "2026年9月"), date(2026, 10, 1), date(2026, 8, 1)),
        (make.MONTHLY, make.FLAT, (), date(2026, 9, 21), date(2026, 10, 1)),
    ],
    ids=["once, then by months", "by months, then once"],
)
def test_what_lifting_says_is_lost_is_what_the_list_of_that_period_does_not_pay(
    declared_by, paid_by, lost, resumes, listed_for
):
    """The policy changed its rule between the declaration and the period of the suspension."""
    here = Village("quarterly", is_open_ended=True, amount_rule=declared_by)
    here.declare([here.head, here.neighbour], "2026Q1")
    made = versions.add_version(
        here.policy,
        actor=here["finance"],
        valid_from=date(2026, 7, 1),
        amount_rule=paid_by,
        standard_text="新标准",
        is_open_ended=True,
        **(lists.NOTHING | {"has_county_review": True, "joint_parties": ["department", "finance"]}),
    )
    versions.advance_version(made.pk, "submit", actor=here["finance"])
    versions.advance_version(made.pk, "publish", actor=here["finance_check"])
    pause = lists.suspended(Entitlement.objects.get(beneficiary=here.head), "forfeited", date(2026, 7, 10))
    told = suspensions.lifting_of(pause, date(2026, 9, 20))
    assert (told.lost, told.resumes) == (lost, resumes)
    lists.lifted(pause, date(2026, 9, 20))
    (line,) = make.lines_of(make.issued_batch(here, "2026Q3")).filter(beneficiary_id=here.head.pk)
    assert line.period_range.upper == listed_for
