"""Before a version is published the page says what it leaves: days without a standard, and what a one-off is not asked."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from huimin.core.authority.roles import Role
from huimin.core.desk import todos
from subsidies import queries, services
from subsidies.forms import VersionForm
from tests.factories import UserFactory, grant
from tests.subsidies.factories import people, published, version_facts

pytestmark = pytest.mark.django_db
TITLE = "快要没有补贴标准的政策"


@pytest.fixture
def office():
    return people()


def add(policy, office, first, last=None, *, publish=True):
    facts = version_facts(valid_from=first, valid_to=last)
    version = services.add_version(policy, actor=office[0], **facts)
    if publish:
        services.advance_version(version.pk, "submit", actor=office[0])
        services.advance_version(version.pk, "publish", actor=office[1])
    return version


def page(user, name, *args):
    client = Client()
    client.force_login(user)
    return client.get(reverse(f"subsidies:{name}", args=args))


def checks(policy, user):
    return [one.text for one in page(user, "policy-detail", policy.pk).context["panel"].checks]


def waiting(user):
    return {one.title: one for one in todos.for_user(user)}


@pytest.fixture
def monthly(office):
    return published(*office, frequency="monthly")


def test_a_version_with_a_last_day_tells_the_days_that_it_leaves_without_a_standard(monthly, office):
    add(monthly, office, date(2027, 1, 1), date(2027, 6, 30), publish=False)
    for user in office:
        assert checks(monthly, user) == ["从2027年7月1日起没有补贴标准"]


def test_one_that_goes_on_or_that_another_one_follows_tells_nothing(monthly, office):
    version = add(monthly, office, date(2027, 1, 1), publish=False)
    assert checks(monthly, office[1]) == []
    services.discard_version(version, actor=office[0], note="换")
    add(monthly, office, date(2027, 7, 1))
    add(monthly, office, date(2027, 1, 1), date(2027, 6, 30), publish=False)
    assert checks(monthly, office[1]) == []


def test_a_gap_before_the_next_version_is_told_with_its_last_day(monthly, office):
    add(monthly, office, date(2027, 7, 1))
    add(monthly, office, date(2027, 1, 1), date(2027, 5, 31), publish=False)
    assert checks(monthly, office[1]) == ["从2027年6月1日起到2027年6月30日没有补贴标准"]


def test_a_first_day_within_a_period_tells_which_period_it_pays_first(monthly, office):
    add(monthly, office, date(2027, 1, 15), publish=False)
    assert checks(monthly, office[1]) == ["2027年1月仍按上一版发，从2027年2月起按第 2 版"]


def test_a_policy_whose_standard_ends_is_told_on_its_page_on_the_list_and_to_its_makers(monthly, office):
    add(monthly, office, date(2026, 10, 1), date(2026, 12, 31))
    words = "从2027年1月1日起没有补贴标准"
    assert words in page(office[1], "policy-detail", monthly.pk).content.decode()
    assert words in page(office[1], "policy-list").content.decode()
    clerk = UserFactory(role=Role.DEPARTMENT_CLERK)
    found = waiting(clerk)[TITLE]
    assert (found.count, found.url) == (1, reverse("subsidies:policy-detail", args=[monthly.pk]))
    assert words in found.note
    assert TITLE not in waiting(office[1])


def test_who_drafts_for_other_policies_alone_is_not_reminded(monthly, office):
    add(monthly, office, date(2026, 10, 1), date(2026, 12, 31))
    other = published(*office)
    clerk = UserFactory()
    grant(clerk, Role.DEPARTMENT_CLERK, policies=[other.pk])
    assert waiting(clerk).get(TITLE) is None


def test_a_standard_that_ends_far_from_now_or_of_a_policy_that_is_over_reminds_nobody(monthly, office):
    add(monthly, office, date(2027, 1, 1), date(2027, 12, 31))
    clerk = UserFactory(role=Role.DEPARTMENT_CLERK)
    assert TITLE not in waiting(clerk)
    assert queries.without_standard([monthly.pk], date(2027, 11, 1)) == {monthly.pk: date(2028, 1, 1)}


def test_a_one_off_is_neither_asked_for_a_stop_rule_nor_shown_one(office):
    policy = published(*office, frequency="one_off")
    told = page(office[1], "policy-detail", policy.pk).content.decode()
    assert "次月停发" not in told
    assert "基准日那一天符合条件的才发" in told
    assert 'name="stop_rule"' not in page(office[0], "version-add", policy.pk).content.decode()
    form = VersionForm(one_off=True)
    assert "stop_rule" not in form.fields


def test_what_is_paid_by_periods_is_asked_for_its_stop_rule(monthly, office):
    assert "次月停发" in page(office[1], "policy-detail", monthly.pk).content.decode()
    assert 'name="stop_rule"' in page(office[0], "version-add", monthly.pk).content.decode()
