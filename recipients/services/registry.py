"""A person's record: edits, looks at private fields, and a new account asked for by one and approved by another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

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
from huimin.core.work import messages, workflow
from huimin.core.work.verbs import advances
from recipients.models import Account, AccountChange, DeclarationLine, Entitlement, Person, RecordStatus
from recipients.rules import RELATION_LENGTH, commit, is_strangers
from recipients.services import banks
from recipients.states import (
    ACCOUNT_ASK_ROLES,
    ACCOUNT_FLOW,
    EDIT_ROLES,
    REVEAL_ROLES,
    REVEALS_A_DAY,
    AccountChangeStatus,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVATE = {"id_number": "身份证号", "phone": "联系电话", "account": "银行账号"}
SHORTEST_REASON = 4
DIGITS_DOUBTED = "卡号的校验位不对"
SHARED = "这个账号另一户也在用"
# plain columns of a person that a clerk may correct, besides name, phone and group
CORRECTED = (*Person.MARKS, "note", "status")


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


# --- accounts --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account as typed; `number` stays out of repr()."""

    kind: str
    holder_name: str
    number: str
    bank_name: str
    branch_code: str = ""
    holder_relation: str = ""

    def __repr__(self) -> str:
        return f"NewAccount({self.kind}, …{self.number[-4:]})"


@transaction.atomic
def ask_account_change(
    person_id: int,
    new: NewAccount,
    *,
    reason: str,
    actor: User,
    digits_confirmed: bool = False,
    shared_confirmed: bool = False,
) -> AccountChange:
    """Ask for another account; nothing changes until another person has checked it.

    A card whose check digit is wrong is taken with `digits_confirmed`, since a few banks issue such cards; a name that
    is neither the person's nor the head's with `holder_relation`; an account that another household uses with
    `shared_confirmed`. BadInput names the field that wants it.
    """
    person = locked(person_id, actor)
    require_role(actor, ACCOUNT_ASK_ROLES, division_code=person.division_code, act="申请换卡")
    if not reason.strip():
        raise BadInput("请填写变更原因。", field="reason")
    number = identity.normalise_account(new.number)
    active = person.accounts.filter(is_active=True).first()
    _require_another(person, active, number)
    _require_confirmed(person, number, digits=digits_confirmed, shared=shared_confirmed)
    asked = AccountChange.objects.create(
        person=person,
        kind=new.kind,
        **_named_after(person, new),
        number=number,
        number_key=crypto.blind_index("account", number),
        tail=number[-4:],
        old_tail=active.tail if active else "",
        branch_code=new.branch_code,
        bank_name=new.bank_name.strip(),
        reason=privacy.hide(reason.strip())[:200],
        asked_by=actor,
        county_code=person.county_code,
        division_code=person.division_code,
    )
    workflow.take_duty(asked, ACCOUNT_FLOW["ask"].duty, actor=actor)
    audit.record(
        asked,
        action="ask",
        actor=actor,
        label="申请换卡",
        note=reason,
        detail={"tail": asked.tail, "old_tail": asked.old_tail},
    )
    return asked


def _require_another(person: Person, active: Account | None, number: str) -> None:
    """It is an account, not the one in use, and nothing else waits to be checked."""
    if number == person.id_number:
        raise BadInput("账号与身份证号相同，是否填错？", field="number")
    if active and bytes(active.number_key) == crypto.blind_index("account", number):
        raise StepRefused("与现在用的账号相同，不用变更。")
    if person.account_changes.filter(status=AccountChangeStatus.ASKED).exists():
        raise StepRefused("这个人已有一个待复核的账户变更。")


def _require_confirmed(person: Person, number: str, *, digits: bool, shared: bool) -> None:
    """What looks wrong with a number was looked at and found right."""
    if identity.card_suspect(number) and not digits:
        raise BadInput(
            f"{DIGITS_DOUBTED}，可能输错。请对照卡片再看；确实没有错的，请勾选确认。", field="number"
        )
    if households_sharing(person, number) and not shared:
        raise BadInput(f"{SHARED}。请核对卡（折）是谁的；确实由那一户代领的，请勾选确认。", field="number")


