"""承接: the rights of 到户 policies follow the head of the household (docs/decisions/0018)."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connection
from psycopg.types.range import DateRange

from huimin.core import clock, crypto
from huimin.core.errors import BadInput, StepRefused
from huimin.core.values.periods import Frequency, Period
from huimin.core.work import workflow
from recipients.models import (
    Ending,
    EndingCut,
    Entitlement,
    EntitlementVersion,
    HeadChange,
    Person,
    Succession,
)
from recipients.rules import amounts
from recipients.services import endings
from recipients.states import (
    ENTITLEMENT_FLOW,
    DeathStatus,
    EndingStatus,
    EntitlementStatus,
    HeadChangeStatus,
    SuspensionStatus,
)
from subsidies.models import Policy

if TYPE_CHECKING:
    from datetime import date

    from huimin.core.models import User
    from recipients.models import Declaration

# whoever lists rights finishes before one passes, and is seen by whoever claims its days afterwards (Claim's trigger)
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('recipients.succession'))"
_VERSIONS = """INSERT INTO recipients_entitlementversion
        (entitlement_id, component, valid, payee_id, quantity, facts, source_line_id, succession_id, created_at)
    SELECT s.later_id, v.component, left_over.days,
           CASE WHEN v.payee_id = a.beneficiary_id THEN b.beneficiary_id ELSE v.payee_id END,
           v.quantity, v.facts, v.source_line_id, s.id, business_now()
    FROM recipients_succession s JOIN recipients_ending g ON g.id = s.ending_id
    JOIN recipients_entitlement a ON a.id = s.earlier_id JOIN recipients_entitlement b ON b.id = s.later_id
    JOIN recipients_endingcut c ON c.ending_id = g.id
    JOIN recipients_entitlementversion v ON v.id = c.version_id
    -- of an ending that a later confirmation took the place of, up to where that began
    CROSS JOIN LATERAL (SELECT c.valid_before * daterange(g.ends_on, (
        SELECT CASE WHEN count(x.id) > 0 THEN greatest(g.ends_on, min(lower(x.valid_before))) END
        FROM recipients_endingcut x JOIN recipients_ending y ON y.id = x.ending_id
        WHERE y.entitlement_id = g.entitlement_id AND y.id > g.id)) AS days) left_over
    WHERE s.id = %s AND NOT isempty(left_over.days)"""
SUSPENDED = "暂停中。请先恢复或者终止，再变更户主"
SUSPENDED_AT_DEATH = "去世前已暂停，不转。仍符合条件的，请用新户主申报"
NOTHING_LEFT = "停发日期以后没有已确认的期间，不用转；以后的期次用新户主申报"
HELD = "新户主自己已有这项资格，不另转"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days that pass, with the quantity and what they come to per period by the rule (元); None where it cannot be said."""

    valid: DateRange
    quantity: Decimal
    period: str
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Passing:
    """One right of the old head and what becomes of it: the stretches that pass, or why none does."""

    right: Entitlement
    ends_on: date
    ending: Ending | None  # that of the head's death, where it has ended by it
    stretches: tuple[Stretch, ...]
    why_not: str = ""
    # endings by the same death before a list was confirmed that had been made earlier: what they cut is nobody's
    before: tuple[Ending, ...] = ()

    @property
    def passes(self) -> bool:
        return not self.why_not


def plan(change: HeadChange, *, policy_id: int | None = None) -> list[Passing]:
    """What becomes of the rights of 到户 policies that the old head has, if the change counts now.

    Those that he has, and those that his death ended. Asked anew when it is approved: rights move meanwhile.
    """
    if change.old_head_id is None:
        return []
    rights = Entitlement.objects.filter(
        beneficiary=change.old_head_id, policy__object_type=Policy.ObjectType.HOUSEHOLD
    )
    if policy_id is not None:
        rights = rights.filter(policy=policy_id)
    found = (_becomes(one, change) for one in rights.select_related("policy").order_by("pk"))
    return [one for one in found if one is not None]


