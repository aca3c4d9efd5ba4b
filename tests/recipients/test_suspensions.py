"""暂停享受 has days and a kind; whoever lifts it or corrects it is on record, and the database holds the right to it."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import Notification
from recipients import proofs
from recipients.models import Entitlement, Suspension
from recipients.services import corrections, deaths, entitlements, review, suspensions
from tests.disbursement import factories as make
from tests.factories import TOWN, UserFactory
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db
JULY = date(2026, 7, 10)


def keeper():
    return UserFactory(role=Role.DEPARTMENT_REVIEWER)


@pytest.fixture
def right():
    one = lists.declaration(lists.policy(**lists.NOTHING | {"is_open_ended": True}))
    review.take_step(one.pk, "submit", actor=one.made_by)
    return Entitlement.objects.order_by("pk").first()


def status(right):
    right.refresh_from_db()
    return right.status


def test_a_suspension_is_a_row_with_kind_day_reason_and_who_made_it(right):
    by = keeper()
    pause = lists.suspended(right, "forfeited", JULY, by=by)
    assert (pause.kind, pause.first_day, pause.last_day) == ("forfeited", JULY, None)
    assert (pause.reason, pause.made_by, pause.forfeits_from) == ("逾期未认证", by, date(2026, 8, 1))
    assert status(right) == "suspended"


def test_no_suspension_begins_in_the_future(right):
    with pytest.raises(BadInput, match="不能晚于今天"):
        lists.suspended(right, "withheld", clock.today() + timedelta(days=1))


def test_a_withheld_right_is_lifted_by_any_keeper_with_its_last_day(right):
    by = keeper()
    pause = lists.suspended(right, "withheld", JULY, by=by)
    lists.lifted(pause, date(2026, 8, 31), by=by)
    pause.refresh_from_db()
    assert (pause.status, pause.last_day, pause.lifted_by) == ("lifted", date(2026, 8, 31), by)
    assert status(right) == "active"


def test_a_forfeiting_one_is_lifted_by_another_than_who_suspended(right):
    by = keeper()
    pause = lists.suspended(right, "forfeited", JULY, by=by)
    with pytest.raises(StepRefused, match="不相容岗位"):
        lists.lifted(pause, by=by)
    lists.lifted(pause)
    assert status(right) == "active"


def test_one_kind_is_not_lifted_by_the_step_of_the_other(right):
    pause = lists.suspended(right, "forfeited", JULY)
    with pytest.raises(StepRefused, match="停发期间不补"):
        suspensions.take_step(pause.pk, "lift", actor=keeper(), note="已办好")


@pytest.mark.parametrize("days", [-1, None])
def test_the_last_day_lies_between_the_first_and_today(right, days):
    pause = lists.suspended(right, "withheld", JULY)
    last = clock.today() + timedelta(days=1) if days is None else JULY + timedelta(days=days)
    with pytest.raises(BadInput, match="末日应在首日以后"):
        lists.lifted(pause, last)


def test_a_mistaken_suspension_is_corrected_by_a_second_person_who_says_why(right):
    by = keeper()
    pause = lists.suspended(right, "forfeited", JULY, by=by)
    for actor, note, refusal in ((by, "打错了人", StepRefused), (keeper(), " ", StepRefused)):
        with pytest.raises(refusal):
            suspensions.take_step(pause.pk, "correct", actor=actor, note=note)
    with pytest.raises(StepForbidden):
        suspensions.take_step(
            pause.pk, "correct", actor=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN), note="打错了人"
        )
    suspensions.take_step(pause.pk, "correct", actor=keeper(), note="打错了人")
    assert status(right) == "active"
    assert Notification.objects.filter(user=by, title__contains="暂停享受已更正").exists()


def test_a_suspended_right_ends_and_comes_back_suspended_until_it_is_lifted(right):
    pause = lists.suspended(right)
    entitlements.take_step(right.pk, "end", actor=keeper(), note="迁出", happened=date(2026, 9, 9))
    assert status(right) == "ended"
    corrections.correct_ending(right.endings.get().pk, "correct", actor=keeper(), note="日期打错了")
    assert status(right) == "suspended"
    lists.lifted(pause)
    assert status(right) == "active"


def test_a_suspension_lifted_after_the_end_leaves_the_right_ended_and_gives_it_back_whole(right):
    pause = lists.suspended(right)
    deaths.record_death(
        right.beneficiary_id, died_on=date(2026, 9, 9), actor=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    )
    lists.lifted(pause)
    assert status(right) == "ended"
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    deaths.correct_death(right.beneficiary.deaths.get().pk, "correct", actor=clerk, note="人还在")
    assert status(right) == "active"


def test_a_right_confirmed_anew_stays_suspended_while_its_suspension_stands(right):
    lists.suspended(right)
    entitlements.take_step(right.pk, "end", actor=keeper(), note="迁出", happened=date(2026, 9, 9))
    again = lists.declaration(right.policy, lines=[right.beneficiary], period="2027")
    review.take_step(again.pk, "submit", actor=again.made_by)
    assert status(right) == "suspended"
    assert proofs.suspended_rights_have_their_suspension()[1] == []


# --- the database --------------------------------------------------------------------------------------------------------


def run(sql, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_the_database_knows_no_status_without_its_suspension(right):
    with pytest.raises(IntegrityError, match="都要有暂停记录"):
        run("UPDATE recipients_entitlement SET status = 'suspended' WHERE id = %s", right.pk)
    lists.suspended(right)
    with pytest.raises(IntegrityError, match="都要有暂停记录"):
        run("UPDATE recipients_entitlement SET status = 'active' WHERE id = %s", right.pk)


def test_a_suspension_lifted_beside_the_services_is_refused_or_found_by_the_proof(right):
    pause = lists.suspended(right, "forfeited", JULY)
    with pytest.raises(IntegrityError, match="没有经办人"):
        run(
            """UPDATE recipients_suspension SET status = 'lifted', last_day = '2026-08-01', lifted_at = now(),
               lifted_by_id = made_by_id + 1, lift_reason = '私下' WHERE id = %s""",
            pause.pk,
        )
    with pytest.raises(IntegrityError):
        run("UPDATE recipients_suspension SET last_day = '2026-08-01' WHERE id = %s", pause.pk)
    for change in ("first_day = '2026-10-01'", "kind = 'withheld', forfeits_from = NULL"):
        with pytest.raises(IntegrityError, match="不能修改"):
            run(f"UPDATE recipients_suspension SET {change} WHERE id = %s", pause.pk)
    with pytest.raises(DatabaseError):
        run("DELETE FROM recipients_suspension WHERE id = %s", pause.pk)


def test_who_suspended_does_not_end_the_forfeited_days_by_sql_either(right):
    pause = lists.suspended(right, "forfeited", JULY)
    lists.lifted(pause)
    again = lists.suspended(right, "forfeited", JULY)
    with pytest.raises(IntegrityError, match="forfeited_days_end_by_second_person"):
        Suspension.objects.filter(pk=again.pk).update(
            status="standing", last_day=None, lifted_by=again.made_by, lifted_at=clock.now()
        )


def test_a_right_is_suspended_once_at_a_time_and_only_while_it_is_paid(right):
    pause = lists.suspended(right)
    copy = {
        one.attname: getattr(pause, one.attname)
        for one in Suspension._meta.concrete_fields
        if one.name != "id"
    }
    with pytest.raises(IntegrityError, match="只有享受中的资格可以暂停"), transaction.atomic():
        Suspension.objects.create(**copy)


def test_the_proof_finds_a_suspension_that_the_right_does_not_show(right):
    pause = lists.suspended(right)
    copy = {
        one.attname: getattr(pause, one.attname)
        for one in Suspension._meta.concrete_fields
        if one.name != "id"
    }
    lists.lifted(pause)
    assert proofs.suspended_rights_have_their_suspension()[1] == []
    Suspension.objects.create(**copy)
    assert f"享受资格 {right.pk}" in proofs.suspended_rights_have_their_suspension()[1]


# --- pages ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser():
    client = Client()
    client.force_login(keeper())
    return client


def looked(browser, url, given):
    """The button, after what comes of the days was shown."""
    seen = lists.seen_on(browser.get(url, {key: given[key] for key in given if key != "note"}))
    return browser.post(url, given | {"seen": seen, "action_key": uuid4()})


def page(right, name="suspend"):
    return reverse("recipients:entitlement-step", args=[right.pk, name])


def test_the_page_asks_the_kind_and_the_day_and_tells_what_is_lost_and_was_paid(browser, right):
    text = browser.get(page(right)).content.decode()
    assert clock.today().isoformat() in text
    assert "暂缓（恢复以后补发）" in text
    text = browser.get(page(right), {"kind": "forfeited", "first_day": "2026-07-10"}).content.decode()
    assert "<b>2026年8月1日</b>起的不再发" in text
    assert "属于多发" in text
    assert f"entitlement={right.pk}&amp;since=2026-08-01" in text


def test_a_right_is_suspended_and_resumed_on_pages_and_the_persons_page_tells_it(browser, right):
    given = {"kind": "withheld", "first_day": "2026-07-10", "note": "逾期未认证"}
    assert looked(browser, page(right), given).status_code == 302
    pause = right.suspensions.get()
    lift = reverse("recipients:suspension-step", args=[pause.pk, "lift"])
    assert lift in browser.get(reverse("recipients:entitlement-list")).content.decode()
    assert (clock.today() - timedelta(days=1)).isoformat() in browser.get(lift).content.decode()
    given = {"last_day": "2026-08-31", "note": "已认证", "action_key": uuid4()}
    assert browser.post(lift, given).status_code == 302
    assert status(right) == "active"
    person = browser.get(reverse("recipients:person-detail", args=[right.beneficiary_id])).content.decode()
    assert "2026年7月10日起，到2026年8月31日" in person


def test_another_kind_than_was_looked_at_is_shown_before_it_is_done(browser, right):
    seen = lists.seen_on(browser.get(page(right), {"kind": "forfeited", "first_day": "2026-07-10"}))
    given = {"kind": "withheld", "first_day": "2026-07-10", "note": "逾期未认证"}
    answer = browser.post(page(right), given | {"seen": seen, "action_key": uuid4()})
    text = answer.content.decode()
    assert status(right) == "active"
    assert "与刚才看的不一样" in text
    assert "暂停享受：暂缓，从2026年7月10日起" in text
    given |= {"seen": lists.seen_on(answer), "action_key": uuid4()}
    answer = browser.post(page(right), given, follow=True)
    assert right.suspensions.get().kind == "withheld"
    assert "已登记暂缓，从2026年7月10日起" in answer.content.decode()


def test_the_kind_and_the_day_on_the_page_are_what_is_sent(browser, right):
    text = browser.get(page(right), {"kind": "forfeited", "first_day": "2026-07-10"}).content.decode()
    assert text.count('name="first_day"') == 1
    assert text.count('name="kind"') == 1
    assert 'type="hidden" name="first_day"' not in " ".join(text.split())


def test_without_having_looked_nothing_is_suspended(browser, right):
    given = {"kind": "forfeited", "first_day": "2026-07-10", "note": "服刑", "action_key": uuid4()}
    assert "与刚才看的不一样" in browser.post(page(right), given).content.decode()
    assert status(right) == "active"


def test_a_day_to_come_is_refused_on_the_page_with_what_was_typed(browser, right):
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    text = browser.get(page(right), {"kind": "withheld", "first_day": tomorrow}).content.decode()
    assert "首日不能晚于今天" in text
    assert tomorrow in text


def test_the_page_of_a_step_of_the_other_kind_is_not_there(browser, right):
    pause = lists.suspended(right, "withheld")
    assert browser.get(reverse("recipients:suspension-step", args=[pause.pk, "release"])).status_code == 404


def test_an_earlier_suspension_keeps_its_button_beside_a_later_one(right, browser):
    earlier = lists.suspended(right, "forfeited", JULY)
    lists.lifted(earlier, date(2026, 8, 20))
    later = lists.suspended(right)
    shown = browser.get(reverse("recipients:entitlement-list")).content.decode()
    for one in (earlier, later):
        assert reverse("recipients:suspension-step", args=[one.pk, "correct"]) in shown
    assert "更正暂停（2026年7月10日起的）" in shown


# --- lifting one that forfeits: what is lost is said before ---------------------------------------------------------------


def release_page(pause):
    return reverse("recipients:suspension-step", args=[pause.pk, "release"])


@pytest.fixture
def monthly_right():
    """From January on, under a rule that counts months."""
    terms = lists.NOTHING | {"is_open_ended": True, "amount_rule": make.MONTHLY}
    one = lists.declaration(lists.policy(frequency="monthly", **terms), period="2026-01")
    review.take_step(one.pk, "submit", actor=one.made_by)
    return Entitlement.objects.order_by("pk").first()


def test_lifting_one_that_forfeits_says_the_months_that_are_lost_and_the_day_it_goes_on(
    browser, monthly_right
):
    pause = lists.suspended(monthly_right, "forfeited", JULY)
    text = browser.get(release_page(pause), {"last_day": "2026-09-15"}).content.decode()
    assert "<b>2026年8月、2026年9月</b> 不发" in text
    assert "<b>2026年10月1日</b> 起照发" in text
    given = {"last_day": "2026-09-15", "note": "刑满释放"}
    assert looked(browser, release_page(pause), given).status_code == 302
    assert suspensions.lost_days(monthly_right)[0].upper == date(2026, 10, 1)


def test_another_last_day_than_was_looked_at_is_shown_before_it_lifts(browser, monthly_right):
    pause = lists.suspended(monthly_right, "forfeited", JULY)
    first = browser.get(release_page(pause), {"last_day": "2026-08-31"})
    assert first.content.decode().count('name="last_day"') == 1
    given = {"last_day": "2026-09-15", "note": "刑满释放"}
    answer = browser.post(release_page(pause), given | {"seen": lists.seen_on(first), "action_key": uuid4()})
    assert status(monthly_right) == "suspended"
    assert "<b>2026年10月1日</b> 起照发" in answer.content.decode()
    given |= {"seen": lists.seen_on(answer), "action_key": uuid4()}
    text = browser.post(release_page(pause), given, follow=True).content.decode()
    assert "末日2026年9月15日，2026年10月1日起照发；2026年8月、2026年9月不发" in text


def test_a_last_day_before_anything_is_lost_says_so(browser, monthly_right):
    pause = lists.suspended(monthly_right, "forfeited", JULY)
    text = browser.get(release_page(pause), {"last_day": "2026-07-20"}).content.decode()
    assert "没有少发的期次" in text
    lists.lifted(pause, date(2026, 7, 20))
    person = browser.get(
        reverse("recipients:person-detail", args=[monthly_right.beneficiary_id])
    ).content.decode()
    assert "没有少发" in person


def test_a_lifted_suspension_in_the_file_of_the_person_is_not_open_ended(browser, monthly_right):
    pause = lists.suspended(monthly_right, "forfeited", JULY)
    url = reverse("recipients:person-detail", args=[monthly_right.beneficiary_id])
    assert "2026年8月1日起不补，到恢复为止" in browser.get(url).content.decode()
    lists.lifted(pause, date(2026, 9, 15))
    assert "2026年8月1日起到末日不补" in browser.get(url).content.decode()


def test_the_last_day_is_by_default_the_end_of_last_month_where_months_are_counted(monthly_right):
    last_month = clock.today().replace(day=1) - timedelta(days=1)
    assert suspensions.last_day_today(lists.suspended(monthly_right, "forfeited", JULY)) == last_month


def test_the_last_day_is_by_default_yesterday_where_a_period_is_paid_once(right):
    yesterday = clock.today() - timedelta(days=1)
    assert suspensions.last_day_today(lists.suspended(right, "forfeited", JULY)) == yesterday


def test_of_a_rule_that_pays_a_period_once_only_whole_periods_are_lost(right):
    pause = lists.suspended(right, "forfeited", date(2025, 12, 10))
    assert suspensions.lifting_of(pause, date(2026, 9, 15)).lost == ()
    lists.lifted(pause, date(2026, 9, 15))


def test_a_first_day_before_the_right_begins_is_told(browser, monthly_right):
    text = browser.get(page(monthly_right), {"kind": "forfeited", "first_day": "2016-09-10"}).content.decode()
    assert "这项资格从2026年1月1日开始，首日在它以前，请核对年份" in text


def test_what_was_paid_of_a_withheld_right_was_not_too_much(browser, right):
    text = browser.get(page(right), {"kind": "withheld", "first_day": "2026-07-10"}).content.decode()
    assert "since=2026-07-10&amp;keeps=1" in text


@pytest.mark.parametrize("kind", ["forfeited", "withheld"])
def test_who_may_not_lift_a_suspension_reads_who_may(right, browser, kind):
    by = keeper()
    lists.suspended(right, kind, JULY, by=by)
    maker = Client()
    maker.force_login(by)
    url = reverse("recipients:entitlement-list")
    assert ("由另一位乡镇审核、" in maker.get(url).content.decode()) == (kind == "forfeited")
    assert "由另一位" not in browser.get(url).content.decode()


def test_after_an_act_the_list_shows_the_rights_of_that_person(browser, right):
    given = {"kind": "withheld", "first_day": "2026-07-10", "note": "逾期未认证"}
    assert "q=" in looked(browser, page(right), given).url


def test_the_reasons_of_a_lift_and_of_a_correction_are_rewritten_by_nobody(right):
    lifted = lists.suspended(right, "forfeited", JULY)
    lists.lifted(lifted)
    for column in ("lift_reason", "correction_reason"):
        with pytest.raises(IntegrityError, match="不能修改"):
            run(f"UPDATE recipients_suspension SET {column} = '另有原因' WHERE id = %s", lifted.pk)
    entitlements.take_step(right.pk, "end", actor=keeper(), note="迁出", happened=date(2026, 9, 9))
    ending = right.endings.get()
    corrections.correct_ending(ending.pk, "correct", actor=keeper(), note="没有迁出")
    with pytest.raises(IntegrityError, match="不能修改"):
        run("UPDATE recipients_ending SET correction_reason = '另有原因' WHERE id = %s", ending.pk)


def test_a_last_day_that_would_lose_nothing_stands_in_no_form_before_somebody_typed_it(
    browser, monthly_right
):
    late = lists.suspended(monthly_right, "forfeited", clock.today())
    text = browser.get(release_page(late)).content.decode()
    assert "请填停发到哪一天为止" in text
    assert 'name="note"' not in text
    assert "没有少发的期次" not in text
    lists.lifted(late, clock.today())
    early = lists.suspended(monthly_right, "forfeited", JULY)
    text = browser.get(release_page(early)).content.decode()
    assert 'name="note"' in text
    assert "以后也不补" in text
