"""No list and no order is ever stuck at a desk: what cannot be passed can be sent back, and the refusal says the way on."""

from datetime import date

import pytest
from django.urls import reverse

from disbursement import proofs, services
from disbursement.models import PaymentLine, Roster
from disbursement.states import ORDER_FLOW, ROSTER_FLOW
from huimin.core.authority.duties import CONFLICTS, GIVING_BACK, ROSTER_CHECKS, Duty, shut_by
from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from huimin.core.records import audit
from huimin.core.work import workflow
from recipients.models import Death, Entitlement
from recipients.services import deaths, suspensions
from tests.disbursement import factories as make
from tests.disbursement.test_guards import refused_sql, run_sql
from tests.disbursement.test_pages import page_of
from tests.disbursement.test_supplements import people_of, supplement
from tests.factories import TOWN, UserFactory, grant
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db
DESKS = make.CHAIN[1:]


@pytest.fixture
def here():
    return make.world(4, rule=make.MONTHLY, frequency="quarterly", quantity=lambda _: "1.0000")


def at_desk(here, desk, batch=None):
    """The township's list, waiting at this desk (the step that passes it)."""
    roster = (batch or make.issued_batch(here, "2026Q3")).rosters.get(division_code=TOWN)
    steps = [step for step, _ in make.CHAIN]
    return make.approve(here, roster, until=steps[steps.index(desk) - 1])


def send_back(roster, actor):
    services.advance_roster(roster.pk, f"rework_{roster.status}", actor=actor, note="请重编")
    roster.refresh_from_db()
    assert roster.status == "issued"


def give_back(here, roster, who):
    """A pause of the second person of the list, which this person lifts or corrects."""
    right = Entitlement.objects.get(pk=roster.lines.order_by("line_no")[0].entitlement_id)
    pause = lists.suspended(right, "withheld", date(2026, 7, 10))
    suspensions.take_step(pause.pk, "lift", actor=who, note="已认证")


# --- lists --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passed", "next_desk", "after"),
    [
        ("town_check", "pass_department_handle", "department_handle"),
        ("department_check", "pass_finance_handle", "finance"),
    ],
)
def test_a_list_whose_passer_gave_days_back_is_sent_back_and_goes_on_with_another_colleague_there(
    here, passed, next_desk, after
):
    grant(here[passed], Role.DEPARTMENT_REVIEWER)
    roster = at_desk(here, next_desk)
    give_back(here, roster, here[passed])
    with pytest.raises(
        StepRefused, match=r"请先退回乡镇重编，重新生成花名册，新的一版“.+审核花名册”由另一位"
    ) as said:
        services.advance_roster(roster.pk, next_desk, actor=here[after])
    assert here[passed].name in str(said.value)
    send_back(roster, here[after])
    with pytest.raises(StepRefused, match="请重新生成花名册，新的一版"):
        services.advance_roster(roster.pk, "submit", actor=here["town"])
    services.regenerate_roster(roster.pk, actor=here["town"])
    others = {passed: UserFactory(role=here[passed].grants.first().role)}
    for step, who in make.CHAIN:
        if who == passed:
            with pytest.raises(StepRefused, match=r"恢复享受.*安全管理员授权"):
                services.advance_roster(roster.pk, step, actor=here[who])
        services.advance_roster(roster.pk, step, actor=others.get(who, here[who]))
    assert Roster.objects.get(pk=roster.pk).status == "approved"
    assert proofs.separation_over_the_whole_way()[1] == []


def test_a_list_whose_passer_corrected_a_death_is_sent_back(here):
    roster = at_desk(here, "pass_department_handle")
    dead = roster.lines.order_by("line_no")[0].beneficiary_id
    deaths.record_death(dead, died_on=date(2026, 7, 10), actor=here["town"])
    found = Death.objects.get(person_id=dead)
    deaths.correct_death(found.pk, "correct", actor=here["town_check"], note="登记错人")
    with pytest.raises(StepRefused, match=r"更正.*请先退回乡镇重编"):
        services.advance_roster(roster.pk, "pass_department_handle", actor=here["department_handle"])
    send_back(roster, here["department_handle"])


@pytest.mark.parametrize(("desk", "who"), DESKS)
@pytest.mark.parametrize(
    "duty", [Duty.ROSTER_MAKE, Duty.DECLARATION_MAKE, Duty.DEATH_CORRECT, Duty.LINE_STOP]
)
def test_who_may_not_pass_a_list_at_their_desk_sends_it_back(here, desk, who, duty):
    roster = at_desk(here, desk)
    workflow.take_duty(roster, duty, actor=here[who])
    if workflow.separation_refusal(
        roster, dict(zip(DESKS, ROSTER_CHECKS, strict=True))[desk, who], actor=here[who]
    ):
        with pytest.raises(StepRefused, match="不相容岗位"):
            services.advance_roster(roster.pk, desk, actor=here[who])
    send_back(roster, here[who])


