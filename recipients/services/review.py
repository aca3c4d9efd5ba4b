"""The way of a declaration: submit, deliberate, notices, township, joint review, confirmation; and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Max, Sum
from django.utils import timezone

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.duties import Duty
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.records import audit
from huimin.core.values.days import day_text
from huimin.core.work import workflow
from huimin.core.work.verbs import advances
from recipients import queries
from recipients.models import (
    Declaration,
    DeclarationLine,
    DeliberationRecord,
    JointSignature,
    Notice,
    Objection,
)
from recipients.queries import notice_days
from recipients.rules import (
    NAMES_IN_FULL,
    Meetings,
    Votes,
    meeting_faults,
    next_level,
    skipped_levels,
    vote_passes,
)
from recipients.services import entitlements
from recipients.states import (
    DECLARATION_FLOW,
    EXCLUDE_ROLES,
    NOTICE_LEVEL_OF,
    DeclarationStatus,
)
from subsidies.models import JointParty

if TYPE_CHECKING:
    from huimin.core.authority.steps import Step
    from huimin.core.models import User

SIGNING = {f"sign_{party}": party for party in JointParty}
# the database says the same (triggers of recipients.models.review); here it is said before it fires
_TRIGGER_TEXTS = ("公示没有期满", "还有异议没有答复", "民主评议没有通过", "县级联审还有部门没有会签")


def locked(pk: int, actor: User) -> Declaration:
    """The declaration under lock, if this person may see it; DoesNotExist otherwise."""
    one: Declaration = (
        Declaration.objects.visible_to(actor)
        .select_related("policy", "version")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=pk)
    )
    return one


@advances("recipients.declaration")
@transaction.atomic
def take_step(pk: int, step: str, *, actor: User, note: str = "") -> Declaration:
    """Take any step that needs no more than a note; the deliberation needs its votes (deliberate)."""
    one = locked(pk, actor)
    try:
        chosen = DECLARATION_FLOW[step]
    except KeyError:
        raise BadInput(f"申报册没有“{step}”这一步。") from None
    if step in SIGNING:
        _sign(one, chosen, actor=actor, note=note)
    elif step in _BACK:
        _BACK[step](one, chosen, actor, note)
    else:
        _go_on(one, chosen, actor=actor, note=note)
    return one


def blocked(one: Declaration, step: Step) -> str:
    """Why the step cannot be taken yet apart from role and state; empty when nothing stands against it."""
    if reason := _hindrance(one, step):
        return reason
    ends = one.status in step.sources and step.name.startswith("end_")
    return _clash_at_confirmation(one) if ends else ""


def _hindrance(one: Declaration, step: Step) -> str:
    """The same without clashes of rights, which _advance asks about, once and for every way to the confirmation."""
    if one.status not in step.sources:
        return ""
    if step.name == "submit":
        return _unready(one)
    if step.name == "deliberate":
        return (
            ""
            if one.deliberations.filter(revision=one.revision, passed=True).exists()
            else "请在下面登记到会人数和票数。"
        )
    if step.name.startswith("end_"):
        return _notice_refusal(one)
    if step.name in SIGNING:
        return _signature_refusal(one, SIGNING[step.name])
    return _not_failed(one) if step.name == "return_deliberation" else ""


def _not_failed(one: Declaration) -> str:
    # a meeting that passed has moved the list on
    held = one.deliberations.filter(revision=one.revision).exists()
    return "" if held else "还没有登记过评议，没有通过的才退回编制。"


def _clash_at_confirmation(one: Declaration) -> str:
    target = next_level(one.version, one.status, objected=queries.was_objected(one))
    return entitlements.clash_refusal(one) if target == DeclarationStatus.CONFIRMED else ""


def _go_on(one: Declaration, step: Step, *, actor: User, note: str = "", **more: Any) -> None:
    """Move to the next level that the policy asks for; the trail says which levels it does not ask for."""
    refusal = workflow.why_not(one, step, actor=actor, note=note)
    if refusal:
        raise refusal
    if reason := _hindrance(one, step):
        raise StepRefused(reason)
    _advance(one, step, actor=actor, note=note, **more)


def _advance(one: Declaration, step: Step, *, actor: User, note: str, **more: Any) -> None:
    before = one.status
    target = next_level(one.version, before, objected=queries.was_objected(one))
    if target == DeclarationStatus.CONFIRMED and (clash := entitlements.clash_refusal(one)):
        raise StepRefused(clash)
    skipped = [level.label for level in skipped_levels(before, target)]
    detail = {"revision": one.revision, "skipped_by_policy": skipped, **_totals(one), **more}
    try:
        with transaction.atomic():
            workflow.move(one, step, actor=actor, note=note, target=target, detail=detail)
    except IntegrityError as error:
        known = next((text for text in _TRIGGER_TEXTS if text in str(error)), "")
        if not known:
            raise
        raise StepRefused(f"{known}，不能进入下一步。") from error
    if target == DeclarationStatus.CONFIRMED:
        entitlements.entitle(one, actor=actor)


def _totals(one: Declaration) -> dict[str, Any]:
    found = one.lines.filter(excluded_at_level="").aggregate(lines=Count("pk"), total=Sum("amount"))
    return {"lines": found["lines"], "total": str(found["total"] or 0)}


def _unready(one: Declaration) -> str:
    """What keeps a draft from being submitted."""
    if not one.lines.filter(excluded_at_level="").exists():
        return "册里还没有明细，请先录入或导入。"
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.name FROM recipients_declarationline l JOIN recipients_person p ON p.id = l.beneficiary_id
               WHERE l.declaration_id = %s AND l.excluded_at_level = ''
                 AND (p.died_on IS NOT NULL OR p.status <> 'normal' OR p.division_code <> %s) LIMIT 5""",
            [one.pk, one.division_code],
        )
        names = [row[0] for row in cursor.fetchall()]
    if names:
        return f"{'、'.join(names)}已死亡、停用或不在本村，请先从册里删去。"
    return entitlements.clash_refusal(one)


