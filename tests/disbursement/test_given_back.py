"""Whose word the money of a list goes by: who gave days back, or chose the head who is paid, checks no list of them."""

from datetime import date, timedelta

import pytest
from django.db import connection, transaction

from disbursement import proofs, services
from disbursement.models import Roster
from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from huimin.core.work import jobs
from recipients.models import Ending, Entitlement, Suspension
from recipients.services import corrections, deaths, entitlements, heads, suspensions
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import PHOTO, change_head, listed
from tests.disbursement.test_one_head_is_paid import Village
from tests.factories import ANYTHING, TOWN, UserFactory, grant
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db

ASKER = "户主变更申请"


def early(here, period):
    """The list of a period to come, paid before it begins."""
    batch = services.make_batch(here.policy, period, actor=here["department"], early="提前发放，县里要求")
    batch, job = services.issue_batch(batch.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    return batch


# --- who asked for the head --------------------------------------------------------------------------------------------


def both_have(frequency, first, since, *, clerk="town"):
    """The head moved and is back, as `clerk` asked for: head and wife have the days, and he is paid because he is head."""
    terms = {} if frequency == "yearly" else {"amount_rule": make.MONTHLY}
    here = Village(frequency, stop_rule="next_year", **terms)
    here.declare([here.head, here.neighbour], first)
    change_head(here, here.wife, day=date(2026, 3, 10), cause="moved")
    here.declare([here.wife], since, another=True)
    change_head(here, here.head, day=date(2026, 5, 10), cause="mistaken", clerk=here[clerk])
    return here


def both_have_the_year(clerk="town"):
    return both_have("yearly", "2026", "2026", clerk=clerk)


def test_who_asked_for_the_change_that_decides_which_of_two_is_paid_passes_no_list_of_that_one():
    here = both_have_the_year(clerk="department_check")
    batch = make.issued_batch(here)
    assert listed(batch, here.head, here.wife) == [1, 0]
    with pytest.raises(StepRefused, match=ASKER):
        make.approved(here, batch)


@pytest.mark.parametrize("when", ["no right passed", "a right waited at the death"])
def test_who_asked_for_a_head_who_was_declared_since_passes_no_list_of_that_one(when):
    here = Village("monthly", is_open_ended=True, amount_rule=make.MONTHLY)
    asker = here["department_check"]
    if when == "no right passed":
        change_head(here, here.wife, clerk=asker, day=date(2026, 1, 1))
    else:
        here.declare([here.head, here.neighbour], "2026-01")
        lists.suspended(Entitlement.objects.get(beneficiary=here.head), "withheld", date(2026, 2, 1))
        deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
        change_head(here, here.wife, cause="died", day=None, clerk=asker)
    here.declare([here.wife], "2026-05")
    batch = make.issued_batch(here, "2026-07")
    assert listed(batch, here.wife) == [1]
    with pytest.raises(StepRefused, match=ASKER):
        make.approved(here, batch)


def test_a_month_from_before_the_change_that_both_have_is_paid_by_the_asker_s_word_too():
    here = both_have("monthly", "2026-03", "2026-03", clerk="department_check")
    batch = make.issued_batch(here, "2026-03")
    assert listed(batch, here.head, here.wife) == [1, 0]
    with pytest.raises(StepRefused, match=ASKER):
        make.approved(here, batch)


def test_a_month_from_before_the_change_that_nobody_else_has_is_not_the_asker_s_word():
    here = Village("monthly", is_open_ended=True, amount_rule=make.MONTHLY)
    change_head(here, here.wife, day=date(2026, 5, 10), clerk=here["department_check"])
    here.declare([here.wife, here.neighbour], "2026-01")
    assert make.approved(here, make.issued_batch(here, "2026-03"))
    assert proofs.separation_over_the_whole_way()[1] == []


def test_who_asked_for_a_change_that_another_one_followed_passes_the_list():
    here = both_have_the_year(clerk="department_check")
    change_head(here, here.wife, day=date(2026, 5, 20))
    change_head(here, here.head, day=date(2026, 5, 20), cause="mistaken")
    batch = make.issued_batch(here)
    assert listed(batch, here.head) == [1]
    assert make.approved(here, batch)


def test_the_one_clerk_of_a_department_who_asked_for_a_head_handles_the_list_at_their_own_desk():
    here = both_have_the_year(clerk="department_handle")
    assert make.approved(here, make.issued_batch(here))
    assert proofs.separation_over_the_whole_way()[1] == []


def test_who_asks_for_the_head_back_after_the_final_approval_makes_no_order_of_the_list():
    """In between another one was head, and the list could not be paid."""
    here = both_have_the_year()
    grant(here["order_maker"], Role.TOWNSHIP_CLERK)
    rosters = [one.pk for one in make.approved(here, make.issued_batch(here))]
    change_head(here, here.wife, day=date(2026, 5, 10))
    with pytest.raises(StepRefused, match="应发期间"):
        make.make_order(rosters, actor=here["order_maker"])
    change_head(here, here.head, day=date(2026, 5, 10), cause="mistaken", clerk=here["order_maker"])
    with pytest.raises(StepRefused, match=ASKER):
        make.make_order(rosters, actor=here["order_maker"])
    another = UserFactory(role=Role.FINANCE_CLERK)
    assert make.make_order(rosters, actor=another).line_count == 2


def test_what_was_passed_before_the_change_was_approved_is_not_held_against_who_had_asked_for_it():
    here = both_have_the_year()
    (roster,) = make.issued_batch(here).rosters.all()
    services.advance_roster(roster.pk, "submit", actor=here["town"])
    change_head(here, here.wife, day=date(2026, 5, 10))
    wanted = heads.NewHead("mistaken", "办错了", date(2026, 5, 10), {here.wife.pk: "11"}, PHOTO, ANYTHING)
    asked = heads.ask_head_change(here.head.pk, wanted, actor=here["department_check"])
    for step, who in make.CHAIN[1:]:
        services.advance_roster(roster.pk, step, actor=here[who])
    checker = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN)
    heads.check_head_change(asked.pk, "approve", actor=checker, acknowledged=ANYTHING)
    assert Roster.objects.get(pk=roster.pk).status == "approved"
    assert proofs.separation_over_the_whole_way()[1] == []


