"""更正终止: a mistaken ending is taken back by another person, and its days go to whoever has them by then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from huimin.core.errors import BadInput, StepRefused
from huimin.core.values import privacy
from huimin.core.values.days import day_text
from huimin.core.work import messages, workflow
from huimin.core.work.verbs import advances
from recipients.models import Ending, Entitlement, Person, RecordStatus, Suspension
from recipients.services import endings, succession
from recipients.states import ENDING_FLOW, EndingStatus, SuspensionStatus
from subsidies.models import Policy

if TYPE_CHECKING:
    from huimin.core.models import User


@dataclass(frozen=True, slots=True)
class Heir:
    """Who has the days of a right that is given back from this day on: a change of the head was approved meanwhile."""

    since: date
    head: Person


@advances("recipients.ending")
@transaction.atomic
def correct_ending(pk: int, step: str, *, actor: User, note: str = "") -> Entitlement:
    """The right should not have ended, or not on that day: another one than who ended it says so and why.

    It is again what it was, but where a later declaration has taken its place; then it can be ended on the right day.
    What it has from a later change of the head on is that head's, and who died meanwhile has it up to the death, also
    where the right was confirmed anew and ended by these since.
    StepRefused for what a death ended (the death is corrected), where days would pass of a right that is suspended, and
    where somebody ended the right again within the days that would come back.
    """
    chosen = ENDING_FLOW["correct"]
    if step != chosen.name:
        raise BadInput(f"终止记录没有“{step}”这一步。")
    found = Ending.objects.visible_to(actor).select_related("entitlement__policy").get(pk=pk)
    _hold_people(found.entitlement)
    right = _locked_right(found.entitlement_id)
    ending = endings.locked(pk)
    if refusal := workflow.why_not(ending, chosen, actor=actor, note=note):
        raise refusal
    if why := why_not_correct(ending):
        raise StepRefused(why)
    reason = privacy.scrub(note.strip())[:200]
    _judge_anew(right, ending, actor)
    endings.take_back(right, ending, actor=actor, reason=reason)
    succession.follow(right.beneficiary, actor=actor, policy_id=right.policy_id)
    succession.end_of_the_dead(right.beneficiary, actor=actor, policy_id=right.policy_id)
    right.refresh_from_db()
    messages.notify(
        [ending.made_by],
        title=f"{right.beneficiary}的终止享受已更正",
        url=reverse("recipients:person-detail", args=[right.beneficiary_id]),
        body=reason,
    )
    return right


def _judge_anew(right: Entitlement, ending: Ending, actor: User) -> None:
    """A later ending by a death or a change of the head that stands within the days that come back is over: these go the
    way of the changes, and of the death, with what comes back."""
    later = Ending.objects.filter(entitlement=right, status=EndingStatus.STANDING, pk__gt=ending.pk).first()
    if later is not None and endings.reaches(endings.comes_back(ending), later.ends_on):
        endings.revive(right, actor=actor, detail={"corrected": ending.pk})


def _hold_people(right: Entitlement) -> None:
    """People before rights, as a confirmation and a death hold them; of a household all, since its head may take over."""
    wanted = Q(pk=right.beneficiary_id)
    if right.policy.object_type == Policy.ObjectType.HOUSEHOLD:
        wanted |= Q(household__members=right.beneficiary_id)
    people = Person.objects.filter(pk__in=Person.objects.filter(wanted).values("pk"))
    list(people.select_for_update(of=("self",), no_key=True).order_by("pk").only("pk"))


def _locked_right(pk: int) -> Entitlement:
    rights = Entitlement.objects.select_related("policy", "beneficiary")
    return rights.select_for_update(of=("self",), no_key=True).get(pk=pk)


def why_not_correct(ending: Ending) -> str:
    """Why an ending that has not been corrected stays as it is; empty when it can be corrected."""
    if ending.death_id is not None:
        return "这次终止由死亡登记而来。登记错了的，请在个人档案里更正死亡登记。"
    if ending.head_change_id is not None:
        return (
            "这次终止由户主变更而来，以后的期间归新户主。变更错了的，请再办一次户主变更，"
            f"变更日期填{day_text(ending.happened)}。"
        )
    by_hand = Ending.objects.filter(
        entitlement_id=ending.entitlement_id, pk__gt=ending.pk, death=None, head_change=None
    )
    if ending.entitlement.beneficiary.status == RecordStatus.VOID and not heirs(ending):
        return "这份档案已作废，恢复的日子发不出去。仍符合条件的，请用现在的档案申报。"
    days = endings.comes_back(ending)
    for later in by_hand.exclude(status=EndingStatus.CORRECTED).order_by("-pk"):
        if endings.reaches(days, later.ends_on):
            return (
                f"这项资格后来又从{day_text(later.ends_on)}起终止过，在要恢复的日子里。请先更正后来的那一次，再更正这一次；"
                "后来那一次没有错的，最后照原来的日期再终止一次。"
            )
    if endings.is_cut_off(ending):
        return (
            "这项资格后来随户主变更转出、又转了回来，要恢复的日子接不上，不能在这里更正。"
            f"请从{day_text(ending.happened)}起终止现在的资格，再从那一期起重新申报。"
        )
    return ""


def heirs(ending: Ending) -> list[Heir]:
    """To whom the days go, in the order of the changes, once this ending is corrected; empty where they stay its own."""
    right = ending.entitlement
    if right.policy.object_type != Policy.ObjectType.HOUSEHOLD:
        return []
    days, found = endings.comes_back(ending), []
    for change in succession.changes_since(right.beneficiary):
        since = endings.stop_of(right, change.starts_on).ends_on
        if endings.reaches(days, since):
            found.append(Heir(since, change.new_head))
    return found


def waits_for_lifting(ending: Ending) -> bool:
    """Whether its days would pass to another head while a suspension stands: that is lifted first."""
    stands = Suspension.objects.filter(
        entitlement=ending.entitlement_id, status=SuspensionStatus.STANDING
    ).exists()
    return stands and bool(heirs(ending))
