"""更正终止 and 更正死亡登记 where the head of the household has changed meanwhile: the days go where they would have gone."""

from datetime import date
from itertools import product

import pytest
from django.urls import reverse

from huimin.core.errors import StepRefused
from recipients import proofs as room
from recipients.models import Entitlement
from recipients.services import corrections, deaths, endings, records, review
from tests.factories import UserFactory
from tests.recipients import factories as lists
from tests.recipients.factories import declaration, household, policy
from tests.recipients.test_heads import OPEN, changed, clerk, confirmed, faults, ranges, reviewer
from tests.recipients.test_sequences_of_heads import AUTUMN, EARLY, LATE, MIDDLE, fresh, owners

pytestmark = pytest.mark.django_db


def keeper():
    return UserFactory(role="department_reviewer")


def end(one, day):
    endings.end_by_hand(Entitlement.objects.get(beneficiary=one), day, actor=keeper(), note="误操作")


def correct(one, **more):
    given = {"actor": keeper(), "note": "没有迁出"} | more
    ending = Entitlement.objects.get(beneficiary=one).endings.order_by("pk").last()
    return corrections.correct_ending(ending.pk, "correct", **given)


@pytest.fixture
def monthly():
    """Three members and the right of the first of them, by the month, from January on."""
    people = dict(zip("ABC", household(3), strict=True))
    confirmed(people["A"], policy(object_type="household", frequency="monthly", **OPEN), "2026-01")
    return people


def take(act, people):
    """One act by its letter: b, c a change to that member; e ends A's right, f corrects that; d registers A's death."""
    if act in "bc":
        head = fresh(people["A"])
        cause, day = (
            ("died", None) if act == "b" and head.died_on else ("agreed", {"b": MIDDLE, "c": LATE}[act])
        )
        changed(fresh(people[act.upper()]), cause=cause, day=day)
    elif act == "e":
        end(people["A"].pk, EARLY)
    elif act == "f":
        correct(people["A"].pk)
    else:
        deaths.record_death(people["A"].pk, died_on=MIDDLE, actor=clerk())


@pytest.mark.parametrize("course", ["ebf", "ebfc", "ebcf", "edbf", "edbfc", "edbcf", "ebdf", "ebdcf"])
def test_a_corrected_ending_gives_its_days_to_whom_they_would_have_gone_without_it(monthly, course):
    for act in course:
        take(act, monthly)
    told = ["A"] * 3 + (["B"] * 4 + ["C"] * 5 if "c" in course else ["B"] * 9)
    assert owners(monthly) == told
    assert faults() == []
    assert Entitlement.objects.get(beneficiary=monthly["A"]).status == "ended"


@pytest.mark.parametrize(("ended", "changes"), list(product((EARLY, MIDDLE, LATE), repeat=2)))
def test_whatever_the_days_every_month_is_in_one_member_s_hands(monthly, ended, changes):
    end(monthly["A"].pk, ended)
    changed(monthly["B"], day=changes)
    correct(monthly["A"].pk)
    assert owners(monthly) == ["A"] * changes.month + ["B"] * (12 - changes.month)
    assert faults() == []


def test_a_corrected_ending_of_an_interim_head_goes_on_to_the_next(monthly):
    changed(monthly["B"], day=EARLY)
    end(monthly["B"].pk, MIDDLE)
    changed(fresh(monthly["C"]), day=LATE)
    correct(monthly["B"].pk)
    assert owners(monthly) == ["A"] * 2 + ["B"] * 5 + ["C"] * 5
    assert faults() == []


def test_who_is_head_again_keeps_what_comes_back(monthly):
    end(monthly["A"].pk, EARLY)
    changed(monthly["B"], day=MIDDLE)
    changed(fresh(monthly["A"]), cause="mistaken", day=MIDDLE)
    correct(monthly["A"].pk)
    assert owners(monthly) == ["A"] * 12
    assert Entitlement.objects.get().status == "active"


def test_days_of_a_right_that_still_pauses_wait_for_its_lifting_before_they_go_to_another_head(
    monthly, client
):
    """The course of a clerk who followed the page: 暂缓, 终止, 户主变更, 更正终止, 恢复."""
    pause = lists.suspended(Entitlement.objects.get(), "withheld", EARLY)
    end(monthly["A"].pk, MIDDLE)
    changed(monthly["B"], day=MIDDLE)
    with pytest.raises(StepRefused, match="请先恢复那次暂停"):
        correct(monthly["A"].pk)
    ending = Entitlement.objects.get().endings.get()
    page = reverse("recipients:ending-correct", args=[ending.pk])
    client.force_login(keeper())
    shown = client.get(page).content.decode()
    assert f"2026年4月1日起的日子归{monthly['B'].name}" in shown
    assert "请先恢复那次暂停" in shown
    lists.lifted(pause)
    assert "请先恢复那次暂停" not in client.get(page).content.decode()
    correct(monthly["A"].pk)
    assert owners(monthly) == ["A"] * 3 + ["B"] * 9
    assert faults() == []


