"""The days of a right go for a cause alone: an ending that stands, or a version that was confirmed later."""

from datetime import date

import pytest

from recipients import proofs
from recipients.models import Death, Entitlement
from recipients.services import deaths, review
from tests.disbursement.test_guards import refused_sql, run_sql
from tests.factories import TOWN, UserFactory
from tests.recipients import factories as lists
from tests.recipients.test_ending_rights import confirmed, correct, end

pytestmark = pytest.mark.django_db
OPEN_ENDED = lists.NOTHING | {"is_open_ended": True}
SHORTEN = "UPDATE recipients_entitlementversion SET valid = %s::daterange WHERE id = %s"


@pytest.fixture
def right():
    person = lists.household()[0]
    confirmed(person, lists.policy(frequency="monthly", **OPEN_ENDED), "2026-01")
    return Entitlement.objects.get()


def settled():
    """What the end of the transaction would ask."""
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    run_sql("SET CONSTRAINTS ALL DEFERRED")
    assert proofs.ranges_are_as_confirmed()[1] == []


@pytest.mark.parametrize("days", ["[2026-01-01,2026-02-01)", "empty"])
def test_a_range_that_is_shortened_by_sql_is_refused(right, days):
    refused_sql(SHORTEN, [days, right.versions.get().pk], match="不能无故缩短")


def test_a_later_confirmation_closes_the_earlier_version_and_nothing_else_does(right):
    confirmed(right.beneficiary, right.policy, "2026-05")
    settled()
    first = right.versions.order_by("valid").first()
    assert first.valid.upper == date(2026, 5, 1)
    refused_sql(SHORTEN, ["[2026-01-01,2026-03-01)", first.pk], match="不能无故缩短")


def test_an_ending_cuts_and_its_correction_gives_back_and_is_no_cause_to_cut_again(right):
    end(right)
    settled()
    cut = right.versions.get().valid
    correct(right)
    settled()
    refused_sql(SHORTEN, [f"[{cut.lower},{cut.upper})", right.versions.get().pk], match="不能无故缩短")


def test_ends_confirmations_and_deaths_on_top_of_one_another_are_causes(right):
    end(right)
    confirmed(right.beneficiary, right.policy, "2026-10")
    settled()
    clerk, other = (UserFactory(role=role, at=TOWN) for role in ("township_clerk", "township_reviewer"))
    deaths.record_death(right.beneficiary_id, died_on=date(2026, 10, 20), actor=clerk)
    settled()
    deaths.correct_death(Death.objects.get().pk, "correct", actor=other, note="人还在")
    settled()


def test_no_ending_of_another_right_is_a_cause(right):
    person = lists.household()[0]
    book = lists.declaration(right.policy, lines=[person], period="2026-01", another=True)
    review.take_step(book.pk, "submit", actor=book.made_by)
    end(Entitlement.objects.get(beneficiary=person))
    settled()
    refused_sql(SHORTEN, ["[2026-01-01,2026-03-01)", right.versions.get().pk], match="不能无故缩短")
