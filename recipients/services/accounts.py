"""A new account of a person: asked for by one, checked against the card by another."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction
from django.urls import reverse

from huimin.core import clock, crypto
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values import identity, privacy
from huimin.core.values.doubts import Doubt, require_meant
from huimin.core.work import messages, workflow
from huimin.core.work.verbs import advances
from recipients.models import Account, AccountChange, Person
from recipients.rules import RELATION_LENGTH, commit, is_strangers
from recipients.services import banks
from recipients.services.registry import locked
from recipients.states import ACCOUNT_ASK_ROLES, ACCOUNT_FLOW, AccountChangeStatus

if TYPE_CHECKING:
    from huimin.core.models import User

DIGITS_DOUBTED = "卡号的校验位不对"
SHARED = "这个账号另一户也在用"


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

    Raises Doubtful for a card whose check digit is wrong (a few banks issue such cards) and for an account that another
    household uses, unless `acknowledged` names the doubt; BadInput for a name that is neither the person's nor the
    head's without `holder_relation`.
    """
    person = locked(person_id, actor)
    require_role(actor, ACCOUNT_ASK_ROLES, division_code=person.division_code, act="申请换卡")
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


def _require_another(person: Person, active: Account | None, number: str) -> None:
    """It is an account, not the one in use, and nothing else waits to be checked."""
    if number == person.id_number:
        raise BadInput("账号与身份证号相同，是否填错？", field="number")
    if active and bytes(active.number_key) == crypto.blind_index("account", number):
        raise StepRefused("与现在用的账号相同，不用变更。")
    if person.account_changes.filter(status=AccountChangeStatus.ASKED).exists():
        raise StepRefused("这个人已有一个待复核的账户变更。")


def _odd(person: Person, number: str) -> list[Doubt]:
    """What looks wrong with a number. What is said of one number is not said of another that ends alike."""
    tail, about, found = number[-4:], crypto.blind_index("account", number).hex(), []
    if identity.card_suspect(number):
        said = f"尾号 {tail} 的{DIGITS_DOUBTED}，可能输错。请对照卡片逐位核过，确实是这个号码。"
        found.append(Doubt(said, about=about))
    if others := _households_sharing(person, number):
        said = f"尾号 {tail} 的账号另有 {others} 户在用。请核对卡（折）是谁的，确实由那一户代领。"
        found.append(Doubt(said, about=about))
    return found


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
    if others := _households_sharing(asked.person, asked.number):
        found.append(f"{SHARED}（{others} 户），请看清是不是同户代领")
    return found


def _households_sharing(person: Person, number: str) -> int:
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