def _becomes(right: Entitlement, change: HeadChange) -> Passing | None:
    """None for a right that is over: ended for another cause, or passed on before."""
    versions = list(EntitlementVersion.objects.filter(entitlement=right).order_by("valid"))
    if not versions:
        return None
    if right.status != EntitlementStatus.ENDED:
        ends_on = endings.stop_of(right, change.starts_on).ends_on
        beyond = [(one, _from(one.valid, ends_on)) for one in versions]
        why_not = SUSPENDED if right.status == EntitlementStatus.SUSPENDED else ""
        return _judged(right, change, ends_on, beyond, why_not)
    ending = Ending.objects.filter(
        entitlement=right, status=EndingStatus.STANDING, death__status=DeathStatus.STANDING, succession=None
    ).first()
    if ending is None:
        return None
    before = _before(ending)
    cut = [part for one in (*before, ending) for part in _cut_by(one)]
    was_suspended = right.suspensions.filter(status=SuspensionStatus.STANDING).exists()
    why_not = SUSPENDED_AT_DEATH if was_suspended else ""
    return replace(_judged(right, change, ending.ends_on, cut, why_not, ending), before=before)


def _before(ending: Ending) -> tuple[Ending, ...]:
    """Earlier endings of the right by the same death, that a later confirmation took the place of."""
    return tuple(
        Ending.objects.filter(
            entitlement=ending.entitlement_id,
            death=ending.death_id,
            status=EndingStatus.REVIVED,
            succession=None,
            pk__lt=ending.pk,
        ).order_by("pk")
    )


def _cut_by(ending: Ending) -> list[tuple[EntitlementVersion, DateRange]]:
    """What the ending took, up to where a later ending's began."""
    later = EndingCut.objects.filter(ending__entitlement=ending.entitlement_id, ending__gt=ending.pk)
    firsts = [one.valid_before.lower for one in later if one.valid_before.lower]
    found = []
    for cut in ending.cuts.select_related("version").order_by("valid_before"):
        left = _from(cut.valid_before, ending.ends_on)
        if firsts and not left.isempty and left.lower is not None:
            until = min(firsts)
            ends = until if left.upper is None else min(until, left.upper)
            left = DateRange(left.lower, ends) if left.lower < ends else DateRange(empty=True)
        found.append((cut.version, left))
    return found


def _from(valid: DateRange, day: date) -> DateRange:
    """What is left of a range from the day on."""
    first = valid.lower
    if first is None or (valid.upper is not None and valid.upper <= day):  # an empty range has no bounds
        return DateRange(empty=True)
    return DateRange(max(first, day), valid.upper)


def _judged(
    right: Entitlement,
    change: HeadChange,
    ends_on: date,
    parts: list[tuple[EntitlementVersion, DateRange]],
    why_not: str,
    ending: Ending | None = None,
) -> Passing:
    left = [(version, valid) for version, valid in parts if not valid.isempty]
    if not why_not:
        why_not = _hindrance(right, change, left)
    born = change.new_head.birth_date
    stretches = tuple(_stretch(right.policy, version, valid, born) for version, valid in left)
    return Passing(right, ends_on, ending, stretches, why_not)


def _hindrance(
    right: Entitlement, change: HeadChange, left: list[tuple[EntitlementVersion, DateRange]]
) -> str:
    if not left:
        return NOTHING_LEFT
    own = EntitlementVersion.objects.filter(
        entitlement__policy=right.policy_id, entitlement__beneficiary=change.new_head_id
    )
    held = own.filter(entitlement__status=EntitlementStatus.SUSPENDED).exists()
    taken = (own.filter(component=version.component, valid__overlap=days).exists() for version, days in left)
    return HELD if held or any(taken) else ""


def _stretch(policy: Policy, version: EntitlementVersion, valid: DateRange, born: date) -> Stretch:
    """With the amount for the new head of the first period that has not passed; of a one-off, that declared."""
    book = version.source_line.declaration
    period = book.when
    if policy.frequency != Frequency.ONE_OFF and valid.lower is not None:
        last = valid.upper - timedelta(days=1) if valid.upper else clock.today()
        day = max(valid.lower, min(clock.today(), last))
        period = Period.containing(day, Frequency(policy.frequency))
    terms = policy.version_on(period.first) or book.version
    amount = None
    with suppress(BadInput):  # the rosters will say what is missing
        amount = amounts.work_out(
            amounts.rule_of(terms), period, quantity=version.quantity, facts=version.facts, born=born
        ).amount
    return Stretch(valid, version.quantity, period.label, amount)


