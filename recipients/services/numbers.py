"""更正身份证号: the right ID number of a record, asked for by one and checked against the card by another.

The record stays the same person's, with everything that hangs on it (docs/decisions/0022).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.urls import reverse

from huimin.core import clock, crypto
from huimin.core.authority import scope
from huimin.core.authority.posts import not_your_post, require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Division
from huimin.core.records import audit, files
from huimin.core.values import identity, privacy
from huimin.core.values.days import day_text
from huimin.core.values.doubts import Doubt, require_meant
from huimin.core.values.identity import age_on
from huimin.core.work import messages, workflow
from huimin.core.work.verbs import advances
from recipients.models import Entitlement, NumberChange, Person, RecordStatus
from recipients.rules import commit
from recipients.services import pictures
from recipients.services.registry import locked
from recipients.states import (
    NUMBER_ASK_ROLES,
    NUMBER_CHECK_ROLES,
    NUMBER_FLOW,
    EntitlementStatus,
    NumberChangeStatus,
)

if TYPE_CHECKING:
    from huimin.core.models import User

_SEXES = {"1": "男", "2": "女"}


@dataclass(frozen=True, slots=True)
class RightNumber:
    """As asked for; `number` stays out of repr(). With `exchange` the record that bears it gets this one's."""

    number: str
    reason: str
    proof: bytes
    exchange: bool = False
    acknowledged: Collection[str] = ()

    def __repr__(self) -> str:
        return f"RightNumber(exchange={self.exchange})"


@transaction.atomic
def ask_number_change(person_id: int, new: RightNumber, *, actor: User) -> NumberChange:
    """Ask for the right number; nothing changes until another person has checked it.

    BadInput for what is no ID number or is that of another record without `exchange`; Doubtful, while `acknowledged` does
    not name it, for what follows from the new birth date and sex.
    """
    person = locked(person_id, actor)
    one = NUMBER_FLOW["ask"]
    require_role(actor, one.roles, division_code=person.division_code, act=one.label)
    if why := why_not_number(person):
        raise StepRefused(why)
    if not new.reason.strip():
        raise BadInput("请填写更正原因。", field="reason")
    asked = _asked(person, new, actor)
    doubts = doubts_about(asked)
    require_meant(doubts, new.acknowledged, act=one.label)
    asked.proof = _kept(new.proof, asked)
    asked.save()
    workflow.take_duty(asked, one.duty, actor=actor)
    audit.record(asked, action=one.name, actor=actor, label=one.label, note=asked.reason, detail=_told(asked))
    return asked


def why_not_number(person: Person) -> str:
    """Why no change can be asked for now; empty when it can."""
    if person.status == RecordStatus.VOID:
        return "这份档案已经作废，不能更正身份证号。"
    if person.number_changes.filter(status=NumberChangeStatus.ASKED).exists():
        return "这个人已有一个待复核的更正身份证号。"
    return ""


def _asked(person: Person, new: RightNumber, actor: User) -> NumberChange:
    try:
        right = identity.parse_id_number(new.number, today=clock.today())
    except BadInput as wrong:
        raise BadInput(str(wrong), field="number") from None
    if right.number == person.id_number:
        raise BadInput("与现在登记的身份证号相同，不用更正。", field="number")
    key = crypto.blind_index("id_number", right.number)
    other = _other(person, key, exchange=new.exchange, actor=actor)
    return NumberChange(
        person=person,
        other=other,
        old_number=person.id_number,
        old_key=person.id_key,
        old_birth_date=person.birth_date,
        old_sex=person.sex,
        id_number=right.number,
        id_key=key,
        id_commitment=commit(person.commit_salt, right.number),
        birth_date=right.birth_date,
        sex=right.sex,
        other_commitment=commit(other.commit_salt, person.id_number) if other else None,
        reason=privacy.hide(new.reason.strip())[:200],
        asked_by=actor,
        county_code=person.county_code,
        division_code=person.division_code,
    )


def _other(person: Person, key: bytes, *, exchange: bool, actor: User) -> Person | None:
    """Who bears the number now: none, or whoever exchanges theirs with this person."""
    bearing = Person.objects.filter(county_code=person.county_code, id_key=key)
    other: Person | None = bearing.exclude(status=RecordStatus.VOID).first()
    if other is None:
        if exchange:
            raise BadInput("这个身份证号不在别的档案里，不用互换。", field="exchange")
        return None
    town = Division.objects.names([scope.town_of(other.division_code)])[scope.town_of(other.division_code)]
    if not exchange:
        raise BadInput(
            f"这个身份证号登在{town}的另一份档案里，请核对证件。那份是建重的，先把它作废；"
            "那份的号登错了，先更正那份；两个人的号登反了，勾“互换”。",
            field="number",
        )
    if not scope.holds(actor, NUMBER_ASK_ROLES, division_code=other.division_code):
        raise BadInput(
            f"这个身份证号登在{town}的另一份档案里，不归您管。请管这两个地方的乡镇或县级主管部门申请互换。",
            field="exchange",
        )
    return other


