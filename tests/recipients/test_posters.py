"""What hangs on the wall: nothing that was taken down, and the telephones of village, township and department."""

import pytest
from django.urls import reverse

from huimin.core.errors import StepRefused
from huimin.core.models import Division, Office
from huimin.core.printing.documents import render_pdf
from recipients.rules import quantity_words
from recipients.services import notices, review
from tests.factories import TOWN, VILLAGE
from tests.recipients.factories import NOTHING, chain, declaration

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return chain()


@pytest.fixture
def notice(people):
    return posted(people)


def posted(people, **version):
    one = declaration(actor=people["village"], **NOTHING | {"has_village_notice": True} | version)
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


def test_nobody_is_named_on_the_paper_without_a_telephone(notice):
    assert not notice.policy.phone
    assert [one["phone"] for one in notices.whom_to_ask(notice)] == ["12345"]


@pytest.mark.parametrize(
    ("label", "rate", "words"),
    [
        ("面积", "元/亩·年", ("面积", "亩")),
        ("", "元/亩", ("数量", "亩")),
        ("", "元/户·月", ("", "户")),
        ("", "元/人·月", ("", "人")),
        ("", "", ("", "")),
    ],
)
def test_a_rate_is_not_printed_as_the_name_of_a_quantity(label, rate, words):
    assert quantity_words(label, rate) == words


def told_by(notice, monkeypatch):
    told = {}
    monkeypatch.setattr(notices, "render_pdf", lambda _, data: told.update(data) or b"")
    notices.poster(notice, verify_url="/")
    return told


def test_a_list_by_household_counts_its_households_once(people, monkeypatch):
    notice = posted(people, quantity_label="")
    notice.policy.unit = "元/户·月"
    told = told_by(notice, monkeypatch)
    assert told["columns"][2] == "户数"
    assert told["quantity_unit"] == {"name": "", "unit": ""}
    assert render_pdf("notice_poster", told).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("place", "whole", "committee"), [("红河社区", "全社区", "居民委员会"), ("梅山村", "全村", "村民委员会")]
)
def test_the_paper_is_signed_by_the_committee_that_the_place_has(
    notice, monkeypatch, place, whole, committee
):
    Division.objects.filter(pk=VILLAGE).update(name=place)
    told = told_by(notice, monkeypatch)
    assert (told["whole"], told["committee"], told["issuer"]) == (whole, committee, place + committee)
