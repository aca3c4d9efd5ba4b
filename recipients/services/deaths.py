"""A death ends what a person is due, by each policy's own rule; a mistaken one is corrected by a second person."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.db import transaction

from huimin.core import clock
from huimin.core.authority.duties import Duty
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.work import messages, workflow
from huimin.core.work.verbs import advances
from recipients.models import Death, Ending, Entitlement, Person, RecordStatus, Succession
from recipients.services import endings, succession
from recipients.states import DEATH_FLOW, EDIT_ROLES, EndingStatus, EntitlementStatus

if TYPE_CHECKING:
    from huimin.core.models import User


@transaction.atomic
def record_death(person_id: int, *, died_on: date, actor: User) -> list[Entitlement]:
    """Register a death and end every right of that person by its policy's rule; returns the rights that ended.

    A person may do this where they may edit the registry. A wrong date is mended by correcting the death and
    registering it again.
    """
    person = _locked(person_id, actor)
    require_role(actor, EDIT_ROLES, division_code=person.division_code, act="登记死亡")
    if not person.birth_date <= died_on <= clock.today():
        raise BadInput("死亡日期应在出生日期之后、今天以前。", field="died_on")
    if person.died_on:
        raise StepRefused(f"已于{person.died_on}登记死亡，没有重复登记。登记错了的，请另一位同事更正。")
    death = Death.objects.create(
        person=person,
        died_on=died_on,
        recorded_by=actor,
        county_code=person.county_code,
        division_code=person.division_code,
    )
    workflow.take_duty(death, DEATH_FLOW["record"].duty, actor=actor)
    person.died_on = died_on
    person.save(update_fields=["died_on"])
    audit.record(
        person, action="death", actor=actor, label="登记死亡", detail={"died_on": died_on.isoformat()}
    )
    # after the person's lock: a confirmation holds it too (entitlements.entitle), so its rights are seen here
    rights = Entitlement.objects.filter(beneficiary=person).exclude(status=EntitlementStatus.ENDED)
    held = rights.select_for_update(of=("self",), no_key=True).order_by("pk")
    ended = [one for one in held if endings.end_by_death(one, death, actor=actor)]
    succession.follow(person, actor=actor)  # of who was head before: the household has another one to go on
    return ended


def _locked(person_id: int, actor: User) -> Person:
    """With everybody of the household, in one order: what is left of a former head goes on to the next one."""
    household = Person.objects.visible_to(actor).only("household_id").get(pk=person_id).household_id
    members = Person.objects.filter(household=household).select_for_update(of=("self",), no_key=True)
    return next(one for one in members.order_by("pk") if one.pk == person_id)


@advances("recipients.death")
@transaction.atomic
def correct_death(pk: int, step: str, *, actor: User, note: str = "") -> list[Entitlement]:
    """The person lives: another one than who registered the death says so and why; returns the rights restored.

    Rights that were ended, and ranges that were cut off, are as before, but where a later declaration has taken their
    place, or another head of the household. StepRefused where one that would pass to that head is suspended. Months that were not paid meanwhile are
    paid by a batch of their own (补发).
    """
    if step != DEATH_FLOW["correct"].name:
        raise BadInput(f"死亡登记没有“{step}”这一步。")
    found = Death.objects.visible_to(actor).only("person_id").get(pk=pk)
    person = _locked(found.person_id, actor)
    death: Death = Death.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
    if refusal := workflow.why_not(death, DEATH_FLOW["correct"], actor=actor, note=note):
        raise refusal
    if person.status == RecordStatus.VOID:
        raise StepRefused("这份档案已作废，不再享受补贴，不用更正死亡登记。")
    workflow.take_duty(death, Duty.DEATH_CORRECT, actor=actor)
    reason = privacy.scrub(note.strip())[:200]
    death.corrected_by, death.correction_reason = actor, reason
    death.save(update_fields=["corrected_by", "correction_reason"])
    workflow.move(death, DEATH_FLOW["correct"], actor=actor, note=reason)
    person.died_on = None
    person.save(update_fields=["died_on"])
    restored = _restore(death, reason, actor)
    succession.follow(person, actor=actor)  # of what came back: a former head's days are the head's of now
    restored = [one for one in restored if not _is_over(one)]
    audit.record(
        person,
        action="death.correct",
        actor=actor,
        label="更正死亡登记",
        note=reason,
        detail={"died_on": death.died_on.isoformat(), "restored": len(restored)},
    )
    messages.notify(
        [death.recorded_by],
        title=f"{person}的死亡登记已更正",
        url=f"/desk/recipients/people/{person.pk}/",
        body=reason,
    )
    return restored


def _restore(death: Death, reason: str, actor: User) -> list[Entitlement]:
    """What this death ended goes back to what it was, the latest ending first."""
    # what passed to another head is that one's, with what an earlier ending by this death had cut off the same right: it
    # comes back by a further change of the head
    passed_on = Succession.objects.filter(ending__death=death)
    mine = Ending.objects.filter(death=death).exclude(status=EndingStatus.CORRECTED)
    mine = mine.exclude(entitlement__in=passed_on.values("earlier"))
    rights = Entitlement.objects.filter(pk__in=mine.values("entitlement"))
    held = {
        one.pk: one
        for one in rights.select_for_update(of=("self",), no_key=True).order_by("beneficiary", "pk")
    }
    ended = [one for one in held.values() if one.status == EntitlementStatus.ENDED]
    for ending in mine.select_for_update(of=("self",), no_key=True).order_by("-pk"):
        endings.take_back(held[ending.entitlement_id], ending, actor=actor, reason=reason)
    return [one for one in ended if one.status != EntitlementStatus.ENDED]


def _is_over(right: Entitlement) -> bool:
    right.refresh_from_db(fields=["status", "ends_on"])
    return right.status == EntitlementStatus.ENDED
