"""户主变更 and 账户变更 are searched, sorted and taken away like every other list."""

import io

import pytest
from django.urls import reverse

from huimin.core.authority.roles import Role
from huimin.core.sheets.reader import read_rows
from recipients.models import AccountChange, HeadChange
from recipients.services import accounts
from tests.factories import OTHER_TOWN, TOWN, UserFactory
from tests.recipients.factories import household
from tests.recipients.test_heads import asked

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk():
    return UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)


@pytest.fixture
def changes(clerk):
    """Two people of the township who ask for another account."""
    found = []
    for name, number in (("王桂英", "10009900000000001"), ("李大山", "10009900000000002")):
        person = household(1)[0]
        type(person).objects.filter(pk=person.pk).update(
            name=name, name_key={"王桂英": "wang gui ying"}.get(name, "li da shan")
        )
        person.refresh_from_db()
        new = accounts.NewAccount("passbook", name, number, "县农村商业银行")
        found.append(accounts.ask_account_change(person.pk, new, reason="换卡", actor=clerk))
    return found


def shown(client, user, name, **asked):
    client.force_login(user)
    return client.get(reverse(f"recipients:{name}"), asked)


def taken(answer):
    body = b"".join(answer.streaming_content)
    return list(read_rows(io.BytesIO(body), "a.xlsx").rows)


@pytest.mark.parametrize("words", ["王桂英", "桂英", "wgy", "王桂英 梅山"])
def test_a_change_of_account_is_found_by_name_pinyin_and_place(client, clerk, changes, words):
    assert [one.pk for one in shown(client, clerk, "change-list", q=words).context["rows"]] == [changes[0].pk]
    assert len(taken(shown(client, clerk, "change-export", q=words))) == 1


def test_changes_of_account_are_sorted_by_name_and_by_time(client, clerk, changes):
    by_name = [one.pk for one in shown(client, clerk, "change-list", sort="name").context["rows"]]
    assert by_name == [changes[1].pk, changes[0].pk]
    newest = [one.pk for one in shown(client, clerk, "change-list").context["rows"]]
    assert newest == by_name


def test_the_workbook_of_changes_holds_no_number_in_full(client, clerk, changes):
    rows = str(taken(shown(client, clerk, "change-export")))
    for one in AccountChange.objects.select_related("person"):
        assert one.person.name in rows
        assert one.number not in rows
        assert one.person.id_number not in rows
        assert one.tail in rows


def test_neighbours_take_away_nothing(client, changes):
    other = UserFactory(role=Role.TOWNSHIP_CLERK, at=OTHER_TOWN)
    assert taken(shown(client, other, "change-export")) == []
    assert not shown(client, other, "change-list", q="王桂英").context["rows"]


@pytest.fixture
def heads(clerk):
    """Two changes that the clerk asks for."""
    return [asked(household(2)[1], actor=clerk) for _ in range(2)]


def test_a_change_of_head_is_found_by_the_old_or_the_new_head_and_by_household(client, clerk, heads):
    one = heads[0]
    for words in (one.new_head.name, one.old_head.name, one.household.code):
        found = {row.pk for row in shown(client, clerk, "head-list", q=words).context["rows"]}
        assert one.pk in found, words
    assert {row.pk for row in shown(client, clerk, "head-list", q=one.household.code).context["rows"]} == {
        one.pk
    }


def test_changes_of_head_are_taken_away_without_numbers_in_full(client, clerk, heads):
    rows = taken(shown(client, clerk, "head-export", sort="day"))
    assert len(rows) == HeadChange.objects.count() == 2
    for one in heads:
        assert one.new_head.id_number not in str(rows)
