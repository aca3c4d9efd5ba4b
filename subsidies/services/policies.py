"""The policy list: a policy is drafted and sent by one, published by another; its first version goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.work import workflow
from huimin.core.work.verbs import advances
from subsidies.models import Policy
from subsidies.queries import digests_of
from subsidies.services.keeping import keep
from subsidies.services.versions import move_version
from subsidies.states import POLICY_FLOW, VERSION_FLOW, PolicyStatus, VersionStatus

if TYPE_CHECKING:
    from huimin.core.models import User

# what happens to the first version with its policy
_TOGETHER = frozenset(one.name for one in VERSION_FLOW.steps)


@transaction.atomic
def draft_policy(county_code: str, *, actor: User, **facts: Any) -> Policy:
    """A new policy on the county's list, as a draft; `facts` are the fields of Policy."""
    one = POLICY_FLOW["draft"]
    require_role(actor, one.roles, division_code=county_code, act=one.label)
    policy = keep(Policy(county_code=county_code, division_code=county_code, made_by=actor, **facts))
    workflow.take_duty(policy, one.duty, actor=actor)
    audit.record(policy, action=one.name, actor=actor, label="拟订", after=one.target)
    return policy


@transaction.atomic
def revise_policy(policy: Policy, *, actor: User, **facts: Any) -> Policy:
    """Change a draft; once sent, it is fixed until it comes back."""
    one = POLICY_FLOW["revise"]
    held = _held(policy.pk, actor)
    require_role(actor, one.roles, division_code=held.division_code, policy_id=held.pk, act="修改政策")
    if held.status != PolicyStatus.DRAFT:
        raise StepRefused(f"政策“{held}”当前为“{held.get_status_display()}”，只有草稿可以修改。")
    before = {name: str(getattr(held, name)) for name in facts}
    for name, value in facts.items():
        setattr(held, name, value)
    workflow.take_duty(held, one.duty, actor=actor)
    keep(held)
    changed = {
        name: [old, str(getattr(held, name))] for name, old in before.items() if old != str(facts[name])
    }
    audit.record(held, action=one.name, actor=actor, label=one.label, detail={"changed": changed})
    return held


@advances("subsidies.policy")
@transaction.atomic
def advance_policy(pk: int, step: str, *, actor: User, note: str = "") -> Policy:
    """Take a step of POLICY_FLOW. The first version is sent, sent back and published with its policy."""
    if step not in {one.name for one in POLICY_FLOW.steps}:
        raise BadInput(f"政策没有“{step}”这一步。")
    one = POLICY_FLOW[step]
    policy = _held(pk, actor)
    refusal = workflow.why_not(policy, one, actor=actor, note=note)
    if refusal:
        raise refusal
    first = policy.versions.exclude(status=VersionStatus.PUBLISHED).first() if step in _TOGETHER else None
    if step in {"submit", "publish"} and first is None:
        raise StepRefused("还没有补贴标准，请先添加版本再送审。")
    detail = {"facts": digests_of(policy)} if step == "publish" else None
    workflow.move(policy, one, actor=actor, note=note, detail=detail)
    if first is not None:
        move_version(first, step, actor=actor, note=note)
    return policy


def _held(pk: int, actor: User) -> Policy:
    rows = Policy.objects.visible_to(actor).select_for_update(of=("self",), no_key=True)
    policy: Policy = rows.get(pk=pk)
    return policy