def _named_after(person: Person, new: NewAccount) -> dict[str, str]:
    """The account's name, and the relation where it is neither the person's nor the head's."""
    name = identity.normalise_name(new.holder_name)
    stranger = is_strangers(name, own=person.name, head=head_of(person))
    relation = privacy.hide(new.holder_relation.strip())[:RELATION_LENGTH] if stranger else ""
    if stranger and not relation:
        raise BadInput(
            f"户名“{name}”不是本人也不是户主，请写明与本人关系，例如：监护人、儿子。", field="holder_relation"
        )
    return {"holder_name": name, "holder_relation": relation}


def head_of(person: Person) -> str:
    """The name of the head of the household; empty where there is none."""
    heads = Person.objects.filter(household_id=person.household_id, is_holder=True).exclude(status="void")
    return heads.values_list("name", flat=True).first() or ""


def doubts_about(asked: AccountChange) -> list[str]:
    """What the second person should look at twice before the account counts."""
    head, found = head_of(asked.person), []
    if is_strangers(asked.holder_name, own=asked.person.name, head=head):
        relation = asked.holder_relation or "没有写明"
        found.append(f"户名“{asked.holder_name}”不是本人，也不是户主{head}；与本人关系：{relation}")
    if identity.card_suspect(asked.number):
        found.append(f"{DIGITS_DOUBTED}，申请人已确认对照过卡片")
    if others := households_sharing(asked.person, asked.number):
        found.append(f"{SHARED}（{others} 户），请看清是不是同户代领")
    return found


def households_sharing(person: Person, number: str) -> int:
    """How many other households of the county are paid into this account (its whole number); names nobody."""
    using = Account.objects.filter(
        number_key=crypto.blind_index("account", number),
        is_active=True,
        person__county_code=person.county_code,
    )
    others = using.exclude(person__household=person.household_id)
    return others.order_by().values("person__household").distinct().count()


@advances("recipients.accountchange")
@transaction.atomic
def check_account_change(
    pk: int, step: str, *, actor: User, note: str = "", number_again: str = ""
) -> AccountChange:
    """Approve or refuse a new account; never the person who asked, also not under another account of theirs.

    Whoever approves types the number from the card, `number_again`: money goes where two people read the same.
    """
    asked: AccountChange = (
        AccountChange.objects.visible_to(actor)
        .select_related("person", "asked_by")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=pk)
    )
    try:
        chosen = ACCOUNT_FLOW[step]
    except KeyError:
        raise BadInput(f"账户变更没有“{step}”这一步。") from None
    if refusal := workflow.why_not(asked, chosen, actor=actor, note=note):
        raise refusal
    workflow.take_duty(asked, chosen.duty, actor=actor)
    if chosen.target == AccountChangeStatus.APPROVED:
        _require_same_number(asked, number_again)
    asked.checked_by = actor
    asked.save(update_fields=["checked_by"])
    detail = {"tail": asked.tail, "old_tail": asked.old_tail}
    workflow.move(asked, chosen, actor=actor, note=privacy.scrub(note), detail=detail)
    if asked.status == AccountChangeStatus.APPROVED:
        _replace_account(asked)
    title = f"{asked.person}换卡{asked.get_status_display()}"
    messages.notify([asked.asked_by], title=title, url=f"/desk/recipients/people/{asked.person_id}/")
    return asked


def _require_same_number(asked: AccountChange, again: str) -> None:
    if not again.strip():
        raise BadInput("请照本人的卡（折）再输一遍新账号。", field="number_again")
    if identity.normalise_account(again) != asked.number:
        raise BadInput(
            "您输的账号与申请的不一样。请对照本人的卡（折）再看；申请的号码错了，请退回。",
            field="number_again",
        )


def _replace_account(asked: AccountChange) -> None:
    now = clock.now()
    at = banks.bank_at(asked.person.county_code, branch_code=asked.branch_code, bank_name=asked.bank_name)
    Account.objects.filter(person_id=asked.person_id, is_active=True).update(is_active=False, closed_at=now)
    salt = uuid4()
    Account.objects.create(
        person_id=asked.person_id,
        kind=asked.kind,
        holder_name=asked.holder_name,
        holder_relation=asked.holder_relation,
        number=asked.number,
        number_key=asked.number_key,
        commit_salt=salt,
        number_commitment=commit(salt, asked.number),
        tail=asked.tail,
        branch_code=asked.branch_code,
        bank_name=asked.bank_name,
        bank_id=at,
        change=asked,
        opened_at=now,
    )
