"""What the business dates is dated by the business clock, wherever the wall clock stands."""

from datetime import timedelta

import pytest
from django.db.models import Q
from django.utils import timezone

from huimin.core import clock, crypto
from huimin.core.accounts import services
from huimin.core.errors import BadInput
from huimin.core.models import Grant
from recipients import queries
from recipients.files.declaration import parse_line
from recipients.services import accounts, notices, objections, review
from recipients.services.accounts import NewAccount
from tests.factories import id_number
from tests.recipients.factories import NOTHING, chain, declaration, household

YEAR = timedelta(days=360)


@pytest.fixture
def a_year_on(committed_db, move_clock):
    move_clock(365)
    return clock.today()


def test_an_objection_is_filed_and_answered_in_business_time(a_year_on):
    people = chain()
    one = declaration(actor=people["village"], **NOTHING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=people["village"])
    notice = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    objections.file_objection(notice, "多报了面积")
    answered = objections.answer_objection(
        notice.objections.get().pk, upheld=False, answer="量过，没有多报", actor=people["clerk"]
    )
    answered.refresh_from_db()
    assert answered.answered_at.date() - timezone.now().date() > YEAR
    assert answered.filed_at <= answered.answered_at


def test_an_account_closes_when_the_next_one_opens(a_year_on):
    people = chain()
    person = household(1)[0]
    new = NewAccount("passbook", person.name, "10009900000000001", "县农村商业银行")
    asked = accounts.ask_account_change(person.pk, new, reason="旧卡丢了", actor=people["clerk"])
    accounts.check_account_change(asked.pk, "approve", number_again=new.number, actor=people["township"])
    old, now = person.accounts.order_by("pk")
    assert old.closed_at == now.opened_at > timezone.now() + YEAR


def test_a_grant_ends_in_business_time(a_year_on):
    grant = Grant.objects.get(user=chain()["clerk"])
    revoked = services.revoke_grant(grant, note="调离", actor=None)
    assert revoked.revoked_at > timezone.now() + YEAR


def test_who_is_born_after_the_wall_clock_and_before_the_business_day_is_found(a_year_on):
    born = (a_year_on - timedelta(days=30)).strftime("%Y%m%d")
    number = id_number(born=born)
    assert str(queries.with_number(number)) == str(Q(id_key=crypto.blind_index("id_number", number)))
    errors = []
    values = {"享受人姓名": "王小", "享受人身份证号": number, "数量": "1"}
    parse_line(1, values, {}, [], errors, today=a_year_on)
    assert not [one for one in errors if "身份证" in one.column]
    with pytest.raises(BadInput, match="晚于今天"):
        queries.with_number(id_number(born=(a_year_on + timedelta(days=1)).strftime("%Y%m%d")))
