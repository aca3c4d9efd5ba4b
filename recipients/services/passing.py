"""承接, beforehand: which rights of 到户 policies go to a new head, and which days of them (docs/decisions/0018)."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from psycopg.types.range import DateRange

from huimin.core import clock, crypto
from huimin.core.errors import BadInput
from huimin.core.values.days import day_text
from huimin.core.values.periods import Frequency, Period
from huimin.core.values.ranges import less, overlap
from recipients.models import Ending, EndingCut, Entitlement, EntitlementVersion, RecordStatus
from recipients.rules import amounts
from recipients.services import endings, suspensions
from recipients.states import DeathStatus, EndingStatus, EntitlementStatus, SuspensionStatus
from subsidies.models import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from recipients.models import HeadChange, Person

SUSPENDED = "暂停中。请先恢复，再变更户主；确实不再享受的才终止，终止了的不转给新户主"
TAKER_SUSPENDED = "新户主自己的这项资格暂停没有恢复。请先恢复，再变更户主"
SUSPENDED_AT_DEATH = "去世前已暂停，不转。仍符合条件的，请用新户主申报"
NOTHING_LEFT = "停发日期以后没有已确认的期间，不用转，原户主的照旧；以后的期次用新户主申报"
HELD = "这些日子新户主自己已有这项资格，不另转"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days of a version that pass, and what they come to per period by the rule (元); None where it cannot be said."""

    version: EntitlementVersion
    valid: DateRange
    ending: Ending | None  # that of a death, which took them; none where the change's own will
    period: str
    amount: Decimal | None

    @property
    def quantity(self) -> Decimal:
        return self.version.quantity


@dataclass(frozen=True, slots=True)
class Passing:
    """One right of a member and what becomes of it: the stretches that pass, or why none does."""

    right: Entitlement
    ends_on: date
    endings: tuple[Ending, ...]  # those of the death by which it has ended; none where the change ends it
    stretches: tuple[Stretch, ...]
    why_not: str = ""
    doubts: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        return bool(self.stretches) and not self.why_not

    @property
    def changes(self) -> bool:
        """Whether the right is touched at all: of one that has no day left, or waits for a decision, nothing moves."""
        return self.why_not in ("", HELD)

    @property
    def must_be_decided(self) -> bool:
        """Whether a suspension stands before the change: whether its days are due is not decided yet."""
        return self.why_not in (SUSPENDED, TAKER_SUSPENDED)


@dataclass(frozen=True, slots=True)
class _Left:
    """What a member's right has from its stop on: days of a version and the ending that took them."""

    right: Entitlement
    ends_on: date
    endings: tuple[Ending, ...]
    parts: tuple[tuple[EntitlementVersion, DateRange, Ending | None], ...]
    why_not: str = ""
    begins: date | None = None  # of a right that would have no day left: its first


def plan(change: HeadChange, *, policy_id: int | None = None, of: Person | None = None) -> list[Passing]:
    """What becomes of the 到户 rights of the household, if the change counts now.

    From each policy's stop on they are the new head's, whoever of the household has them by then: the old head or one
    before, where this change counts from an earlier day than theirs, or a head who died before. With `of` the rights of
    that member alone. Asked anew when the change is approved: rights move meanwhile.
    """
    rights = Entitlement.objects.filter(
        beneficiary__household=change.household_id, policy__object_type=Policy.ObjectType.HOUSEHOLD
    ).exclude(beneficiary=change.new_head_id)
    rights = rights.filter(beneficiary=of) if of else rights.exclude(beneficiary__status=RecordStatus.VOID)
    if policy_id is not None:
        rights = rights.filter(policy=policy_id)
    found = (_left(one, change) for one in rights.select_related("policy", "beneficiary"))
    taken: dict[tuple[int, str], list[DateRange]] = {}
    return [_judged(one, change, taken) for one in sorted(filter(None, found), key=_order(change))]


def _order(change: HeadChange) -> Callable[[_Left], tuple[int, bool, int]]:
    """Of two who have one day the old head's goes on, then the later made: as they would be paid (due)."""

    def key(one: _Left) -> tuple[int, bool, int]:
        newest = max((version.pk for version, _, _ in one.parts), default=0)
        return one.right.policy_id, one.right.beneficiary_id != change.old_head_id, -newest

    return key


def _left(right: Entitlement, change: HeadChange) -> _Left | None:
    """None for a right that is over: ended by hand, passed on before, or a former head's of days that stay that one's."""
    standing = Ending.objects.filter(entitlement=right, status=EndingStatus.STANDING).first()
    if standing is not None and standing.head_change_id is None:
        return _left_by_death(right, standing)
    versions = list(EntitlementVersion.objects.filter(entitlement=right).order_by("valid"))
    if not versions:
        return None
    stop = endings.stop_of(right, change.starts_on)
    ends_on = stop.ends_on
    since = [DateRange(ends_on, None)]
    parts = tuple((one, days, None) for one in versions for days in overlap(one.valid, since))
    if parts:
        why_not = SUSPENDED if right.status == EntitlementStatus.SUSPENDED else ""
        begins = stop.begins if stop.leaves_nothing and not _undoes(change, parts[0][0]) else None
        return _Left(right, ends_on, (), parts, why_not, begins)
    if standing is None and right.beneficiary_id == change.old_head_id:
        return _Left(right, ends_on, (), (), NOTHING_LEFT)
    return None


def _undoes(change: HeadChange, version: EntitlementVersion) -> bool:
    """Whether it takes back what an earlier change gave from the same day: then nothing is meant to be left."""
    came_by = version.succession
    return came_by is not None and came_by.change.starts_on == change.starts_on


