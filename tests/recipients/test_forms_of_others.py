"""A form about a person is drawn for whose post it is; the others read whose it is before they have typed anything."""

import pytest
from django.urls import reverse

from huimin.core.authority.roles import Role
from tests.factories import TOWN, UserFactory
from tests.recipients import factories as lists
from tests.recipients.test_heads import asked

pytestmark = pytest.mark.django_db
FORMS = {
    "recipients:head-ask": "申请变更户主",
    "recipients:account-ask": "申请换卡",
    "recipients:person-edit": "改档案",
}


@pytest.mark.parametrize("name", FORMS)
def test_who_may_not_send_a_form_is_told_whose_it_is_instead_of_being_shown_it(client, name):
    _, wife = lists.household(2)
    url = reverse(name, args=[wife.pk])
    client.force_login(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN))
    answer = client.get(url)
    assert answer.status_code == 403
    text = answer.content.decode()
    assert f"“{FORMS[name]}”不归您的岗位办理，须由" in text
    assert "乡镇经办" in text
    assert "<form" not in text.split("<main")[1]
    client.force_login(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    assert client.get(url).status_code == 200


def test_while_a_change_of_the_head_waits_the_form_for_another_is_not_shown(client):
    _, wife = lists.household(2)
    asked(wife)
    client.force_login(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    answer = client.get(reverse("recipients:head-ask", args=[wife.pk]), follow=True)
    assert "这一户已有一个待复核的户主变更" in answer.content.decode()
    assert 'name="proof"' not in answer.content.decode()


def test_who_compiles_no_books_and_uploads_no_workbooks_is_shown_no_form_for_it(client):
    lists.household(1)
    client.force_login(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN))
    answer = client.get(reverse("recipients:declaration-new"))
    assert answer.status_code == 403
    assert "“编制申报册”不归您的岗位办理" in answer.content.decode()
    assert "上传并校验" not in client.get(reverse("recipients:import-list")).content.decode()
    client.force_login(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    assert client.get(reverse("recipients:declaration-new")).status_code == 200
    assert "上传并校验" in client.get(reverse("recipients:import-list")).content.decode()
