"""暂停享受: a right pauses from a day on and goes on when it is lifted; a mistaken pause is corrected by another person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.urls import reverse
from psycopg.types.range import DateRange

from huimin.core import clock
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.values.periods import Frequency, Period
from huimin.core.values.ranges import less, overlap
from huimin.core.work import messages, workflow
from huimin.core.work.verbs import advances
from recipients.models import Entitlement, EntitlementVersion, Suspension
from recipients.rules import amounts, stops_on
from recipients.services.endings import version_of
from recipients.states import ENTITLEMENT_FLOW, SUSPENSION_FLOW, EntitlementStatus, SuspensionStatus

if TYPE_CHECKING:
    from huimin.core.authority.steps import Step
    from huimin.core.models import User
    from subsidies.models import PolicyVersion


@dataclass(frozen=True, slots=True)
class Pause:
    """What suspending a right comes to: its kind, its first day, the policy's stop rule, the first day that is lost."""

    kind: str
    first_day: date
    rule: str
    forfeits_from: date | None  # None where nothing is lost
    begins: date | None = None  # the first day of what the right has

    @property
    def told_from(self) -> date:
        """The first day whose payments it concerns."""
        return self.forfeits_from or self.first_day

    @property
    def before_right(self) -> bool:
        """Whether it begins before the right does: then the day is perhaps mistyped."""
        return self.begins is not None and self.first_day < self.begins


@dataclass(frozen=True, slots=True)
class Lifting:
    """What lifting one that forfeits with this last day comes to."""

    last_day: date
    resumes: date  # the first day that is due again
    lost: tuple[str, ...]  # months, or periods of a rule that pays a period once, of which nothing is paid

    @property
    def lost_text(self) -> str:
        """2026年8月、2026年9月, and of many the first and the last."""
        if len(self.lost) > _MOST_NAMED:
            return f"{self.lost[0]}至{self.lost[-1]}，共{len(self.lost)}期"
        return "、".join(self.lost)


_MOST_NAMED = 6


def pause_of(one: Entitlement, kind: str, first_day: date) -> Pause:
    """What the policy's stop rule makes of a pause; BadInput for a day to come, StepRefused for a right without days."""
    version = version_of(one)
    if version is None:
        raise StepRefused("这项享受资格还没有有效期间，不能暂停。")
    if kind not in Suspension.Kind.values:
        raise BadInput("请选暂缓还是停发。", field="kind")
    if first_day > clock.today():
        raise BadInput("首日不能晚于今天，请等到了那一天再办。", field="first_day")
    rule = one.policy.stop_rule(version)
    lost = stops_on(rule, first_day) if kind == Suspension.Kind.FORFEITED else None
    begins = min((days.lower for days in _days_of(one) if days.lower), default=None)
    return Pause(kind, first_day, rule, lost, begins)


def suspend(one: Entitlement, pause: Pause, *, actor: User, note: str) -> Suspension:
    """Suspend a right whose row is locked; the reason and the post are those of the step."""
    step = ENTITLEMENT_FLOW["suspend"]
    if refusal := workflow.why_not(one, step, actor=actor, note=note):
        raise refusal
    reason = privacy.scrub(note.strip())[:200]
    made = Suspension.objects.create(
        entitlement=one,
        policy_id=one.policy_id,
        county_code=one.county_code,
        division_code=one.division_code,
        kind=pause.kind,
        first_day=pause.first_day,
        rule=pause.rule,
        forfeits_from=pause.forfeits_from,
        reason=reason,
        made_by=actor,
        made_at=clock.now(),
    )
    workflow.take_duty(made, SUSPENSION_FLOW["make"].duty, actor=actor)
    workflow.move(one, step, actor=actor, note=reason, detail=_told(made))
    return made


