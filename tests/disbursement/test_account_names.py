"""Whose account it is stands where the list is checked: page, print, export, 信息校验, order."""

import pytest
from django.test import Client
from django.urls import reverse

from disbursement import queries, services
from disbursement.models import PaymentLine
from tests.disbursement import factories as make
from tests.factories import TOWN
from tests.recipients.factories import another_account

pytestmark = pytest.mark.django_db
STRANGER = "王建国国"


@pytest.fixture
def here():
    return make.world(3)


@pytest.fixture
def roster(here):
    """Of three lines the second is paid into the account of somebody else."""
    another_account(here.people[1], holder_name=STRANGER, relation="监护人")
    return make.issued_batch(here).rosters.get(division_code=TOWN)


def words(user, name, pk):
    client = Client()
    client.force_login(user)
    return client.get(reverse(f"disbursement:{name}", args=[pk])).content.decode()


@pytest.mark.parametrize("name", ["roster-detail", "roster-print", "roster-check"])
def test_the_accounts_name_stands_beside_the_payee(here, roster, name):
    assert STRANGER in words(here["town"], name, roster.pk)


def test_the_panel_counts_the_names_that_differ_and_the_check_lists_them_with_the_relation(here, roster):
    assert "户名与收款人不同 1 笔" in words(here["town"], "roster-detail", roster.pk)
    text = words(here["town"], "roster-check", roster.pk)
    assert "监护人" in text
    assert "都相符，下面的户名请看一眼" in text


def test_an_order_counts_them_too(here, roster):
    order = make.ordered(here, roster.batch)
    assert "户名与收款人不同 1 笔" in words(here["treasurer"], "order-detail", order.pk)


def test_an_account_named_after_its_payee_is_not_listed(here, roster):
    line = PaymentLine.objects.get(roster=roster, account_name=STRANGER)
    another_account(here.people[1], holder_name=line.payee_name)
    services.regenerate_roster(roster.pk, actor=here["town"])
    roster.refresh_from_db()
    assert not queries.named_otherwise(queries.lines_of_roster(roster)).exists()


def test_what_a_right_was_paid_beyond_a_day_is_asked_by_its_number(here, roster):
    line = PaymentLine.objects.get(roster=roster, account_name=STRANGER)
    client = Client()
    client.force_login(here["department_check"])
    url = reverse("disbursement:person-payments", args=[line.beneficiary_id])
    asked = {"entitlement": line.entitlement_id, "since": "2026-04-01"}
    assert reverse("disbursement:line-detail", args=[line.pk]) in client.get(url, asked).content.decode()
    for other in ({"since": "2027-01-01"}, {"entitlement": line.entitlement_id + 10**6}):
        assert "停发日期以后的期次没有发过" in client.get(url, asked | other).content.decode()
