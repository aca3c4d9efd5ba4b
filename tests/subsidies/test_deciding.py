"""A version in which nobody but the maker of a list decides is neither sent nor published."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from huimin.core.errors import StepRefused
from subsidies import services
from subsidies.models import PolicyVersion
from subsidies.rules.levels import DECIDED, somebody_decides
from subsidies.states import ReviewLevel
from tests.subsidies.factories import draft, people, published, version_facts
from tests.subsidies.test_views import signed_in, version_data

pytestmark = pytest.mark.django_db
NONE = {f"has_{level}": False for level in ReviewLevel if level != ReviewLevel.DELIBERATION}
NOT_ENOUGH = [
    {},
    {"has_village_notice": True, "has_township_notice": True, "has_county_notice": True},
    {"deliberation": "required", "has_village_notice": True},
]
IDS = ["nothing", "notices", "a meeting and a notice"]


@pytest.fixture
def office():
    return people()


@pytest.mark.parametrize("level", list(ReviewLevel))
def test_a_second_person_decides_at_the_reviews_and_nowhere_else(level):
    terms = NONE | (
        {"deliberation": "required"} if level == ReviewLevel.DELIBERATION else {f"has_{level}": True}
    )
    assert somebody_decides(PolicyVersion(**terms)) is (level in DECIDED)


@pytest.mark.parametrize("terms", NOT_ENOUGH, ids=IDS)
def test_a_policy_without_a_review_is_not_sent_for_approval(office, terms):
    policy = draft(office[0], version=NONE | {"joint_parties": []} | terms)
    with pytest.raises(StepRefused, match="一个人就能定下享受资格"):
        services.advance_policy(policy.pk, "submit", actor=office[0])
    policy.refresh_from_db()
    assert policy.status == "draft"


def test_a_later_version_without_a_review_is_not_sent_either(office):
    policy = published(*office)
    terms = version_facts(valid_from=version_facts()["valid_from"].replace(year=2027), joint_parties=[])
    version = services.add_version(policy, actor=office[0], **terms | NONE)
    with pytest.raises(StepRefused, match="第 2 版没有设乡镇审核"):
        services.advance_version(version.pk, "submit", actor=office[0])


@pytest.mark.parametrize("level", DECIDED)
def test_one_review_is_enough(office, level):
    policy = draft(office[0], version=NONE | {f"has_{level}": True})
    assert services.advance_policy(policy.pk, "submit", actor=office[0]).status == "submitted"


@pytest.mark.parametrize("terms", NOT_ENOUGH, ids=IDS)
def test_sql_does_not_send_it_either(office, terms):
    version = draft(office[0], version=NONE | {"joint_parties": []} | terms).versions.get()
    send = pytest.raises(IntegrityError, match="一个人就能定下享受资格")
    with send, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE subsidies_policyversion SET status = 'submitted' WHERE id = %s", [version.pk])


def test_a_policy_is_not_published_in_sql_by_nobody(office):
    policy = draft(office[0])
    refused = pytest.raises(IntegrityError, match="没有经办人")
    services.advance_policy(policy.pk, "submit", actor=office[0])
    for table in ("subsidies_policy", "subsidies_policyversion"):
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET status = 'published'")


def test_the_form_asks_for_a_review_in_words(client, office):
    signed_in(client, office[0])
    policy = draft(office[0], version=False)
    sent = {name: value for name, value in version_data().items() if name not in NONE}
    page = client.post(reverse("subsidies:version-add", args=[policy.pk]), sent)
    assert "请至少设一个审核环节" in page.content.decode()
    assert not policy.versions.exists()
