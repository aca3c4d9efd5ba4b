"""A person's record: edits, and looks at private fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from huimin.core import clock, crypto
from huimin.core.accounts.queries import administrators
from huimin.core.authority import scope
from huimin.core.authority.posts import not_your_post, require_role
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import AuditEvent, User
from huimin.core.records import audit
from huimin.core.values import identity, privacy
from huimin.core.values.pinyin import sort_key
from huimin.core.work import messages
from recipients.models import DeclarationLine, Entitlement, Person, RecordStatus
from recipients.states import (
    EDIT_ROLES,
    REVEAL_ROLES,
    REVEALS_A_DAY,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVATE = {"id_number": "身份证号", "phone": "联系电话", "account": "银行账号"}
SHORTEST_REASON = 4
# plain columns of a person that a clerk may correct, besides name, phone and group
CORRECTED = (*Person.MARKS, "note")


def locked(person_id: int, actor: User) -> Person:
    person: Person = (
        Person.objects.visible_to(actor)
        .select_related("household")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=person_id)
    )
    return person


@transaction.atomic
def reveal(person_id: int, field: str, *, reason: str, actor: User) -> str:
    """One private field in full, for one look; the trail keeps who, which field and why, never the value.

    REVEALS_A_DAY for each person; with the last one the audit administrators are told. The page asks for a one-time
    code before.
    """
    if field not in PRIVATE:
        raise BadInput("没有这一项。")
    require_reason(reason)
    person = Person.objects.visible_to(actor).get(pk=person_id)
    if not may_reveal(person, actor=actor):
        raise not_your_post(REVEAL_ROLES, "看完整号码")
    count_reveal(actor)
    if field == "account":
        account = person.accounts.filter(is_active=True).first()
        value = account.number if account else ""
    else:
        value = getattr(person, field) or ""
    audit.record(
        person,
        action="reveal",
        actor=actor,
        label=f"查看完整{PRIVATE[field]}",
        note=reason.strip()[:200],
        detail={"field": field},
    )
    return value


def require_reason(reason: str) -> None:
    """BadInput when a look at a number in full has no reason worth reading."""
    if sum(map(str.isalpha, reason)) < SHORTEST_REASON:
        raise BadInput("看完整号码要写明原因，至少 4 个字。", field="reason")


def may_reveal(person: Person, *, actor: User) -> bool:
    """Does a post of theirs let this person see the numbers of that one in full?

    A grant limited to policies reads the masked registry of its place, but whole numbers only of people who stand on
    a list of one of its policies or have a right under it.
    """
    policies = scope.policies_held(actor, REVEAL_ROLES, division_code=person.division_code)
    if not policies:
        return policies is None
    listed = DeclarationLine.objects.filter(
        Q(beneficiary=person) | Q(payee=person), declaration__policy__in=policies
    )
    return listed.exists() or Entitlement.objects.filter(beneficiary=person, policy__in=policies).exists()


def count_reveal(actor: User) -> None:
    """Use up one of the day's looks; two accounts of one person share them, and two looks at once count as two."""
    accounts = User.objects.select_for_update(of=("self",), no_key=True).filter(person_key=actor.person_key)
    mine = list(accounts.order_by("pk").values_list("pk", flat=True))
    looked = AuditEvent.objects.filter(actor__in=mine, action="reveal", at__gte=clock.midnight()).count()
    if looked >= REVEALS_A_DAY:
        raise StepRefused(f"您今天已看过 {looked} 个完整号码，到上限了，审计管理员已收到消息。请明天再看。")
    if looked + 1 == REVEALS_A_DAY:
        home = actor.office.division_id if actor.office else settings.COUNTY_CODE
        messages.notify(
            administrators(home).get(Role.AUDIT_ADMIN, []),
            title=f"{actor}今天看了 {REVEALS_A_DAY} 个完整号码，已到上限",
            url=f"{reverse('core:audit')}?action=reveal",
            body="请看审计日志里的原因，必要时问本人。",
        )


def state_of(person: Person) -> str:
    """A word for what a clerk may correct, as it is now: a page gives it back, and an older page is known by it."""
    told = [str(getattr(person, name)) for name in ("name", *CORRECTED)]
    told += [person.household.group_name, person.phone or ""]
    return crypto.blind_index("person_state", json.dumps(told)).hex()


@transaction.atomic
def edit_person(
    person_id: int, changes: Mapping[str, Any], *, actor: User, seen: str | None = None
) -> Person:
    """Correct simple fields. The trail keeps clear values before and after, of the telephone only that it changed.

    `phone` is the new one, empty to keep what is there, and `phone_gone` takes it away: nobody needs to be shown it. With
    `seen`, the state_of() that the page showed, an older page does not put old values back over newer ones.
    """
    person = locked(person_id, actor)
    require_role(actor, EDIT_ROLES, division_code=person.division_code, act="改档案")
    _require_editable(person, seen)
    before = {name: getattr(person, name) for name in ("name", *CORRECTED)} | {
        "group_name": person.household.group_name
    }
    name, phone = identity.normalise_name(changes["name"]), _phone_after(person, changes)
    after = {"name": name, "group_name": changes["group_name"].strip()} | {
        plain: changes[plain] for plain in CORRECTED
    }
    if name != before["name"]:
        _require_told_apart(person, name)
    after["note"] = privacy.hide(after["note"])[:200]
    if not after["group_name"]:
        raise BadInput("请填写村（居）民小组。", field="group_name")
    detail: dict[str, Any] = {
        key: [before[key], value] for key, value in after.items() if before[key] != value
    }
    if phone != person.phone:
        detail["phone"] = "已变更"
    if not detail:
        raise StepRefused("没有改动，不用保存。")
    for plain, value in after.items():
        if plain != "group_name":
            setattr(person, plain, value)
    person.name_key, person.phone = sort_key(name), phone
    person.save(update_fields=["name", "name_key", "phone", *CORRECTED])
    if "group_name" in detail:
        person.household.group_name = after["group_name"]
        person.household.save(update_fields=["group_name"])
    audit.record(person, action="edit", actor=actor, label="改档案", detail=detail)
    return person


SAME_NAME = "身份证号登错的请办“更正身份证号”；确实同名的，在姓名后加“（大）”“（小）”。"


def _require_told_apart(person: Person, name: str) -> None:
    bare = identity.plain_name(name)
    others = Person.objects.filter(household=person.household_id, name__startswith=bare).exclude(pk=person.pk)
    names = others.exclude(status=RecordStatus.VOID).values_list("name", flat=True)
    # who bears the name bare beside one who is told apart is the same human being, as a rule
    if any(one == name or (bare in {one, name} and identity.plain_name(one) == bare) for one in names):
        raise BadInput(f"这一户已有一个“{name}”。{SAME_NAME}", field="name")


def _require_editable(person: Person, seen: str | None) -> None:
    if person.status == RecordStatus.VOID:
        raise StepRefused("这份档案已作废，不能再改。请重新建档。")
    if seen is not None and seen != state_of(person):
        raise StepRefused(
            "您打开这一页以后，别人改过这份档案，没有保存。请重新打开“改档案”，看过现在的内容再改。"
        )


def _phone_after(person: Person, changes: Mapping[str, Any]) -> str | None:
    typed = changes.get("phone")
    if typed and changes.get("phone_gone"):
        raise BadInput("填了新电话，又勾了“删去电话”，请二者选一。", field="phone")
    if typed:
        return identity.normalise_phone(typed)
    return None if changes.get("phone_gone") else person.phone
