"""Every list that leaves the house leaves a trace, and none is endless."""

from pathlib import Path

import pytest
from django.conf import settings
from django.urls import get_resolver, reverse

from huimin.core.authority.roles import Role
from huimin.core.desk import exports
from huimin.core.models import AuditEvent
from tests.factories import COUNTY, TOWN, UserFactory

pytestmark = pytest.mark.django_db

# who may open each list; the lists of one object are asked for with an object in their own tests
LISTS = {
    "core:job-export": Role.FINANCE_CLERK,
    "core:audit-export": Role.AUDIT_ADMIN,
    "core:staff-export": Role.SECURITY_ADMIN,
    "subsidies:policy-export": Role.FINANCE_CLERK,
    "subsidies:indicator-export": Role.FINANCE_CLERK,
    "recipients:person-export": Role.FINANCE_CLERK,
    "recipients:declaration-export": Role.FINANCE_CLERK,
    "recipients:notice-export": Role.FINANCE_CLERK,
    "recipients:objection-export": Role.FINANCE_CLERK,
    "recipients:entitlement-export": Role.FINANCE_CLERK,
    "disbursement:batch-export": Role.FINANCE_CLERK,
    "disbursement:roster-list-export": Role.FINANCE_CLERK,
    "disbursement:order-export": Role.FINANCE_CLERK,
    "disbursement:return-export": Role.FINANCE_CLERK,
    "disbursement:correction-export": Role.FINANCE_CLERK,
    "disbursement:ledger-export": Role.FINANCE_CLERK,
    "publicity:desk-export": Role.FINANCE_CLERK,
}
OF_ONE_OBJECT = {"recipients:declaration-lines-export", "disbursement:roster-export"}


def export_names():
    for app in ("core", "subsidies", "recipients", "disbursement", "publicity"):
        names = get_resolver().namespace_dict[app][1].reverse_dict
        yield from (f"{app}:{name}" for name in names if isinstance(name, str) and name.endswith("export"))


def taken(answer):
    """The whole file, read to its end as a browser does."""
    return b"".join(answer.streaming_content).startswith(b"PK")


def test_no_list_export_is_forgotten_here():
    assert set(export_names()) == set(LISTS) | OF_ONE_OBJECT


@pytest.mark.parametrize("name", LISTS)
def test_every_list_export_writes_one_event(client, name):
    user = UserFactory(role=LISTS[name])
    client.force_login(user)
    assert taken(client.get(reverse(name)))
    told = AuditEvent.objects.get(action="list.export")
    assert (told.actor, told.subject, told.division_code) == (user, f"list:{name}", COUNTY)
    assert set(told.detail) == {"list", "filter", "rows"}


def test_only_the_shared_helper_writes_list_workbooks():
    """A list written beside the helper would leave without a trace."""
    root = Path(settings.BASE_DIR)
    beside = [
        str(path.relative_to(root))
        for app in ("huimin", "subsidies", "recipients", "disbursement", "publicity")
        for path in (root / app).rglob("views/*.py")
        if "write_rows" in path.read_text(encoding="utf-8")
    ]
    assert beside == []


def test_a_private_number_typed_into_a_filter_does_not_rest_in_the_event(client):
    client.force_login(UserFactory(role=Role.FINANCE_CLERK))
    assert taken(client.get(reverse("recipients:person-export"), {"q": "13987654321"}))
    assert "13987654321" not in str(AuditEvent.objects.get(action="list.export").detail)


def test_a_list_of_too_many_rows_leads_back_with_the_reason(client, monkeypatch):
    monkeypatch.setattr(exports, "MOST_ROWS", 1)
    client.force_login(UserFactory(role=Role.SECURITY_ADMIN))
    UserFactory.create_batch(3, role=Role.TOWNSHIP_CLERK, at=TOWN)
    answer = client.get(reverse("core:staff-export"), headers={"referer": "http://testserver/desk/staff/?q="})
    assert answer.url == "http://testserver/desk/staff/?q="
    assert "一次导不完" in client.get(answer.url).content.decode()
    assert not AuditEvent.objects.filter(action="list.export").exists()
