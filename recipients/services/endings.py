"""终止享受: a right ends by its policy's own stop rule, by hand or by a death; what an ending cut can be given back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.db import connection
from psycopg.types.range import DateRange

from huimin.core import clock
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.work import workflow
from recipients.models import Death, Ending, Entitlement, EntitlementVersion, Suspension
from recipients.rules import stops_on
from recipients.states import (
    ENDING_FLOW,
    ENTITLEMENT_FLOW,
    EndingStatus,
    SuspensionStatus,
)

if TYPE_CHECKING:
    from huimin.core.authority.steps import Step
    from huimin.core.models import User
    from recipients.models import HeadChange
    from subsidies.models import PolicyVersion

# every version that reaches beyond the day: one is closed there, later ones have nothing left
_CUT = """WITH cut AS (INSERT INTO recipients_endingcut (ending_id, version_id, valid_before)
        SELECT %(ending)s, id, valid FROM recipients_entitlementversion
        WHERE entitlement_id = %(right)s AND NOT valid <@ daterange(NULL, %(ends)s) RETURNING version_id, valid_before)
    UPDATE recipients_entitlementversion v SET valid = c.valid_before * daterange(NULL, %(ends)s)
    FROM cut c WHERE c.version_id = v.id"""
# beside the cut c of a version v: what the other versions of the right have, or had until a later ending took it
_OTHERS = """(SELECT n.id, n.valid AS days FROM recipients_entitlementversion n
        WHERE n.entitlement_id = v.entitlement_id AND n.component = v.component AND n.id <> v.id
    UNION ALL SELECT n.id, k.valid_before FROM recipients_endingcut k
        JOIN recipients_entitlementversion n ON n.id = k.version_id AND k.ending_id > c.ending_id
        WHERE n.entitlement_id = v.entitlement_id AND n.component = v.component AND n.id <> v.id) o"""
# what the ending cut off comes back up to a version that was confirmed since, and not where one stands in its place
_BACK = f"""daterange(lower(c.valid_before), least(upper(c.valid_before),
    (SELECT min(lower(o.days)) FROM {_OTHERS} WHERE lower(o.days) > lower(c.valid_before))))"""  # noqa: S608
_IS_FREE = f"NOT EXISTS (SELECT FROM {_OTHERS} WHERE o.days @> lower(c.valid_before))"
# and up to the day of a later ending: one that a death or a change of the head made, and that is over, is judged anew
_GIVE_BACK = f"""UPDATE recipients_entitlementversion v
    SET valid = {_BACK}
      * daterange(NULL, (SELECT min(h.ends_on) FROM recipients_ending h WHERE h.entitlement_id = v.entitlement_id
                         AND h.id > c.ending_id AND h.status <> 'corrected'
                         AND (h.status = 'standing' OR h.death_id IS NULL AND h.head_change_id IS NULL)))
    FROM recipients_endingcut c WHERE c.version_id = v.id AND c.ending_id = %s AND {_IS_FREE}"""  # noqa: S608
_COMES_BACK = f"""SELECT days FROM recipients_endingcut c JOIN recipients_ending g ON g.id = c.ending_id
    JOIN recipients_entitlementversion v ON v.id = c.version_id
    CROSS JOIN LATERAL (SELECT {_BACK} * daterange(g.ends_on, NULL) AS days) b
    WHERE c.ending_id = %s AND NOT isempty(days) AND {_IS_FREE} ORDER BY days"""  # noqa: S608 -- constants of ours
# a range that begins before its ending goes on at the ending's day or not at all: what passed on and came back since from
# an earlier day stands between
_CUT_OFF = f"""SELECT FROM recipients_endingcut c JOIN recipients_ending g ON g.id = c.ending_id
    JOIN recipients_entitlementversion v ON v.id = c.version_id
    WHERE c.ending_id = %s AND c.valid_before @> g.ends_on AND NOT ({_BACK}) @> g.ends_on
      AND NOT EXISTS (SELECT FROM {_OTHERS} WHERE o.days @> g.ends_on)"""  # noqa: S608 -- constants of ours


@dataclass(frozen=True, slots=True)
class Stop:
    """What ending a right comes to: the day of the cause, the policy's stop rule, the first day nothing is due for."""

    happened: date
    rule: str
    ends_on: date
    begins: date | None  # the first day of what the right has now; None when nothing is left of it

    @property
    def told_from(self) -> date:
        """The first day whose payments it concerns."""
        return self.ends_on

    @property
    def leaves_nothing(self) -> bool:
        """Whether no day remains: then the day of the cause is perhaps mistyped."""
        return self.begins is not None and self.ends_on <= self.begins


def stop_of(one: Entitlement, happened: date) -> Stop:
    """What the stop rule makes of a cause on that day; BadInput for a day to come, StepRefused without a rule."""
    version = version_of(one)
    if version is None:
        raise StepRefused("这项享受资格还没有有效期间，不能终止。")
    if happened > clock.today():
        raise BadInput("原因发生日期不能晚于今天，请等发生以后再办。", field="happened")
    first = EntitlementVersion.objects.filter(entitlement=one, valid__isempty=False).order_by("valid").first()
    begins = first.valid.lower if first else None
    rule = one.policy.stop_rule(version)
    return Stop(happened, rule, stops_on(rule, happened), begins)


