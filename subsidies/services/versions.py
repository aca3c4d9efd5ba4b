"""Versions of a policy: what it pays from date to date.

The first version is published with its policy. For a policy that is already public, a maker adds a draft version
and a checker publishes it with publish_version; the policy itself stays public all the while, and the earlier
version ends the day before the new one begins. One draft at a time.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from psycopg.types.range import DateRange

from huimin.core import clock
from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.work import workflow
from subsidies.models import Policy, PolicyVersion
from subsidies.rules import parse_rule
from subsidies.services.keeping import keep, require
from subsidies.states import PolicyStatus

if TYPE_CHECKING:
    from huimin.core.models import User

MAKERS = frozenset({Role.DEPARTMENT_CLERK, Role.FINANCE_CLERK})
PUBLISHERS = frozenset({Role.FINANCE_CHECKER})
_OPEN = {PolicyStatus.DRAFT, PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED}


@transaction.atomic
def add_version(
    policy: Policy,
    *,
    valid_from: date,
    amount_rule: dict[str, Any],
    standard_text: str,
    actor: User,
    valid_to: date | None = None,
    **terms: Any,
) -> PolicyVersion:
    """A draft version; `valid_to` is its last day. What must be declared follows from the rule (without months)."""
    held = _policy(policy, actor, act="添加版本")
    if held.versions.filter(published_at__isnull=True).exists():
        raise StepRefused("这项政策已有一个未发布的版本，请先办完它。")
    number = (held.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    version = PolicyVersion(
        policy=held,
        number=number,
        valid=days(valid_from, valid_to),
        amount_rule=amount_rule,
        required_facts=required(amount_rule),
        standard_text=standard_text,
        made_by=actor,
        **terms,
    )
    workflow.take_duty(held, Duty.POLICY_MAKE, actor=actor)
    keep(version)
    _trace(version, "add_version", "添加版本", actor)
    return version


@transaction.atomic
def revise_version(
    version: PolicyVersion, *, actor: User, valid_from: date, valid_to: date | None = None, **terms: Any
) -> PolicyVersion:
    """Change a draft version; a published one is fixed, its successor is a new version."""
    held = _policy(version.policy, actor, act="修改版本")
    draft = held.versions.filter(pk=version.pk).select_for_update(of=("self",)).get()
    if draft.published_at:
        raise StepRefused("这个版本已经发布，不能修改。标准有变，请添加新版本。")
    for name, value in terms.items():
        setattr(draft, name, value)
    draft.valid = days(valid_from, valid_to)
    draft.required_facts = required(draft.amount_rule)
    workflow.take_duty(held, Duty.POLICY_MAKE, actor=actor)
    keep(draft)
    _trace(draft, "revise_version", "修改版本", actor)
    return draft


@transaction.atomic
def publish_version(version: PolicyVersion, *, actor: User) -> PolicyVersion:
    """Put a new version of a public policy in force; its maker cannot."""
    policy = version.policy
    require(actor, PUBLISHERS, division_code=policy.division_code, policy_id=policy.pk, act="发布版本")
    held = Policy.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=policy.pk)
    draft = held.versions.filter(pk=version.pk).get()
    if draft.published_at:
        raise StepRefused("这个版本已经发布过。")
    if held.status not in {PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED}:
        raise StepRefused("政策还没有公开，请用“审批通过，发布”连同标准一起发布。")
    workflow.take_duty(held, Duty.POLICY_PUBLISH, actor=actor)
    return put_in_force(draft, actor=actor)


@transaction.atomic
def discard_version(version: PolicyVersion, *, actor: User, note: str) -> None:
    """Give up a draft version of a policy, by its makers or by the checker who will not publish it."""
    policy = version.policy
    require(
        actor, MAKERS | PUBLISHERS, division_code=policy.division_code, policy_id=policy.pk, act="放弃版本"
    )
    held = Policy.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=policy.pk)
    draft = held.versions.filter(pk=version.pk).get()
    if draft.published_at or held.status == PolicyStatus.SUBMITTED:
        raise StepRefused("已送审或已发布的版本不能放弃。")
    if not note.strip():
        raise StepRefused("放弃版本要写明原因。")
    _trace(draft, "discard_version", "放弃版本", actor, note=note)
    draft.delete()


def put_in_force(draft: PolicyVersion, *, actor: User) -> PolicyVersion:
    """End the version that is in force on the draft's first day, then publish the draft. The caller holds the policy."""
    first = draft.valid.lower
    before = (
        draft.policy.versions.filter(published_at__isnull=False, valid__contains=first)
        .exclude(valid__startswith=first)
        .first()
    )
    draft.published_at = clock.now()
    try:
        with transaction.atomic():
            if before is not None:
                before.valid = DateRange(before.valid.lower, first)
                before.save(update_fields=["valid"])
            draft.save(update_fields=["published_at"])
    except IntegrityError as error:
        if "never_overlap" not in str(error):
            raise
        raise StepRefused("执行期间与已发布的版本重叠，请退回修改起止日期。") from error
    _trace(draft, "publish_version", "发布版本", actor, rule=_rule_digest(draft))
    return draft


def days(first: date, last: date | None) -> DateRange:
    """First and last day, both included, as the half-open range that is stored."""
    if last is not None and last < first:
        raise BadInput("截止日期不能早于生效日期。", field="valid_to")
    return DateRange(first, date.fromordinal(last.toordinal() + 1) if last else None)


def required(amount_rule: dict[str, Any]) -> list[dict[str, Any]]:
    """What a declaration must give for this rule; months come from the period."""
    return [fact.as_json() for fact in parse_rule(amount_rule).facts if fact.name != "months"]


def _policy(policy: Policy, actor: User, *, act: str) -> Policy:
    require(actor, MAKERS, division_code=policy.division_code, policy_id=policy.pk, act=act)
    held: Policy = (
        Policy.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=policy.pk)
    )
    if held.status not in _OPEN:
        raise StepRefused(f"政策“{held}”当前为“{held.get_status_display()}”，不能{act}。")
    return held


def _rule_digest(version: PolicyVersion) -> str:
    """What `prove` compares the stored rule with: sha256 of the database's own text of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT encode(sha256(convert_to(amount_rule::text, 'UTF8')), 'hex')
               FROM subsidies_policyversion WHERE id = %s""",
            [version.pk],
        )
        digest: str = cursor.fetchone()[0]
    return digest


def _trace(
    version: PolicyVersion, action: str, label: str, actor: User, *, note: str = "", **more: str
) -> None:
    detail = {
        **more,
        "version": version.number,
        "standard": version.standard_text,
        "valid": [str(version.valid.lower), str(version.valid.upper or "")],
    }
    audit.record(version.policy, action=action, actor=actor, label=label, note=note, detail=detail)
