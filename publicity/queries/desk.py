"""What the desk that publishes reads."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from disbursement.models import PaymentResult, Roster
from disbursement.models.sql import LIVE
from disbursement.queries import lines_in_full, live_lines, settled
from huimin.core.models import Division, User
from publicity.models import Disclosure
from publicity.states import DisclosureStatus, QueryOutcome


def publishable(user: User) -> QuerySet[Roster]:
    """Rosters this person sees, whose results are in and that do not stand open yet."""
    standing = Disclosure.objects.filter(roster=OuterRef("pk"), status=DisclosureStatus.PUBLISHED)
    return (
        settled(Roster.objects.visible_to(user))
        .exclude(content_hash="")
        .filter(~Exists(standing))
        .exclude(Q(policy__is_protected=True) & Exists(lines_in_full(OuterRef("pk"))))
        .select_related("batch", "policy")
        .order_by("-id")
    )


def overtaken(user: User) -> QuerySet[Disclosure]:
    """Open lists that tell 已到账 of money that came back after they were opened."""
    since = PaymentResult.objects.filter(
        kind__in=[PaymentResult.Kind.LATE_RETURN, PaymentResult.Kind.VOLUNTARY_REFUND],
        line__roster=OuterRef("roster"),
        at__gt=OuterRef("published_at"),
    )
    rows: QuerySet[Disclosure] = Disclosure.objects.visible_to(user).filter(
        Exists(since), status=DisclosureStatus.PUBLISHED
    )
    return rows


def villages_in_roster(roster: Roster) -> dict[str, str]:
    codes = live_lines().filter(roster=roster).order_by().values("division_code").distinct()
    return Division.objects.names(row["division_code"] for row in codes)


@dataclass(frozen=True, slots=True)
class RosterSums:
    """A roster's own lines, apart from the published copy: what was signed and sent to the bank, and what was stopped
    before (停发); sums in 元."""

    sent_count: int
    sent_total: Decimal
    stopped_count: int
    stopped_total: Decimal


def roster_sums(roster_id: int) -> RosterSums:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*) FILTER (WHERE p.id IS NULL), coalesce(sum(l.amount) FILTER (WHERE p.id IS NULL), 0),
                      count(p.id), coalesce(sum(l.amount) FILTER (WHERE p.id IS NOT NULL), 0)
               FROM {LIVE}
               LEFT JOIN disbursement_paymentresult p ON p.line_id = l.id AND p.kind = 'stopped' WHERE r.id = %s""",  # noqa: S608
            [roster_id],
        )
        return RosterSums(*cursor.fetchone())


def query_figures() -> dict[str, int]:
    """Questions of the last day by outcome, for the desk: a wave of misses is somebody guessing."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT outcome, count(*) FROM publicity_querylog
               WHERE at > business_now() - interval '1 day' GROUP BY outcome"""
        )
        found = dict(cursor.fetchall())
    return {outcome: found.get(outcome, 0) for outcome in QueryOutcome.values}
