"""停用, 恢复 and 作废 of a record: out of use for a while, back by another person; set aside for good, by another as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse

from huimin.core import clock
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import User
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.work import messages, workflow
from huimin.core.work.verbs import advances
from recipients.models import (
    DeclarationLine,
    Entitlement,
    HeadChange,
    NumberChange,
    Person,
    RecordPause,
    RecordStatus,
    Suspension,
)
from recipients.queries import in_use
from recipients.services.registry import locked
from recipients.states import (
    RECORD_FLOW,
    VOID_ROLES,
    AccountChangeStatus,
    DeclarationStatus,
    EntitlementStatus,
    HeadChangeStatus,
    NumberChangeStatus,
    SuspensionStatus,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_DECIDED = (DeclarationStatus.CONFIRMED, DeclarationStatus.WITHDRAWN)


@transaction.atomic
def pause_record(person_id: int, *, reason: str, actor: User) -> RecordPause:
    """Put a record out of use: nobody lists or declares the person until another human being lifts it.

    What is not paid meanwhile is due afterwards; what has gone to the bank is paid.
    """
    person, one = locked(person_id, actor), RECORD_FLOW["pause"]
    require_role(actor, one.roles, division_code=person.division_code, act=one.label)
    if not reason.strip():
        raise BadInput("停用要写明原因。", field="reason")
    if person.status != RecordStatus.NORMAL:
        raise StepRefused(f"这份档案现在是“{person.get_status_display()}”，不能停用。")
    said = privacy.scrub(reason.strip())[:200]
    # the trail before the row, which is taken only with it (told_on_the_trail)
    _tell(person, "pause", one.label, RecordStatus.SUSPENDED, said, actor)
    made = RecordPause.objects.create(
        person=person,
        reason=said,
        made_by=actor,
        county_code=person.county_code,
        division_code=person.division_code,
    )
    workflow.take_duty(made, one.duty, actor=actor)
    return made


@advances("recipients.recordpause")
@transaction.atomic
def lift_pause(pk: int, step: str, *, actor: User, note: str = "") -> RecordPause:
    """Put the record back into use: another human being than who put it out of use, or imported it so, and why.

    Whoever does it is behind the lists that pay the person in the month after it, and checks and pays none of them.
    """
    if step not in {one.name for one in RECORD_FLOW.steps}:
        raise BadInput(f"停用记录没有“{step}”这一步。")
    chosen = RECORD_FLOW[step]
    found = RecordPause.objects.visible_to(actor).only("person_id").get(pk=pk)
    person = locked(found.person_id, actor)
    one: RecordPause = RecordPause.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
    if refusal := workflow.why_not(one, chosen, actor=actor, note=note):
        raise refusal
    workflow.take_duty(one, chosen.duty, actor=actor)
    reason = privacy.scrub(note.strip())[:200]
    _tell(person, "resume", chosen.label, RecordStatus.NORMAL, reason, actor)
    before, one.status = one.status, chosen.target
    one.lifted_by, one.lift_reason = actor, reason
    one.save(update_fields=["status", "lifted_by", "lift_reason"])
    audit.record(
        one, action=step, actor=actor, label=chosen.label, before=before, after=one.status, note=reason
    )
    messages.notify(
        [one.made_by],
        title=f"{person}的档案已恢复使用",
        url=reverse("recipients:person-detail", args=[person.pk]),
        body=reason,
    )
    return one


def _tell(person: Person, action: str, label: str, after: RecordStatus, note: str, actor: User) -> None:
    audit.record(
        person, action=action, actor=actor, label=label, before=person.status, after=after, note=note
    )


@transaction.atomic
def void_person(person_id: int, *, reason: str, actor: User) -> Person:
    """Set a mistaken record aside, on which nothing hangs; the ID number may be registered anew.

    By another person than who registered it, with a reason. Rights are ended, open books left, changes that wait
    decided and a pause lifted first: StepRefused names them, and the way on of a record under which money was listed, or
    of which a death or 停发 stands. There is no way back: the person is registered anew.
    """
    person = locked(person_id, actor)
    require_role(actor, VOID_ROLES, division_code=person.division_code, act="作废档案")
    if not reason.strip():
        raise BadInput("作废要写明原因。", field="reason")
    if why := why_not_void(person, actor=actor):
        raise StepRefused(why)
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
    _set_aside(person)
    person.accounts.filter(is_active=True).update(is_active=False, closed_at=clock.now())
    return person


def _set_aside(person: Person) -> None:
    """In the words of the database where a list was quicker (disbursement.models.records)."""
    try:
        with transaction.atomic():
            person.save(update_fields=["status", "voided_by"])
    except IntegrityError as error:
        if "列入过花名册" not in str(error):
            raise
        raise StepRefused(LISTED) from error


# what stays under the record that it names, and the ways on (docs/decisions/0022)
_INSTEAD = (
    "身份证号登错的办“更正身份证号”，户主错的办“改为户主”，不该再发的终止享受或停用；"
    "登在别的户、别的村的，钱照发，户和村等迁移功能。"
)
LISTED = f"这份档案列入过花名册，不能作废，发过的钱要跟着它。{_INSTEAD}"
_DEAD = "这份档案登记了死亡，不能作废。死亡登错的先更正，身份证号登错的办“更正身份证号”。"
_FORFEITED = f"这份档案有暂停或停发，不能作废，不然停发就落空了。暂停登错的先更正；{_INSTEAD}"


def why_not_void(person: Person, *, actor: User) -> str:
    """What stands against setting this record aside, whose post it is asked beside; empty when nothing does."""
    if person.status == RecordStatus.VOID:
        return "这份档案已经作废。"
    if person.status == RecordStatus.SUSPENDED:
        return "这份档案停用着。请先由停用、导入的人以外的一位恢复使用，再作废。"
    if User.objects.filter(pk=person.created_by_id, person_key=actor.person_key).exists():
        return "这份档案是您建的，要由另一个人作废。"
    return _kept_for(person) or _still_open(person)


_HEAD = (
    "这个人是户主，家里还有别人，不能作废。先把家里另一个人改为户主，再作废这份档案；"
    "身份证号登错的办“更正身份证号”。"
)
_TOOK_OVER = "这个人接着去世的户主领这一户的补贴，家里没有别人可以改为户主，不能作废。不能发的停用这份档案；身份证号登错的办“更正身份证号”。"


def _heads_others(person: Person) -> str:
    """Why a head stays: the others' money goes to whoever is head, and who that is two people decide (户主变更)."""
    if not person.is_holder:
        return ""
    others = Person.objects.filter(household=person.household_id).exclude(pk=person.pk)
    if others.filter(died_on__isnull=True).exclude(status=RecordStatus.VOID).exists():
        return _HEAD
    rights = Entitlement.objects.filter(beneficiary__in=others, house__isnull=False)
    return _TOOK_OVER if rights.exists() else ""