def _told(one: Suspension) -> dict[str, str | int]:
    told: dict[str, str | int] = {
        "suspension": one.pk,
        "kind": one.kind,
        "first_day": one.first_day.isoformat(),
    }
    if one.forfeits_from:
        told["forfeits_from"] = one.forfeits_from.isoformat()
    if one.last_day:
        told["last_day"] = one.last_day.isoformat()
    return told


def last_day_today(one: Suspension) -> date:
    """The last day where nobody says another: yesterday, so that today is paid again.

    Of one that forfeits, under a rule that counts months, the end of last month: with any day of this month in it the
    whole month would be lost.
    """
    last = clock.today() - timedelta(days=1)
    if one.kind == Suspension.Kind.FORFEITED and _counts_months(one.entitlement, last):
        last = clock.today().replace(day=1) - timedelta(days=1)
    return max(one.first_day, last)


def lost_days(right: Entitlement) -> list[DateRange]:
    """Days that the right's suspensions forfeit, those of one that stands without an end (as due.py says it in SQL)."""
    counting = Suspension.objects.filter(entitlement=right, kind=Suspension.Kind.FORFEITED)
    return [
        _lost(right, one.forfeits_from, one.last_day)
        for one in counting.exclude(status=SuspensionStatus.CORRECTED)
        if one.forfeits_from is not None
    ]


def _counts_months(right: Entitlement, day: date) -> bool:
    """Whether the period of this day is paid by a rule that counts months: by the version that its list asks."""
    return _by_month(_terms(right), right, day)


def _terms(right: Entitlement) -> list[PolicyVersion]:
    """What the policy pays by from date to date, and last what the right was declared by."""
    by_date = right.policy.versions.filter(published_at__isnull=False) if not _is_one_off(right) else ()
    return [*by_date, *filter(None, [version_of(right)])]


def _by_month(terms: list[PolicyVersion], right: Entitlement, day: date) -> bool:
    first = day if _is_one_off(right) else Period.containing(day, Frequency(right.policy.frequency)).first
    paying = next((one for one in terms if first in one.valid), terms[-1] if terms else None)
    return paying is not None and amounts.counts_months(paying)


def _is_one_off(right: Entitlement) -> bool:
    return right.policy.frequency == Frequency.ONE_OFF


def _lost(right: Entitlement, begins: date, last_day: date | None) -> DateRange:
    if last_day is None:
        return DateRange(begins, None)
    after = _next_month(last_day) if _counts_months(right, last_day) else last_day + timedelta(days=1)
    return DateRange(begins, max(after, begins))


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def lifting_of(one: Suspension, last_day: date) -> Lifting:
    """What is never paid with this last day, and from when on the right is paid again; BadInput for a day out of order."""
    _require_in_order(one, last_day)
    right = one.entitlement
    gone = _lost(right, one.told_from, last_day)
    days = _days_of(right)
    found = {}
    for period in _periods(right, gone):
        had = [piece for each in days for piece in overlap(each, [period.days])]
        if had and not [piece for each in had for piece in less(each, [gone])]:
            found[period.first, period.text] = period.label
    return Lifting(last_day, gone.upper or last_day, tuple(label for _, label in sorted(found.items())))


def _require_in_order(one: Suspension, last_day: date) -> None:
    if not one.first_day <= last_day <= clock.today():
        raise BadInput("末日应在首日以后、今天以前（含当天）。", field="last_day")


def _days_of(right: Entitlement) -> list[DateRange]:
    ranges = EntitlementVersion.objects.filter(entitlement=right).values_list("valid", flat=True)
    return [valid for valid in ranges if not valid.isempty]


def _periods(right: Entitlement, gone: DateRange) -> list[Period]:
    """What the lost days touch: the months of a period whose rule counts them, and else the period; of a one-off those
    that the right was declared for."""
    frequency, terms = Frequency(right.policy.frequency), _terms(right)
    if _is_one_off(right):
        versions = EntitlementVersion.objects.filter(entitlement=right)
        books = [one.source_line.declaration for one in versions.select_related("source_line__declaration")]
        return [one.when for one in books if overlap(one.when.days, [gone])]
    found, day = [], gone.lower
    while day is not None and gone.upper is not None and day < gone.upper:
        months = _by_month(terms, right, day)
        found.append(Period.containing(day, Frequency.MONTHLY if months else frequency))
        day = found[-1].last + timedelta(days=1)
    return found


