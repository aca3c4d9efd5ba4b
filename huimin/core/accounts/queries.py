"""Who may see which accounts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from huimin.core.authority import scope
from huimin.core.authority.roles import Area, Role, roles_reading
from huimin.core.models import AuditEvent, Grant, User
from huimin.core.records import audit

# how long a person has to notice that somebody else had a hand in their way in
COOLING = timedelta(hours=24)
_HELP = ("account.create", "account.reset_password", "device.remove")
ALLOWED = "device.allow"


def staff_visible_to(user: User) -> QuerySet[User]:
    """Accounts of the offices inside the reader's places, with their grants, newest first."""
    seen = scope.reach(user, roles_reading(Area.STAFF), place="office__division__code")
    grants = Grant.objects.select_related("office", "division", "department", "granted_by").order_by("-id")
    # lists show no private value, so none is decrypted for them
    return (
        User.objects.filter(seen)
        .defer("id_number", "phone")
        .select_related("office")
        .prefetch_related(Prefetch("grants", grants, to_attr="all_grants"))
    )


def administrators(division_code: str) -> dict[str, list[User]]:
    """Who holds the three posts over this place today, by role."""
    found: dict[str, list[User]] = {}
    posts = {Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN}
    for user, grants in holders(posts).items():
        for role in {grant.role for grant in grants if scope.covers(grant.division_id, division_code)}:
            found.setdefault(role, []).append(user)
    return found


def holders(roles: Collection[str], *, policy_id: int | None = None) -> dict[User, list[Grant]]:
    """Who has one of these roles somewhere today, for that policy, with the grants; by order of their accounts."""
    rows = (
        Grant.objects.in_force()
        .filter(role__in=roles, user__is_active=True)
        .select_related("user")
        .order_by("user_id", "pk")
    )
    found: dict[User, list[Grant]] = {}
    for grant in rows:
        if scope.counts_for(grant, policy_id):
            found.setdefault(grant.user, []).append(grant)
    return found


def ending_by(day: date) -> Q:
    """Grants that run out on or before that day; those without an end never do."""
    return Q(valid__endswith__lte=day)


def recent_help(user: User) -> QuerySet[AuditEvent]:
    """What administrators did in the last day by which they could come in as this person; not what the house did."""
    return AuditEvent.objects.filter(
        subject=audit.subject_of(user),
        action__in=_HELP,
        actor__isnull=False,
        at__gt=timezone.now() - COOLING,
    )


def allowed_since(helped: AuditEvent) -> bool:
    """Has a second administrator let the person bind a telephone after that help?"""
    later = AuditEvent.objects.filter(subject=helped.subject, action=ALLOWED, pk__gt=helped.pk)
    return later.exists()
