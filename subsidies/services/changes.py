"""更正: facts of a policy that is public are changed as one asked and another approved (decisions/0015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models, transaction

from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.work import workflow
from huimin.core.work.verbs import advances
from subsidies.models import Policy, PolicyChange
from subsidies.services.keeping import checked, keep
from subsidies.states import CHANGE_FLOW, ChangeStatus, PolicyStatus

if TYPE_CHECKING:
    from huimin.core.models import User

_NOT_PUBLIC = {PolicyStatus.DRAFT, PolicyStatus.SUBMITTED}


@transaction.atomic
def ask_change(policy: Policy, *, reason: str, actor: User, **facts: Any) -> PolicyChange:
    """Ask for other facts of a public policy; `facts` are fields of PolicyChange.CORRECTABLE, unchanged ones are left out.

    Raises StepRefused for a draft (it is simply changed), BadInput when nothing differs or a value cannot stand.
    """
    one = CHANGE_FLOW["ask"]
    held = Policy.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=policy.pk)
    require_role(actor, one.roles, division_code=held.division_code, policy_id=held.pk, act=one.label)
    if held.status in _NOT_PUBLIC:
        raise StepRefused(f"政策“{held}”还没有公开，不用更正：草稿直接修改，送审的请退回修改。")
    if unknown := set(facts) - set(PolicyChange.CORRECTABLE):
        raise BadInput(f"{'、'.join(sorted(unknown))}公开以后不能更正，请另立政策。")
    if not reason.strip():
        raise BadInput("更正要写明原因。", field="reason")
    asked = {field(name).attname: _plain(value) for name, value in facts.items()}
    asked = {name: value for name, value in asked.items() if getattr(held, name) != value}
    if not asked:
        raise BadInput("没有改动任何一项。")
    checked(_with(held, asked))
    change = keep(
        PolicyChange(
            policy=held,
            facts=asked,
            reason=reason.strip()[:200],
            asked_by=actor,
            county_code=held.county_code,
            division_code=held.division_code,
        )
    )
    workflow.take_duty(change, one.duty, actor=actor)
    audit.record(
        change,
        action=one.name,
        actor=actor,
        label=one.label,
        after=change.status,
        note=change.reason,
        detail={"changed": differences(held, asked)},
    )
    return change


@advances("subsidies.policychange")
@transaction.atomic
def advance_change(pk: int, step: str, *, actor: User, note: str = "") -> PolicyChange:
    """Approve, and the policy says it from now on, or refuse with a reason."""
    found = PolicyChange.objects.visible_to(actor).get(pk=pk)
    held = Policy.objects.select_for_update(of=("self",), no_key=True).get(pk=found.policy_id)
    change: PolicyChange = PolicyChange.objects.select_for_update(of=("self",)).get(pk=pk)
    one = next((known for known in CHANGE_FLOW.steps if known.name == step), None)
    if one is None:
        raise BadInput(f"政策更正没有“{step}”这一步。")
    told = {"changed": differences(held, change.facts)}
    workflow.move(change, one, actor=actor, note=note, detail=told)
    if change.status == ChangeStatus.APPROVED:
        # after the move: a trigger asks for the approved change
        keep(_with(held, change.facts))
        audit.record(held, action="corrected", actor=actor, label="更正生效", note=change.reason, detail=told)
    return change


def field(name: str) -> models.Field[Any, Any]:
    """The column of the policy by the name of its field or of its column."""
    return next(one for one in Policy._meta.concrete_fields if name in {one.name, one.attname})


def differences(policy: Policy, facts: dict[str, Any]) -> dict[str, list[str]]:
    """Column -> what the policy says and what is asked for, as texts."""
    return {name: [str(getattr(policy, name)), str(value)] for name, value in facts.items()}


def _with(policy: Policy, facts: dict[str, Any]) -> Policy:
    """A copy of its own: the facts asked for are not what the policy says."""
    changed: Policy = Policy.objects.get(pk=policy.pk)
    for name, value in facts.items():
        setattr(changed, name, value)
    return changed


def _plain(value: Any) -> Any:
    """As JSON keeps it: a row of another table by its key, a text without the space around it."""
    if isinstance(value, models.Model):
        return value.pk
    return value.strip() if isinstance(value, str) else value
