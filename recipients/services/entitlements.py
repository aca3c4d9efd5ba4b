"""享受资格: made set-wise when a declaration is confirmed, suspended and ended by the policy's own rule."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from huimin.core import clock
from huimin.core.errors import BadInput
from huimin.core.records import audit
from huimin.core.work.verbs import advances
from recipients.models import Death, Declaration, Entitlement, Suspension
from recipients.services import endings, succession, suspensions
from recipients.states import ENTITLEMENT_BUTTONS, DeathStatus, EntitlementStatus
from subsidies.models import Policy

if TYPE_CHECKING:
    from huimin.core.models import User

# lines that would overlap a version which the new one cannot close: it began no earlier, or is bounded
_CLASHES = """SELECT p.name FROM recipients_declarationline l JOIN recipients_person p ON p.id = l.beneficiary_id
    JOIN recipients_entitlement e ON e.policy_id = %(policy)s AND e.beneficiary_id = l.beneficiary_id
    JOIN recipients_entitlementversion v ON v.entitlement_id = e.id AND v.component = %(component)s
         AND v.valid && %(valid)s::daterange
    WHERE l.declaration_id = %(declaration)s AND l.excluded_at_level = ''
      AND NOT (upper_inf(v.valid) AND lower(v.valid) < lower(%(valid)s::daterange))
    ORDER BY l.line_no LIMIT 5"""
# people before rights, both in the order of the person: two confirmations and a death never wait for one another in a
# ring. FOR SHARE lets confirmations pass one another, but not a death that is being registered (deaths.record_death).
# Of a household whose head changed while the list was on its way everybody, since its days go on to the new one.
_HOLD_PEOPLE = """SELECT p.id FROM recipients_person p WHERE p.id IN (
        SELECT m.id FROM recipients_declarationline l JOIN recipients_person x ON x.id = l.beneficiary_id
        JOIN recipients_person m ON m.household_id = x.household_id AND (m.id = x.id OR NOT x.is_holder AND %(to_household)s)
        WHERE l.declaration_id = %(declaration)s AND l.excluded_at_level = '')
    ORDER BY p.id FOR SHARE OF p"""
_ENTITLE = """INSERT INTO recipients_entitlement (county_code, division_code, policy_id, beneficiary_id, status)
    SELECT %(county)s, %(division)s, %(policy)s, l.beneficiary_id, 'active' FROM recipients_declarationline l
    WHERE l.declaration_id = %(declaration)s AND l.excluded_at_level = '' ORDER BY l.beneficiary_id
    ON CONFLICT (policy_id, beneficiary_id) DO NOTHING"""
# in one statement, so that what closes the earlier version is there when the database asks why it became shorter
_CLOSE_EARLIER = """UPDATE recipients_entitlementversion v
    SET valid = daterange(lower(v.valid), lower(%(valid)s::daterange))
    FROM recipients_entitlement e, recipients_declarationline l
    WHERE e.id = v.entitlement_id AND e.policy_id = %(policy)s AND l.beneficiary_id = e.beneficiary_id
      AND l.declaration_id = %(declaration)s AND l.excluded_at_level = ''
      AND v.component = %(component)s AND upper_inf(v.valid) AND v.valid && %(valid)s::daterange
    RETURNING v.id"""
_ADD_VERSIONS = f"""WITH closed AS ({_CLOSE_EARLIER})
    INSERT INTO recipients_entitlementversion
        (entitlement_id, component, valid, payee_id, quantity, facts, source_line_id, created_at)
    SELECT e.id, %(component)s, %(valid)s::daterange, l.payee_id, l.quantity, l.facts, l.id, business_now()
    FROM recipients_declarationline l
    JOIN recipients_entitlement e ON e.policy_id = %(policy)s AND e.beneficiary_id = l.beneficiary_id
    WHERE l.declaration_id = %(declaration)s AND l.excluded_at_level = '' AND (SELECT count(*) FROM closed) >= 0
    ORDER BY l.line_no"""  # noqa: S608 -- a constant of ours


def clash_refusal(declaration: Declaration) -> str:
    """Who already has this right in this period and why the declaration cannot be confirmed; empty when nobody."""
    with connection.cursor() as cursor:
        cursor.execute(_CLASHES, _given(declaration))
        names = [row[0] for row in cursor.fetchall()]
    return f"{'、'.join(names)}在这一期已有享受资格，不能重复确认，请先剔除。" if names else ""


def entitle(declaration: Declaration, *, actor: User) -> int:
    """Rights and their dated versions from a declaration that has just been confirmed; in the caller's transaction.

    An open-ended earlier version ends the day before the new one begins. Who died meanwhile gets the right only up to
    the day that the policy's rule gives, and who is no longer the head of the household up to the change. Returns the
    number of versions.
    """
    given = _given(declaration)
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_PEOPLE, given)
        _revive(declaration, actor)
        cursor.execute(_ENTITLE, given)
        cursor.execute(_ADD_VERSIONS, given)
        made = int(cursor.rowcount)
    audit.record(declaration, action="entitle", actor=actor, label="确认享受资格", detail={"versions": made})
    deaths = Death.objects.filter(
        status=DeathStatus.STANDING,
        person__in=declaration.lines.filter(excluded_at_level="").values("beneficiary"),
    )
    for death in deaths.order_by("person_id"):
        right = Entitlement.objects.get(policy_id=declaration.policy_id, beneficiary=death.person_id)
        endings.end_by_death(right, death, actor=actor)
    succession.follow_heads(declaration, actor=actor)
    return made


def _revive(declaration: Declaration, actor: User) -> None:
    """Rights that had ended and are confirmed anew; the trail of each says so."""
    ended = Entitlement.objects.filter(
        policy_id=declaration.policy_id,
        status=EntitlementStatus.ENDED,
        beneficiary__in=declaration.lines.filter(excluded_at_level="").values("beneficiary"),
    )
    for one in ended.select_for_update(of=("self",), no_key=True).order_by("beneficiary_id"):
        endings.revive(one, actor=actor, detail={"declaration": declaration.pk})


def _given(declaration: Declaration) -> dict[str, Any]:
    period, when = declaration.period_range, declaration.when
    # a one-off is due once, on its day, however long the policy's rights last
    goes_on = declaration.version.is_open_ended and not when.is_one_off
    return {
        "declaration": declaration.pk,
        "policy": declaration.policy_id,
        "to_household": declaration.policy.object_type == Policy.ObjectType.HOUSEHOLD,
        "county": declaration.county_code,
        "division": declaration.division_code,
        "component": when.component,
        "valid": f"[{period.lower},{'' if goes_on else period.upper})",
    }


@transaction.atomic
def take_step(
    pk: int,
    step: str,
    *,
    actor: User,
    note: str = "",
    happened: date | None = None,
    kind: str = Suspension.Kind.WITHHELD,
    first_day: date | None = None,
) -> Entitlement:
    """Suspend or end one right; it goes on again by its suspension or ending.

    `happened` is the day of the cause that the stop rule counts an end from, `kind` and `first_day` are those of a
    suspension; days are today by default.
    """
    one: Entitlement = (
        Entitlement.objects.visible_to(actor)
        .select_related("policy", "beneficiary")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=pk)
    )
    if step not in ENTITLEMENT_BUTTONS:
        raise BadInput(f"享受资格没有“{step}”这一步；恢复、更正在暂停记录、终止记录上办。")
    if step == "end":
        endings.end_by_hand(one, happened or clock.today(), actor=actor, note=note)
    else:
        pause = suspensions.pause_of(one, kind, first_day or clock.today())
        suspensions.suspend(one, pause, actor=actor, note=note)
    return one


advances("recipients.entitlement")(take_step)  # the plain function keeps the days for the page
