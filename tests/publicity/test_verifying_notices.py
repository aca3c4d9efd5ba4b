"""A notice on the wall can be verified before a yuan is paid: by its QR code, its short code, its digest."""

from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from huimin.core.values import digests
from publicity import queries
from recipients.services import notices, objections, review
from tests.recipients import factories as lists


def a_posted_notice(**version):
    people = lists.chain()
    one = lists.declaration(actor=people["village"], **lists.NOTHING | {"has_village_notice": True} | version)
    review.take_step(one.pk, "submit", actor=people["village"])
    return people, notices.post_notice(one.pk, place="公开栏", actor=people["village"])


@pytest.mark.django_db
def test_the_qr_code_of_a_notice_leads_to_its_verification(client, monkeypatch):
    people, notice = a_posted_notice()
    papers = []
    monkeypatch.setattr(notices, "render_pdf", lambda _, data: papers.append(data) or b"%PDF")
    client.force_login(people["village"])
    assert client.get(reverse("recipients:notice-poster", args=[notice.pk])).status_code == 200
    client.logout()
    page = client.get(urlsplit(papers[0]["qr"]).path)
    assert page.status_code == 200
    assert "是张贴的那份公示" in page.content.decode()
    assert papers[0]["code"] == digests.spaced(digests.short_code(notice.digest))


@pytest.mark.django_db
@pytest.mark.parametrize("typed", [lambda code, _: digests.spaced(code).lower(), lambda _, digest: digest])
def test_a_notice_is_found_by_the_code_on_its_paper_and_by_the_whole_digest(client, typed):
    _, notice = a_posted_notice()
    code = typed(notice.code, notice.digest)
    text = client.get(reverse("publicity:verify"), {"code": code}, follow=True).content.decode()
    assert "是张贴的那份公示" in text
    assert f"{notice.total:,.2f}" in text
    assert reverse("publicity:notice", args=[notice.pk]) in text


def test_the_verification_of_a_notice_is_computed_from_its_lines(committed_db, owner_connection, client):
    _, notice = a_posted_notice()
    address = reverse("publicity:verify-code", args=[notice.code])
    assert "是张贴的那份公示" in client.get(address).content.decode()
    owner_connection.execute("ALTER TABLE recipients_noticeline DISABLE TRIGGER USER")
    owner_connection.execute("UPDATE recipients_noticeline SET amount = amount + 1 WHERE line_no = 1")
    owner_connection.commit()
    text = client.get(address).content.decode()
    assert "对不上" in text
    assert "是张贴的那份公示" not in text


@pytest.mark.django_db
def test_a_notice_that_was_taken_down_says_so_and_shows_no_way_to_its_names(client):
    people, notice = a_posted_notice()
    objections.file_objection(notice, "整册都不对")
    found = notice.objections.get()
    objections.answer_objection(found.pk, upheld=True, answer="属实", send_back=True, actor=people["clerk"])
    text = client.get(reverse("publicity:verify-code", args=[notice.code])).content.decode()
    assert "已经撤下" in text
    assert reverse("publicity:notice", args=[notice.pk]) not in text


def test_one_list_on_two_walls_is_told_with_both(committed_db, move_clock, client):
    people, notice = a_posted_notice(has_township_notice=True)
    move_clock(30)
    review.take_step(notice.declaration_id, "end_village_notice", actor=people["village"])
    again = notices.post_notice(notice.declaration_id, place="镇公示栏", actor=people["clerk"])
    assert again.digest == notice.digest
    text = client.get(reverse("publicity:verify-code", args=[notice.code])).content.decode()
    assert "村级公示" in text
    assert "乡镇公示" in text
    assert [one.pk for one in queries.notices_by_code(notice.code)] == [again.pk, notice.pk]
    assert queries.notices_by_code(digests.short_code("f" * 64)) == []


@pytest.mark.parametrize("root", ["0" * 64, "f" * 64, "7b3c" * 16])
def test_a_short_code_gives_back_the_beginning_of_its_root(root):
    assert root.startswith(digests.root_beginning(digests.short_code(root)))
