"""异议: filed by anyone who read a notice, answered by a person who did not make the list."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.db import transaction

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.duties import Duty
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.work import workflow
from recipients.models import Declaration, Notice, Objection
from recipients.services import notices, registry, review
from recipients.states import DECLARATION_FLOW, NOTICE_STATES, OBJECTION_ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from huimin.core.models import User

# without 0, O, 1, I, which people mistake for one another on the telephone
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LONGEST = 2_000


@transaction.atomic
def file_objection(notice: Notice, text: str, contact: str = "", *, actor: User | None = None) -> str:
    """Take an objection in against a notice still hanging; returns the code by which the answer is asked for.

    `actor` is the clerk who typed it in, None when it came from the public page. Text and contact rest encrypted.
    """
    # the lock of the declaration keeps the notice from ending between the look and the insert
    declaration = Declaration.objects.select_for_update(no_key=True).get(pk=notice.declaration_id)
    notice.refresh_from_db()
    if (
        notice.withdrawn_at
        or declaration.status not in NOTICE_STATES
        or declaration.revision != notice.revision
    ):
        raise StepRefused("这份公示已经结束。有意见可以向乡镇政府或主管部门反映。")
    words = privacy.hide(
        text.strip()
    )  # forms refuse it before: nobody's number rests in what is told of somebody
    if not words:
        raise BadInput("请写明对谁、对什么有异议。", field="text")
    if len(words) > _LONGEST:
        raise BadInput(f"异议内容最多{_LONGEST}个字，请写要点。", field="text")
    made = Objection.objects.create(
        notice=notice,
        policy_id=notice.policy_id,
        code=_new_code(),
        filed_at=clock.now(),
        text=words,
        contact=contact.strip()[:100] or None,
        county_code=notice.county_code,
        division_code=notice.division_code,
    )
    audit.record(made, action="file", actor=actor, label="提出异议", detail={"notice": notice.pk})
    return made.code


def _new_code() -> str:
    """YY-26-7K3M9QXA: the year and 40 random bits, which nobody guesses by counting."""
    return f"YY-{clock.today():%y}-" + "".join(secrets.choice(_LETTERS) for _ in range(8))


@transaction.atomic
def file_by_clerk(notice_id: int, *, text: str, contact: str, actor: User) -> str:
    """An objection that somebody made by word of mouth or on paper."""
    notice = Notice.objects.visible_to(actor).select_related("declaration").get(pk=notice_id)
    return file_objection(notice, text, contact, actor=actor)


@transaction.atomic
def answer_objection(
    objection_id: int,
    *,
    upheld: bool,
    answer: str,
    exclude: Sequence[int] = (),
    send_back: bool = False,
    actor: User,
) -> Objection:
    """Say what was found. Upheld: the lines in `exclude` come off, or the list is sent back; the notice is taken down.

    A new notice is posted afterwards with its full days. Nobody answers against a list they compiled.
    """
    objection: Objection = Objection.objects.visible_to(actor).select_related("notice").get(pk=objection_id)
    declaration = review.locked(objection.notice.declaration_id, actor)
    objection = (
        Objection.objects.select_for_update(of=("self",), no_key=True)
        .select_related("notice")
        .get(pk=objection.pk)
    )
    _check(
        objection,
        declaration,
        upheld=upheld,
        answer=answer,
        exclude=exclude,
        send_back=send_back,
        actor=actor,
    )
    workflow.take_duty(declaration, Duty.OBJECTION_ANSWER, actor=actor)
    objection.status = Objection.Status.UPHELD if upheld else Objection.Status.REJECTED
    objection.answer, objection.answered_by, objection.answered_at = answer.strip(), actor, clock.now()
    objection.save(update_fields=["status", "answer", "answered_by", "answered_at"])
    audit.record(
        objection,
        action="answer",
        actor=actor,
        label="答复异议",
        before=Objection.Status.OPEN,
        after=objection.status,
        detail={"excluded": len(exclude), "sent_back": send_back},
    )
    if upheld:
        _carry_out(objection, declaration, list(exclude), send_back=send_back, actor=actor)
    return objection


def _check(
    objection: Objection,
    declaration: Declaration,
    *,
    upheld: bool,
    answer: str,
    exclude: Sequence[int],
    send_back: bool,
    actor: User,
) -> None:
    place: dict[str, Any] = {"division_code": objection.division_code, "policy_id": declaration.policy_id}
    require_role(actor, OBJECTION_ROLES, **place, act="答复异议")
    if objection.status != Objection.Status.OPEN:
        raise StepRefused("这件异议已经答复。")
    if not answer.strip():
        raise BadInput("请写明核实结果。", field="answer")
    if not upheld and (exclude or send_back):
        raise BadInput("不属实就不用剔除或退回。", field="upheld")
    live = declaration.status in NOTICE_STATES and declaration.revision == objection.notice.revision
    if upheld and live and bool(exclude) == send_back:
        raise BadInput("属实的，请选要剔除的人，或退回补正，二者选一。", field="exclude")


def _carry_out(
    objection: Objection, declaration: Declaration, exclude: list[int], *, send_back: bool, actor: User
) -> None:
    if declaration.status not in NOTICE_STATES or declaration.revision != objection.notice.revision:
        return  # the list has been sent back since, and is being mended
    reason = f"异议{objection.code}属实"
    standing = review.standing_notice(declaration)
    if standing:
        notices.withdraw(standing, reason=reason, actor=actor)
    if send_back:
        review.send_back(declaration, DECLARATION_FLOW["return_notice"], actor, reason)
    else:
        review.mark_excluded(declaration, exclude, reason=reason, actor=actor)


def contact_refusal(objection: Objection, *, actor: User) -> str:
    """Why this person is not shown how to reach the objector; empty for those who may answer.

    The public form promises it: only who verifies sees it, and never who made the list (docs/decisions/0020).
    """
    declaration = objection.notice.declaration
    place: dict[str, Any] = {"division_code": objection.division_code, "policy_id": declaration.policy_id}
    if not scope.holds(actor, OBJECTION_ROLES, **place):
        return "联系方式只有核实异议的人看得到。"
    return workflow.separation_refusal(declaration, Duty.OBJECTION_ANSWER, actor=actor)


@transaction.atomic
def reveal_contact(objection_id: int, *, reason: str, actor: User) -> str:
    """The objector's telephone in full for one look, under the rules and the day's limit of registry.reveal."""
    registry.require_reason(reason)
    objection = Objection.objects.visible_to(actor).select_related("notice__declaration").get(pk=objection_id)
    if refusal := contact_refusal(objection, actor=actor):
        raise StepForbidden(refusal)
    registry.count_reveal(actor)
    audit.record(
        objection,
        action="reveal",
        actor=actor,
        label="查看异议人联系方式",
        note=reason.strip()[:200],
        detail={"field": "contact"},
    )
    return objection.contact or ""
