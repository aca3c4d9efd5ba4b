"""作废: a record that was made by mistake (a wrong ID number, a person twice) is set aside by another person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from huimin.core import clock
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import User
from huimin.core.records import audit
from recipients.models import DeclarationLine, Entitlement, Person, RecordStatus
from recipients.services.registry import locked
from recipients.states import VOID_ROLES, DeclarationStatus, EntitlementStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

_DECIDED = (DeclarationStatus.CONFIRMED, DeclarationStatus.WITHDRAWN)


@transaction.atomic
def void_person(person_id: int, *, reason: str, actor: User) -> Person:
    """Set a mistaken record aside; the ID number may be registered anew, and what it was paid for is not paid twice.

    By another person than who registered it, with a reason. Rights are ended and open books left first: StepRefused
    names them. There is no way back: the person is registered anew.
    """
    person = locked(person_id, actor)
    require_role(actor, VOID_ROLES, division_code=person.division_code, act="作废档案")
    if not reason.strip():
        raise BadInput("作废要写明原因。", field="reason")
    if person.status == RecordStatus.VOID:
        raise StepRefused("这份档案已经作废。")
    if User.objects.filter(pk=person.created_by_id, person_key=actor.person_key).exists():
        raise StepRefused("这份档案是您建的，要由另一个人作废。")
    if held := _names(Entitlement.objects.filter(beneficiary=person).exclude(status=EntitlementStatus.ENDED)):
        raise StepRefused(f"这个人还有享受资格（{held}），请先终止，再作废档案。")
    open_books = DeclarationLine.objects.filter(beneficiary=person, excluded_at_level="").exclude(
        declaration__status__in=_DECIDED
    )
    if listed := _names(line.declaration for line in open_books.select_related("declaration__policy")):
        raise StepRefused(f"这个人还在没有办完的申报册里（{listed}），请先删去或剔除，再作废档案。")
    before, person.status, person.voided_by = person.status, RecordStatus.VOID, actor
    # the trail before the row, which is taken only with it (told_on_the_trail)
    audit.record(
        person,
        action="void",
        actor=actor,
        label="作废档案",
        before=before,
        after=person.status,
        note=reason.strip(),
    )
    person.save(update_fields=["status", "voided_by"])
    person.accounts.filter(is_active=True).update(is_active=False, closed_at=clock.now())
    return person


def _names(rows: Iterable[object]) -> str:
    """The policies of rights or books, each once."""
    return "、".join(dict.fromkeys(str(row.policy) for row in rows))  # type: ignore[attr-defined]
