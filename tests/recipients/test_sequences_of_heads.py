"""Changes of the head one after another, of whatever days: every day of a right is one member's, and none is lost.

A change counts from its day on: from each policy's stop the rights are the new head's, whoever had them.
"""

from datetime import date
from itertools import product
from urllib.parse import quote

import pytest
from django.urls import reverse

from huimin.core.errors import StepRefused
from recipients.models import Ending, Entitlement, EntitlementVersion, Person, Succession
from recipients.services import deaths, endings, review
from recipients.states import EndingStatus
from tests.factories import UserFactory
from tests.recipients import factories as lists
from tests.recipients.factories import declaration, household, policy
from tests.recipients.test_heads import (
    OPEN,
    approve,
    asked,
    changed,
    clerk,
    confirmed,
    faults,
    ranges,
    reviewer,
)

in_a_transaction = pytest.mark.django_db
EARLY, MIDDLE, LATE = date(2026, 2, 10), date(2026, 3, 10), date(2026, 7, 10)
AUTUMN = date(2026, 9, 10)  # under the stop rule nothing of the third quarter is left
# every order of earlier, equal and later days for two changes, and of two days for three
SEQUENCES = [
    *((route, days) for route in ("BA", "BC") for days in product((EARLY, MIDDLE, LATE), repeat=2)),
    *((route, days) for route in ("BAB", "BAC", "BCA", "BCB") for days in product((MIDDLE, LATE), repeat=3)),
]


def fresh(one):
    return Person.objects.get(pk=one.pk)


def owners(people, months=range(1, 13)):
    """For each month of 2026 the members who have a right for its first day."""
    return [
        "".join(
            name
            for name, one in people.items()
            if EntitlementVersion.objects.filter(
                entitlement__beneficiary=one.pk, valid__contains=date(2026, month, 1)
            ).exists()
        )
        for month in months
    ]


@in_a_transaction
@pytest.mark.parametrize(
    ("route", "days"),
    SEQUENCES,
    ids=["".join(f"{to}{day.month}" for to, day in zip(*one, strict=True)) for one in SEQUENCES],
)
def test_every_month_is_the_one_head_s_to_whom_the_newest_change_that_counts_for_it_gave_it(route, days):
    people = dict(zip("ABC", household(3), strict=True))
    confirmed(people["A"], policy(object_type="household", frequency="monthly", **OPEN), "2026-01")
    expected = ["A"] * 12
    for to, day in zip(route, days, strict=True):
        changed(fresh(people[to]), cause="mistaken", day=day)
        expected[day.month :] = [to] * (12 - day.month)  # the stop rule: from the month after the cause
        assert owners(people) == expected
        assert faults() == []
    for name, one in people.items():
        right = Entitlement.objects.filter(beneficiary=one.pk).first()
        # the right that goes on is the last head's, and no other has an end that is not its own
        assert right is None or (right.status == "active") == (name == route[-1])


@pytest.fixture
def yearly():
    """A and B, and A's right for the year 2026, which the rule stops with the next year."""
    people = dict(zip("AB", household(2), strict=True))
    confirmed(
        people["A"], policy(object_type="household", **lists.NOTHING | {"stop_rule": "next_year"}), "2026"
    )
    return people


@in_a_transaction
def test_a_change_under_which_nothing_passes_ends_no_right(yearly):
    changed(yearly["B"], day=LATE)
    assert owners(yearly) == ["A"] * 12
    assert Entitlement.objects.get().status == "active"
    assert not Ending.objects.exists()
    assert not Succession.objects.exists()


@in_a_transaction
def test_a_change_with_a_wrong_day_is_mended_also_after_the_natural_mend_was_tried(yearly):
    """Clerk S2: back with today's day, under which nothing passed, and once more there and back with the wrong day."""
    wrong = date(2025, 12, 10)
    changed(yearly["B"], day=wrong)
    assert owners(yearly) == ["B"] * 12
    changed(fresh(yearly["A"]), cause="mistaken", day=LATE)
    assert owners(yearly) == ["B"] * 12
    assert Entitlement.objects.get(beneficiary=yearly["B"].pk).status == "active"
    changed(fresh(yearly["B"]), cause="mistaken", day=wrong)
    changed(fresh(yearly["A"]), cause="mistaken", day=wrong)
    assert owners(yearly) == ["A"] * 12
    assert faults() == []


@in_a_transaction
def test_a_right_that_a_change_ended_later_ends_earlier_by_a_change_of_an_earlier_day():
    people = dict(zip("ABC", household(3), strict=True))
    confirmed(people["A"], policy(object_type="household", frequency="monthly", **OPEN), "2026-01")
    changed(people["B"], day=LATE)
    changed(people["C"], cause="mistaken", day=EARLY)
    right = Entitlement.objects.get(beneficiary=people["A"].pk)
    assert (right.status, right.ends_on) == ("ended", date(2026, 3, 1))
    assert list(right.endings.order_by("pk").values_list("status", flat=True)) == [
        EndingStatus.REVIVED,
        EndingStatus.STANDING,
    ]


