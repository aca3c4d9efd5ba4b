"""户主变更: another head for a household, asked for by one and approved by another who sees which rights pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.urls import reverse

from huimin.core import clock
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit, files
from huimin.core.values import privacy
from huimin.core.values.days import day_text
from huimin.core.values.doubts import Doubt, require_meant
from huimin.core.values.identity import age_on
from huimin.core.work import messages, workflow
from huimin.core.work.verbs import advances
from recipients.files import relations
from recipients.models import Death, Entitlement, HeadChange, Household, Person, RecordStatus
from recipients.services import passing, pictures, succession
from recipients.states import HEAD_FLOW, HeadChangeStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from django.db.models import QuerySet

    from huimin.core.models import User
    from recipients.services.passing import Passing

GROWN = 18
Cause = HeadChange.Cause


@dataclass(frozen=True, slots=True)
class NewHead:
    """A change as asked for: `starts_on` is left out of a death, whose day counts; `relations` are codes of GB/T 4761
    by the member's id; `proof` the bytes of a photograph. `acknowledged` are the codes of the doubts that are meant."""

    cause: str
    reason: str
    starts_on: date | None
    relations: Mapping[int, str]
    proof: bytes
    acknowledged: Collection[str] = ()


def members_of(household_id: int) -> QuerySet[Person]:
    """Whoever has a record in the household, the dead among them."""
    return Person.objects.filter(household=household_id).exclude(status=RecordStatus.VOID).order_by("pk")


def head_of(household_id: int) -> Person | None:
    return members_of(household_id).filter(is_holder=True).first()


@transaction.atomic
def ask_head_change(person_id: int, new: NewHead, *, actor: User) -> HeadChange:
    """Ask that this member becomes head; nothing changes until another person has approved it.

    BadInput names the field: a day to come, a cause that the registry does not know of, a member without relation.
    Doubtful for what is odd and was not acknowledged.
    """
    person: Person = (
        Person.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=person_id)
    )
    one = HEAD_FLOW["ask"]
    require_role(actor, one.roles, division_code=person.division_code, act=one.label)
    if refusal := why_not_ask(person):
        raise StepRefused(refusal)
    if not new.reason.strip():
        raise BadInput("请填写说明。", field="reason")
    pictures.kind_of(new.proof, field="proof")
    asked = _wanted(person, new, actor)
    doubts = doubts_about(asked, passing.plan(asked))
    require_meant(doubts, new.acknowledged, act=one.label)
    asked.proof = _kept(new.proof, asked)
    asked.save()
    workflow.take_duty(asked, one.duty, actor=actor)
    audit.record(
        asked, action=one.name, actor=actor, label=one.label, note=asked.reason, detail=_told(asked, doubts)
    )
    return asked


def _wanted(person: Person, new: NewHead, actor: User | None = None) -> HeadChange:
    old = head_of(person.household_id)
    return HeadChange(
        household_id=person.household_id,
        old_head=old,
        new_head=person,
        cause=new.cause,
        reason=privacy.hide(new.reason.strip())[:200],
        starts_on=_day(old, new),
        relations=_relations(person, new.relations),
        asked_by=actor,
        county_code=person.county_code,
        division_code=person.division_code,
    )


def doubts_beforehand(person: Person, new: NewHead) -> list[Doubt]:
    """The doubts that asking for this would raise, without asking for it."""
    wanted = _wanted(person, new)
    return doubts_about(wanted, passing.plan(wanted))


def why_not_head(person: Person) -> str:
    """Why this person cannot become the head of the household; empty when it can be asked for."""
    if person.is_holder:
        return "这个人已经是户主。"
    if person.status != RecordStatus.NORMAL:
        return "这份档案已停用或作废，不能当户主。"
    return "这个人已登记死亡，不能当户主。" if person.died_on else ""


def why_not_ask(person: Person) -> str:
    """The same of asking for it now: one change of a household waits at a time."""
    if refusal := why_not_head(person):
        return refusal
    waits = HeadChange.objects.filter(household=person.household_id, status=HeadChangeStatus.ASKED)
    return "这一户已有一个待复核的户主变更。" if waits.exists() else ""


def head_since(death: Death) -> Person | None:
    """Who is head now that another one came in the dead one's place; None where nobody did, or he is head again."""
    replaced = HeadChange.objects.filter(
        old_head=death.person,
        cause=Cause.DIED,
        starts_on=death.died_on,
        status=HeadChangeStatus.APPROVED,
    )
    if death.person.is_holder or not replaced.exists():
        return None
    return head_of(death.person.household_id)


LONGEST_BACK = timedelta(days=366)


