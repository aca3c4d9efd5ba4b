"""Budget indicators: registered by one, confirmed by another, attached to the policies they may pay."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import transaction

from huimin.core import clock
from huimin.core.authority.posts import require_role
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values.money import parse_yuan
from huimin.core.work import workflow
from huimin.core.work.verbs import advances
from subsidies.models import Indicator, IndicatorMove, IndicatorPolicy, Policy
from subsidies.services.keeping import keep
from subsidies.states import INDICATOR_FLOW, IndicatorStatus

if TYPE_CHECKING:
    from huimin.core.models import User

REGISTRARS = INDICATOR_FLOW["register"].roles
ATTACHERS = frozenset({Role.FINANCE_CLERK, Role.FINANCE_CHECKER})


@transaction.atomic
def register_indicator(
    county_code: str,
    *,
    document_number: str,
    name: str,
    source: str,
    year: int,
    issued: Decimal,
    actor: User,
    upper_document: str = "",
    economic_class: str = "",
    budget_unit: str = "",
) -> Indicator:
    """Put a document's money (元) on record; nothing can be spent before another person confirms it."""
    require_role(actor, REGISTRARS, division_code=county_code, act="登记指标")
    issued = parse_yuan(issued, allow_zero=False, name="下达数")
    indicator = keep(
        Indicator(
            county_code=county_code,
            division_code=county_code,
            document_number=document_number.strip(),
            upper_document=upper_document.strip(),
            name=name.strip(),
            source=source,
            year=year,
            economic_class=economic_class.strip(),
            budget_unit=budget_unit.strip(),
            issued=issued,
            available=issued,
            registered_by=actor,
        )
    )
    _put_on_record(indicator, actor)
    return indicator


def _put_on_record(indicator: Indicator, actor: User) -> None:
    """Duty, first move and trace of an indicator that has just been registered."""
    workflow.take_duty(indicator, INDICATOR_FLOW["register"].duty, actor=actor)
    IndicatorMove.objects.create(
        indicator=indicator,
        kind=IndicatorMove.Kind.ISSUE,
        amount=indicator.issued,
        subject=audit.subject_of(indicator),
        actor=actor,
        business_at=clock.now(),
    )
    audit.record(
        indicator,
        action="register",
        actor=actor,
        label="登记指标",
        after=IndicatorStatus.REGISTERED,
        detail={"document": indicator.document_number, "issued": str(indicator.issued)},
    )


@advances("subsidies.indicator")
@transaction.atomic
def advance_indicator(pk: int, step: str, *, actor: User, note: str = "") -> Indicator:
    """Take a step of INDICATOR_FLOW; Indicator.DoesNotExist when out of reach.

    Confirmed is the second person's word that document and amount are right, from then on the money can be frozen;
    a wrong registration is void, not corrected: the right one is registered anew.
    """
    try:
        one = INDICATOR_FLOW[step]
    except KeyError:
        raise BadInput(f"指标没有“{step}”这一步。") from None
    rows = Indicator.objects.visible_to(actor).select_for_update(of=("self",), no_key=True)
    indicator: Indicator = rows.get(pk=pk)
    workflow.move(indicator, one, actor=actor, note=note)
    return indicator


@transaction.atomic
def attach_indicator(
    indicator: Indicator, *, policy: Policy, actor: User, priority: int = 1
) -> IndicatorPolicy:
    """Let the indicator pay this policy; the smaller priority is drawn first, then the older indicator."""
    require_role(actor, ATTACHERS, division_code=indicator.division_code, policy_id=policy.pk, act="挂接指标")
    held = (
        Indicator.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=indicator.pk)
    )
    if held.status == IndicatorStatus.REFUSED:
        raise StepRefused("这笔指标已作废，不能挂接。")
    if held.county_code != policy.county_code:
        raise StepRefused("指标和政策不属于同一个县，不能挂接。")
    link = keep(IndicatorPolicy(indicator=held, policy=policy, priority=priority))
    audit.record(
        held,
        action="attach",
        actor=actor,
        label="挂接政策",
        detail={"policy": policy.code, "priority": priority},
    )
    return link