@advances("recipients.suspension")
@transaction.atomic
def take_step(pk: int, step: str, *, actor: User, note: str = "", last_day: date | None = None) -> Suspension:
    """Lift a suspension (`release` one that forfeits), or correct one that should not have been or not so.

    `last_day` is its last day, itself within. A right that has ended meanwhile stays ended; what was withheld of it
    before its end is due from then on.
    """
    if step not in {one.name for one in SUSPENSION_FLOW.steps}:
        raise BadInput(f"暂停记录没有“{step}”这一步。")
    chosen = SUSPENSION_FLOW[step]
    found = Suspension.objects.visible_to(actor).only("entitlement_id").get(pk=pk)
    # rights before what hangs on them, as a confirmation, a death and an ending hold them
    rights = Entitlement.objects.select_related("policy", "beneficiary")
    right = rights.select_for_update(of=("self",), no_key=True).get(pk=found.entitlement_id)
    one = Suspension.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
    if refusal := workflow.why_not(one, chosen, actor=actor, note=note):
        raise refusal
    reason = privacy.scrub(note.strip())[:200]
    if step == "correct":
        _correct(right, one, chosen, reason, actor)
    else:
        _lift(right, one, chosen, last_day or last_day_today(one), reason, actor)
    return one


def _lift(
    right: Entitlement, one: Suspension, chosen: Step, last_day: date, reason: str, actor: User
) -> None:
    if chosen.name != one.lift_step:
        raise StepRefused(f"这是{one.get_kind_display()}，请用“{SUSPENSION_FLOW[one.lift_step].label}”。")
    _require_in_order(one, last_day)
    workflow.take_duty(one, chosen.duty, actor=actor)
    one.last_day, one.lifted_by, one.lift_reason = last_day, actor, reason
    _move(one, chosen, ["last_day", "lifted_by", "lift_reason"], reason, actor)
    _go_on(right, "resume", one, reason, actor)


def _correct(right: Entitlement, one: Suspension, chosen: Step, reason: str, actor: User) -> None:
    stood = one.status == SuspensionStatus.STANDING
    workflow.take_duty(one, chosen.duty, actor=actor)
    one.corrected_by, one.correction_reason = actor, reason
    _move(one, chosen, ["corrected_by", "correction_reason"], reason, actor)
    if stood:
        _go_on(right, "correct_suspension", one, reason, actor)
    else:
        audit.record(right, action="suspension.correct", actor=actor, label="更正暂停", note=reason)
    messages.notify(
        [one.made_by],
        title=f"{right.beneficiary}的暂停享受已更正",
        url=reverse("recipients:person-detail", args=[right.beneficiary_id]),
        body=reason,
    )


def _move(one: Suspension, chosen: Step, fields: list[str], reason: str, actor: User) -> None:
    """Status and what goes with it in one statement, as the constraints want them."""
    before, one.status = one.status, chosen.target
    one.save(update_fields=["status", *fields])
    audit.record(
        one,
        action=chosen.name,
        actor=actor,
        label=chosen.label,
        before=before,
        after=one.status,
        note=reason,
        detail=_told(one),
    )


def _go_on(right: Entitlement, name: str, one: Suspension, reason: str, actor: User) -> None:
    if right.status == EntitlementStatus.SUSPENDED:
        workflow.follow(right, ENTITLEMENT_FLOW[name], actor=actor, note=reason, detail=_told(one))
    else:
        audit.record(
            right,
            action=f"suspension.{name}",
            actor=actor,
            label=ENTITLEMENT_FLOW[name].label,
            note=reason,
            detail=_told(one),
        )