def _day(old: Person | None, new: NewHead) -> date:
    died_on = old.died_on if old else None
    if (new.cause == Cause.DIED) != (died_on is not None):
        said = "原户主已登记死亡，原因请选“原户主去世”。" if died_on else "原户主没有登记死亡，请先登记死亡。"
        raise BadInput(said, field="cause")
    if died_on:
        return died_on
    if new.starts_on is None:
        raise BadInput("请填写变更日期。", field="starts_on")
    if new.starts_on > clock.today():
        raise BadInput("变更日期不能晚于今天，请到那天再办。", field="starts_on")
    return _day_of_today(old, new.starts_on)


def _day_of_today(old: Person | None, starts_on: date) -> date:
    # rights pass from the day on: a slip in the year would hand over what was paid for years. A change that made this
    # head is undone from its own day, however long ago
    undone = old is not None and old.headships_taken.filter(
        status=HeadChangeStatus.APPROVED, starts_on=starts_on
    )
    if starts_on < clock.today() - LONGEST_BACK and not (undone and undone.exists()):
        raise BadInput("变更日期早于一年前，请核对年份；只能填一年以内的日期。", field="starts_on")
    return starts_on


def _relations(head: Person, given: Mapping[int, str]) -> dict[str, str]:
    found = {}
    for member in members_of(head.household_id).exclude(pk=head.pk):
        code = given.get(member.pk, "")
        if code not in relations.LABELS or code in relations.OWN:
            raise BadInput(f"请选择{member.name}与新户主的关系。", field=f"relation_{member.pk}")
        found[str(member.pk)] = code
    return found


def _kept(proof: bytes, asked: HeadChange) -> Any:
    content_type, ending = pictures.kind_of(proof, field="proof")
    return files.store(
        proof,
        name=f"户主变更证明-{asked.household_id}{ending}",
        purpose="head_proof",
        content_type=content_type,
        actor=asked.asked_by,
        county_code=asked.county_code,
        division_code=asked.division_code,
    )


def _told(asked: HeadChange, doubts: list[Doubt]) -> dict[str, Any]:
    """What the trail keeps; of what was odd how much of it was confirmed, since it names people."""
    return {
        "old_head": asked.old_head_id,
        "new_head": asked.new_head_id,
        "cause": asked.cause,
        "starts_on": asked.starts_on.isoformat(),
        "doubts": len(doubts),
    }


def doubts_about(asked: HeadChange, plan: list[Passing]) -> list[Doubt]:
    """What is lawful and perhaps a slip: whoever asks confirms it, and the second person looks at it again."""
    found = [doubt for one in plan for doubt in one.doubts]
    return [Doubt(f"{text}。") for text in (*_doubts_of_head(asked), *_doubts_of_family(asked), *found)]


def _doubts_of_head(asked: HeadChange) -> list[str]:
    new, day, found = asked.new_head, asked.starts_on, []
    if day < new.birth_date:
        found.append(f"新户主{new}在变更那天还没有出生")
    elif age_on(new.birth_date, day) < GROWN:
        found.append(f"新户主{new}在变更那天未满 {GROWN} 周岁，请看清有没有成年的家庭成员")
    if new.resident_since and new.resident_since > day:
        found.append(f"新户主{new}在{day_text(new.resident_since)}才入户，在变更日期以后")
    account = new.accounts.filter(is_active=True).first()
    if account is None:
        found.append(f"新户主{new}没有在用的银行账户，登记以后才能发")
    elif account.holder_name != new.name:
        dead = members_of(asked.household_id).filter(name=account.holder_name, died_on__isnull=False)
        whose = "，这个人已登记死亡" if dead.exists() else ""
        found.append(
            f"新户主{new}在用的账户（尾号{account.tail}）户名是{account.holder_name}{whose}，"
            "发给新户主的钱都到这个账户，要换的请先换卡"
        )
    return found


def _doubts_of_family(asked: HeadChange) -> list[str]:
    """Of the relations: sex, age, two spouses."""
    found, spouses, head = [], 0, asked.new_head
    for member in members_of(asked.household_id).exclude(pk=head.pk):
        code = asked.relations.get(str(member.pk), "")
        spouses += code in relations.SPOUSES and member.died_on is None
        wrong = relations.doubt_of(
            code, sex=member.sex, born=member.birth_date, head_sex=head.sex, head_born=head.birth_date
        )
        if wrong:
            found.append(f"{member}是新户主的“{relations.LABELS[code]}”，{wrong}")
    if spouses > 1:
        found.append("家里有两个人填的是新户主的配偶")
    return found


