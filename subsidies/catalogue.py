"""The 52 policies that counties publish, as drafts of a county's list, and versions of eight of them to start with.

What documents say stands in data/: policies.csv (the policies), policies_sources.csv (what was verified in a
document), departments.csv, policy_versions.json (who is protected, how often is paid, rules of the first eight, and
which of their standards are examples).
"""

from __future__ import annotations

import csv
import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from huimin.core.models import Department
from huimin.core.values.periods import Frequency
from subsidies import services
from subsidies.models import Policy
from subsidies.states import PolicyStatus

if TYPE_CHECKING:
    from huimin.core.models import User

_LEVELS = {level.label: level for level in Policy.GovernmentLevel}
Rows = list[dict[str, str]]


def _read(name: str) -> Rows:
    with (Path(settings.BASE_DIR) / "data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def _shipped() -> dict[str, Any]:
    text = (Path(settings.BASE_DIR) / "data" / "policy_versions.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def demo_codes() -> list[str]:
    """The policies that load_versions publishes, such as NY01."""
    return sorted(_shipped()["versions"])


@transaction.atomic
def load_policies(county_code: str, *, actor: User) -> list[Policy]:
    """Draft the policies that the county's list does not have yet, with their departments; returns the new ones."""
    departments = _departments()
    unverified = {row["code"] for row in _read("policies_sources.csv") if row["verified"] == "M"}
    known = set(Policy.objects.filter(county_code=county_code).values_list("code", flat=True))
    return [
        services.draft_policy(
            county_code,
            actor=actor,
            is_sample=row["code"] in unverified or "记忆" in row["standard"],
            **_facts(row, departments),
        )
        for row in _read("policies.csv")
        if row["code"] not in known
    ]


@transaction.atomic
def load_versions(county_code: str, *, valid_from: date, maker: User, checker: User) -> list[Policy]:
    """Give the drafts among demo_codes their version and publish them, `maker` sending and `checker` publishing."""
    drafts = Policy.objects.filter(county_code=county_code, code__in=demo_codes(), status=PolicyStatus.DRAFT)
    published = []
    for policy in drafts.order_by("code"):
        if not policy.versions.exists():
            services.add_version(
                policy, actor=maker, valid_from=valid_from, **_shipped()["versions"][policy.code]
            )
            _mark_sample(policy, actor=maker)
        services.advance_policy(policy.pk, "submit", actor=maker)
        published.append(services.advance_policy(policy.pk, "publish", actor=checker))
    return published


def _mark_sample(policy: Policy, *, actor: User) -> None:
    """A standard that no document gives says so wherever the policy's basis is shown, on notices too."""
    note = _shipped()["samples"].get(policy.code)
    if note:
        services.revise_policy(policy, actor=actor, is_sample=True, basis=f"{policy.basis}；{note}")


def _departments() -> dict[str, Department]:
    for row in _read("departments.csv"):
        Department.objects.get_or_create(county=None, name=row["name"], defaults={"code": row["code"]})
    return {department.name: department for department in Department.objects.filter(county=None)}


def _facts(row: dict[str, str], departments: dict[str, Department]) -> dict[str, Any]:
    """A line of policies.csv as fields of Policy; several offices named: the first is in charge."""
    shipped = _shipped()
    return {
        "code": row["code"],
        "name": row["name"],
        "short_name": row["short_name"],
        "level": _LEVELS[row["level"]],
        "department": departments[row["department"].split("/")[0]],
        "object_type": "household" if row["object_type"].startswith("户") else "person",
        "unit": row["unit"],
        "frequency": shipped["frequencies"].get(row["frequency"], Frequency.ONE_OFF),
        "basis": row["basis"],
        "exclusions": row["exclusions"].replace(";", "；"),
        "payment_remark": row["payment_remark"],
        "is_protected": row["code"] in shipped["protected"],
    }