def version_of(one: Entitlement) -> PolicyVersion | None:
    """The policy version whose stop rule holds: that of the newest declaration behind the right."""
    latest = (
        EntitlementVersion.objects.filter(entitlement=one)
        .select_related("source_line__declaration__version")
        .order_by("-valid")
        .first()
    )
    return latest.source_line.declaration.version if latest else None


def end_by_hand(one: Entitlement, happened: date, *, actor: User, note: str) -> Ending:
    """End a right whose row is locked; the reason and the post are those of the step."""
    step = ENTITLEMENT_FLOW["end"]
    if refusal := workflow.why_not(one, step, actor=actor, note=note):
        raise refusal
    made = cut_off(one, stop_of(one, happened), by=actor)
    workflow.move(one, step, actor=actor, note=note, detail=told(made))
    one.ends_on = made.ends_on
    return made


def end_by_death(one: Entitlement, death: Death, *, actor: User) -> bool:
    """End a right by its policy's stop rule, and keep what it was; False where it never had a range to end.

    `actor` is who brought it about: perhaps a confirmation after the death. Behind it stands who registered the death.
    """
    if version_of(one) is None:
        return False
    made = cut_off(one, stop_of(one, death.died_on), by=death.recorded_by, death=death)
    workflow.follow(
        one,
        ENTITLEMENT_FLOW["end_by_rule"],
        actor=actor,
        note="享受人死亡",
        detail=told(made) | {"death": death.pk},
    )
    one.ends_on = made.ends_on
    return True


def told(made: Ending) -> dict[str, str | int]:
    """What the trail keeps of an ending."""
    return {
        "happened": made.happened.isoformat(),
        "ends_on": made.ends_on.isoformat(),
        "rule": made.rule,
        "ending": made.pk,
    }


def cut_off(
    one: Entitlement,
    stop: Stop,
    *,
    by: User,
    death: Death | None = None,
    head_change: HeadChange | None = None,
) -> Ending:
    """Nothing is due from the day on: the ending, and every version cut to it. The right itself is moved afterwards."""
    made = Ending.objects.create(
        entitlement=one,
        policy_id=one.policy_id,
        county_code=one.county_code,
        division_code=one.division_code,
        death=death,
        head_change=head_change,
        happened=stop.happened,
        rule=stop.rule,
        ends_on=stop.ends_on,
        made_by=by,
        made_at=clock.now(),
    )
    workflow.take_duty(made, ENDING_FLOW["make"].duty, actor=by)
    with connection.cursor() as cursor:
        cursor.execute(_CUT, {"ending": made.pk, "right": one.pk, "ends": stop.ends_on})
    return made


def revive(one: Entitlement, *, actor: User, detail: dict[str, int]) -> None:
    """A right that had ended is confirmed anew, from the new declaration's days on; what was cut off stays off."""
    ending = locked(Ending.objects.get(entitlement=one, status=EndingStatus.STANDING).pk)
    workflow.follow(ending, ENDING_FLOW["revive"], actor=actor, detail=detail)
    told = detail | {"ended_on": ending.ends_on.isoformat()}
    workflow.follow(one, _way_back(one, "revive"), actor=actor, detail=told)
    one.ends_on = None


def _way_back(one: Entitlement, name: str) -> Step:
    """A right that goes on again is suspended where its suspension was not lifted meanwhile."""
    stands = Suspension.objects.filter(entitlement=one, status=SuspensionStatus.STANDING).exists()
    return ENTITLEMENT_FLOW[f"{name}_suspended" if stands else name]


def comes_back(ending: Ending) -> list[DateRange]:
    """The days that the right, or whoever has its days since, has again once this ending is corrected."""
    with connection.cursor() as cursor:
        cursor.execute(_COMES_BACK, [ending.pk])
        return [days for (days,) in cursor.fetchall()]


def is_cut_off(ending: Ending) -> bool:
    """Whether days that it took would come back, and nothing that the right has reaches to them any more."""
    with connection.cursor() as cursor:
        cursor.execute(_CUT_OFF, [ending.pk])
        return cursor.fetchone() is not None


def reaches(days: list[DateRange], day: date) -> bool:
    """Whether any of these days lies on or after that one."""
    return any(one.upper is None or one.upper > day for one in days)


def locked(pk: int) -> Ending:
    return Ending.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)


def take_back(right: Entitlement, ending: Ending, *, actor: User, reason: str) -> None:
    """Undo one ending: its mark, the right's status where it stands ended by it, the days that it cut off.

    In the caller's transaction, with right and ending locked. What a death ended follows from the death's correction,
    whose post was asked there.
    """
    one = ENDING_FLOW["correct"]
    stands = ending.status == EndingStatus.STANDING
    workflow.take_duty(ending, one.duty, actor=actor)
    ending.corrected_by, ending.correction_reason = actor, reason
    ending.save(update_fields=["corrected_by", "correction_reason"])
    workflow.follow(ending, one, actor=actor, note=reason)
    if stands:
        workflow.follow(
            right, _way_back(right, "restore"), actor=actor, note=reason, detail={"ending": ending.pk}
        )
        right.ends_on = None
    else:
        audit.record(right, action="ending.correct", actor=actor, label="更正终止", note=reason)
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [ending.pk])
