"""A right is suspended, resumed and ended on a page of its own; ending counts from the day of its cause."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Notification
from recipients.models import Ending, Entitlement
from recipients.services import corrections, deaths, endings, entitlements, review
from recipients.states import EndingStatus
from tests.factories import TOWN, UserFactory
from tests.recipients import factories as lists
from tests.recipients.factories import NOTHING, declaration, household, policy

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
    seen = lists.seen_on(browser.get(address(right), {"happened": "2026-03-09"}))
    given = {"happened": "2026-03-09", "note": "户口迁出", "seen": seen, "action_key": uuid4()}
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
    assert browser.get(address(right, "resume")).status_code == 404
    lists.ended(right, date(2026, 2, 1))
    assert browser.get(address(right, "suspend")).status_code == 302


# --- what an ending cuts, and the way back ---------------------------------------------------------------------------------


def keeper():
    return UserFactory(role=Role.DEPARTMENT_REVIEWER)


def ranges(right):
    found = [(one.valid.lower, one.valid.upper) for one in right.versions.order_by("pk")]
    return [tuple(day and f"{day:%m-%d}" for day in pair) for pair in found]


def confirmed(person, policy_, period):
    one = declaration(policy_, lines=[person], period=period)
    review.take_step(one.pk, "submit", actor=one.made_by)
    return one


@pytest.fixture
def dated():
    """A person with versions from January and from July on."""
    person = household(1)[0]
    monthly = policy(frequency="monthly", **NOTHING | {"is_open_ended": True})
    confirmed(person, monthly, "2026-01")
    confirmed(person, monthly, "2026-07")
    made = Entitlement.objects.get(beneficiary=person)
    assert ranges(made) == [("01-01", "07-01"), ("07-01", None)]
    return made


def end(right, day=date(2026, 2, 10), actor=None):
    entitlements.take_step(right.pk, "end", actor=actor or keeper(), note="户口迁出", happened=day)
    right.refresh_from_db()


def correct(right, actor=None, note="日期打错了"):
    made = right.endings.exclude(status=EndingStatus.CORRECTED).first()
    corrections.correct_ending(made.pk, "correct", actor=actor or keeper(), note=note)
    right.refresh_from_db()


def sql(text, *given):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text, given)


def test_an_ending_in_the_past_cuts_every_version_beyond_it(dated):
    end(dated)
    assert (dated.status, dated.ends_on) == ("ended", date(2026, 3, 1))
    assert ranges(dated) == [("01-01", "03-01"), (None, None)]


def test_a_new_declaration_brings_back_none_of_the_days_that_were_cut_off(dated):
    end(dated)
    confirmed(dated.beneficiary, dated.policy, "2026-10")
    dated.refresh_from_db()
    assert (dated.status, dated.ends_on) == ("active", None)
    assert ranges(dated) == [("01-01", "03-01"), (None, None), ("10-01", None)]
    assert dated.endings.get().status == "revived"


def test_a_mistaken_ending_is_corrected_by_another_person_and_all_is_as_before(dated):
    first, second = keeper(), keeper()
    end(dated, actor=first)
    correct(dated, second)
    assert (dated.status, dated.ends_on) == ("active", None)
    assert ranges(dated) == [("01-01", "07-01"), ("07-01", None)]
    told = AuditEvent.objects.get(subject=f"recipients.entitlement:{dated.pk}", action="restore")
    assert (told.actor, told.note, told.before, told.after) == (second, "日期打错了", "ended", "active")
    assert Notification.objects.filter(user=first, title__contains="终止享受已更正").exists()
    end(dated, date(2026, 8, 3))
    assert dated.ends_on == date(2026, 9, 1)


def test_who_ended_a_right_does_not_correct_it_nor_does_their_second_account(dated):
    first = keeper()
    end(dated, actor=first)
    for same in (first, UserFactory(role=Role.DEPARTMENT_REVIEWER, id_number=first.id_number)):
        with pytest.raises(StepRefused, match="换一位同事"):
            correct(dated, same)
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        Ending.objects.update(corrected_by=first)


def test_a_correction_wants_its_reason_and_its_post(dated):
    end(dated)
    with pytest.raises(StepRefused, match="写明原因"):
        correct(dated, note=" ")
    with pytest.raises(StepForbidden):
        correct(dated, UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))


def test_a_suspended_right_whose_ending_was_mistaken_is_suspended_again(dated):
    entitlements.take_step(dated.pk, "suspend", actor=keeper(), note="逾期未认证")
    end(dated)
    correct(dated)
    assert dated.status == "suspended"


def test_an_ending_is_corrected_after_the_right_was_confirmed_anew(dated):
    """What was cut off comes back up to the version that was confirmed since."""
    end(dated)
    confirmed(dated.beneficiary, dated.policy, "2026-10")
    correct(dated)
    assert ranges(dated) == [("01-01", "07-01"), ("07-01", "10-01"), ("10-01", None)]


def test_of_two_endings_each_is_corrected_alone(dated):
    end(dated)
    confirmed(dated.beneficiary, dated.policy, "2026-09")
    end(dated, date(2026, 10, 5))
    early, late = dated.endings.order_by("pk")
    corrections.correct_ending(early.pk, "correct", actor=keeper(), note="日期打错了")
    assert ranges(dated) == [("01-01", "07-01"), ("07-01", "09-01"), ("09-01", "11-01")]
    corrections.correct_ending(late.pk, "correct", actor=keeper(), note="日期打错了")
    assert ranges(dated) == [("01-01", "07-01"), ("07-01", "09-01"), ("09-01", None)]


def test_where_the_later_one_lies_within_the_days_that_come_back_it_is_corrected_first(dated):
    end(dated)
    confirmed(dated.beneficiary, dated.policy, "2026-10")
    end(dated, date(2026, 8, 5))
    early, late = dated.endings.order_by("pk")
    with pytest.raises(StepRefused, match="先更正后来的"):
        corrections.correct_ending(early.pk, "correct", actor=keeper(), note="日期打错了")
    corrections.correct_ending(late.pk, "correct", actor=keeper(), note="日期打错了")
    corrections.correct_ending(early.pk, "correct", actor=keeper(), note="日期打错了")
    assert ranges(dated) == [("01-01", "07-01"), ("07-01", "10-01"), ("10-01", None)]


def test_who_died_after_a_mistaken_ending_has_the_right_up_to_the_death(dated):
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    end(dated)
    deaths.record_death(dated.beneficiary_id, died_on=date(2026, 8, 3), actor=clerk)
    correct(dated)
    assert (dated.status, dated.ends_on) == ("ended", date(2026, 9, 1))
    assert ranges(dated) == [("01-01", "07-01"), ("07-01", "09-01")]


def test_what_a_death_ended_goes_with_the_death(dated):
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    deaths.record_death(dated.beneficiary_id, died_on=date(2026, 2, 3), actor=clerk)
    assert ranges(dated) == [("01-01", "03-01"), (None, None)]
    with pytest.raises(StepRefused, match="更正死亡登记"):
        correct(dated)


def test_sql_neither_moves_the_day_nor_ends_nor_revives_a_right_without_its_ending(dated):
    change = "UPDATE recipients_entitlement SET {} WHERE id = %s"
    with pytest.raises(IntegrityError, match="停发日期由终止记录定"):
        sql(change.format("ends_on = '2020-01-01'"), dated.pk)
    with pytest.raises(IntegrityError, match="都要有终止记录"):
        sql(change.format("status = 'ended'"), dated.pk)
    end(dated)
    for day in ("'2099-01-01'", "NULL"):
        with pytest.raises(IntegrityError, match="停发日期由终止记录定"):
            sql(change.format(f"ends_on = {day}"), dated.pk)
    with pytest.raises(IntegrityError, match="都要有终止记录"):
        sql(change.format("status = 'active'"), dated.pk)
    with pytest.raises(IntegrityError, match="不能修改"):
        sql("UPDATE recipients_ending SET ends_on = '2099-01-01'")
    with pytest.raises(IntegrityError, match="没有经办人"):
        sql(
            """UPDATE recipients_ending SET status = 'corrected', over_at = now(), correction_reason = 'x',
               corrected_by_id = (SELECT max(id) FROM core_user WHERE id <> made_by_id)"""
        )


def test_sql_puts_no_version_beyond_an_end_and_widens_none_that_was_cut(dated):
    end(dated)
    source = dated.versions.first().source_line_id
    assert source
    with pytest.raises(IntegrityError, match="历史不能修改"):
        sql("UPDATE recipients_entitlementversion SET valid = '[2026-07-01,)' WHERE isempty(valid)")
    with pytest.raises(IntegrityError, match="不能超过停发日期"):
        sql(
            """INSERT INTO recipients_entitlementversion (entitlement_id, valid, payee_id, quantity, facts, source_line_id,
                   created_at)
               SELECT entitlement_id, '[2026-09-01,)', payee_id, quantity, facts, 0, now()
               FROM recipients_entitlementversion LIMIT 1"""
        )


def test_the_page_warns_of_a_day_that_leaves_nothing_of_the_right(browser, right):
    assert "请核对年份" in browser.get(address(right), {"happened": "2025-03-09"}).content.decode()
    assert "请核对年份" not in browser.get(address(right), {"happened": "2026-03-09"}).content.decode()


def test_a_mistyped_year_is_mended_on_the_pages_by_a_second_person(browser, right):
    seen = lists.seen_on(browser.get(address(right), {"happened": "2025-03-09"}))
    given = {"happened": "2025-03-09", "note": "户口迁出", "seen": seen, "action_key": uuid4()}
    assert browser.post(address(right), given).status_code == 302
    url = reverse("recipients:ending-correct", args=[right.endings.get().pk])
    assert url not in browser.get(reverse("recipients:entitlement-list")).content.decode()
    assert browser.get(url).status_code == 302
    other = Client()
    other.force_login(keeper())
    page = other.get(reverse("recipients:entitlement-list")).content.decode()
    assert url in page
    assert "终止以后，不发" in page
    assert "2025年4月1日" in other.get(url).content.decode()
    assert other.post(url, {"note": "年份打错", "action_key": uuid4()}).status_code == 302
    right.refresh_from_db()
    assert right.status == "active"
    assert ranges(right) == [("01-01", "01-01")]
    assert right.versions.get().valid.upper == date(2027, 1, 1)
