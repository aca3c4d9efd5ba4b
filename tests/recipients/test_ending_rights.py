"""A right is suspended, resumed and ended on a page of its own; ending counts from the day of its cause."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput
from huimin.core.models import AuditEvent
from recipients.models import Entitlement
from recipients.services import endings, review
from tests.factories import UserFactory
from tests.recipients.factories import NOTHING, declaration

pytestmark = pytest.mark.django_db


@pytest.fixture
def right():
    one = declaration(**NOTHING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    return Entitlement.objects.order_by("pk").first()


@pytest.fixture
def browser():
    client = Client()
    client.force_login(UserFactory(role=Role.DEPARTMENT_REVIEWER))
    return client


def address(right, step="end"):
    return reverse("recipients:entitlement-step", args=[right.pk, step])


def test_the_day_of_the_cause_shows_the_day_of_the_stop_before_anything_is_done(browser, right):
    assert "先看停发日期" in browser.get(address(right)).content.decode()
    text = browser.get(address(right), {"happened": "2026-03-09"}).content.decode()
    assert "停发日期将是 <b>2026年4月1日</b>" in text
    assert f"entitlement={right.pk}&amp;since=2026-04-01" in text
    right.refresh_from_db()
    assert right.status == "active"


def test_the_right_ends_by_the_day_that_was_shown(browser, right):
    given = {"happened": "2026-03-09", "note": "户口迁出", "action_key": uuid4()}
    assert browser.post(address(right), given).status_code == 302
    right.refresh_from_db()
    assert (right.status, right.ends_on) == ("ended", date(2026, 4, 1))
    assert AuditEvent.objects.get(action="end").detail["happened"] == "2026-03-09"


def test_nothing_ends_without_the_day_and_the_reason_and_what_was_typed_stays(browser, right):
    text = browser.post(address(right), {"note": "户口迁出", "action_key": uuid4()}).content.decode()
    assert "请填写原因发生日期" in text
    text = browser.post(
        address(right), {"happened": "2026-03-09", "note": " ", "action_key": uuid4()}
    ).content.decode()
    assert "停发日期将是 <b>2026年4月1日</b>" in text
    right.refresh_from_db()
    assert right.status == "active"


def test_a_cause_that_has_not_happened_yet_ends_nothing(browser, right):
    tomorrow = clock.today() + timedelta(days=1)
    with pytest.raises(BadInput, match="不能晚于今天"):
        endings.stop_of(right, tomorrow)
    text = browser.get(address(right), {"happened": tomorrow.isoformat()}).content.decode()
    assert "不能晚于今天" in text
    assert "停发日期将是" not in text


def test_a_wrong_post_and_a_wrong_state_open_no_page(browser, right):
    stranger = Client()
    stranger.force_login(UserFactory(role=Role.VILLAGE_CLERK))
    assert stranger.get(address(right)).status_code == 403
    assert browser.get(address(right, "resume")).status_code == 302