def _notice_refusal(one: Declaration) -> str:
    notice = standing_notice(one)
    if notice is None:
        return "还没有张贴公示，请先登记张贴。"
    if notice.is_shielded:
        return NAMES_IN_FULL
    waiting = Objection.objects.filter(
        notice__declaration=one, notice__revision=one.revision, status=Objection.Status.OPEN
    ).count()
    if waiting:
        return f"还有 {waiting} 件异议没有答复，不能进入下一步。"
    if clock.today() <= notice.ends_on:
        until = f"公示到{day_text(notice.ends_on, clock.today())}期满，次日才能进入下一步。"
        return until + notice_days.warning_of(notice)
    return ""


def standing_notice(one: Declaration) -> Notice | None:
    """The notice of the present level and revision that has not been taken down."""
    level = NOTICE_LEVEL_OF.get(DeclarationStatus(one.status), "")
    return one.notices.filter(revision=one.revision, level=level, withdrawn_at__isnull=True).first()


# --- deliberation ------------------------------------------------------------------------------------------------------------


def meetings_of(one: Declaration) -> Meetings:
    """When a meeting on this list can have been held; the day of the last failed one, in whatever revision."""
    failed = one.deliberations.filter(passed=False).aggregate(last=Max("held_on"))["last"]
    since = timezone.localdate(one.submitted_at) if one.submitted_at else clock.today()
    return Meetings(since, clock.today(), failed)


@transaction.atomic
def deliberate(pk: int, votes: Votes, *, actor: User) -> Declaration:
    """Record the meeting, and go on when two thirds of those present agreed.

    Else the record is kept and the list stays: it goes back to be mended, or people are excluded with their reason and
    another meeting is held on a later day. BadInput with the field for the first of rules.meeting_faults.
    """
    one = locked(pk, actor)
    step = DECLARATION_FLOW["deliberate"]
    if refusal := workflow.why_not(one, step, actor=actor):
        raise refusal
    _check_votes(one, votes)
    passed = vote_passes(present=votes.present, agreed=votes.agreed)
    DeliberationRecord.objects.create(
        declaration=one, revision=one.revision, recorded_by=actor, passed=passed, **asdict(votes)
    )
    if passed:
        _go_on(one, step, actor=actor, note=votes.conclusion, present=votes.present, agreed=votes.agreed)
    else:
        audit.record(
            one,
            action="deliberate.failed",
            actor=actor,
            label="评议没有通过",
            note=votes.conclusion,
            detail={"revision": one.revision, "present": votes.present, "agreed": votes.agreed},
        )
    return one


def _check_votes(one: Declaration, votes: Votes) -> None:
    for field, said in meeting_faults(asdict(votes), meetings_of(one)).items():
        raise BadInput(f"{said}。", field=field)


# --- joint review --------------------------------------------------------------------------------------------------------------


def _signature_refusal(one: Declaration, party: str) -> str:
    if party not in one.version.joint_parties:
        return f"这项政策的联审不要求{JointParty(party).label}会签。"
    if one.signatures.filter(revision=one.revision, party=party).exists():
        return f"{JointParty(party).label}已经会签。"
    return ""


def _sign(one: Declaration, step: Step, *, actor: User, note: str) -> None:
    """One office's consent; the last one moves the declaration on."""
    if refusal := workflow.why_not(one, step, actor=actor, note=note):
        raise refusal
    party = SIGNING[step.name]
    if reason := _signature_refusal(one, party):
        raise StepRefused(reason)
    workflow.take_duty(one, step.duty, actor=actor)
    JointSignature.objects.create(
        declaration=one, revision=one.revision, party=party, signed_by=actor, note=note[:200]
    )
    signed = set(one.signatures.filter(revision=one.revision).values_list("party", flat=True))
    waiting = [JointParty(party).label for party in one.version.joint_parties if party not in signed]
    if waiting:
        workflow.move(
            one, step, actor=actor, note=note, detail={"revision": one.revision, "waiting": waiting}
        )
    else:
        _advance(one, step, actor=actor, note=note)


