"""A new account of a person: asked for by one, checked against the card by another."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import transaction
from django.urls import reverse

from huimin.core import clock, crypto
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values import identity, privacy
from huimin.core.values.days import day_text
from huimin.core.values.doubts import Doubt, require_meant
from huimin.core.work import messages, workflow
from huimin.core.work.verbs import advances
from recipients.models import Account, AccountChange, Person, RecordStatus
from recipients.rules import RELATION_LENGTH, commit, is_strangers
from recipients.services import banks
from recipients.services.registry import locked
from recipients.states import ACCOUNT_ASK_ROLES, ACCOUNT_FLOW, AccountChangeStatus

if TYPE_CHECKING:
    from datetime import date

    from django.db.models import QuerySet

    from huimin.core.models import User

DIGITS_DOUBTED = "卡号的校验位不对"


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
    acknowledged: Collection[str] = (),
) -> AccountChange:
    """Ask for another account; nothing changes until another person has checked it.

    Raises Doubtful for a card whose check digit is wrong (a few banks issue such cards), for an account that another
    household uses or has asked for, and for the card of the dead, unless `acknowledged` names the doubt; BadInput for a
    name that is neither the person's nor the head's without `holder_relation`.
    """
    person = locked(person_id, actor)
    require_role(actor, ACCOUNT_ASK_ROLES, division_code=person.division_code, act="申请换卡")
    _require_stands(person, "不能换卡。请重新建档")
    if not reason.strip():
        raise BadInput("请填写变更原因。", field="reason")
    number = identity.normalise_account(new.number)
    active = person.accounts.filter(is_active=True).first()
    _require_another(person, active, number)
    named = _named_after(person, new)
    doubts = _odd(person, number)
    require_meant(doubts, acknowledged, act="申请")
    asked = AccountChange.objects.create(
        person=person,
        kind=new.kind,
        **named,
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
        detail={
            "tail": asked.tail,
            "old_tail": asked.old_tail,
            "acknowledged": [one.text for one in doubts],
        },
    )
    return asked


def _require_stands(person: Person, way: str) -> None:
    if person.status == RecordStatus.VOID:
        raise StepRefused(f"这份档案已经作废，{way}。")


def _require_another(person: Person, active: Account | None, number: str) -> None:
    """It is an account, not the one in use, and nothing else waits to be checked."""
    if number == person.id_number:
        raise BadInput("账号与身份证号相同，是否填错？", field="number")
    if active and bytes(active.number_key) == crypto.blind_index("account", number):
        raise StepRefused("与现在用的账号相同，不用变更。")
    if person.account_changes.filter(status=AccountChangeStatus.ASKED).exists():
        raise StepRefused("这个人已有一个待复核的账户变更。")


def _odd(person: Person, number: str) -> list[Doubt]:
    """What looks wrong with a number, or with whose it is to be. What is said of one number is not said of another that
    ends alike."""
    tail, about, found = number[-4:], crypto.blind_index("account", number).hex(), []
    if identity.card_suspect(number):
        found.append(f"尾号 {tail} 的{DIGITS_DOUBTED}，可能输错。请对照卡片逐位核过，确实是这个号码。")
    whose = "请核对卡（折）是谁的，确实由那一户代领。"
    using = _others(Account.objects.filter(is_active=True), person, number)
    if using:
        found.append(f"尾号 {tail} 的账号另有 {len(using)} 户在用。{whose}")
    if (
        asking := _others(AccountChange.objects.filter(status=AccountChangeStatus.ASKED), person, number)
        - using
    ):
        found.append(f"尾号 {tail} 的账号另有 {len(asking)} 户也在申请换成它，还没有复核。{whose}")
    if person.died_on:
        found.append(_of_the_dead(person, person.died_on))
    return [Doubt(said, about=about) for said in found]


def _others(rows: QuerySet[Any], person: Person, number: str) -> set[int]:
    """The other households of the county that have the account (its whole number) in these rows; nobody is named."""
    key = crypto.blind_index("account", number)
    having = rows.filter(number_key=key, person__county_code=person.county_code)
    return set(
        having.exclude(person__household=person.household_id).values_list("person__household", flat=True)
    )


def _of_the_dead(person: Person, died_on: date) -> str:
    """Whose money goes there, and the way on of a household that goes on."""
    living = Person.objects.filter(household=person.household_id, died_on=None).exclude(
        status=RecordStatus.VOID
    )
    way = (
        "户里以后的请打开新户主的档案，点“改为户主”，不在这里换。"
        if person.is_holder and living.exists()
        else ""
    )
    return (
        f"这个人已于{day_text(died_on)}登记死亡，换了卡也只收停发以前应发、还没有发成的钱。{way}"
        "确实要换的，请核对亡故证明和领取人的身份证。"
    )


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


def doubts_about(asked: AccountChange) -> list[Doubt]:
    """What the second person confirms sentence by sentence before the account counts, as it is now."""
    person, found = asked.person, []
    head = head_of(person)
    if is_strangers(asked.holder_name, own=person.name, head=head):
        relation = asked.holder_relation or "没有写明"
        found.append(
            Doubt(f"户名“{asked.holder_name}”不是本人，也不是户主{head}；与本人关系：{relation}。请核对。")
        )
    return found + _odd(person, asked.number)


@advances("recipients.accountchange")
@transaction.atomic
def check_account_change(
    pk: int,
    step: str,
    *,
    actor: User,
    note: str = "",
    number_again: str = "",
    acknowledged: Collection[str] = (),
) -> AccountChange:
    """Approve or refuse a new account; never the person who asked, also not under another account of theirs.

    Whoever approves types the number from the card, `number_again`: money goes where two people read the same. Doubtful
    for what is odd now and was not acknowledged; StepRefused of a record that was set aside: such a change is refused.
    """
    found = AccountChange.objects.visible_to(actor).only("person_id").get(pk=pk)
    person = locked(found.person_id, actor)  # before what hangs on it, as 作废 holds it
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
    doubts: list[Doubt] = []
    if chosen.target == AccountChangeStatus.APPROVED:
        _require_stands(person, "不能换卡。请退回")
        _require_same_number(asked, number_again)
        doubts = doubts_about(asked)
        require_meant(doubts, acknowledged, act="通过")
    asked.checked_by = actor
    asked.save(update_fields=["checked_by"])
    detail = {"tail": asked.tail, "old_tail": asked.old_tail, "doubts": len(doubts)}
    workflow.move(asked, chosen, actor=actor, note=privacy.scrub(note), detail=detail)
    if asked.status == AccountChangeStatus.APPROVED:
        _replace_account(asked)
    title = f"{asked.person}换卡{asked.get_status_display()}"
    messages.notify(
        [asked.asked_by], title=title, url=reverse("recipients:person-detail", args=[asked.person_id])
    )
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