def test_the_page_closes_the_pass_and_leaves_the_return_open(here):
    roster = at_desk(here, "pass_township_check")
    workflow.take_duty(roster, Duty.DEATH_CORRECT, actor=here["town_check"])
    page = page_of(here["town_check"])
    panel = page.get(reverse("disbursement:roster-detail", args=[roster.pk])).context["panel"]
    refused = {one.label: one.refused for one in panel.acts}
    assert "死亡更正" in refused["乡镇审核通过，送部门"]
    assert refused["退回乡镇重编"] == ""
    given = {"action_key": panel.action_key, "note": "请重编", "drawn": panel.drawn}
    url = reverse("disbursement:roster-step", args=[roster.pk, "rework_township_check"])
    assert page.post(url, given | {"content_hash": roster.content_hash}).status_code == 302
    assert Roster.objects.get(pk=roster.pk).status == "issued"


def test_whoever_does_not_hold_the_desk_sends_nothing_back(here):
    roster = at_desk(here, "pass_finance_handle")
    with pytest.raises(StepRefused, match="不归您的岗位"):
        services.advance_roster(roster.pk, "rework_finance_handle", actor=here["town_check"], note="请重编")


def test_the_check_of_a_desk_is_not_on_record_as_a_return(here):
    roster = at_desk(here, "pass_department_handle")
    workflow.take_duty(roster, Duty.ROSTER_DEPARTMENT_HANDLE, actor=here["department_handle"])
    refused_sql(
        "UPDATE disbursement_roster SET status = 'issued' WHERE id = %s", [roster.pk], match="没有经办人"
    )


# --- orders -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["made it", "stopped a line", "gave days back"])
def test_a_treasurer_who_may_not_sign_an_order_sends_it_back(here, how):
    treasurer, batch = here["treasurer"], make.issued_batch(here, "2026Q3")
    if how == "stopped a line":
        grant(treasurer, Role.TOWNSHIP_CLERK)
        services.stop_line(PaymentLine.objects.first().pk, reason="重复", actor=treasurer)
    rosters = make.approved(here, batch)
    if how == "gave days back":
        grant(treasurer, Role.DEPARTMENT_REVIEWER)
        give_back(here, rosters[0], treasurer)
    maker = here["order_maker"]
    if how == "made it":
        grant(treasurer, Role.FINANCE_CLERK)
        maker = treasurer
    order = make.make_order([one.pk for one in rosters], actor=maker)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.sign_order(order.pk, actor=treasurer)
    services.advance_order(order.pk, "cancel", actor=treasurer, note="请另一位编制、签章")
    order.refresh_from_db()
    assert order.status == "cancelled"


# --- a stop that is taken back ------------------------------------------------------------------------------------------


def of_a_lifted_stop(here, lifter):
    """The 补发 of a line that was stopped and that this person lifted, at the township's."""
    batch = make.issued_batch(here, "2026Q3")
    make.approved(here, batch)
    line = make.lines_of(batch).filter(roster__division_code=TOWN).first()
    services.stop_line(line.pk, reason="已换卡", actor=here["town"])
    services.lift_stop(line.pk, reason="发到新卡", actor=lifter)
    made = supplement(here, batch)
    assert people_of(made) == {line.beneficiary_id}
    return made


def test_a_department_with_one_clerk_lifts_a_stop_and_handles_what_is_paid_after_all(here):
    made = of_a_lifted_stop(here, here["department"])
    roster = at_desk(here, "pass_department_handle", made)
    services.advance_roster(roster.pk, "pass_department_handle", actor=here["department"])
    for step, who in make.CHAIN[3:]:
        services.advance_roster(roster.pk, step, actor=here[who])
    assert Roster.objects.get(pk=roster.pk).status == "approved"
    assert proofs.separation_over_the_whole_way()[1] == []


@pytest.mark.parametrize(
    ("desk", "role"),
    [
        ("pass_township_check", Role.TOWNSHIP_REVIEWER),
        ("pass_department_check", Role.DEPARTMENT_REVIEWER),
        ("pass_finance_handle", Role.FINANCE_CLERK),
        ("pass_finance_check", Role.FINANCE_CHECKER),
    ],
)
def test_who_lifted_a_stop_passes_the_list_at_no_other_desk_and_sends_it_back(here, desk, role):
    lifter = UserFactory(role=Role.DEPARTMENT_CLERK)
    made = of_a_lifted_stop(here, lifter)
    grant(lifter, role)
    roster = at_desk(here, desk, made)
    with pytest.raises(StepRefused, match="不相容岗位：您在这笔业务里已经办过“恢复发放”"):
        services.advance_roster(roster.pk, desk, actor=lifter)
    send_back(roster, lifter)


def test_who_lifted_a_stop_neither_makes_nor_signs_its_order(here):
    made = of_a_lifted_stop(here, here["finance"])
    here.staff["finance"] = here["order_maker"]
    rosters = [one.pk for one in make.approved(here, made)]
    lifter = PaymentLine.objects.get(stop_lift__isnull=False).stop_lift.actor
    with pytest.raises(StepRefused, match="恢复发放"):
        make.make_order(rosters, actor=lifter)
    order = make.make_order(rosters, actor=here["order_maker"])
    grant(lifter, Role.TREASURER)
    with pytest.raises(StepRefused, match="恢复发放"):
        services.sign_order(order.pk, actor=lifter)