def test_the_page_names_nobody_where_the_days_stay_with_whose_right_it_is(monthly, client):
    end(monthly["A"].pk, EARLY)
    client.force_login(keeper())
    ending = Entitlement.objects.get().endings.get()
    shown = client.get(reverse("recipients:ending-correct", args=[ending.pk])).content.decode()
    assert "换过户主" not in shown


def test_the_answer_says_to_whom_the_days_went(monthly, client):
    end(monthly["A"].pk, EARLY)
    changed(monthly["B"], day=MIDDLE)
    client.force_login(keeper())
    page = reverse("recipients:ending-correct", args=[Entitlement.objects.get().endings.get().pk])
    given = {"note": "没有迁出", "action_key": "00000000-0000-4000-8000-000000000001"}
    answer = client.post(page, given, follow=True).content.decode()
    assert f"2026年4月1日起归{monthly['B'].name}" in answer


def test_days_that_come_to_a_head_who_has_died_end_with_that_death(monthly):
    late = declaration(
        policy(object_type="household", frequency="monthly", **OPEN), lines=[monthly["A"]], period="2026-01"
    )
    changed(monthly["B"], day=EARLY)
    deaths.record_death(monthly["B"].pk, died_on=date(2026, 7, 20), actor=clerk())
    review.take_step(late.pk, "submit", actor=late.made_by)
    assert ranges(monthly["B"], late.policy) == [("2026-03-01", "2026-08-01")]
    right = Entitlement.objects.get(policy=late.policy, beneficiary=monthly["B"])
    assert (right.status, right.ends_on) == ("ended", date(2026, 8, 1))
    changed(fresh(monthly["C"]), cause="died", day=None)
    assert ranges(monthly["C"], late.policy) == [("2026-08-01", None)]
    assert faults() == []


def test_what_a_dead_head_had_left_goes_through_a_dead_one_to_the_head_of_now(monthly):
    late = declaration(
        policy(object_type="household", frequency="monthly", **OPEN), lines=[monthly["A"]], period="2026-01"
    )
    changed(monthly["B"], day=EARLY)
    deaths.record_death(monthly["B"].pk, died_on=LATE, actor=clerk())
    changed(fresh(monthly["C"]), cause="died", day=None)
    review.take_step(late.pk, "submit", actor=late.made_by)
    assert [ranges(monthly[name], late.policy) for name in "ABC"] == [
        [("2026-01-01", "2026-03-01")],
        [("2026-03-01", "2026-08-01")],
        [("2026-08-01", None)],
    ]


def test_a_corrected_death_gives_no_days_to_a_former_head_whose_right_did_not_pass(monthly):
    """It paused when he died, so it did not pass; lifted and with the death corrected its days are the new head's."""
    pause = lists.suspended(Entitlement.objects.get(), "withheld", EARLY)
    deaths.record_death(monthly["A"].pk, died_on=MIDDLE, actor=clerk())
    changed(fresh(monthly["B"]), cause="died", day=None)
    death = monthly["A"].deaths.get()
    with pytest.raises(StepRefused, match="请先恢复那次暂停"):
        deaths.correct_death(death.pk, "correct", actor=reviewer(), note="登记错了人")
    lists.lifted(pause)
    assert deaths.correct_death(death.pk, "correct", actor=reviewer(), note="登记错了人") == []
    assert owners(monthly) == ["A"] * 3 + ["B"] * 9
    assert faults() == []


# --- the right was confirmed anew after the mistaken ending, and ended by a death or a change of the head since ---------


@pytest.mark.parametrize("undone", [False, True])
@pytest.mark.parametrize("anew", ["2026-05", "2026-09"])
@pytest.mark.parametrize("change", [MIDDLE, LATE, AUTUMN])
def test_an_ending_is_corrected_after_the_right_was_confirmed_anew_and_the_head_changed(
    monthly, change, anew, undone
):
    end(monthly["A"].pk, EARLY)
    confirmed(monthly["A"], Entitlement.objects.get().policy, anew)
    changed(monthly["B"], day=change)
    if undone:
        changed(fresh(monthly["A"]), cause="mistaken", day=change)
    mistaken = Entitlement.objects.get(beneficiary=monthly["A"]).endings.earliest("pk")
    corrections.correct_ending(mistaken.pk, "correct", actor=keeper(), note="没有迁出")
    assert owners(monthly) == (["A"] * 12 if undone else ["A"] * change.month + ["B"] * (12 - change.month))
    assert all_faults() == []
    assert Entitlement.objects.get(beneficiary=monthly["A"]).status == ("active" if undone else "ended")


def test_an_ending_is_corrected_after_a_change_from_before_its_day(monthly):
    end(monthly["A"].pk, LATE)
    confirmed(monthly["A"], Entitlement.objects.get().policy, "2026-10")
    changed(monthly["B"], day=MIDDLE)
    mistaken = Entitlement.objects.get(beneficiary=monthly["A"]).endings.earliest("pk")
    corrections.correct_ending(mistaken.pk, "correct", actor=keeper(), note="没有迁出")
    assert owners(monthly) == ["A"] * 3 + ["B"] * 9
    assert all_faults() == []


