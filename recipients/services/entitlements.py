"""享受资格: made set-wise when a declaration is confirmed, suspended, resumed and ended by the policy's own rule."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.records import audit
from huimin.core.work import workflow
from huimin.core.work.verbs import advances
from recipients.models import Declaration, Entitlement, EntitlementVersion, Person
from recipients.rules import stops_on
from recipients.states import EDIT_ROLES, ENTITLEMENT_FLOW, EntitlementStatus

if TYPE_CHECKING:
    from huimin.core.models import User
    from subsidies.models import PolicyVersion

# lines that would overlap a version which the new one cannot close: it began no earlier, or is bounded
_CLASHES = """SELECT p.name FROM recipients_declarationline l JOIN recipients_person p ON p.id = l.beneficiary_id
    JOIN recipients_entitlement e ON e.policy_id = %(policy)s AND e.beneficiary_id = l.beneficiary_id
    JOIN recipients_entitlementversion v ON v.entitlement_id = e.id AND v.valid && %(valid)s::daterange
    WHERE l.declaration_id = %(declaration)s AND l.excluded_at_level = ''
      AND NOT (upper_inf(v.valid) AND lower(v.valid) < lower(%(valid)s::daterange))
    ORDER BY l.line_no LIMIT 5"""
_ENTITLE = """INSERT INTO recipients_entitlement (county_code, division_code, policy_id, beneficiary_id, status)
    SELECT %(county)s, %(division)s, %(policy)s, l.beneficiary_id, 'active' FROM recipients_declarationline l
    WHERE l.declaration_id = %(declaration)s AND l.excluded_at_level = '' ORDER BY l.line_no
    ON CONFLICT (policy_id, beneficiary_id) DO UPDATE SET division_code = excluded.division_code,
        ends_on = CASE WHEN recipients_entitlement.status = 'ended' THEN NULL ELSE recipients_entitlement.ends_on END,
        status = CASE WHEN recipients_entitlement.status = 'ended' THEN 'active'
                      ELSE recipients_entitlement.status END"""
_CLOSE_EARLIER = """UPDATE recipients_entitlementversion v
    SET valid = daterange(lower(v.valid), lower(%(valid)s::daterange))
    FROM recipients_entitlement e, recipients_declarationline l
    WHERE e.id = v.entitlement_id AND e.policy_id = %(policy)s AND l.beneficiary_id = e.beneficiary_id
      AND l.declaration_id = %(declaration)s AND l.excluded_at_level = ''
      AND upper_inf(v.valid) AND v.valid && %(valid)s::daterange"""
_ADD_VERSIONS = """INSERT INTO recipients_entitlementversion
        (entitlement_id, valid, payee_id, quantity, facts, source_line_id)
    SELECT e.id, %(valid)s::daterange, l.payee_id, l.quantity, l.facts, l.id FROM recipients_declarationline l
    JOIN recipients_entitlement e ON e.policy_id = %(policy)s AND e.beneficiary_id = l.beneficiary_id
    WHERE l.declaration_id = %(declaration)s AND l.excluded_at_level = '' ORDER BY l.line_no"""


def clash_refusal(declaration: Declaration) -> str:
    """Who already has this right in this period and why the declaration cannot be confirmed; empty when nobody."""
    with connection.cursor() as cursor:
        cursor.execute(_CLASHES, _given(declaration))
        names = [row[0] for row in cursor.fetchall()]
    return f"{'、'.join(names)}在这一期已有享受资格，不能重复确认，请先剔除。" if names else ""


def entitle(declaration: Declaration, *, actor: User) -> int:
    """Rights and their dated versions from a declaration that has just been confirmed; in the caller's transaction.

    An open-ended earlier version ends the day before the new one begins. Who died meanwhile gets the right only up to
    the day that the policy's rule gives. Returns the number of versions.
    """
    given = _given(declaration)
    with connection.cursor() as cursor:
        cursor.execute(_ENTITLE, given)
        cursor.execute(_CLOSE_EARLIER, given)
        cursor.execute(_ADD_VERSIONS, given)
        made = int(cursor.rowcount)
    audit.record(declaration, action="entitle", actor=actor, label="确认享受资格", detail={"versions": made})
    died = Entitlement.objects.filter(
        policy_id=declaration.policy_id,
        beneficiary__died_on__isnull=False,
        versions__source_line__declaration=declaration,
    ).exclude(status=EntitlementStatus.ENDED)
    for one in died.select_related("beneficiary"):
        day = one.beneficiary.died_on
        if day is not None:
            _end(one, declaration.version, day, actor=actor, note="享受人已登记死亡")
    return made


def _given(declaration: Declaration) -> dict[str, Any]:
    period = declaration.period_range
    upper = "" if declaration.version.is_open_ended else period.upper
    return {
        "declaration": declaration.pk,
        "policy": declaration.policy_id,
        "county": declaration.county_code,
        "division": declaration.division_code,
        "valid": f"[{period.lower},{upper})",
    }


@transaction.atomic
def take_step(
    pk: int, step: str, *, actor: User, note: str = "", happened: date | None = None
) -> Entitlement:
    """Suspend, resume or end one right. `happened` is the day of the cause (today by default) that the stop rule counts from."""
    one: Entitlement = (
        Entitlement.objects.visible_to(actor)
        .select_related("policy", "beneficiary")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=pk)
    )
    try:
        chosen = ENTITLEMENT_FLOW[step]
    except KeyError:
        raise BadInput(f"享受资格没有“{step}”这一步。") from None
    if chosen.name == "end":
        refusal = workflow.why_not(one, chosen, actor=actor, note=note)
        if refusal:
            raise refusal
        version = _version_of(one)
        if version is None:
            raise StepRefused("这项享受资格还没有有效期间，不能终止。")
        _end(one, version, happened or clock.today(), actor=actor, note=note, by_hand=True)
    else:
        workflow.move(one, chosen, actor=actor, note=note)
    return one


advances("recipients.entitlement")(take_step)  # the plain function keeps `happened` for the page


def _version_of(one: Entitlement) -> PolicyVersion | None:
    """The policy version whose stop rule holds: that of the newest declaration behind the right."""
    latest = (
        EntitlementVersion.objects.filter(entitlement=one)
        .select_related("source_line__declaration__version")
        .order_by("-valid")
        .first()
    )
    return latest.source_line.declaration.version if latest else None


def _end(
    one: Entitlement, version: PolicyVersion, happened: date, *, actor: User, note: str, by_hand: bool = False
) -> None:
    """End a right: nothing is due from `ends_on` on, and an open version closes there."""
    ends = stops_on(version.stop_rule, happened)
    detail = {"ends_on": ends.isoformat(), "rule": version.stop_rule}
    if by_hand:
        workflow.move(one, ENTITLEMENT_FLOW["end"], actor=actor, note=note, detail=detail)
    else:
        before, one.status = one.status, EntitlementStatus.ENDED
        audit.record(
            one,
            action="end",
            actor=actor,
            label="按规定终止",
            before=before,
            after=one.status,
            note=note,
            detail=detail,
        )
    one.ends_on = ends
    one.save(update_fields=["ends_on", "status"])
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE recipients_entitlementversion SET valid = daterange(lower(valid), %s)
               WHERE entitlement_id = %s AND lower(valid) < %s AND (upper_inf(valid) OR upper(valid) > %s)""",
            [ends, one.pk, ends, ends],
        )


