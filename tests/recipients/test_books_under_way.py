"""Who is out of use or dead by now is marked in the books under way, at every level, and stops nobody else's book."""

from datetime import date

import pytest
from django.urls import reverse

from huimin.core.authority.roles import Role
from recipients.models import Entitlement
from recipients.services import deaths, records, review
from tests.factories import TOWN, UserFactory
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    """At the township's review."""
    one = lists.declaration(
        lists.policy(**lists.NOTHING | {"has_township_review": True, "is_open_ended": True})
    )
    review.take_step(one.pk, "submit", actor=one.made_by)
    one.refresh_from_db()
    assert one.status == "township_review"
    return one


def shown(client, one, **query):
    client.force_login(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN))
    return client.get(reverse("recipients:declaration-detail", args=[one.pk]), query).content.decode()


def paused(person):
    by = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    return records.pause_record(person.pk, reason="联系不上", actor=by)


def test_whoever_reviews_a_book_reads_whose_record_was_put_out_of_use_since(client, book):
    first, second = (line.beneficiary for line in book.lines.select_related("beneficiary"))
    assert "档案停用、已去世的" not in shown(client, book)
    paused(first)
    text = shown(client, book)
    assert "档案停用、已去世的 1 人" in text
    assert f"{first.name}的档案停用着，恢复以前不发" in text
    look = shown(client, book, state="look").split("<tbody>")[1].split("</tbody>")[0]
    assert first.name in look
    assert second.name not in look


def test_whoever_reviews_a_book_reads_who_has_died_since(client, book):
    person = book.lines.first().beneficiary
    deaths.record_death(
        person.pk, died_on=date(2026, 2, 1), actor=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    )
    assert "2026年2月1日已登记死亡" in shown(client, book)


def test_a_book_goes_on_with_somebody_out_of_use_and_says_nothing_once_it_is_decided(client, book):
    person = book.lines.first().beneficiary
    paused(person)
    review.take_step(book.pk, "approve_township", actor=UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN))
    book.refresh_from_db()
    assert book.status == "confirmed"
    assert Entitlement.objects.filter(beneficiary=person).exists()
    assert "档案停用" not in shown(client, book).split("<tbody>")[1]


def test_a_book_that_is_not_submitted_yet_marks_them_too(client):
    one = lists.declaration()
    paused(one.lines.first().beneficiary)
    assert "的档案停用着" in shown(client, one)
