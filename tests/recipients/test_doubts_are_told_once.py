"""A page that asks for a tick says each doubt once, beside its box, and asks nobody to change what only wants a tick."""

from uuid import uuid4

import pytest
from django.urls import reverse

from tests.recipients.factories import household
from tests.recipients.test_accounts import WRONG, the_form

pytestmark = pytest.mark.django_db


def test_a_doubt_about_a_card_stands_once_and_nothing_is_to_be_changed(client):
    url, given = the_form(client, household(1)[0])
    text = client.post(url, given | {"action_key": uuid4(), "number": WRONG}).content.decode()
    assert text.count("尾号 0013 的卡号的校验位不对") == 1
    assert "还没有申请：请逐条核对，属实的勾选以后再申请" in text
    assert "请改一处" not in text


def test_what_is_to_be_changed_is_asked_for_as_before(client):
    # of digits alone, as an account is; a number that ends in X is wrong in two ways
    person = next(one for one in (household(1)[0] for _ in range(20)) if one.id_number.isdigit())
    url, given = the_form(client, person)
    text = client.post(url, given | {"action_key": uuid4(), "number": person.id_number}).content.decode()
    assert "请改一处" in text
    assert "账号与身份证号相同" in text
    assert reverse("recipients:person-detail", args=[person.pk]) in text
