"""What waits in this room: policies and versions to publish, drafts that came back, indicators to confirm or attach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from django.urls import reverse

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.roles import Role
from huimin.core.desk.todos import Todo, source
from huimin.core.values.days import day_text
from subsidies import queries
from subsidies.models import Indicator, Policy, PolicyChange, PolicyVersion
from subsidies.states import POLICY_FLOW, ChangeStatus, IndicatorStatus, PolicyStatus, VersionStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from huimin.core.models import User


@source
def policies_waiting(user: User) -> Iterator[Todo]:
    url = reverse("subsidies:policy-list")
    seen = Policy.objects.visible_to(user)
    if scope.holds_anywhere(user, {Role.FINANCE_CHECKER}):
        sent = seen.filter(status=PolicyStatus.SUBMITTED).count()
        asked = PolicyChange.objects.filter(policy__in=seen, status=ChangeStatus.ASKED)
        yield _of_policies("政策更正待审批", "去审批", asked)
        yield Todo("政策待审批", sent, f"{url}?status=submitted", "去审批")
        yield _of_policies(
            "新标准待审批", "去审批", _later_versions(seen).filter(status=VersionStatus.SUBMITTED)
        )
    if scope.holds_anywhere(user, {Role.DEPARTMENT_CLERK, Role.FINANCE_CLERK}):
        ready = (
            seen.filter(status=PolicyStatus.DRAFT, made_by=user, versions__isnull=False).distinct().count()
        )
        yield Todo("拟好的政策还没送审", ready, f"{url}?status=draft", "去送审")
        yield _without_standard(user, seen)
        mine = _later_versions(seen).filter(status=VersionStatus.DRAFT, made_by=user)
        yield _of_policies("拟好的新标准还没送审", "去送审", mine)


def _without_standard(user: User, seen: QuerySet[Policy]) -> Todo:
    """Of the policies that this person drafts for: those whose standard is over, or will be soon."""
    makes = scope.reach(user, POLICY_FLOW["add_version"].roles, place="county_code", policy="pk")
    today = clock.today()
    rows = seen.filter(makes, status=PolicyStatus.PUBLISHED)
    soon = {
        pk: day
        for pk, day in queries.without_standard(rows.values_list("pk", flat=True), today).items()
        if (day - today).days <= queries.SOON
    }
    one = Todo("快要没有补贴标准的政策", len(soon), reverse("subsidies:policy-list"), "去添加版本")
    if not soon:
        return one
    first = min(soon, key=lambda pk: (soon[pk], pk))
    note = f"“{rows.get(pk=first)}”从{day_text(soon[first])}起没有补贴标准"
    return replace(one, url=reverse("subsidies:policy-detail", args=[first]), note=note)


def _later_versions(seen: QuerySet[Policy]) -> QuerySet[PolicyVersion]:
    """Versions under way of policies that are public; a first version waits with its policy."""
    public = seen.filter(status__in=[PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED])
    return PolicyVersion.objects.filter(policy__in=public)


def _of_policies(title: str, act: str, rows: QuerySet[PolicyVersion] | QuerySet[PolicyChange]) -> Todo:
    """Leads to the first of the policies, since versions and changes have no list of their own."""
    first = rows.order_by("policy__code").values_list("policy_id", flat=True).first()
    where = reverse("subsidies:policy-detail", args=[first]) if first else reverse("subsidies:policy-list")
    return Todo(title, rows.count(), where, act)


@source
def indicators_waiting(user: User) -> Iterator[Todo]:
    url = reverse("subsidies:indicator-list")
    if scope.holds_anywhere(user, {Role.FINANCE_CHECKER}):
        rows = Indicator.objects.visible_to(user).filter(status=IndicatorStatus.REGISTERED)
        yield Todo("指标待确认", rows.count(), f"{url}?status=registered", "去核对")
    if scope.holds_anywhere(user, {Role.FINANCE_CLERK}):
        yield Todo("指标还没挂接政策", queries.unattached(user).count(), url, "去挂接", "不挂接就不能用")
