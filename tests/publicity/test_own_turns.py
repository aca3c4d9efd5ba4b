"""我的补贴: what somebody reads whose payment was stopped, ended, failed and paid otherwise, or whose head changed."""

from datetime import date

import pytest

from disbursement import queries, services
from disbursement.services import rosters
from publicity.queries import awaited, changes
from recipients.models import Entitlement
from recipients.services import deaths
from subsidies.services import advance_policy, versions
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head, listed
from tests.disbursement.test_one_head_is_paid import Village, supplement
from tests.disbursement.test_payment_state import reversed_
from tests.publicity.factories import ask_about
from tests.recipients import factories as lists
from tests.subsidies.factories import version_facts

pytestmark = pytest.mark.django_db
MONTHS = {"is_open_ended": True, "amount_rule": make.MONTHLY}


def monthly(*people, **terms):
    here = Village("monthly", **(MONTHS | terms))
    here.declare([here.head, *people], "2026-01")
    return here


def page(client, person):
    return " ".join(ask_about(client, person).content.decode().split())


def part(client, person, name):
    text = page(client, person)
    return text.split(f'id="{name}"')[1].split("</section>")[0] if f'id="{name}"' in text else ""


def cards(client, person, period):
    """The payments told for this period, each from its title to the next."""
    return [one for one in page(client, person).split('<div class="pay__top">') if f"（{period}）" in one]


def waits(person):
    return [(one.since, one.until, one.hindrance) for one in awaited(person.pk)]


def stopped(here, period="2026-02"):
    batch = make.issued_batch(here, period)
    (roster,) = batch.rosters.all()
    make.approve(here, roster, until="pass_township_check")
    line = make.lines_of(batch).get(beneficiary_id=here.head.pk)
    services.stop_line(line.pk, reason="查", actor=here["department"])
    return batch, roster, line


# --- stops ------------------------------------------------------------------------------------------------------------


def test_who_was_stopped_reads_that_it_can_be_lifted_and_whom_to_ask(client):
    here = monthly()
    stopped(here)
    (card,) = cards(client, here.head, "2026年2月")
    assert "停发了，还没有恢复" in card
    assert "恢复以后该发的，会补给您" in card
    assert "财政所" in card
    assert date(2026, 2, 1) not in [one[0] for one in waits(here.head)]  # told once


def test_what_was_stopped_and_lifted_waits_and_is_one_card_when_it_is_paid_after_all(client):
    here = monthly()
    batch = make.issued_batch(here, "2026-02")
    make.approved(here, batch)
    line = make.lines_of(batch).get(beneficiary_id=here.head.pk)
    services.stop_line(line.pk, reason="查", actor=here["department"])
    services.lift_stop(line.pk, reason="查清了", actor=here["finance"])
    assert cards(client, here.head, "2026年2月") == []
    assert (date(2026, 2, 1), date(2026, 3, 1), "lifted") in waits(here.head)
    assert "停发已经恢复，等补发" in part(client, here.head, "awaited")
    supplement(here, batch)
    (card,) = cards(client, here.head, "2026年2月")
    assert "正在办" in card
    assert "· 补发" in card
    assert date(2026, 2, 1) not in [one[0] for one in waits(here.head)]


def test_a_stop_of_a_list_that_was_made_anew_is_told_until_it_is_lifted(client):
    here = monthly()
    here.declare([here.neighbour], "2026-02", another=True)
    _, roster, line = stopped(here)
    services.advance_roster(
        roster.pk, "rework_department_handle", actor=here["department_handle"], note="重编"
    )
    rosters.regenerate_roster(roster.pk, actor=here["town"])
    assert (date(2026, 2, 1), date(2026, 3, 1), "stop") in waits(here.head)
    assert "这些天的停发了，还没有恢复" in part(client, here.head, "awaited")
    services.lift_stop(line.pk, reason="查清了", actor=here["department"])
    assert "stop" not in [one[2] for one in waits(here.head)]


def test_what_was_given_back_is_told_with_whom_to_ask(client):
    here = monthly()
    batch = make.issued_batch(here, "2026-02")
    make.returned(here, make.sent_order(here, batch))
    reversed_(here, make.lines_of(batch).get(beneficiary_id=here.head.pk), "voluntary_refund")
    (card,) = cards(client, here.head, "2026年2月")
    assert "已退还" in card
    assert "为什么退、以后还发不发，请问" in card


# --- heads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_card", [True, False])
def test_a_former_head_does_not_wait_for_a_year_that_is_the_present_head_s(has_card):
    here = Village()
    here.declare([here.head, here.neighbour])
    change_head(here, here.wife, day=date(2026, 3, 10))
    if not has_card:
        here.wife.accounts.update(is_active=False)
    assert waits(here.head) == []
    assert len(waits(here.wife)) == 1
    batch = make.issued_batch(here)
    assert listed(batch, here.head, here.wife) == [0, int(has_card)]
    assert waits(here.head) == []


