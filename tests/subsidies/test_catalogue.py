"""The county's first list: 52 policies from documents, eight of them in force."""

from datetime import date

import pytest

from subsidies import catalogue, rules
from subsidies.models import Policy
from tests.factories import COUNTY
from tests.subsidies.factories import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def office():
    return people()


def test_all_52_policies_become_drafts_once(office):
    clerk, _ = office
    assert len(catalogue.load_policies(COUNTY, actor=clerk)) == 52
    assert catalogue.load_policies(COUNTY, actor=clerk) == []
    assert set(Policy.objects.values_list("status", flat=True)) == {"draft"}


def test_a_standard_that_no_document_confirmed_is_marked_as_a_sample(office):
    catalogue.load_policies(COUNTY, actor=office[0])
    flags = dict(Policy.objects.values_list("code", "is_sample"))
    assert flags["NY03"]
    assert flags["WJ04"]
    assert not flags["NY01"]


def test_eight_policies_are_published_with_their_rules(office):
    clerk, checker = office
    catalogue.load_policies(COUNTY, actor=clerk)
    found = catalogue.load_versions(COUNTY, valid_from=date(2026, 1, 1), maker=clerk, checker=checker)
    assert [policy.code for policy in found] == catalogue.demo_codes()
    assert len(found) == 9
    for policy in found:
        version = policy.version_on(date(2026, 6, 18))
        assert rules.describe(rules.parse_rule(version.amount_rule))
    assert catalogue.load_versions(COUNTY, valid_from=date(2026, 1, 1), maker=clerk, checker=checker) == []


def test_every_amount_policy_pays_as_its_standard_says(office):
    clerk, checker = office
    catalogue.load_policies(COUNTY, actor=clerk)
    catalogue.load_versions(COUNTY, valid_from=date(2026, 1, 1), maker=clerk, checker=checker)
    facts = {"quantity": "10", "months": 12, "members": 3, "income": "1200", "grade": "一级", "age": 92}
    amounts = {}
    for policy in Policy.objects.filter(status="published"):
        rule = rules.parse_rule(policy.versions.get().amount_rule)
        amounts[policy.code] = str(rules.evaluate(rule, facts).amount)
    assert amounts == {
        "NY01": "869.00",
        "NY03": "185.00",
        "LY03": "130.00",
        "LY04": "4800.00",
        "MZ01": "14832.00",
        "MZ08": "1032.00",
        "MZ09": "1032.00",
        "MZ10": "720.00",
        "SL01": "600.00",
    }


def test_a_standard_that_no_document_gives_is_called_an_example_where_its_basis_is_read(office, client):
    clerk, checker = office
    catalogue.load_policies(COUNTY, actor=clerk)
    catalogue.load_versions(COUNTY, valid_from=date(2026, 1, 1), maker=clerk, checker=checker)
    examples = {one.code for one in Policy.objects.filter(status="published") if "示例" in one.basis}
    assert examples == {"MZ01", "NY03"}
    assert Policy.objects.get(code="MZ01").is_sample
    page = client.get("/policies/MZ01/").content.decode()
    assert "民发〔2021〕57号" in page
    assert "示例：低保标准 812.00 元/人·月不出自文件" in page
