"""A declaration for a one-off is made for a round chosen under its own policy, and says what it is for."""

from datetime import date
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from huimin.core.authority.roles import Role
from recipients.models import Declaration
from subsidies import services
from tests.factories import VILLAGE, UserFactory
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db


@pytest.fixture
def relief():
    made = lists.policy(frequency="one_off")
    clerk = UserFactory(role=Role.DEPARTMENT_CLERK)
    services.open_round(made, title="7月洪灾救助", day=date(2026, 7, 10), actor=clerk)
    return made


@pytest.fixture
def browser():
    client = Client()
    client.force_login(lists.clerk_at())
    return client


def posted(browser, policy, value):
    given = {"policy": policy.pk, "period": value, "division": VILLAGE, "action_key": uuid4()}
    return browser.post(reverse("recipients:declaration-new"), given)


def test_a_round_is_chosen_under_its_policy_and_named_on_the_book(browser, relief):
    lists.household()
    answer = posted(browser, relief, f"{relief.pk}:2026#1")
    assert answer.status_code == 302
    made = Declaration.objects.get()
    assert (made.period, made.payment_round.title) == ("2026#1", "7月洪灾救助")
    assert "2026年第1次（7月洪灾救助）" in browser.get(answer.url).content.decode()


def test_the_round_of_another_policy_is_refused_with_what_to_do(browser, relief):
    lists.household()
    other = lists.policy(frequency="one_off")
    answer = posted(browser, other, f"{relief.pk}:2026#1")
    assert "请在它的名下选" in answer.content.decode()
    assert not Declaration.objects.exists()


def test_age_is_that_on_the_day_of_the_round(relief):
    book = lists.declaration(relief, lines=[], period="2026#1")
    assert book.when.first == date(2026, 7, 10)