LIFT = "INSERT INTO disbursement_stoplift (line_id, reason, actor_id) VALUES (%s, '误停', %s)"


def told_without_duty(here):
    """A stopped line, and a lift of it that the trail was told of, by somebody who is not on record for it."""
    make.issued_batch(here, "2026Q3")
    line = PaymentLine.objects.first()
    services.stop_line(line.pk, reason="已换卡", actor=here["town"])
    audit.record(line.roster, action="lift_stop", actor=here["finance"], detail={"line": line.pk})
    return [line.pk, here["finance"].pk]


def test_nobody_takes_a_stop_back_by_sql_without_being_on_record_for_it(here):
    lift = told_without_duty(here)
    refused_sql(LIFT, lift, match="恢复发放要由经办人办理")
    line = PaymentLine.objects.get(pk=lift[0])
    workflow.take_duty(line, Duty.STOP_LIFT, actor=here["department"])
    refused_sql(LIFT, lift, match="恢复发放要由经办人办理")  # it is another one's duty
    workflow.take_duty(line, Duty.STOP_LIFT, actor=here["finance"])
    run_sql(LIFT, lift)
    assert proofs.stops_are_lifted_in_duty() == (1, [])


# --- what the page of a payment says beforehand --------------------------------------------------------------------------


def page_of_line(user, line):
    return page_of(user).get(reverse("disbursement:line-detail", args=[line.pk])).content.decode()


def test_whoever_passed_the_list_sees_why_they_stop_nobody_on_it_before_they_type_a_reason(here):
    roster = at_desk(here, "pass_finance_check")
    told, other = (page_of_line(here[who], roster.lines.first()) for who in ("finance", "order_maker"))
    assert "您在这笔业务里已经办过“财政初审花名册”，不能再办“停发”" in told
    assert "乡镇、部门的同事也可以停发" in told
    assert "停发原因" not in told
    assert "停发原因" in other


def test_who_stops_nobody_is_offered_no_stop(here):
    roster = at_desk(here, "pass_finance_check")
    assert "停发这一笔" not in page_of_line(here["treasurer"], roster.lines.first())


def test_finance_reads_before_lifting_a_stop_which_desks_that_closes_and_who_can_do_it_instead(here):
    make.approved(here, make.issued_batch(here, "2026Q3"))
    line = PaymentLine.objects.first()
    services.stop_line(line.pk, reason="已换卡", actor=here["town"])
    told = page_of_line(here["finance"], line)
    assert "谁办，谁就不能审核、支付以后列有这一笔的名单：乡镇审核、部门审核、财政初审" in told
    assert "部门经办这一道除外，退回名单也不受影响" in told
    assert "请由部门经办来办这一件" in told


def test_where_a_refund_waits_for_its_check_the_page_names_it_instead_of_an_empty_form(here):
    order = make.sent_order(here, make.issued_batch(here, "2026Q3"))
    make.returned(here, order)
    line = PaymentLine.objects.first()
    assert "登记，等人复核" in page_of_line(here["reconciler2"], line)
    asked = services.ask_reversal(
        line.pk,
        kind="voluntary_refund",
        returned_on=line.results.get().business_on,
        bank_reference="1",
        reason="重复领取",
        actor=here["reconciler"],
    )
    told = page_of_line(here["reconciler2"], line)
    assert "登记，等人复核" not in told
    assert reverse("disbursement:reversal-detail", args=[asked.pk]) in told
    services.advance_reversal(asked.pk, "refuse", actor=here["reconciler2"], note="不是这一笔")
    assert "登记，等人复核" in page_of_line(here["reconciler"], line)


# --- the table ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flow", [ROSTER_FLOW, ORDER_FLOW], ids=["list", "order"])
def test_what_goes_back_is_excluded_by_nothing(flow):
    back = {one.duty for one in flow.steps if one.style == "danger" and one.duty}
    assert back == {Duty.ROSTER_RETURN if flow is ROSTER_FLOW else Duty.ORDER_RETURN}
    assert not [pair for pair in CONFLICTS if back & {*pair}]


@pytest.mark.parametrize("duty", GIVING_BACK)
def test_who_gives_something_back_handles_lists_at_the_department_s_desk_and_at_no_other(duty):
    assert Duty.ROSTER_DEPARTMENT_HANDLE not in shut_by(duty)
    assert {*ROSTER_CHECKS} - {*shut_by(duty)} == {Duty.ROSTER_DEPARTMENT_HANDLE}
    assert {Duty.ORDER_MAKE, Duty.ORDER_SIGN, Duty.RETURN_UPLOAD, Duty.RETURN_CONFIRM} < {*shut_by(duty)}
