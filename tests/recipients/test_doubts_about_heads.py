"""What is lawful at a change of the head and perhaps a slip: whoever asks confirms it, and the second person again."""

import re
from datetime import date
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from huimin.core.errors import BadInput
from huimin.core.values.doubts import Doubtful
from recipients.files import relations
from recipients.models import Entitlement, HeadChange, Person
from recipients.services import heads, passing
from tests.factories import id_number
from tests.recipients import factories as lists
from tests.recipients.factories import household, person, policy
from tests.recipients.test_heads import OPEN, PHOTO, approve, asked, clerk, confirmed, die, reviewer

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 10)


def doubts(change):
    return [one.text for one in heads.doubts_about(change, passing.plan(change))]


@pytest.fixture
def couple():
    """A husband and a wife of whom nothing is odd."""
    found = household(2)
    while [one.sex for one in found] != ["1", "2"]:  # which the number tells
        id_number()
        found = household(2)
    return found


def test_of_an_ordinary_change_there_is_nothing_to_confirm(couple):
    change = asked(couple[1], acknowledged=())
    assert doubts(change) == []
    assert approve(change, acknowledged=()).status == "approved"


def test_an_account_in_the_name_of_the_dead_is_told_and_confirmed_by_both(couple):
    head, wife = couple
    lists.another_account(wife, holder_name=head.name)
    die(head)
    with pytest.raises(BadInput, match=f"户名是{head.name}，这个人已登记死亡") as refused:
        asked(wife, cause="died", day=None, acknowledged=())
    assert refused.value.field == "acknowledged"
    change = asked(wife, cause="died", day=None)
    with pytest.raises(Doubtful, match="逐条勾选"):
        approve(change, acknowledged=())
    assert Person.objects.get(pk=head.pk).is_holder
    approve(change)


@pytest.mark.parametrize(
    ("born", "words"), [("20080401", "未满 18 周岁"), ("20260401", "还没有出生"), ("19700101", "")]
)
def test_the_age_is_that_of_the_day_of_the_change(couple, born, words):
    child = person(couple[0].household, born=born)
    found = [one for one in doubts(asked(child, day=DAY, relation="97")) if "新户主" in one]
    assert (words in found[0]) if words else found == []


@pytest.mark.parametrize(
    ("code", "sex", "born", "words"),
    [
        ("12", "1", 1970, "登记的性别不符"),
        ("48", "1", 2000, "登记的性别不符"),
        ("10", "2", 1970, "与新户主性别相同"),
        ("20", "1", 1940, "比新户主年长"),
        ("51", "1", 1990, "比新户主年轻"),
        ("11", "1", 1968, ""),
        ("97", "1", 2020, ""),
    ],
)
def test_a_relation_that_does_not_fit_sex_or_age_is_told(code, sex, born, words):
    found = relations.doubt_of(code, sex=sex, born=date(born, 1, 1), head_sex="2", head_born=date(1970, 1, 1))
    assert found == words


def test_every_relation_fits_one_sex_or_both():
    assert not relations.MEN & relations.WOMEN
    assert set(relations.LABELS) >= relations.MEN | relations.WOMEN | relations.YOUNGER | relations.OLDER


def test_two_husbands_are_one_too_many(couple):
    person(couple[0].household)
    assert any("两个人填的是新户主的配偶" in one for one in doubts(asked(couple[1])))


def test_a_day_before_the_right_begins_and_one_before_the_household_are_told(couple):
    head, wife = couple
    Person.objects.filter(pk=wife.pk).update(resident_since=date(2026, 2, 1))
    confirmed(head, policy(object_type="household", frequency="monthly", **OPEN), "2026-01")
    found = doubts(asked(Person.objects.get(pk=wife.pk), day=date(2025, 12, 10)))
    assert any("一天都不剩" in one and "变更日期2025年12月10日" in one for one in found)
    assert any("才入户" in one for one in found)


def test_months_that_a_lifted_suspension_took_are_told_where_the_change_would_pay_them(couple):
    head, wife = couple
    confirmed(head, policy(object_type="household", frequency="monthly", **OPEN), "2026-01")
    right = Entitlement.objects.get()
    lists.lifted(lists.suspended(right, "forfeited", date(2026, 3, 20)), date(2026, 8, 20))
    found = [one for one in doubts(asked(wife, day=DAY)) if "原来停发" in one]
    assert "2026年4月1日到2026年8月20日" in found[0]
    HeadChange.objects.get()
    approve(HeadChange.objects.get())
    later = heads.HeadChange(
        household=head.household,
        household_id=head.household_id,
        old_head=wife,
        new_head=head,
        starts_on=DAY,
        relations={},
    )
    assert any("新户主自己停发过2026年4月1日到2026年8月20日" in one for one in doubts(later))