def test_a_former_head_waits_for_the_months_that_were_theirs():
    here = monthly()
    change_head(here, here.wife, day=date(2026, 3, 10))
    (waiting,) = waits(here.head)
    assert waiting[:2] == (date(2026, 1, 1), date(2026, 4, 1))


def test_a_widow_reads_that_she_is_head_and_where_what_was_paid_before_stands(client):
    here = Village("monthly", **MONTHS)  # nothing is declared, so nothing passes
    deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    assert part(client, here.wife, "changes") == ""
    change_head(here, here.wife, cause="died", day=None)
    shown = part(client, here.wife, "changes")
    assert "您家的户主现在是您" in shown
    assert "用原户主的姓名、身份证号和卡号查" in shown
    assert here.head.name not in page(client, here.wife)


def test_who_was_head_and_is_no_more_does_not_read_that_they_are():
    here = Village("monthly", **MONTHS)
    change_head(here, here.wife, day=date(2026, 3, 10))
    change_head(here, here.head, day=date(2026, 5, 10))
    assert "head" not in [one.kind for one in changes(here.wife.pk)]
    assert "head" in [one.kind for one in changes(here.head.pk)]


# --- deaths and endings -----------------------------------------------------------------------------------------------


def test_a_living_person_who_is_registered_dead_reads_it_and_what_to_do(client):
    here = monthly()
    assert part(client, here.head, "dead") == ""
    deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    shown = part(client, here.head, "dead")
    assert "登记里写着这个人已经去世" in shown
    assert "登记写错了的" in shown
    assert "财政所" in shown
    assert "登记里写着已去世" in part(client, here.head, "changes")


def test_who_is_registered_dead_without_a_right_reads_it_too(client):
    here = Village("monthly", **MONTHS)
    deaths.record_death(here.neighbour.pk, died_on=date(2026, 3, 10), actor=here["village"])
    assert "登记里写着这个人已经去世" in part(client, here.neighbour, "dead")


def test_a_line_on_its_way_of_a_right_that_ended_before_is_not_told_as_in_hand(client):
    here = monthly()
    make.issued_batch(here, "2026-05")
    (card,) = cards(client, here.head, "2026年5月")
    assert "正在办" in card
    lists.ended(Entitlement.objects.get(beneficiary=here.head), date(2026, 5, 1))
    (card,) = cards(client, here.head, "2026年5月")
    assert "没有发，不再发" in card
    assert "正在办。" not in page(client, here.head)


def test_a_year_on_its_way_that_is_the_new_head_s_by_now_is_not_told_as_in_hand(client):
    here = Village()
    here.declare([here.head, here.neighbour])
    make.issued_batch(here)
    assert "正在办" in cards(client, here.head, "2026年")[0]
    change_head(here, here.wife, day=date(2026, 3, 10))
    (card,) = cards(client, here.head, "2026年")
    assert "没有发，不再发" in card
    assert "正在办" in cards(client, here.neighbour, "2026年")[0]


# --- failed money -----------------------------------------------------------------------------------------------------


def failed_quarter(**terms):
    here = Village("quarterly", **({"is_open_ended": True, "amount_rule": make.FLAT} | terms))
    here.declare([here.head, here.neighbour], "2026Q2")
    batch = make.issued_batch(here, "2026Q3")
    make.returned(here, make.sent_order(here, batch), fail=[0, 1])
    return here, batch


def still_failed(here, *people):
    waiting = set(queries.failed_for(here["department"]).values_list("beneficiary_id", flat=True))
    return [one.pk in waiting for one in people]


@pytest.mark.parametrize("terms", [{}, MONTHS])
def test_failed_money_that_is_due_and_unpaid_is_still_to_be_paid(client, terms):
    here, batch = failed_quarter(**terms)
    assert still_failed(here, here.head, here.neighbour) == [True, True]
    assert "要您办一下" in page(client, here.head)
    made = services.make_correction(batch.pk, actor=here["department"])
    assert make.lines_of(made).count() == 2
    assert still_failed(here, here.head, here.neighbour) == [False, False]


def test_failed_money_that_another_line_paid_is_no_longer_told_as_failed(client):
    here, batch = failed_quarter()
    here.declare([here.head], "2026Q3", quantity="3")
    assert still_failed(here, here.head) == [True]
    make.returned(here, make.sent_order(here, supplement(here, batch)))
    assert still_failed(here, here.head, here.neighbour) == [False, True]
    (card,) = cards(client, here.head, "2026年第3季度")
    assert "已到账" in card
    unfinished = {one.words: one.count for one in queries.unfinished(here["department"], here.policy.pk)}
    assert unfinished["失败的钱还没有更正"] == 1