@transaction.atomic
def record_death(person_id: int, *, died_on: date, actor: User) -> list[Entitlement]:
    """Register a death and end every right of that person by its policy's rule; returns the rights that ended.

    A person may do this where they may edit the registry. Death is recorded once; a wrong date is mended by recording
    it again before any payment follows from it.
    """
    person: Person = (
        Person.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=person_id)
    )
    if not scope.holds(actor, EDIT_ROLES, division_code=person.division_code):
        raise StepForbidden("登记死亡不归您的岗位办理，须由村信息员、乡镇经办或主管部门办理。")
    if not person.birth_date <= died_on <= clock.today():
        raise BadInput("死亡日期应在出生日期之后、今天以前。", field="died_on")
    if person.died_on:
        raise StepRefused(f"已于{person.died_on}登记死亡，没有重复登记。")
    person.died_on = died_on
    person.save(update_fields=["died_on"])
    audit.record(
        person, action="death", actor=actor, label="登记死亡", detail={"died_on": died_on.isoformat()}
    )
    ended = []
    rights = Entitlement.objects.filter(beneficiary=person).exclude(status=EntitlementStatus.ENDED)
    for one in rights.select_for_update(of=("self",), no_key=True).order_by("pk"):
        version = _version_of(one)
        if version is not None:
            _end(one, version, died_on, actor=actor, note="享受人死亡")
            ended.append(one)
    return ended
