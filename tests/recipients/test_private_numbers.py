"""Numbers that belong to people: behind their mask in lists, shown in full to few, one at a time, with a trace."""

import io
import re
import time
import zipfile

import pytest
from django.test import Client
from django.urls import reverse

from huimin.core.accounts import auth
from huimin.core.authority.roles import Role
from huimin.core.models import AuditEvent
from tests.factories import TOWN, UserFactory
from tests.recipients import factories as make

pytestmark = pytest.mark.django_db


def browser(user, *, code=False):
    """Signed in, with a one-time code just given or not."""
    client = Client()
    client.force_login(user)
    if code:
        session = client.session
        session[auth.STEP_UP_KEY] = int(time.time())
        session.save()
    return client


def sheet_of(answer):
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        return archive.read("xl/worksheets/sheet1.xml").decode()


# --- the mask holds ----------------------------------------------------------------------------------------------------


def test_the_export_gives_the_mask_and_the_year_of_birth_but_no_birthday():
    person = make.household(1)[0]
    answer = browser(UserFactory(role=Role.OVERSEER)).get(reverse("recipients:person-export"))
    sheet = sheet_of(answer)
    assert f"{person.id_number[:6]}********{person.id_number[14:]}" in sheet
    assert f"<v>{person.birth_date.year}</v>" in sheet
    assert not re.search(r"\d{4}-\d\d-\d\d", sheet)


def test_list_and_page_show_the_year_of_birth_but_neither_birthday_nor_an_age_that_changes_on_it():
    person = make.household(1)[0]
    client = browser(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    for page in (
        client.get(reverse("recipients:person-list")),
        client.get(reverse("recipients:person-detail", args=[person.pk])),
    ):
        text = page.content.decode()
        assert f'<td class="num">{person.birth_date.year}</td>' in text
        assert "年龄" not in text
        assert f"{person.birth_date:%Y-%m-%d}" not in text


def test_the_list_is_not_sorted_by_birthday():
    make.household(3)
    client = browser(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    page = client.get(reverse("recipients:person-list"), {"sort": "born"})
    assert page.context["sort"] == "name"


def test_taking_the_list_away_leaves_one_event_with_filter_and_row_count():
    make.household(2)
    user = UserFactory(role=Role.OVERSEER)
    assert sheet_of(browser(user).get(reverse("recipients:person-export"), {"status": "normal", "q": ""}))
    told = AuditEvent.objects.get(action="list.export")
    assert (told.actor, told.subject) == (user, "list:recipients:person-export")
    assert told.detail == {"list": "补贴对象", "filter": {"status": "normal"}, "rows": 2}