def _left_by_death(right: Entitlement, ending: Ending) -> _Left | None:
    """What a death took that is nobody's yet; earlier endings by it, that a late confirmation took the place of, as well."""
    if ending.death is None or ending.death.status != DeathStatus.STANDING:
        return None
    if hasattr(ending, "succession"):
        return None
    before = Ending.objects.filter(
        entitlement=right,
        death=ending.death_id,
        status=EndingStatus.REVIVED,
        succession=None,
        pk__lt=ending.pk,
    )
    took = (*before.order_by("pk"), ending)
    parts = tuple((version, days, one) for one in took for version, days in _cut_by(one))
    was_suspended = right.suspensions.filter(status=SuspensionStatus.STANDING).exists()
    why_not = "" if parts else NOTHING_LEFT
    return _Left(right, ending.ends_on, took, parts, SUSPENDED_AT_DEATH if was_suspended else why_not)


def _cut_by(ending: Ending) -> list[tuple[EntitlementVersion, DateRange]]:
    """What the ending took of each version, up to where one began that a later ending took, and without what that took."""
    later = EndingCut.objects.filter(ending__entitlement=ending.entitlement_id, ending__gt=ending.pk)
    since = [one.valid_before for one in later]
    found = []
    for cut in ending.cuts.select_related("version").order_by("valid_before"):
        begins = cut.valid_before.lower
        bound = min(
            (one.lower for one in since if one.lower and (not begins or one.lower > begins)), default=None
        )
        if bound is None or bound > ending.ends_on:
            for days in overlap(cut.valid_before, [DateRange(ending.ends_on, bound)]):
                found += [(cut.version, piece) for piece in less(days, since)]
    return found


def _judged(left: _Left, change: HeadChange, taken: dict[tuple[int, str], list[DateRange]]) -> Passing:
    """Day by day: what the new head has already, or gets from somebody before in the order, does not pass again."""
    right, stretches = left.right, []
    if left.why_not:
        return Passing(right, left.ends_on, left.endings, (), left.why_not)
    for version, days, ending in left.parts:
        key = (right.policy_id, version.component)
        held = taken.setdefault(key, _own(change, *key))
        pieces = less(days, held)
        held += pieces
        stretches += [
            _stretch(right.policy, version, piece, ending, change.new_head.birth_date) for piece in pieces
        ]
    why_not = _hindrance(right, change) if stretches else HELD
    doubts = () if why_not else _doubts(left, stretches, change)
    return Passing(right, left.ends_on, left.endings, tuple(stretches), why_not, doubts)


def _own(change: HeadChange, policy_id: int, component: str) -> list[DateRange]:
    own = EntitlementVersion.objects.filter(
        entitlement__policy=policy_id, entitlement__beneficiary=change.new_head_id, component=component
    )
    return [valid for valid in own.values_list("valid", flat=True) if not valid.isempty]


def _hindrance(right: Entitlement, change: HeadChange) -> str:
    own = Entitlement.objects.filter(policy=right.policy_id, beneficiary=change.new_head_id)
    return TAKER_SUSPENDED if own.filter(suspensions__status=SuspensionStatus.STANDING).exists() else ""


def _stretch(
    policy: Policy, version: EntitlementVersion, valid: DateRange, ending: Ending | None, born: date
) -> Stretch:
    """With the amount for the new head of the first period that has not passed; of a one-off, that declared."""
    book = version.source_line.declaration
    period = book.when
    if policy.frequency != Frequency.ONE_OFF:
        last = valid.upper - timedelta(days=1) if valid.upper else clock.today()
        day = max(valid.lower or last, min(clock.today(), last))
        period = Period.containing(day, Frequency(policy.frequency))
    terms = policy.version_on(period.first) or book.version
    amount = None
    with suppress(BadInput):  # the rosters will say what is missing
        amount = amounts.work_out(
            amounts.rule_of(terms), period, quantity=version.quantity, facts=version.facts, born=born
        ).amount
    return Stretch(version, valid, ending, period.label, amount)


def _doubts(left: _Left, stretches: list[Stretch], change: HeadChange) -> tuple[str, ...]:
    """What is lawful and perhaps a slip: a stop before the right begins, months that a lifted 停发 had taken."""
    found = []
    if left.begins is not None:
        found.append(
            f"“{left.right.policy}”从{day_text(left.begins)}开始，变更日期{day_text(change.starts_on)}，按停发规则从"
            f"{day_text(left.ends_on)}起停发，{left.right.beneficiary}一天都不剩，请核对变更日期"
        )
    own = Entitlement.objects.filter(policy=left.right.policy_id, beneficiary=change.new_head_id).first()
    for right, said in (
        (left.right, "原来停发、不补的{}，转给新户主以后要发。不该发的，请把变更日期填在停发以后"),
        (own, "新户主自己停发过{}，转过来以后这些日子不发。该发的，请先由部门更正那次暂停"),
    ):
        lost = suspensions.lost_days(right) if right else []
        pieces = [piece for one in stretches for piece in overlap(one.valid, lost)]
        if pieces:
            found.append(f"“{left.right.policy}”{said.format('、'.join(map(_days_text, pieces)))}")
    return tuple(found)


def _days_text(days: DateRange) -> str:
    until = f"到{day_text(days.upper - timedelta(days=1))}" if days.upper else "起"
    return f"{day_text(days.lower) if days.lower else ''}{until}"


def seen(found: list[Passing]) -> str:
    """A word for what the approver is shown: a page gives it back, and an older page is known by it."""
    told = [
        [one.right.pk, str(one.ends_on), one.why_not, *one.doubts]
        + [[str(part.valid), str(part.quantity), str(part.amount)] for part in one.stretches]
        for one in found
    ]
    return crypto.blind_index("succession_plan", json.dumps(told)).hex()