def _kept(proof: bytes, asked: NumberChange) -> Any:
    content_type, ending = pictures.kind_of(proof, field="proof")
    return files.store(
        proof,
        name=f"更正身份证号-{asked.person_id}{ending}",
        purpose="number_proof",
        content_type=content_type,
        actor=asked.asked_by,
        county_code=asked.county_code,
        division_code=asked.division_code,
    )


def _told(asked: NumberChange) -> dict[str, Any]:
    """What the trail keeps: whose number, and with whom it was exchanged; no number."""
    return {"person": asked.person_id} | ({"other": asked.other_id} if asked.other_id else {})


def doubts_about(asked: NumberChange) -> list[Doubt]:
    """What follows from the new number, for both who ask and who check."""
    found = _following(asked.person, asked.old_birth_date, asked.birth_date, asked.old_sex, asked.sex)
    if asked.other:
        found += _following(asked.other, asked.birth_date, asked.old_birth_date, asked.sex, asked.old_sex)
        found.append(f"{asked.other}的身份证号同时改成{asked.person}现在登记的号。两个人的证件都要核对。")
    return [Doubt(text) for text in found]


def _following(person: Person, was: Any, born: Any, old_sex: str, sex: str) -> list[str]:
    today, found = clock.today(), []
    if was != born:
        rights = Entitlement.objects.filter(beneficiary=person).exclude(status=EntitlementStatus.ENDED)
        held = "、".join(dict.fromkeys(str(one.policy) for one in rights.select_related("policy")))
        paid = f"享受着{held}，按年龄发的，没送审的名单都按新的出生日期算。" if held else ""
        found.append(
            f"{person}的出生日期由{day_text(was)}改为{day_text(born)}，"
            f"年龄由{age_on(was, today)}岁变为{age_on(born, today)}岁。{paid}"
        )
    if old_sex != sex:
        found.append(f"{person}的性别由{_SEXES[old_sex]}改为{_SEXES[sex]}。")
    return found


@advances("recipients.numberchange")
@transaction.atomic
def check_number_change(
    pk: int,
    step: str,
    *,
    actor: User,
    note: str = "",
    number_again: str = "",
    acknowledged: Collection[str] = (),
) -> NumberChange:
    """Approve or refuse; never the person who asked, also not under another account of theirs.

    Whoever approves types the number from the card. StepRefused where a record has changed since it was asked for: that
    change is refused and asked for anew.
    """
    found = NumberChange.objects.visible_to(actor).only("person_id", "other_id").get(pk=pk)
    people = Person.objects.filter(pk__in=[found.person_id, found.other_id]).order_by("pk")
    held = {one.pk: one for one in people.select_for_update(of=("self",), no_key=True)}
    asked: NumberChange = (
        NumberChange.objects.select_related("asked_by", "person", "other")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=pk)
    )
    if step not in {one.name for one in NUMBER_FLOW.steps}:
        raise BadInput(f"更正身份证号没有“{step}”这一步。")
    chosen = NUMBER_FLOW[step]
    if refusal := workflow.why_not(asked, chosen, actor=actor, note=note):
        raise refusal
    workflow.take_duty(asked, chosen.duty, actor=actor)
    if chosen.target == NumberChangeStatus.APPROVED:
        _require_checked(asked, number_again, acknowledged, actor)
    asked.checked_by = actor
    try:
        with transaction.atomic():
            asked.save(update_fields=["checked_by"])
            workflow.move(asked, chosen, actor=actor, note=privacy.scrub(note), detail=_told(asked))
    except IntegrityError as error:
        if not any(said in str(error) for said in ("已有变动", "已在另一份档案里")):
            raise
        raise StepRefused(
            "申请以后这份档案，或者别的档案的身份证号有变动。请退回，由申请人重新申请。"
        ) from error
    if asked.status == NumberChangeStatus.APPROVED:
        for one in held.values():
            audit.record(
                one, action="number", actor=actor, label="更正身份证号", detail={"number_change": asked.pk}
            )
    messages.notify(
        [asked.asked_by],
        title=f"{asked.person}的更正身份证号{asked.get_status_display()}",
        url=reverse("recipients:number-detail", args=[asked.pk]),
        body=privacy.scrub(note),
    )
    return asked


def _require_checked(asked: NumberChange, again: str, acknowledged: Collection[str], actor: User) -> None:
    if asked.other and not scope.holds(actor, NUMBER_CHECK_ROLES, division_code=asked.other.division_code):
        raise not_your_post(NUMBER_CHECK_ROLES, f"复核{asked.other}的身份证号")
    if not again.strip():
        raise BadInput("请照证件再输一遍正确的身份证号。", field="number_again")
    if identity.normalise_id_number(again) != asked.id_number:
        raise BadInput(
            "您输的身份证号与申请的不一样。请对照证件再看；申请的号码错了，请退回。", field="number_again"
        )
    require_meant(doubts_about(asked), acknowledged, act="通过")
