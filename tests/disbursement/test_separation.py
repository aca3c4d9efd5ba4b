"""Who had a hand in a list does not check it further down, and every post on the way is inherited."""

import importlib.util

import pytest

from disbursement import services
from disbursement.models import PaymentLine
from disbursement.services import inherited
from disbursement.states import ROSTER_FLOW, ROSTER_STATIONS, RosterStatus
from huimin.core.authority import duties
from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from tests.disbursement import factories as make
from tests.factories import UserFactory, grant

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return make.world(4)


def refused_as_incompatible(act):
    with pytest.raises(StepRefused, match="不相容岗位"):
        act()


def test_who_stops_a_line_does_not_pass_the_list_for_finance(here):
    roster = make.issued_batch(here).rosters.order_by("-line_count").first()
    make.approve(here, roster, until="pass_department_check")
    services.stop_line(roster.lines.first().pk, reason="死亡", actor=here["finance"])
    refused_as_incompatible(
        lambda: services.advance_roster(roster.pk, "pass_finance_handle", actor=here["finance"])
    )
    services.advance_roster(roster.pk, "pass_finance_handle", actor=here["order_maker"])
    grant(here["finance"], Role.FINANCE_CHECKER)
    refused_as_incompatible(
        lambda: services.advance_roster(roster.pk, "pass_finance_check", actor=here["finance"])
    )


def test_who_stopped_a_line_does_not_sign_what_is_left(here):
    batch = make.issued_batch(here)
    stopper = UserFactory(role=Role.TOWNSHIP_CLERK)
    services.stop_line(PaymentLine.objects.first().pk, reason="死亡", actor=stopper)
    order = make.ordered(here, batch)
    grant(stopper, Role.TREASURER)
    refused_as_incompatible(lambda: services.sign_order(order.pk, actor=stopper))


def test_who_made_a_roster_anew_does_not_check_it(here):
    roster = make.issued_batch(here).rosters.first()
    second = UserFactory(role=Role.TOWNSHIP_CLERK)
    services.regenerate_roster(roster.pk, actor=second)
    services.advance_roster(roster.pk, "submit", actor=here["town"])
    grant(second, Role.TOWNSHIP_REVIEWER)
    refused_as_incompatible(lambda: services.advance_roster(roster.pk, "pass_township_check", actor=second))


def test_who_made_the_batch_handles_its_rosters_where_the_department_has_one_clerk(here):
    roster = make.issued_batch(here).rosters.first()
    make.approve(here, roster, until="pass_township_check")
    passed = services.advance_roster(roster.pk, "pass_department_handle", actor=here["department"])
    assert passed.status == "department_check"


@pytest.mark.parametrize(
    ("step", "role"),
    [
        ("pass_department_check", Role.DEPARTMENT_REVIEWER),
        ("pass_finance_handle", Role.FINANCE_CLERK),
        ("pass_finance_check", Role.FINANCE_CHECKER),
    ],
)
def test_who_made_the_batch_does_not_check_its_rosters(here, step, role):
    roster = make.issued_batch(here).rosters.first()
    steps = [name for name, _ in make.CHAIN]
    make.approve(here, roster, until=steps[steps.index(step) - 1])
    grant(here["department"], role)
    refused_as_incompatible(lambda: services.advance_roster(roster.pk, step, actor=here["department"]))


def test_who_made_the_batch_does_not_pay_it(here):
    rosters = make.approved(here, make.issued_batch(here))
    grant(here["department"], Role.FINANCE_CLERK)
    refused_as_incompatible(lambda: make.make_order([one.pk for one in rosters], actor=here["department"]))


def test_who_chose_whom_to_pay_again_does_not_sign_it(here):
    order = make.sent_order(here)
    make.returned(here, order, fail={0})
    chooser = UserFactory(role=Role.DEPARTMENT_CLERK)
    correction = services.make_correction(make.batch_of(order).pk, actor=chooser)
    second = make.ordered(here, correction)
    grant(chooser, Role.TREASURER)
    refused_as_incompatible(lambda: services.sign_order(second.pk, actor=chooser))


def test_a_new_post_goes_along_to_orders_and_returns_by_its_pairs_alone(monkeypatch):
    pairs = [("roster.audit", duties.Duty.ORDER_SIGN), ("roster.audit", duties.Duty.RETURN_CONFIRM)]
    monkeypatch.setattr(duties, "CONFLICTS", (*duties.CONFLICTS, *pairs))
    spec = importlib.util.spec_from_file_location("people_with_a_new_post", inherited.__file__)
    anew = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    assert "roster.audit" in anew.TO_ORDER
    assert "roster.audit" in anew.TO_RETURN


def test_every_post_on_a_roster_goes_along_to_its_order_and_what_follows_does_not_come_back():
    posts = {one.duty for one in ROSTER_FLOW.steps if one.duty} - {duties.Duty.ROSTER_RETURN}
    assert posts <= set(inherited.TO_ORDER)
    assert posts <= set(inherited.TO_RETURN)
    assert not set(duties.RETURNING) & set(inherited.TO_RETURN)


def test_the_bar_above_a_roster_has_every_desk_in_the_order_of_the_steps():
    passing = {next(iter(one.sources)): one.target for one in ROSTER_FLOW.steps if not one.needs_note}
    desks = [RosterStatus.ISSUED]
    while desks[-1] in passing:
        desks.append(passing[desks[-1]])
    assert [state for state, _ in ROSTER_STATIONS] == desks
    assert [label for _, label in ROSTER_STATIONS] == [
        "乡镇核对", "乡镇审核", "部门经办", "部门审核", "财政初审", "财政复核", "终审",
    ]  # fmt: skip


def test_submission_is_checked_whichever_desk_comes_first(here):
    roster = make.issued_batch(here).rosters.first()
    (trigger,) = [one for one in type(roster)._meta.triggers if one.name == "roster_adds_up_at_submission"]
    assert not [
        one
        for one in RosterStatus.values
        if one in str(trigger.condition.sql) and one.endswith(("check", "handle"))
    ]
