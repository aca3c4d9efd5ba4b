"""What hangs on the wall: nothing that was taken down, and the telephones of village, township and department."""

import pytest
from django.urls import reverse

from huimin.core.errors import StepRefused
from huimin.core.models import Office
from recipients.services import notices, review
from tests.factories import TOWN, VILLAGE
from tests.recipients.factories import NOTHING, chain, declaration

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return chain()


@pytest.fixture
def notice(people):
    one = declaration(actor=people["village"], **NOTHING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=people["village"])
    return notices.post_notice(one.pk, place="公开栏", actor=people["village"])


def test_a_notice_that_was_taken_down_is_not_printed(client, people, notice):
    client.force_login(people["clerk"])
    page, paper = (
        reverse(f"recipients:{name}", args=[notice.pk]) for name in ("notice-detail", "notice-poster")
    )
    assert paper in client.get(page).content.decode()
    notices.withdraw_notice(notice.pk, note="登记错了", actor=people["clerk"])
    assert paper not in client.get(page).content.decode()
    assert "不能再打印张贴" in client.get(paper, follow=True).content.decode()
    notice.refresh_from_db()
    with pytest.raises(StepRefused, match="已撤下"):
        notices.poster(notice, verify_url="https://example.org/v")


def test_the_paper_names_village_township_and_department_with_their_telephones(notice):
    Office.objects.create(name="某村委会", kind="village", division_id=VILLAGE, phone="0564-1")
    Office.objects.create(name="某镇政府", kind="township", division_id=TOWN, phone="0564-2")
    Office.objects.create(name="没有电话的所", kind="township", division_id=TOWN)
    told = notices.whom_to_ask(notice)
    assert [one["who"] for one in told] == ["某村委会", "某镇政府", str(notice.policy.department)]
    assert [one["phone"] for one in told[:2]] == ["0564-1", "0564-2"]
