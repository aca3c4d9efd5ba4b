"""Files in which ID and account numbers stand in full: for whom, and only with a one-time code."""

import time

import pytest
from django.test import Client
from django.urls import reverse

from disbursement.models import BankFile
from huimin.core.accounts import auth
from huimin.core.accounts.services import issue_credential
from huimin.core.authority.roles import Area, Role, roles_reading
from huimin.core.models import AuditEvent
from tests.disbursement import factories as make
from tests.factories import COUNTY, TOWN, UserFactory

pytestmark = pytest.mark.django_db
READERS = sorted(roles_reading(Area.ORDER) & roles_reading(Area.RETURN))
TAKERS = {"order-file": {Role.TREASURER, Role.BANK}, "return-file": {Role.RECONCILER}}


@pytest.fixture
def files():
    here = make.world(4)
    order = make.sent_order(here)
    found = make.returned(here, order)
    return {"order-file": [order.pk], "return-file": [found.pk]}


def asks(role, *, code):
    client = Client()
    client.force_login(UserFactory(role=role))
    if code:
        session = client.session
        session[auth.STEP_UP_KEY] = int(time.time())
        session.save()
    return client


@pytest.mark.parametrize("name", TAKERS)
def test_only_the_roles_that_need_a_file_take_it_and_only_with_a_code(files, name):
    url = reverse(f"disbursement:{name}", args=files[name])
    for role in READERS:
        without, answer = asks(role, code=False).get(url), asks(role, code=True).get(url)
        if role in TAKERS[name]:
            assert without.url.startswith(reverse("core:step-up")), role
            assert b"".join(answer.streaming_content), role
        else:
            assert (without.status_code, answer.status_code) == (403, 403), role
    assert AuditEvent.objects.filter(action="file.download").count() == len(TAKERS[name])


@pytest.mark.parametrize("role", READERS)
def test_the_page_offers_the_file_to_those_who_may_take_it(files, role):
    client = asks(role, code=False)
    order, found = files["order-file"][0], files["return-file"][0]
    for name, page in (
        ("order-file", reverse("disbursement:order-detail", args=[order])),
        ("return-file", reverse("disbursement:return-detail", args=[found])),
    ):
        text = client.get(page).content.decode()
        assert (reverse(f"disbursement:{name}", args=files[name]) in text) is (role in TAKERS[name])


@pytest.mark.parametrize(
    ("role", "status"), [(Role.BANK, 200), (Role.SUPERVISOR, 404), (Role.FINANCE_CLERK, 404)]
)
def test_a_credential_gives_no_file_that_the_accounts_role_may_not_take(client, files, role, status):
    credential, secret = issue_credential(UserFactory(role=role), scopes=["payment_file"], actor=None)
    answer = client.get(
        f"/api/v1/payment-files/{BankFile.objects.get(order=files['order-file'][0]).pk}/",
        headers={"authorization": f"Huimin {credential.key_id}:{secret}"},
    )
    assert answer.status_code == status


def test_a_township_is_not_told_how_far_the_others_are():
    here = make.world(6)
    batch = make.batch_of(make.sent_order(here))
    url = reverse("disbursement:batch-detail", args=[batch.pk])
    pages = {}
    for role, place in ((Role.TOWNSHIP_CLERK, TOWN), (Role.FINANCE_CLERK, COUNTY)):
        client = Client()
        client.force_login(UserFactory(role=role, at=place))
        pages[role] = client.get(url).content.decode()
    assert "没有结果" in pages[Role.FINANCE_CLERK]
    assert "没有结果" not in pages[Role.TOWNSHIP_CLERK]