def test_failed_money_that_was_paid_to_the_new_head_is_told_so_to_the_former_one(client):
    here, batch = failed_quarter()
    change_head(here, here.wife, day=date(2026, 6, 10))
    make.returned(here, make.sent_order(here, supplement(here, batch)))
    assert still_failed(here, here.head) == [False]
    (card,) = cards(client, here.head, "2026年第3季度")
    assert "没有发成功，这一期已另发给您家" in card
    assert "要您办一下" not in page(client, here.head)
    assert here.wife.name not in page(client, here.head)


@pytest.mark.parametrize("terms", [{}, MONTHS])
def test_failed_money_of_a_right_that_ended_before_is_nobody_s_and_no_to_do(client, terms):
    here, _ = failed_quarter(**terms)
    lists.ended(Entitlement.objects.get(beneficiary=here.head), date(2026, 7, 1))
    assert still_failed(here, here.head, here.neighbour) == [False, True]
    (card,) = cards(client, here.head, "2026年第3季度")
    assert "没有发成功，不再发" in card
    assert "要您办一下" not in page(client, here.head)


def test_failed_money_of_a_right_that_pauses_is_still_to_be_paid():
    here, _ = failed_quarter()
    lists.suspended(Entitlement.objects.get(beneficiary=here.head), "withheld", date(2026, 7, 1))
    here.neighbour.accounts.update(is_active=False)
    assert still_failed(here, here.head, here.neighbour) == [True, True]


def test_a_failed_payment_whose_card_was_changed_since_asks_nothing_more(client):
    here, _ = failed_quarter()
    new = lists.another_account(here.head)
    (card,) = cards(client, here.head, "2026年第3季度")
    assert f"登记的卡已经换成尾号 {new.tail} 的，不用您再办" in card
    assert "请这样办" not in card
    assert "要您办一下" not in page(client, here.head)
    assert still_failed(here, here.head) == [True]  # for the clerks it is still to be paid


def test_a_failed_payment_names_by_surname_whose_card_it_went_to(client):
    here = Village("monthly", **MONTHS)
    lists.another_account(here.head, holder_name="田山宝")
    here.declare([here.head], "2026-01")
    batch = make.issued_batch(here, "2026-02")
    make.returned(here, make.sent_order(here, batch), fail=[0])
    (card,) = cards(client, here.head, "2026年2月")
    assert "（户名 田**）" in card
    assert "这张卡不是您的名字，是 田** 的" in card
    assert "山宝" not in card


# --- what the policy says of the days ---------------------------------------------------------------------------------


def test_of_a_policy_that_was_abolished_what_a_supplement_pays_waits_and_nothing_else(client):
    here = monthly()
    batch = make.issued_batch(here, "2026-02")
    make.returned(here, make.sent_order(here, batch))
    here.declare([here.neighbour], "2026-02", another=True)
    advance_policy(here.policy.pk, "abolish", actor=here["finance_check"], note="取消")
    told = {one[0]: one[2] for one in waits(here.neighbour)}
    assert told[date(2026, 2, 1)] == ""
    assert set(told.values()) == {"", "policy"}
    assert services.unpaid_totals(batch)[0] == 1


@pytest.mark.parametrize(("first", "then"), [("FLAT", "MONTHLY"), ("MONTHLY", "FLAT")])
def test_lost_days_are_counted_by_the_rule_that_pays_their_period(first, then):
    here = Village("quarterly", is_open_ended=True, amount_rule=getattr(make, first))
    here.declare([here.head, here.neighbour], "2026Q1")
    rule = {"amount_rule": getattr(make, then), "is_open_ended": True}
    review = {"has_county_review": True, "joint_parties": ["department", "finance"]}
    facts = version_facts(**(lists.NOTHING | review | rule)) | {
        "valid_from": date(2026, 7, 1),
        "standard_text": "新标准",
    }
    new = versions.add_version(here.policy, actor=here["finance"], **facts)
    versions.advance_version(new.pk, "submit", actor=here["finance"])
    versions.advance_version(new.pk, "publish", actor=here["finance_check"])
    pause = lists.suspended(Entitlement.objects.get(beneficiary=here.head), "forfeited", date(2026, 7, 10))
    lists.lifted(pause, date(2026, 9, 20))
    (lost,) = changes(here.head.pk)
    batch = make.issued_batch(here, "2026Q3")
    paid = [str(line.period_range) for line in make.lines_of(batch).filter(beneficiary_id=here.head.pk)]
    if then == "MONTHLY":
        assert (lost.kind, lost.until) == ("lost", date(2026, 9, 30))
        assert paid == ["[2026-07-01, 2026-08-01)"]
    else:
        assert (lost.kind, lost.until) == ("lost_periods", date(2026, 9, 20))
        assert paid == ["[2026-07-01, 2026-10-01)"]
    assert not [one for one in waits(here.head) if one[0] >= date(2026, 7, 1) and one[0] < date(2026, 10, 1)]
