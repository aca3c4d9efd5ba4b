"""The policy list: a policy is drafted and sent by one, published by another; its first version goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.work import workflow
from huimin.core.work.verbs import advances
from subsidies.models import Policy
from subsidies.services.keeping import keep, require
from subsidies.services.versions import put_in_force
from subsidies.states import POLICY_FLOW, PolicyStatus

if TYPE_CHECKING:
    from huimin.core.models import User

MAKERS = frozenset({Role.DEPARTMENT_CLERK, Role.FINANCE_CLERK})


@transaction.atomic
def draft_policy(county_code: str, *, actor: User, **facts: Any) -> Policy:
    """A new policy on the county's list, as a draft; `facts` are the fields of Policy."""
    require(actor, MAKERS, division_code=county_code, act="拟订政策")
    policy = keep(Policy(county_code=county_code, division_code=county_code, made_by=actor, **facts))
    workflow.take_duty(policy, Duty.POLICY_MAKE, actor=actor)
    audit.record(policy, action="draft", actor=actor, label="拟订", after=PolicyStatus.DRAFT)
    return policy


@transaction.atomic
def revise_policy(policy: Policy, *, actor: User, **facts: Any) -> Policy:
    """Change a draft; once sent, it is fixed until it comes back."""
    require(actor, MAKERS, division_code=policy.division_code, policy_id=policy.pk, act="修改政策")
    held = _held(policy.pk, actor)
    if held.status != PolicyStatus.DRAFT:
        raise StepRefused(f"政策“{held}”当前为“{held.get_status_display()}”，只有草稿可以修改。")
    before = {name: str(getattr(held, name)) for name in facts}
    for name, value in facts.items():
        setattr(held, name, value)
    workflow.take_duty(held, Duty.POLICY_MAKE, actor=actor)
    keep(held)
    changed = {
        name: [old, str(getattr(held, name))] for name, old in before.items() if old != str(facts[name])
    }
    audit.record(held, action="revise", actor=actor, label="修改", detail={"changed": changed})
    return held


@advances("subsidies.policy")
@transaction.atomic
def advance_policy(pk: int, step: str, *, actor: User, note: str = "") -> Policy:
    """Take a step of POLICY_FLOW. Publishing puts the draft version in force; later versions go by publish_version."""
    try:
        one = POLICY_FLOW[step]
    except KeyError:
        raise BadInput(f"政策没有“{step}”这一步。") from None
    policy = _held(pk, actor)
    refusal = workflow.why_not(policy, one, actor=actor, note=note)
    if refusal:
        raise refusal
    draft = policy.versions.filter(published_at__isnull=True).first()
    if step in {"submit", "publish"} and draft is None:
        raise StepRefused("还没有补贴标准，请先添加版本再送审。")
    workflow.move(policy, one, actor=actor, note=note)
    if step == "publish" and draft is not None:
        put_in_force(draft, actor=actor)
    return policy


def _held(pk: int, actor: User) -> Policy:
    rows = Policy.objects.visible_to(actor).select_for_update(of=("self",), no_key=True)
    policy: Policy = rows.get(pk=pk)
    return policy
