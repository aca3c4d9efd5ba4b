"""A version that asks for more than rights have is told before it is published."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from subsidies.services import versions
from tests.disbursement import factories as make
from tests.disbursement.test_one_head_is_paid import Village
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db
GRADES = {
    "op": "table",
    "by": {"name": "grade", "label": "残疾等级"},
    "rows": [{"is": "一级", "then": {"op": "const", "value": "100.00"}}],
}


def panel(here, **terms):
    terms = lists.NOTHING | {"has_county_review": True, "joint_parties": ["department", "finance"]} | terms
    made = versions.add_version(
        here.policy, valid_from=date(2026, 8, 1), standard_text="新标准", actor=here["finance"], **terms
    )
    client = Client()
    client.force_login(here["department"])
    url = reverse("recipients:version-lacking", args=[made.pk])
    assert url in client.get(reverse("subsidies:policy-detail", args=[here.policy.pk])).content.decode()
    return client.get(url)


@pytest.fixture
def here():
    found = Village("monthly", object_type="person", is_open_ended=True, amount_rule=make.MONTHLY)
    found.declare([found.head, found.neighbour], "2026-01")
    return found


def test_rights_without_what_the_new_version_asks_for_are_counted_on_the_page_of_the_policy(here):
    answer = panel(here, amount_rule=GRADES)
    assert (answer.context["found"], answer.context["lacking"]) == (2, 2)
    assert "2 人现有的享受资格里没有" in answer.content.decode()
    assert "残疾等级" in answer.content.decode()


def test_a_version_that_asks_for_nothing_more_lacks_nothing(here):
    answer = panel(here, amount_rule=make.FLAT)
    assert (answer.context["found"], answer.context["lacking"]) == (2, 0)
    assert "2 人都有" in answer.content.decode()