def test_the_form_shows_what_is_odd_and_takes_it_when_it_was_confirmed(couple, client):
    head, wife = couple
    client.force_login(clerk())
    given = {
        "cause": "agreed",
        "starts_on": "2026-03-10",
        "reason": "户口本已变更",
        f"relation_{head.pk}": "12",
    }

    def post(**more):
        photo = SimpleUploadedFile("book.png", PHOTO, "image/png")
        url = reverse("recipients:head-ask", args=[wife.pk])
        return client.post(url, given | {"proof": photo, "action_key": uuid4()} | more)

    text = post().content.decode()
    assert "登记的性别不符" in text
    assert 'name="acknowledged"' in text
    assert not HeadChange.objects.exists()
    assert post(acknowledged=codes_in(text)).status_code == 302
    change = HeadChange.objects.get()
    client.force_login(reviewer())
    shown = client.get(reverse("recipients:head-detail", args=[change.pk])).content.decode()
    assert "登记的性别不符" in shown
    assert 'name="acknowledged"' in shown


def codes_in(text):
    return re.findall(r'name="acknowledged" value="([0-9a-f]+)"', text)


def test_a_tick_speaks_for_the_sentence_beside_it_and_what_was_not_shown_is_asked(couple, client):
    head, wife = couple
    client.force_login(clerk())
    given = {"cause": "agreed", "reason": "户口本已变更", f"relation_{head.pk}": "12"}

    def post(day, ticked):
        photo = SimpleUploadedFile("book.png", PHOTO, "image/png")
        more = {"starts_on": day, "acknowledged": ticked, "proof": photo, "action_key": uuid4()}
        return client.post(reverse("recipients:head-ask", args=[wife.pk]), given | more)

    Person.objects.filter(pk=wife.pk).update(resident_since=date(2026, 2, 1))
    first = codes_in(post("2026-03-10", []).content.decode())
    assert len(first) == 1
    text = post("2026-01-10", first).content.decode()
    assert not HeadChange.objects.exists()
    assert "才入户" in text
    assert len(codes_in(text)) == 2
    assert post("2026-01-10", codes_in(text)).status_code == 302


def test_who_approves_confirms_what_is_odd_now_and_not_what_was_shown_before(couple, client):
    change = asked(couple[1])
    client.force_login(reviewer())
    shown = client.get(reverse("recipients:head-detail", args=[change.pk])).content.decode()
    lists.another_account(couple[1], holder_name="周外人")
    with pytest.raises(Doubtful, match="户名是周外人"):
        approve(change, acknowledged=codes_in(shown))
    assert Person.objects.get(pk=couple[0].pk).is_holder


def test_a_form_of_which_nothing_is_odd_asks_for_no_confirmation(couple, client):
    client.force_login(clerk())
    text = client.get(reverse("recipients:head-ask", args=[couple[1].pk])).content.decode()
    assert "acknowledged" not in text


def test_of_a_dead_head_the_form_asks_no_day_and_of_one_who_lives_it_does(couple, client):
    client.force_login(clerk())
    url = reverse("recipients:head-ask", args=[couple[1].pk])
    text = client.get(url).content.decode()
    assert 'name="starts_on"' in text
    assert "原户主去世</option>" not in text
    die(couple[0])
    text = client.get(url).content.decode()
    assert 'name="starts_on"' not in text
    assert "原户主去世</option>" in text


def test_what_is_odd_stays_asked_and_ticked_where_the_photograph_alone_is_not_taken(couple, client):
    head, wife = couple
    client.force_login(clerk())
    given = {
        "cause": "agreed",
        "starts_on": "2026-03-10",
        "reason": "户口本已变更",
        f"relation_{head.pk}": "12",
    }

    def post(content, **more):
        photo = {"proof": SimpleUploadedFile("book.png", content, "image/png")} if content else {}
        url = reverse("recipients:head-ask", args=[wife.pk])
        return client.post(url, given | photo | {"action_key": uuid4()} | more)

    first = post(b"no picture").content.decode()
    assert "这个文件不是" in first
    (code,) = codes_in(first)
    for content in (b"no picture", b""):
        text = post(content, acknowledged=[code]).content.decode()
        assert re.search(rf'name="acknowledged" value="{code}"[^>]*checked', text)
    assert post(PHOTO, acknowledged=[code]).status_code == 302