@advances("recipients.headchange")
@transaction.atomic
def check_head_change(
    pk: int,
    step: str,
    *,
    actor: User,
    note: str = "",
    seen: str | None = None,
    acknowledged: Collection[str] = (),
) -> HeadChange:
    """Approve or refuse; never the person who asked, also not under another account of theirs.

    With `seen`, the passing.seen() that the page showed, rights that moved since are looked at again. StepRefused when the
    household has changed since it was asked for (it is refused and asked for anew) or a right is suspended; Doubtful for
    what is odd and was not acknowledged.
    """
    found = HeadChange.objects.visible_to(actor).only("household_id").get(pk=pk)
    people = members_of(found.household_id).select_for_update(of=("self",), no_key=True)
    members = {one.pk: one for one in people}
    asked: HeadChange = (
        HeadChange.objects.select_related("asked_by", "old_head", "new_head", "household")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=pk)
    )
    try:
        chosen = HEAD_FLOW[step]
    except KeyError:
        raise BadInput(f"户主变更没有“{step}”这一步。") from None
    if refusal := workflow.why_not(asked, chosen, actor=actor, note=note):
        raise refusal
    workflow.take_duty(asked, chosen.duty, actor=actor)
    plan: list[Passing] = []
    doubts: list[Doubt] = []
    if chosen.target == HeadChangeStatus.APPROVED:
        _require_as_asked(asked, members)
        plan, doubts = _looked_at(asked, members, seen, acknowledged)
    asked.checked_by = actor
    asked.save(update_fields=["checked_by"])
    told = _told(asked, doubts)
    workflow.move(asked, chosen, actor=actor, note=privacy.scrub(note), detail=told)
    if asked.status == HeadChangeStatus.APPROVED:
        _take_place(asked, members, actor, told)
        _pass_on(asked, plan, actor)
    messages.notify(
        [asked.asked_by],
        title=f"{asked.new_head}的户主变更{asked.get_status_display()}",
        url=reverse("recipients:head-detail", args=[asked.pk]),
        body=note,
    )
    return asked


def _require_as_asked(asked: HeadChange, members: Mapping[int, Person]) -> None:
    """StepRefused where the household, or what its register says of the cause and its day, is not what was asked about."""
    head = next((one for one in members.values() if one.is_holder), None)
    others = {str(pk) for pk in members if pk != asked.new_head_id}
    new = members.get(asked.new_head_id)
    if (
        (head.pk if head else None) != asked.old_head_id
        or others != set(asked.relations)
        or new is None
        or why_not_head(new)
    ):
        raise StepRefused(
            "申请以后这一户的户主或成员有变动，不能照原来的申请通过。请退回，由申请人重新申请。"
        )
    died_on = head.died_on if head else None
    if died_on != (asked.starts_on if asked.cause == Cause.DIED else None):
        now = f"原户主已登记{day_text(died_on)}死亡" if died_on else "原户主的死亡登记已更正"
        raise StepRefused(f"申请以后{now}，与申请的原因、日期不符。请退回，由申请人重新申请。")


def _looked_at(
    asked: HeadChange, members: Mapping[int, Person], seen: str | None, acknowledged: Collection[str]
) -> tuple[list[Passing], list[Doubt]]:
    """What passes now, with the rights held, as the page showed it and with what is odd in it confirmed."""
    rights = Entitlement.objects.filter(beneficiary__in=members)
    list(rights.select_for_update(of=("self",), no_key=True).order_by("beneficiary", "pk"))
    plan = passing.plan(asked)
    if seen is not None and seen != passing.seen(plan):
        raise StepRefused("您打开页面以后，这一户的享受资格有变动。请看过现在要转的资格，再决定。")
    succession.require_decided(plan)
    doubts = doubts_about(asked, plan)
    require_meant(doubts, acknowledged, act="通过")
    return plan, doubts


def _take_place(asked: HeadChange, members: Mapping[int, Person], actor: User, told: dict[str, Any]) -> None:
    """The register: the old head before the new one."""
    for member in sorted(members.values(), key=lambda one: one.pk == asked.new_head_id):
        member.is_holder = member.pk == asked.new_head_id
        member.relation = asked.relations.get(str(member.pk), relations.HOLDER)
        member.save(update_fields=["is_holder", "relation"])
        detail = {"head_change": asked.pk} | told
        audit.record(member, action="head", actor=actor, label="户主变更", detail=detail)


def _pass_on(asked: HeadChange, plan: list[Passing], actor: User) -> None:
    passed = succession.pass_on(asked, plan, actor=actor)
    audit.record(
        asked,
        action="succeed",
        actor=actor,
        label="享受资格转给新户主" if passed else "没有享受资格随户主变更转",
        detail={"passed": len(passed), "rights": [one.later_id for one in passed]},
    )


def household_changes(household: Household) -> QuerySet[HeadChange]:
    rows = HeadChange.objects.filter(household=household)
    return rows.select_related("old_head", "new_head", "asked_by", "checked_by").order_by("-pk")
