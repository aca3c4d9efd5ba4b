"""承接: the rights of 到户 policies follow the head of the household (docs/decisions/0018)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import connection

from huimin.core import clock
from huimin.core.errors import StepRefused
from huimin.core.values.days import day_text
from huimin.core.work import workflow
from recipients.models import (
    Death,
    Ending,
    Entitlement,
    EntitlementVersion,
    HeadChange,
    Person,
    RecordStatus,
    Succession,
)
from recipients.services import endings, passing
from recipients.states import ENTITLEMENT_FLOW, DeathStatus, EntitlementStatus, HeadChangeStatus
from subsidies.models import Policy

if TYPE_CHECKING:
    from huimin.core.models import User
    from recipients.models import Declaration
    from recipients.services.passing import Passing, Stretch

# whoever lists rights finishes before one passes, and is seen by whoever claims its days afterwards (Claim's trigger)
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('recipients.succession'))"
_HOLD_MEMBERS = "SELECT id FROM recipients_person WHERE household_id = %s ORDER BY id FOR SHARE"


def require_decided(found: list[Passing]) -> None:
    """StepRefused while a right that would pass, or the one that would take it, is suspended: whether its days are due is
    not decided yet."""
    for one in found:
        if one.must_be_decided:
            raise StepRefused(f"{one.right.beneficiary}的“{one.right.policy}”{one.why_not}。")


def pass_on(change: HeadChange, found: list[Passing], *, actor: User) -> list[Succession]:
    """End the rights by each policy's stop rule and begin the new head's on the same day; those to which nothing passed
    are left as they are.

    In the caller's transaction, with the people of the household locked and the change approved. Returns what passed.
    """
    changing = [one for one in found if one.changes]
    if not changing:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
    made = []
    for one in changing:
        took = one.endings or (_end(one.right, change, actor),)
        made += [_begin(one, ending, change, actor) for ending in took]
    return [one for one in made if one is not None]


def _end(right: Entitlement, change: HeadChange, actor: User) -> Ending:
    """Behind the ending stands who asked for the change. A right that an earlier change ended later ends earlier now."""
    stop = endings.stop_of(right, change.starts_on)
    if right.status == EntitlementStatus.ENDED:
        endings.revive(right, actor=actor, detail={"head_change": change.pk})
    made = endings.cut_off(right, stop, by=change.asked_by, head_change=change)
    told = endings.told(made) | {"head_change": change.pk}
    workflow.follow(right, ENTITLEMENT_FLOW["end_by_rule"], actor=actor, note="户主变更", detail=told)
    right.ends_on = made.ends_on
    return made


def _begin(one: Passing, ending: Ending, change: HeadChange, actor: User) -> Succession | None:
    """What this ending took is the new head's. Of what that one has anyway the row says only that it is decided."""
    days = [part for part in one.stretches if part.ending is None or part.ending == ending]
    later = _right_of(change.new_head, one.right, change, actor, revives=bool(days))
    made = Succession.objects.create(
        change=change,
        household_id=change.household_id,
        policy_id=one.right.policy_id,
        earlier=one.right,
        later=later,
        ending=ending,
    )
    EntitlementVersion.objects.bulk_create(_version(made, part) for part in days)
    return made if days else None


def _version(made: Succession, part: Stretch) -> EntitlementVersion:
    given, was_paid_himself = part.version, part.version.payee_id == made.earlier.beneficiary_id
    return EntitlementVersion(
        entitlement=made.later,
        component=given.component,
        valid=part.valid,
        payee_id=made.later.beneficiary_id if was_paid_himself else given.payee_id,
        quantity=given.quantity,
        facts=given.facts,
        source_line_id=given.source_line_id,
        succession=made,
        created_at=clock.now(),
    )


def _right_of(
    head: Person, right: Entitlement, change: HeadChange, actor: User, *, revives: bool
) -> Entitlement:
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
    if found.status == EntitlementStatus.ENDED and revives:
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
        follow(person, actor=actor, policy_id=declaration.policy_id)


def changes_since(person: Person) -> list[HeadChange]:
    """The household's changes since this one was its head, in their order; none for whoever is, or never was.

    Without those to somebody whose record was set aside (作废): nothing passes to a record that nobody is paid by.
    """
    left = person.headships_left.filter(status=HeadChangeStatus.APPROVED, household=person.household_id)
    last = left.order_by("-pk").first()
    if person.is_holder or last is None:
        return []
    since = HeadChange.objects.filter(
        household=person.household_id, status=HeadChangeStatus.APPROVED, pk__gte=last.pk
    )
    since = since.exclude(new_head__status=RecordStatus.VOID)
    return list(since.select_related("new_head", "asked_by").order_by("pk"))


def follow(person: Person, *, actor: User, policy_id: int | None = None) -> None:
    """What a former head has or has left now goes the way of the household's changes since that one was its head.

    Into a right that is suspended too: it is due when that is lifted. A head who has died since has it up to the death,
    and what that cuts goes on. StepRefused where what would pass is suspended itself.
    """
    changes = changes_since(person)
    if not changes:
        return
    with connection.cursor() as cursor:  # nobody dies unseen between their days and the end of them
        cursor.execute(_HOLD_MEMBERS, [person.household_id])
    holders = [person]
    for change in changes:
        for one in holders:
            if one.pk != change.new_head_id:
                _follow(change, passing.plan(change, policy_id=policy_id, of=one), actor)
        if change.new_head not in holders:
            holders.append(change.new_head)
    for one in holders[1:]:
        end_of_the_dead(one, actor=actor, policy_id=policy_id)


def _follow(change: HeadChange, found: list[Passing], actor: User) -> None:
    found = [replace(one, why_not="") if one.why_not == passing.TAKER_SUSPENDED else one for one in found]
    for one in found:
        if one.must_be_decided:
            raise StepRefused(
                f"{one.right.beneficiary}的“{one.right.policy}”还在暂停，{day_text(one.ends_on)}起的日子要转给后来的户主"
                f"{change.new_head}。请先恢复那次暂停，再办这一步。"
            )
    pass_on(change, found, actor=actor)


def end_of_the_dead(person: Person, *, actor: User, policy_id: int | None = None) -> None:
    """Rights that somebody got who has died: they end by that death, and what it cuts goes on to the next head."""
    death = Death.objects.filter(person=person, status=DeathStatus.STANDING).first()
    if death is None:
        return
    rights = Entitlement.objects.filter(beneficiary=person).exclude(status=EntitlementStatus.ENDED)
    if policy_id is not None:
        rights = rights.filter(policy=policy_id)
    held = rights.select_related("policy", "beneficiary").select_for_update(of=("self",), no_key=True)
    ended = [endings.end_by_death(one, death, actor=actor) for one in held.order_by("pk")]
    if any(ended):
        follow(person, actor=actor, policy_id=policy_id)
