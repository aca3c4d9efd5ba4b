"""一次性发放的“第N次”: opened for what happened on a day, before anybody is declared for it (decisions/0017)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Max

from huimin.core import clock
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.values.days import day_text
from huimin.core.values.periods import Period
from huimin.core.work import workflow
from subsidies.models import PaymentRound, Policy
from subsidies.states import POLICY_FLOW

if TYPE_CHECKING:
    from huimin.core.models import User

MOST_AHEAD = 366  # days


def round_of(policy: Policy, period: Period) -> PaymentRound | None:
    """The round that a one-off period of a policy names, perhaps given up; None for a regular period and for one nobody
    opened."""
    if not period.is_one_off:
        return None
    return PaymentRound.objects.filter(policy=policy, year=period.first.year, number=period.number).first()


def why_no_round(policy: Policy) -> str:
    """Why nobody opens a round of this policy now; empty when somebody may."""
    if not policy.is_one_off:
        return f"“{policy}”{policy.get_frequency_display()}发放，按期次办，不用开。"
    if policy.status not in POLICY_FLOW["open_round"].sources:
        return f"“{policy}”现在是“{policy.get_status_display()}”，公开以后才能开一次发放。"
    return ""


@transaction.atomic
def open_round(policy: Policy, *, title: str, day: date, actor: User) -> PaymentRound:
    """The next round of the year in which its day (基准日) lies; `title` says in plain words what it is for.

    Raises BadInput for a day that no published standard covers or that lies far ahead, and for a title of the same year.
    """
    one = POLICY_FLOW["open_round"]
    # the policy's row is held, so that numbers have no gaps
    held = Policy.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=policy.pk)
    require_role(actor, one.roles, division_code=held.division_code, policy_id=held.pk, act=one.label)
    if why := why_no_round(held):
        raise StepRefused(why)
    words = privacy.hide_digits(title.strip())
    if not words:
        raise BadInput("请写明这一次是为什么发的，如“7月洪灾救助”。", field="title")
    _check_day(held, day)
    of_year = PaymentRound.objects.filter(policy=held, year=day.year)
    if same := of_year.open().filter(title=words).first():
        raise BadInput(
            f"{same.period.label}已经叫“{words}”。是同一次的，直接用那一次；不是的，写清区别。", field="title"
        )
    made = PaymentRound(
        policy=held,
        year=day.year,
        number=(of_year.aggregate(last=Max("number"))["last"] or 0) + 1,
        title=words[:40],
        day=day,
        opened_by=actor,
        opened_at=clock.now(),
        county_code=held.county_code,
        division_code=held.division_code,
    )
    audit.record(held, action=one.name, actor=actor, label=one.label, detail=_told(made))
    made.save()
    workflow.take_duty(made, one.duty, actor=actor)
    return made


def _check_day(policy: Policy, day: date) -> None:
    if (day - clock.today()).days > MOST_AHEAD:
        raise BadInput("基准日最多在一年以内，请看年份有没有选错。", field="day")
    if policy.version_on(day) is None:
        raise BadInput(
            f"“{policy}”在{day_text(day)}没有已发布的标准，请核对基准日，或先发布那时的标准。", field="day"
        )


@transaction.atomic
def discard_round(pk: int, *, note: str, actor: User) -> PaymentRound:
    """Give up a round under which nobody is declared or listed: nothing was paid, and nothing will be.

    Books and batches that were set aside do not hinder, nor does a confirmed book that no batch lists; then it takes
    another person than who opened the round. StepRefused in the words of the database, which looks (RoundInUse).
    """
    one = POLICY_FLOW["discard_round"]
    found = PaymentRound.objects.filter(policy__in=Policy.objects.visible_to(actor)).get(pk=pk)
    held: Policy = Policy.objects.select_for_update(of=("self",), no_key=True).get(pk=found.policy_id)
    if refusal := workflow.why_not(held, one, actor=actor, note=note):
        raise refusal
    found = PaymentRound.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
    if found.given_up_at is not None:
        raise StepRefused("这一次已经放弃过了。")
    reason = privacy.scrub(note.strip())[:200]
    audit.record(held, action=one.name, actor=actor, label=one.label, note=reason, detail=_told(found))
    found.given_up_by, found.given_up_at, found.given_up_reason = actor, clock.now(), reason
    try:
        with transaction.atomic():
            found.save(update_fields=["given_up_by", "given_up_at", "given_up_reason"])
    except IntegrityError as error:
        said = str(error).partition("\n")[0]
        if not said.startswith("这一次"):
            raise
        raise StepRefused(f"{said}。") from error
    return found


def _told(one: PaymentRound) -> dict[str, str]:
    return {"round": one.period.text, "title": one.title, "day": one.day.isoformat()}
