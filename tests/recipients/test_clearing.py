"""A wrong list goes out of a draft at once, with its reason, or is replaced by the right workbook."""

import io
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from huimin.core.errors import FileRefused, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from huimin.core.sheets.writer import Column, write_rows
from recipients.files.declaration import TITLES
from recipients.services import declarations, review
from tests.factories import UserFactory
from tests.recipients.factories import NOTHING, clerk_at, declaration, household

pytestmark = pytest.mark.django_db


def sheet(rows):
    out = io.BytesIO()
    write_rows(out, [Column(title) for title in TITLES], rows)
    return out.getvalue()


def row(person, quantity="2"):
    return [person.name, person.id_number, "", quantity]


def quantities(one):
    return {line.beneficiary: str(line.quantity) for line in one.lines.all()}


def test_a_draft_is_cleared_with_a_reason_that_stays_on_the_trail():
    one = declaration()
    with pytest.raises(StepRefused, match="写明原因"):
        declarations.clear_lines(one.pk, note=" ", actor=one.made_by)
    assert declarations.clear_lines(one.pk, note="导错了表", actor=one.made_by) == 2
    event = AuditEvent.objects.get(action="clear")
    assert (event.note, event.detail) == ("导错了表", {"lines": 2, "total": "347.60"})
    with pytest.raises(StepRefused, match="没有明细"):
        declarations.clear_lines(one.pk, note="导错了表", actor=one.made_by)


def test_only_a_draft_is_cleared_and_only_by_its_makers():
    one = declaration(**NOTHING | {"has_township_review": True})
    with pytest.raises(Exception, match="matching query"):
        declarations.clear_lines(one.pk, note="导错了表", actor=clerk_at("341524101001"))
    with pytest.raises(StepForbidden):
        declarations.clear_lines(one.pk, note="导错了表", actor=UserFactory(role="township_reviewer"))
    review.take_step(one.pk, "submit", actor=one.made_by)
    with pytest.raises(StepRefused, match="已送审"):
        declarations.clear_lines(one.pk, note="导错了表", actor=one.made_by)


def test_a_workbook_replaces_the_list_or_leaves_it_when_it_is_refused():
    first, second = household(1)[0], household(1)[0]
    one = declaration(lines=[first])
    wrong = sheet([row(second), row(household(1, village="341524101001")[0])])
    with pytest.raises(FileRefused):
        declarations.import_lines(one.pk, wrong, filename="a.xlsx", actor=one.made_by, replace=True)
    assert quantities(one) == {first: "2.0000"}
    right = sheet([row(first, "3"), row(second)])
    assert declarations.import_lines(one.pk, right, filename="a.xlsx", actor=one.made_by, replace=True) == 2
    assert quantities(one) == {first: "3.0000", second: "2.0000"}
    assert declarations.import_lines(one.pk, right, filename="a.xlsx", actor=one.made_by) == 0
    declarations.clear_lines(one.pk, note="再来一遍", actor=one.made_by)
    assert declarations.import_lines(one.pk, right, filename="a.xlsx", actor=one.made_by) == 2


def test_the_page_clears_and_replaces():
    one = declaration()
    client = Client()
    client.force_login(one.made_by)
    page, clear = (
        reverse(f"recipients:{name}", args=[one.pk]) for name in ("declaration-detail", "declaration-clear")
    )
    assert clear in client.get(page).content.decode()
    upload = SimpleUploadedFile("a.xlsx", sheet([row(household(1)[0])]))
    address = reverse("recipients:declaration-lines-import", args=[one.pk])
    text = client.post(address, {"file": upload, "replace": "on", "action_key": uuid4()}, follow=True)
    assert "已导入 1 行" in text.content.decode()
    assert one.lines.count() == 1
    given = {"note": "导错了表", "action_key": uuid4()}
    assert "已清空" in client.post(clear, given, follow=True).content.decode()
    assert clear not in client.get(page).content.decode()