# --- who gave days back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["ending", "suspension", "death"])
def test_who_corrects_what_would_take_the_next_year_passes_no_list_of_that_year(how):
    here = Village("yearly", is_open_ended=True, amount_rule=make.MONTHLY, stop_rule="next_year")
    here.declare([here.head, here.neighbour], "2026")
    right, day, by = Entitlement.objects.get(beneficiary=here.head), date(2026, 6, 5), here["town_check"]
    if how == "ending":
        entitlements.take_step(right.pk, "end", actor=here["department"], note="查无", happened=day)
        corrections.correct_ending(right.endings.get().pk, "correct", actor=by, note="查错了")
    elif how == "death":
        deaths.record_death(here.head.pk, died_on=day, actor=here["village"])
        deaths.correct_death(here.head.deaths.get().pk, "correct", actor=by, note="登记错了人")
    else:
        suspensions.take_step(lists.suspended(right, "forfeited", day).pk, "correct", actor=by, note="查错了")
    batch = early(here, "2027")
    assert listed(batch, here.head) == [1]
    with pytest.raises(StepRefused, match="不相容岗位"):
        make.approved(here, batch)


def test_who_corrects_an_ending_before_its_day_passes_no_list_that_is_paid_early():
    here = Village("quarterly", is_open_ended=True, amount_rule=make.MONTHLY, stop_rule="next_quarter")
    here.declare([here.head, here.neighbour], "2026Q1")
    right = Entitlement.objects.get(beneficiary=here.head)
    entitlements.take_step(
        right.pk, "end", actor=here["department"], note="迁出", happened=date(2026, 11, 20)
    )
    corrections.correct_ending(
        right.endings.get().pk, "correct", actor=here["department_check"], note="没有迁出"
    )
    batch = early(here, "2027Q1")
    assert listed(batch, here.head) == [1]
    with pytest.raises(StepRefused, match="终止更正"):
        make.approved(here, batch)


BY_SQL = {
    "suspension.lift": """UPDATE recipients_suspension SET status = 'lifted', lifted_by_id = %s, lifted_at = '2020-01-01',
        last_day = '2026-02-01', lift_reason = 'x' WHERE id = %s""",
    "suspension.check": """UPDATE recipients_suspension SET status = 'corrected', corrected_by_id = %s,
        corrected_at = '2020-01-01', correction_reason = 'x' WHERE id = %s""",
    "ending.correct": """UPDATE recipients_ending SET status = 'corrected', corrected_by_id = %s, over_at = '2020-01-01',
        correction_reason = 'x' WHERE id = %s""",
}


@pytest.mark.parametrize("duty", list(BY_SQL))
def test_by_sql_nobody_says_another_day_on_which_days_were_given_back(duty):
    here = Village("quarterly", is_open_ended=True, amount_rule=make.MONTHLY)
    here.declare([here.head, here.neighbour], "2026Q1")
    right, who = Entitlement.objects.get(beneficiary=here.head), here["town_check"]
    if duty == "ending.correct":
        entitlements.take_step(right.pk, "end", actor=here["department"], note="x", happened=date(2026, 2, 1))
        one: Ending | Suspension = right.endings.get()
    else:
        one = lists.suspended(right, "withheld", date(2026, 2, 1))
    subject = f"recipients.{type(one).__name__.lower()}:{one.pk}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO core_involvement (subject, duty, user_id, inherited, person_key, conflicts)
               SELECT %s, %s, id, false, person_key, '{}' FROM core_user WHERE id = %s""",
            [subject, duty, who.pk],
        )
        cursor.execute(BY_SQL[duty], [who.pk, one.pk])
        cursor.execute("UPDATE recipients_entitlement SET status = 'active' WHERE id = %s", [right.pk])
    one.refresh_from_db()
    dated = {"suspension.lift": "lifted_at", "suspension.check": "corrected_at", "ending.correct": "over_at"}
    assert getattr(one, dated[duty]) > clock.now() - timedelta(days=1)
    if duty != "ending.correct":
        with pytest.raises(StepRefused, match="不相容岗位"):
            make.approved(here, make.issued_batch(here, "2026Q3"))
