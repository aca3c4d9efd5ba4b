"""The only way to take a step, and the buttons that follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction

from huimin.core.authority.duties import CONFLICTS, Duty
from huimin.core.authority.posts import NOBODY_ELSE, refusal_of_post
from huimin.core.authority.steps import Step, Workflow
from huimin.core.errors import StepForbidden, StepRefused
from huimin.core.models import Involvement
from huimin.core.records import audit

if TYPE_CHECKING:
    from huimin.core.models import User

SEPARATION = (
    f"不相容岗位：您在这笔业务里已经办过“{{had}}”，不能再办“{{now}}”，请换一位同事办理。{NOBODY_ELSE}"
)


def move(
    obj: Any,
    one: Step,
    *,
    actor: User,
    note: str = "",
    target: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Take one step: role, state, reason, separation, then the change and its trace, all or nothing.

    The caller is in a transaction and holds the row's lock. `target` replaces the step's own only where a policy
    skips levels (Workflow.skips lists those pairs). Raises StepForbidden (not this role's step) or StepRefused.
    """
    refusal = why_not(obj, one, actor=actor, note=note)
    if refusal:
        raise refusal
    take_duty(obj, one.duty, actor=actor)
    _change(obj, one, actor=actor, note=note, target=target, detail=detail)


def follow(
    obj: Any,
    one: Step,
    *,
    actor: User,
    note: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """A step that a rule takes because of another one: the cause was allowed to this person, so no role is asked again.

    State, lock and trace are those of move(). Raises StepRefused when the state does not allow it.
    """
    if obj.status not in one.sources:
        raise StepRefused(f"当前状态为“{obj.get_status_display()}”，不能“{one.label}”，请刷新页面后再看。")
    _change(obj, one, actor=actor, note=note, target="", detail=detail)


def _change(
    obj: Any, one: Step, *, actor: User, note: str, target: str, detail: dict[str, Any] | None
) -> None:
    before, after = obj.status, target or one.target
    changed = type(obj)._default_manager.filter(pk=obj.pk, status=before).update(status=after)
    if changed != 1:
        raise StepRefused("别人刚刚办理过这笔业务，请看过它现在的状态再办。")
    obj.status = after
    audit.record(
        obj,
        action=one.name,
        actor=actor,
        label=one.label,
        before=before,
        after=after,
        note=note,
        detail=detail,
    )


def why_not(obj: Any, one: Step, *, actor: User, note: str | None = None) -> StepRefused | None:
    """The reason this person cannot take this step now, or None. `note=None` leaves the reason text unchecked."""
    policy_id = getattr(obj, "policy_id", None)
    if refusal := refusal_of_post(actor, one.roles, division_code=obj.division_code, policy_id=policy_id):
        return refusal
    if obj.status not in one.sources:
        return StepRefused(f"当前状态为“{obj.get_status_display()}”，不能“{one.label}”。")
    if note is not None and one.needs_note and not note.strip():
        return StepRefused(f"“{one.label}”要写明原因。")
    return None


def duty_subject(obj: Any) -> str:
    """What a person's duty counts for: the object, or its present version where the model says so (a roster's list).

    Such a model carries `duty_subject`, which begins with the object's name on the trail.
    """
    return getattr(obj, "duty_subject", "") or audit.subject_of(obj)


def drawn(obj: Any) -> str:
    """What a page shows when its form is drawn: the object, its version where it has one, and its status."""
    return f"{duty_subject(obj)}:{obj.status}"


def require_as_drawn(obj: Any, told: str) -> None:
    """The form was drawn from the object as it is now; the row is locked until the transaction ends.

    Raises StepRefused when others have been at it since: a step may be allowed there as well, but not unseen.
    """
    now = type(obj)._default_manager.select_for_update(of=("self",), no_key=True).get(pk=obj.pk)
    if told == drawn(now):
        return
    if told.rpartition(":")[2] == now.status:
        raise StepRefused("您打开页面以后，这一件重新编过。请看现在这一版，再决定要不要办。")
    raise StepRefused(
        f"您打开页面以后，别人已经办过，现在是“{now.get_status_display()}”。请看现在的状态，再决定要不要办。"
    )


def take_duty(obj: Any, duty: str, *, actor: User) -> None:
    """Put the person's duty on record; refused by the database when it excludes one they already had."""
    if not duty:
        return
    subject = duty_subject(obj)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO core_involvement (subject, duty, user_id, inherited, person_key, conflicts)
                   VALUES (%s, %s, %s, false, ''::bytea, '{}') ON CONFLICT (subject, person_key, duty) DO NOTHING""",
                [subject, duty, actor.pk],
            )
    except IntegrityError as error:
        if "involvement_separation" not in str(error):
            raise
        raise StepRefused(_separation_text(subject, duty, actor)) from error


def separation_refusal(obj: Any, duty: str, *, actor: User) -> str:
    """What `take_duty` would say, without writing; empty when it would pass."""
    if not duty:
        return ""
    subject = duty_subject(obj)
    return _separation_text(subject, duty, actor) if _earlier_duty(subject, duty, actor) else ""


@dataclass(frozen=True, slots=True)
class Action:
    """A button on an action panel: shown with its reason when it cannot be pressed."""

    step: Step
    refused: str = ""


def actions(obj: Any, flow: Workflow, *, actor: User, also: Any = None) -> list[Action]:
    """Steps that leave the present state and that this person's role knows, each pressable or with its reason.

    `also(step)` may add a reason of the app's own (a notice still running, a missing signature).
    """
    return _pressable(obj, flow.steps, actor, also)


def acts(obj: Any, flow: Workflow, *names: str, actor: User, also: Any = None) -> list[Action]:
    """Buttons of the acts so named, as actions() makes those of steps."""
    return _pressable(obj, [flow[name] for name in names], actor, also)


def _pressable(obj: Any, steps: Iterable[Step], actor: User, also: Any) -> list[Action]:
    found = []
    for one in steps:
        if obj.status not in one.sources:
            continue
        refusal = why_not(obj, one, actor=actor)
        if isinstance(refusal, StepForbidden):
            continue
        reason = (
            str(refusal or "")
            or separation_refusal(obj, one.duty, actor=actor)
            or (also(one) if also else "")
        )
        found.append(Action(one, reason or ""))
    return found


def _earlier_duty(subject: str, duty: str, actor: User) -> str:
    excluded = {b if a == duty else a for a, b in CONFLICTS if duty in (a, b)}
    return (
        Involvement.objects.filter(subject=subject, person_key=actor.person_key, duty__in=excluded)
        .order_by("id")
        .values_list("duty", flat=True)
        .first()
        or ""
    )


def _separation_text(subject: str, duty: str, actor: User) -> str:
    had = _earlier_duty(subject, duty, actor)
    return SEPARATION.format(had=Duty(had).label if had else "相关岗位", now=Duty(duty).label)