def seen(found: list[Passing]) -> str:
    """A word for what the approver is shown: a page gives it back, and an older page is known by it."""
    told = [
        [one.right.pk, str(one.ends_on), one.why_not]
        + [[str(part.valid), str(part.quantity), str(part.amount)] for part in one.stretches]
        for one in found
    ]
    return crypto.blind_index("succession_plan", json.dumps(told)).hex()


def pass_on(change: HeadChange, found: list[Passing], *, actor: User) -> list[Succession]:
    """End the old head's rights by each policy's stop rule and begin the new head's on the same day.

    In the caller's transaction, with the people of the household locked and the change approved. StepRefused while a
    right is suspended: whether its days are due is not decided yet.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
    made = []
    for one in found:
        if one.why_not == SUSPENDED:
            raise StepRefused(f"“{one.right.policy}”{SUSPENDED}。")
        ending = one.ending or _end(one.right, change, actor)
        if one.passes:
            made += [_begin(one.right, each, change, actor) for each in (*one.before, ending)]
    return made


def _end(right: Entitlement, change: HeadChange, actor: User) -> Ending:
    """Behind the ending stands who asked for the change."""
    stop = endings.stop_of(right, change.starts_on)
    made = endings.cut_off(right, stop, by=change.asked_by, head_change=change)
    told = endings.told(made) | {"head_change": change.pk}
    workflow.follow(right, ENTITLEMENT_FLOW["end_by_rule"], actor=actor, note="户主变更", detail=told)
    right.ends_on = made.ends_on
    return made


def _begin(right: Entitlement, ending: Ending, change: HeadChange, actor: User) -> Succession:
    later = _right_of(change.new_head, right, change, actor)
    made = Succession.objects.create(
        change=change,
        household_id=change.household_id,
        policy_id=right.policy_id,
        earlier=right,
        later=later,
        ending=ending,
    )
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, [made.pk])
    return made


def _right_of(head: Person, right: Entitlement, change: HeadChange, actor: User) -> Entitlement:
    """The new head's right under the same policy: one that had ended goes on, or else a new one."""
    found = (
        Entitlement.objects.select_for_update(of=("self",), no_key=True)
        .filter(policy=right.policy_id, beneficiary=head)
        .first()
    )
    if found is None:
        return Entitlement.objects.create(
            policy_id=right.policy_id,
            beneficiary=head,
            county_code=right.county_code,
            division_code=right.division_code,
        )
    if found.status == EntitlementStatus.ENDED:
        endings.revive(found, actor=actor, detail={"head_change": change.pk})
    return found


def follow_heads(declaration: Declaration, *, actor: User) -> None:
    """A list that was declared for a head and is confirmed after another took the place: the right goes on to that one.

    In the transaction of the confirmation (entitlements.entitle), with the people of the list held.
    """
    if declaration.policy.object_type != Policy.ObjectType.HOUSEHOLD:
        return
    former = Person.objects.filter(
        headships_left__status=HeadChangeStatus.APPROVED,
        is_holder=False,
        pk__in=declaration.lines.filter(excluded_at_level="").values("beneficiary"),
    )
    for person in former.distinct().order_by("pk"):
        _follow(person, declaration.policy_id, actor)


def _follow(person: Person, policy_id: int, actor: User) -> None:
    seen_heads: set[int] = set()
    while not person.is_holder and person.pk not in seen_heads:
        seen_heads.add(person.pk)
        left = person.headships_left.filter(status=HeadChangeStatus.APPROVED, household=person.household_id)
        change = left.select_related("new_head", "asked_by").order_by("-pk").first()
        if change is None:
            return
        pass_on(change, plan(change, policy_id=policy_id), actor=actor)
        person = change.new_head
