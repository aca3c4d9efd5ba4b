"""What waits for a person in this app: only what their role may do, where their grants reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, Subquery
from django.urls import reverse

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.desk.todos import Todo, source
from recipients.models import (
    AccountChange,
    Declaration,
    HeadChange,
    JointSignature,
    Notice,
    NoticeLevel,
    NumberChange,
    Objection,
)
from recipients.queries import notice_days
from recipients.rules import NAMES_IN_FULL
from recipients.states import (
    ACCOUNT_CHECK_ROLES,
    DECLARATION_FLOW,
    HEAD_CHECK_ROLES,
    NOTICE_STATES,
    NUMBER_CHECK_ROLES,
    OBJECTION_ROLES,
    AccountChangeStatus,
    DeclarationStatus,
    HeadChangeStatus,
    NumberChangeStatus,
)
from subsidies.models import JointParty

if TYPE_CHECKING:
    from huimin.core.models import User

PLAIN = (
    ("submit", "申报册草稿待送审", "去送审"),
    ("deliberate", "申报册待评议", "去登记"),
    ("approve_township", "申报册待乡镇审核", "去审核"),
)
_OBJECTION_TERM = Q(notice__declaration__version__notice_in_workdays=True)


def _list(status: str) -> str:
    return f"{reverse('recipients:declaration-list')}?status={status}"


@source
def steps(user: User) -> Iterator[Todo]:
    """Drafts, deliberations and reviews, in one query for the counts of all of them."""
    flow = DECLARATION_FLOW
    counts = Declaration.objects.aggregate(
        **{
            name: Count(
                "pk",
                filter=scope.reach(user, flow[name].roles, policy="policy_id")
                & Q(status=next(iter(flow[name].sources))),
            )
            for name, _, _ in PLAIN
        }
    )
    for name, title, act in PLAIN:
        yield Todo(title, counts[name], _list(next(iter(flow[name].sources))), act)


@source
def signatures(user: User) -> Iterator[Todo]:
    """Joint reviews that this person's office has not signed in the present revision."""
    for party in JointParty:
        roles = DECLARATION_FLOW[f"sign_{party}"].roles
        if not scope.holds_anywhere(user, roles):
            continue
        signed = JointSignature.objects.filter(
            declaration=OuterRef("pk"), revision=OuterRef("revision"), party=party
        )
        waiting = Declaration.objects.filter(
            scope.reach(user, roles, policy="policy_id"),
            ~Exists(signed),
            status=DeclarationStatus.COUNTY_REVIEW,
            version__joint_parties__contains=[party],
        ).count()
        yield Todo(f"申报册待{party.label}会签", waiting, _list(DeclarationStatus.COUNTY_REVIEW), "去会签")


@source
def notices(user: User) -> Iterator[Todo]:
    """Levels whose paper is not up yet, and notices that have run their days."""
    today = clock.today()
    for status in NOTICE_STATES:
        roles = DECLARATION_FLOW[f"end_{status}"].roles
        if not scope.holds_anywhere(user, roles):
            continue
        level = status.removesuffix("_notice")
        mine = Declaration.objects.filter(scope.reach(user, roles, policy="policy_id"), status=status)
        standing = Notice.objects.filter(
            declaration=OuterRef("pk"), revision=OuterRef("revision"), level=level, withdrawn_at__isnull=True
        )
        bare = mine.filter(~Exists(standing)).count()
        yield Todo(f"{status.label.removesuffix('中')}待张贴", bare, _list(status), "去张贴", due=today)
        # the paper of this level and revision that still hangs; earlier levels and revisions ended long ago
        over = mine.annotate(ended_on=Subquery(standing.values("ends_on")[:1])).filter(ended_on__lt=today)
        over = over.annotate(began_on=Subquery(standing.values("starts_on")[:1]))
        in_workdays = Q(version__notice_in_workdays=True)
        found = over.aggregate(
            count=Count("pk"),
            due=Min("ended_on"),
            first=Min("began_on", filter=in_workdays),
            last=Max("ended_on", filter=in_workdays),
        )
        yield Todo(
            f"{status.label.removesuffix('中')}期满待办理",
            found["count"],
            _list(status),
            "去办理",
            notice_days.warning(found["first"], found["last"]),
            due=found["due"] and found["due"] + timedelta(days=1),
        )


@source
def names_in_full(user: User) -> Iterator[Todo]:
    """Papers that hang with full names although their policy protects names now."""
    for level in NoticeLevel:
        roles = DECLARATION_FLOW[f"withdraw_{level}_notice"].roles
        standing = Notice.objects.filter(
            Notice.SHIELDED,
            scope.reach(user, roles, policy="policy_id"),
            level=level,
            withdrawn_at__isnull=True,
            revision=F("declaration__revision"),
            declaration__status=f"{level}_notice",
        )
        title = f"{level.label}公示写着全名，要揭下重贴"
        yield Todo(title, standing.count(), reverse("recipients:notice-list"), "去撤回", NAMES_IN_FULL)


@source
def objections(user: User) -> Iterator[Todo]:
    found = Objection.objects.filter(
        scope.reach(user, OBJECTION_ROLES, policy="policy_id"), status=Objection.Status.OPEN
    ).aggregate(
        count=Count("pk"),
        due=Min("notice__ends_on"),
        first=Min("notice__starts_on", filter=_OBJECTION_TERM),
        last=Max("notice__ends_on", filter=_OBJECTION_TERM),
    )
    note = "答复前不能进入下一步。" + notice_days.warning(found["first"], found["last"])
    url = f"{reverse('recipients:objection-list')}?status=open"
    yield Todo("异议待核实答复", found["count"], url, "去答复", note, due=found["due"])


@source
def head_changes(user: User) -> Iterator[Todo]:
    waiting = HeadChange.objects.filter(
        scope.reach(user, HEAD_CHECK_ROLES), status=HeadChangeStatus.ASKED
    ).exclude(asked_by__person_key=user.person_key)
    url = f"{reverse('recipients:head-list')}?status=asked"
    yield Todo("户主变更待复核", waiting.count(), url, "去复核")


@source
def number_changes(user: User) -> Iterator[Todo]:
    waiting = NumberChange.objects.filter(
        scope.reach(user, NUMBER_CHECK_ROLES), status=NumberChangeStatus.ASKED
    ).exclude(asked_by__person_key=user.person_key)
    url = f"{reverse('recipients:number-list')}?status=asked"
    yield Todo("更正身份证号待复核", waiting.count(), url, "去复核")


@source
def account_changes(user: User) -> Iterator[Todo]:
    waiting = AccountChange.objects.filter(
        scope.reach(user, ACCOUNT_CHECK_ROLES), status=AccountChangeStatus.ASKED
    ).exclude(asked_by__person_key=user.person_key)
    url = f"{reverse('recipients:change-list')}?status=asked"
    yield Todo("账户变更待复核", waiting.count(), url, "去复核")
