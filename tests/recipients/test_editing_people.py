"""改档案: an older page undoes nothing, and the telephone is not shown to be changed."""

import io
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from huimin.core.authority.roles import Role
from recipients.forms import PersonForm
from recipients.services import records, registry
from tests.factories import TOWN, UserFactory
from tests.recipients.factories import household

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return household(1)[0]


@pytest.fixture
def browser():
    client = Client()
    client.force_login(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    return client


def shown(browser, person):
    """What a page that is opened now would send, unchanged."""
    form = browser.get(reverse("recipients:person-edit", args=[person.pk])).context["form"]
    given = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in given.items() if value not in (None, False)}


def send(browser, person, given, **changes):
    url = reverse("recipients:person-edit", args=[person.pk])
    return browser.post(url, given | changes | {"action_key": uuid4()})


def test_a_page_opened_before_another_change_is_refused_and_undoes_nothing(browser, person):
    first, second = shown(browser, person), shown(browser, person)
    assert send(browser, person, second, phone="13812345678").status_code == 302
    answer = send(browser, person, first, group_name="二组")
    assert "别人改过这份档案" in answer.content.decode()
    person.refresh_from_db()
    person.household.refresh_from_db()
    assert (person.phone, person.household.group_name) == ("13812345678", "一组")
    assert send(browser, person, shown(browser, person), group_name="二组").status_code == 302


def test_the_page_holds_the_telephone_masked_alone(browser, person):
    text = browser.get(reverse("recipients:person-edit", args=[person.pk])).content.decode()
    assert person.phone not in text
    assert "199****5678" in text


def test_an_empty_box_keeps_the_telephone_and_it_goes_only_when_asked_for(browser, person):
    send(browser, person, shown(browser, person), group_name="三组")
    person.refresh_from_db()
    assert person.phone == "19912345678"
    both = send(browser, person, shown(browser, person), phone="13812345678", phone_gone="on")
    assert "二者选一" in both.content.decode()
    send(browser, person, shown(browser, person), phone_gone="on")
    person.refresh_from_db()
    assert person.phone is None
    assert "还没有登记" in browser.get(reverse("recipients:person-edit", args=[person.pk])).content.decode()


def test_the_word_for_the_state_tells_nothing_of_the_telephone(person):
    before = registry.state_of(person)
    person.phone = "13812345678"
    assert len(before) == len(registry.state_of(person)) == 32
    assert before != registry.state_of(person)


def test_the_form_corrects_just_the_plain_columns_that_the_service_writes():
    others = {"seen", "name", "phone", "phone_gone", "group_name"}
    assert set(PersonForm.base_fields) == others | set(registry.CORRECTED)


def test_the_page_and_the_export_show_what_the_form_corrects(browser):
    marks = {"is_low_income": True, "is_rural": False, "is_extreme_poverty": True}
    (person,) = household(1, note="户主在外务工", **marks)
    records.pause_record(person.pk, reason="联系不上", actor=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    page = browser.get(reverse("recipients:person-detail", args=[person.pk])).content.decode()
    export = browser.get(reverse("recipients:person-export"))
    row = next(
        row
        for row in load_workbook(io.BytesIO(b"".join(export))).active.iter_rows(values_only=True)
        if row[0] == person.name
    )
    assert row[-3:] == ("停用", "低保户、特困人员", "户主在外务工")
    for text in (*row[-3:], "出生日期", "与户主关系"):
        assert text in page