# --- back ------------------------------------------------------------------------------------------------------------------------

_COUNTY_DUTIES = {
    JointParty.DEPARTMENT: Duty.JOINT_DEPARTMENT,
    JointParty.FINANCE: Duty.JOINT_FINANCE,
    JointParty.SUPERVISION: Duty.JOINT_SUPERVISION,
}


def send_back(one: Declaration, step: Step, actor: User, note: str) -> None:
    """To the draft and a new revision: notices and signatures of this revision count no longer (the database grows `revision`)."""
    workflow.move(one, step, actor=actor, note=note, detail={"revision": one.revision})
    one.refresh_from_db(fields=["revision"])


def _return_county(one: Declaration, step: Step, actor: User, note: str) -> None:
    """One refusal returns it; whoever refuses acts in their office's post of the joint review."""
    if refusal := workflow.why_not(one, step, actor=actor, note=note):
        raise refusal
    _act_for_office(one, actor)
    send_back(one, step, actor, note)


def _act_for_office(one: Declaration, actor: User) -> None:
    """Whoever refuses or takes somebody off at the joint review does so in the post of an office that signs."""
    place: dict[str, Any] = {"division_code": one.division_code, "policy_id": one.policy_id}
    for party in one.version.joint_parties:
        if scope.holds(actor, DECLARATION_FLOW[f"sign_{party}"].roles, **place):
            workflow.take_duty(one, _COUNTY_DUTIES[JointParty(party)], actor=actor)
            return
    raise StepForbidden("这项政策的联审不需要您的部门会签，退回、剔除须由会签部门办理。")


def _return_deliberation(one: Declaration, step: Step, actor: User, note: str) -> None:
    if reason := _not_failed(one):
        raise StepRefused(reason)
    send_back(one, step, actor, note)


def _by_objection_only(_one: Declaration, _step: Step, _actor: User, _note: str) -> None:
    raise StepRefused("公示期间退回要在异议页面答复“属实”时办理。")


def _withdraw(one: Declaration, step: Step, actor: User, note: str) -> None:
    workflow.move(one, step, actor=actor, note=note)


_BACK: dict[str, Callable[[Declaration, Step, User, str], None]] = {
    "return_deliberation": _return_deliberation,
    "return_township": send_back,
    "return_county": _return_county,
    "return_notice": _by_objection_only,
    "withdraw": _withdraw,
}


def signed_refusal(one: Declaration) -> str:
    """Why nobody is taken off any more at the joint review: an office has signed for the list as it is."""
    if not one.signatures.filter(revision=one.revision).exists():
        return ""
    return "已有部门会签，名单不能再变。要剔除的，请退回补正，改好以后重新会签。"


@transaction.atomic
def exclude_line(line_id: int, *, reason: str, actor: User) -> DeclarationLine:
    """Take one person off the list at a review level, with a reason; the rest goes on.

    Who does it acts in the post of that level, at the county for an office that signs, and before any office signed.
    """
    line = DeclarationLine.objects.select_related("beneficiary").get(pk=line_id)
    one = locked(line.declaration_id, actor)
    roles = EXCLUDE_ROLES.get(DeclarationStatus(one.status))
    if roles is None:
        raise StepRefused(f"申报册“{one.get_status_display()}”，这时不能剔除；公示期间请按异议办理。")
    require_role(actor, roles, division_code=one.division_code, policy_id=one.policy_id, act="剔除")
    if one.status == DeclarationStatus.TOWNSHIP_REVIEW:
        workflow.take_duty(one, Duty.TOWNSHIP_REVIEW, actor=actor)
    if one.status == DeclarationStatus.COUNTY_REVIEW:
        if refusal := signed_refusal(one):
            raise StepRefused(refusal)
        _act_for_office(one, actor)
    mark_excluded(one, [line.pk], reason=reason, actor=actor)
    line.refresh_from_db()
    return line


def mark_excluded(one: Declaration, line_ids: list[int], *, reason: str, actor: User) -> int:
    """Exclude lines with their reason, under the caller's lock; refuses to empty the list."""
    if not reason.strip():
        raise StepRefused("剔除要写明原因。")
    standing = one.lines.filter(excluded_at_level="")
    marked = standing.filter(pk__in=line_ids).update(
        excluded_at_level=one.status, excluded_reason=reason.strip()[:200], excluded_by=actor
    )
    if marked != len(set(line_ids)):
        raise StepRefused("有的行不在这一册，或已经剔除，请刷新页面后再看。")
    if not standing.exists():
        raise StepRefused("不能把全册的人都剔除，请退回补正。")
    numbers = list(one.lines.filter(pk__in=line_ids).values_list("line_no", flat=True))
    audit.record(
        one,
        action="exclude",
        actor=actor,
        label="剔除明细",
        note=reason,
        detail={"lines": numbers, "level": one.status},
    )
    return marked