@in_a_transaction
def test_of_days_of_which_the_new_head_has_some_the_others_pass():
    head, wife = household(2)
    monthly = policy(object_type="household", frequency="monthly", **OPEN)
    late = declaration(monthly, lines=[head], period="2026-05")
    changed(wife)
    confirmed(fresh(wife), monthly, "2026-07")
    review.take_step(late.pk, "submit", actor=late.made_by)
    assert owners({"A": head, "B": wife}, range(4, 13)) == [""] + ["B"] * 8
    assert ranges(wife) == [("2026-07-01", None), ("2026-05-01", "2026-07-01")]
    assert faults() == []


@in_a_transaction
def test_what_the_new_head_has_all_of_is_taken_from_the_old_one_and_not_doubled():
    head, wife = household(2)
    monthly = policy(object_type="household", frequency="monthly", **OPEN)
    late = declaration(monthly, lines=[head], period="2026-07")
    changed(wife)
    confirmed(fresh(wife), monthly, "2026-05")
    review.take_step(late.pk, "submit", actor=late.made_by)
    assert (ranges(head), ranges(wife)) == ([], [("2026-05-01", None)])
    assert faults() == []


@pytest.fixture
def third_quarter():
    """A head who was declared for nothing yet, after a wife who was head and has the right for the third quarter."""
    head, wife = household(2)
    quarterly = policy(object_type="household", frequency="quarterly", **lists.NOTHING)
    changed(wife)
    confirmed(fresh(wife), quarterly, "2026Q3")
    changed(fresh(head), cause="mistaken", day=AUTUMN)
    return head, wife, quarterly


@in_a_transaction
def test_a_new_head_whose_own_right_is_suspended_has_it_decided_first(third_quarter, client):
    head, wife, quarterly = third_quarter
    confirmed(fresh(head), quarterly, "2026Q4")
    pause = lists.suspended(Entitlement.objects.get(beneficiary=wife), "withheld", LATE)
    change = asked(fresh(wife), cause="mistaken", day=AUTUMN)
    with pytest.raises(StepRefused, match="新户主自己的这项资格暂停没有恢复"):
        approve(change)
    client.force_login(reviewer())
    shown = client.get(reverse("recipients:head-detail", args=[change.pk])).content.decode()
    assert "看暂停的资格" in shown
    assert quote(wife.name) in shown
    lists.lifted(pause)
    approve(change)
    assert ranges(wife) == [("2026-07-01", "2026-10-01"), ("2026-10-01", "2027-01-01")]


@in_a_transaction
def test_a_late_list_of_the_old_head_goes_on_into_a_right_that_pauses(third_quarter):
    head, wife, quarterly = third_quarter
    late = declaration(quarterly, lines=[fresh(head)], period="2026Q4")
    changed(fresh(wife), cause="mistaken", day=AUTUMN)
    right = Entitlement.objects.get(beneficiary=wife)
    pause = lists.suspended(right, "withheld", LATE)
    review.take_step(late.pk, "submit", actor=late.made_by)
    assert ranges(wife) == [("2026-07-01", "2026-10-01"), ("2026-10-01", "2027-01-01")]
    lists.lifted(pause)
    right.refresh_from_db()
    assert right.status == "active"
    assert faults() == []


@in_a_transaction
def test_what_a_former_head_had_left_when_he_died_goes_on_to_the_head_of_now():
    head, wife = household(2)
    quarterly = policy(object_type="household", frequency="quarterly", **lists.NOTHING)
    confirmed(head, quarterly, "2026Q3")
    changed(wife, day=date(2026, 9, 10))
    assert ranges(head) == [("2026-07-01", "2026-10-01")]
    deaths.record_death(head.pk, died_on=date(2026, 8, 20), actor=clerk())
    assert (ranges(head), ranges(wife)) == ([("2026-07-01", "2026-09-01")], [("2026-09-01", "2026-10-01")])
    assert faults() == []
    assert deaths.correct_death(head.deaths.get().pk, "correct", actor=reviewer(), note="人在外地") == []
    assert owners({"A": head, "B": wife}, range(7, 10)) == ["A", "A", "B"]


@in_a_transaction
def test_what_was_ended_by_hand_is_over_for_the_next_head_too():
    head, wife = household(2)
    monthly = policy(object_type="household", frequency="monthly", **OPEN)
    confirmed(head, monthly, "2026-01")
    right = Entitlement.objects.get()
    keeper = UserFactory(role="department_reviewer")
    endings.end_by_hand(right, MIDDLE, actor=keeper, note="不再符合条件")
    changed(wife, day=EARLY)
    assert owners({"A": head, "B": wife}, range(1, 6)) == ["A", "A", "A", "", ""]


def test_the_proof_finds_days_that_a_change_took_and_nobody_of_the_household_has(
    committed_db, owner_connection
):
    head, wife = household(2)
    confirmed(head, policy(object_type="household", frequency="monthly", **OPEN), "2026-01")
    changed(wife)
    assert faults() == []
    owner_connection.execute("ALTER TABLE recipients_entitlementversion DISABLE TRIGGER USER")
    owner_connection.execute(
        "UPDATE recipients_entitlementversion SET valid = '[2026-05-01,)' WHERE succession_id IS NOT NULL"
    )
    owner_connection.commit()
    assert any("期间没有接上" in fault for fault in faults())