def test_days_that_nothing_reaches_any_more_come_back_by_a_declaration(monthly):
    end(monthly["A"].pk, LATE)
    confirmed(monthly["A"], Entitlement.objects.get().policy, "2026-10")
    changed(monthly["B"], day=MIDDLE)
    changed(fresh(monthly["A"]), cause="mistaken", day=MIDDLE)
    mistaken = Entitlement.objects.get(beneficiary=monthly["A"]).endings.earliest("pk")
    with pytest.raises(StepRefused, match="再从那一期起重新申报"):
        corrections.correct_ending(mistaken.pk, "correct", actor=keeper(), note="没有迁出")
    end(monthly["A"].pk, LATE)
    confirmed(fresh(monthly["A"]), mistaken.policy, "2026-08")
    assert owners(monthly) == ["A"] * 12
    assert all_faults() == []


@pytest.mark.parametrize("died", [MIDDLE, LATE])
@pytest.mark.parametrize("anew", ["2026-05", "2026-09"])
@pytest.mark.parametrize("followed", [False, True])
def test_a_mistaken_ending_is_corrected_after_the_true_death(monthly, died, anew, followed):
    end(monthly["A"].pk, EARLY)
    confirmed(monthly["A"], Entitlement.objects.get().policy, anew)
    deaths.record_death(monthly["A"].pk, died_on=died, actor=clerk())
    if followed:
        changed(fresh(monthly["B"]), cause="died", day=None)
    mistaken = Entitlement.objects.get(beneficiary=monthly["A"]).endings.earliest("pk")
    corrections.correct_ending(mistaken.pk, "correct", actor=keeper(), note="没有迁出")
    if not followed:
        assert owners(monthly) == ["A"] * died.month + [""] * (12 - died.month)
        changed(fresh(monthly["B"]), cause="died", day=None)
    assert owners(monthly) == ["A"] * died.month + ["B"] * (12 - died.month)
    assert all_faults() == []


def test_of_a_person_a_mistaken_ending_is_corrected_after_the_true_death():
    (one,) = household(1)
    paid = policy(frequency="monthly", **OPEN)
    confirmed(one, paid, "2026-01")
    end(one.pk, EARLY)
    confirmed(one, paid, "2026-05")
    deaths.record_death(one.pk, died_on=LATE, actor=clerk())
    mistaken = Entitlement.objects.get().endings.earliest("pk")
    corrections.correct_ending(mistaken.pk, "correct", actor=keeper(), note="没有迁出")
    assert owners({"A": one}) == ["A"] * 7 + [""] * 5
    assert all_faults() == []


def test_the_pages_lead_to_the_earlier_ending_and_say_to_whom_its_days_go(monthly, client):
    end(monthly["A"].pk, EARLY)
    confirmed(monthly["A"], Entitlement.objects.get().policy, "2026-09")
    changed(monthly["B"], day=LATE)
    mistaken = Entitlement.objects.get(beneficiary=monthly["A"]).endings.earliest("pk")
    client.force_login(keeper())
    url = reverse("recipients:ending-correct", args=[mistaken.pk])
    listed = client.get(reverse("recipients:entitlement-list")).content.decode()
    assert url in listed
    assert "更正终止（2026年3月1日起的）" in listed
    assert f"2026年8月1日起的日子归{monthly['B'].name}" in client.get(url).content.decode()
    given = {"note": "没有迁出", "action_key": "00000000-0000-4000-8000-000000000002"}
    assert client.post(url, given).status_code == 302
    assert owners(monthly) == ["A"] * 7 + ["B"] * 5


# --- the record of the head was set aside -------------------------------------------------------------------------------


def test_a_right_of_a_record_that_was_set_aside_does_not_come_back(db):
    (alone,) = household(1)
    confirmed(alone, policy(object_type="household", frequency="monthly", **OPEN), "2026-01")
    end(alone.pk, EARLY)
    records.void_person(alone.pk, reason="身份证号错", actor=reviewer())
    with pytest.raises(StepRefused, match="这份档案已作废"):
        correct(alone.pk)
    assert room.records_set_aside_have_no_right() == (1, [])


def test_the_days_of_a_record_that_was_set_aside_come_back_to_the_head_who_followed(monthly):
    end(monthly["A"].pk, EARLY)
    changed(monthly["B"], day=MIDDLE)
    records.void_person(monthly["A"].pk, reason="身份证号错", actor=reviewer())
    correct(monthly["A"].pk)
    assert owners(monthly) == ["A"] * 3 + ["B"] * 9
    assert all_faults() == []


def all_faults():
    checks = (
        room.ended_days_stay_ended,
        room.ranges_are_as_confirmed,
        room.ended_rights_have_their_ending,
        room.records_set_aside_have_no_right,
    )
    return faults() + [fault for check in checks for fault in check()[1]]