def _kept_for(person: Person) -> str:
    """What was said of the person, or paid, and would be lost with the record."""
    if in_use.is_in_use(person):
        return LISTED
    if person.died_on:
        return _DEAD
    lost = Q(status=SuspensionStatus.STANDING) | Q(
        status=SuspensionStatus.LIFTED, kind=Suspension.Kind.FORFEITED
    )
    if heads := _heads_others(person):
        return heads
    return _FORFEITED if Suspension.objects.filter(lost, entitlement__beneficiary=person).exists() else ""


def _still_open(person: Person) -> str:
    """Rights, books and changes that are ended, left and decided first."""
    if held := _names(Entitlement.objects.filter(beneficiary=person).exclude(status=EntitlementStatus.ENDED)):
        return f"这个人还有享受资格（{held}），请先终止，再作废档案。"
    open_books = DeclarationLine.objects.filter(beneficiary=person, excluded_at_level="").exclude(
        declaration__status__in=_DECIDED
    )
    if listed := _names(line.declaration for line in open_books.select_related("declaration__policy")):
        return f"这个人还在没有办完的申报册里（{listed}），请先删去或剔除，再作废档案。"
    if waits := _waiting(person):
        return f"还有待复核的{waits}，请先复核或退回，再作废档案。"
    return ""


def _waiting(person: Person) -> str:
    """What waits for a second person and would come about after the record is set aside."""
    cards = person.account_changes.filter(status=AccountChangeStatus.ASKED)
    heads = HeadChange.objects.filter(household=person.household_id, status=HeadChangeStatus.ASKED)
    numbers = NumberChange.objects.filter(Q(person=person) | Q(other=person), status=NumberChangeStatus.ASKED)
    found = {
        "换卡申请": cards.exists(),
        "这一户的户主变更申请": heads.exists(),
        "更正身份证号的申请": numbers.exists(),
    }
    return "、".join(word for word, waits in found.items() if waits)


def _names(rows: Iterable[object]) -> str:
    """The policies of rights or books, each once."""
    return "、".join(dict.fromkeys(str(row.policy) for row in rows))  # type: ignore[attr-defined]
