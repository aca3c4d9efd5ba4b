"""A notice registered by mistake: a first day far off is refused, a second person takes the registration back."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from huimin.core import clock
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from recipients.models import Notice
from recipients.rules import DAYS_AHEAD
from recipients.services import notices, objections, review
from recipients.states import DECLARATION_FLOW
from tests.factories import UserFactory
from tests.recipients.factories import NOTHING, chain, declaration

pytestmark = pytest.mark.django_db
WHY = "张贴日期登记错了"


@pytest.fixture
def people():
    return chain()


@pytest.fixture
def one(people):
    made = declaration(actor=people["village"], **NOTHING | {"has_village_notice": True})
    review.take_step(made.pk, "submit", actor=people["village"])
    made.refresh_from_db()
    return made


def post(one, people, **more):
    return notices.post_notice(one.pk, place="公开栏", actor=people["village"], **more)


def test_a_first_day_more_than_a_few_days_ahead_is_refused(one, people):
    far = clock.today() + timedelta(days=DAYS_AHEAD + 1)
    with pytest.raises(BadInput, match=f"{far.year}年.*是不是填错了"):
        post(one, people, starts_on=far)
    assert post(one, people, starts_on=far - timedelta(days=1)).starts_on == far - timedelta(days=1)


def test_the_database_refuses_such_a_day_too(one, people):
    posted = post(one, people)
    row = {field.attname: getattr(posted, field.attname) for field in Notice._meta.concrete_fields}
    far = clock.today() + timedelta(days=DAYS_AHEAD + 1)
    row |= {"id": None, "starts_on": far, "ends_on": far + timedelta(days=60), "sequence": 2, "revision": 9}
    with pytest.raises(IntegrityError, match="太远"), transaction.atomic():
        Notice.objects.create(**row)


def test_the_township_reviewer_takes_back_what_the_only_clerk_of_a_village_mistook(one, people):
    posted = post(one, people)
    notices.withdraw_notice(posted.pk, note=WHY, actor=people["township"])
    posted.refresh_from_db()
    assert WHY in posted.withdrawn_reason


def test_another_person_takes_it_back_with_a_reason_and_the_days_begin_anew(one, people):
    posted = post(one, people, starts_on=clock.today() + timedelta(days=5))
    with pytest.raises(StepRefused, match=r"公示张贴登记.*不能再办.*公示登记撤回"):
        notices.withdraw_notice(posted.pk, note=WHY, actor=people["village"])
    with pytest.raises(StepRefused, match="写明原因"):
        notices.withdraw_notice(posted.pk, note=" ", actor=people["clerk"])
    with pytest.raises(StepForbidden):
        notices.withdraw_notice(posted.pk, note=WHY, actor=people["department"])
    notices.withdraw_notice(posted.pk, note=WHY, actor=people["clerk"])
    posted.refresh_from_db()
    one.refresh_from_db()
    assert (one.status, WHY in posted.withdrawn_reason) == ("village_notice", True)
    assert AuditEvent.objects.get(action="withdraw_village_notice").note == WHY
    assert review.blocked(one, DECLARATION_FLOW["end_village_notice"])
    again = post(one, people)
    assert (again.sequence, again.starts_on) == (2, clock.today())


def test_the_same_person_under_another_account_does_not_take_it_back(one, people):
    posted = post(one, people)
    twin = UserFactory(role="township_clerk", id_number=people["village"].id_number)
    with pytest.raises(StepRefused, match="不能再办"):
        notices.withdraw_notice(posted.pk, note=WHY, actor=twin)


def test_nobody_takes_a_notice_down_by_sql(one, people):
    posted = post(one, people)
    with (
        pytest.raises(IntegrityError, match="另一个人撤回"),
        transaction.atomic(),
        connection.cursor() as sql,
    ):
        sql.execute(
            "UPDATE recipients_notice SET withdrawn_at = now(), withdrawn_reason = %s WHERE id = %s",
            [WHY, posted.pk],
        )


def test_only_the_notice_of_the_present_level_is_taken_back(one, people):
    posted = post(one, people)
    notices.withdraw_notice(posted.pk, note=WHY, actor=people["clerk"])
    with pytest.raises(StepRefused, match="已经撤下"):
        notices.withdraw_notice(posted.pk, note=WHY, actor=people["clerk"])


def test_an_objection_against_a_withdrawn_notice_is_still_answered(one, people):
    posted = post(one, people)
    objections.file_objection(posted, "多报了面积")
    notices.withdraw_notice(posted.pk, note=WHY, actor=people["clerk"])
    with pytest.raises(StepRefused, match="已经结束"):
        objections.file_objection(posted, "多报了面积")
    post(one, people)
    one.refresh_from_db()
    assert "1 件异议" in review.blocked(one, DECLARATION_FLOW["end_village_notice"])


def test_the_page_offers_it_to_the_other_person_and_says_why_not_to_the_poster(one, people):
    posted = post(one, people)
    address = reverse("recipients:declaration-detail", args=[one.pk])
    url = reverse("recipients:notice-withdraw", args=[posted.pk])
    text = browser(people["village"]).get(address).content.decode()
    assert "撤回登记" in text
    assert "不相容岗位" in text
    assert url not in text
    client = browser(people["clerk"])
    assert url in client.get(address).content.decode()
    done = client.post(url, {"note": WHY, "action_key": uuid4()}, follow=True).content.decode()
    assert "公示登记已撤回" in done
    assert "锁定名单，开始公示" in done


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def test_the_last_day_of_another_year_is_said_with_its_year(one, people, monkeypatch):
    posted = post(one, people)
    monkeypatch.setattr(clock, "today", lambda: date(posted.ends_on.year - 1, 12, 31))
    assert f"公示到{posted.ends_on.year}年" in review.blocked(one, DECLARATION_FLOW["end_village_notice"])
