"""Versions of a policy: what it pays from date to date.

The first version goes its way with its policy. For a policy that is already public, a maker adds a draft version and
sends it, and a checker publishes it or sends it back; the policy itself stays public all the while, and the earlier
version ends the day before the new one begins. One version under way at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Max, Min, QuerySet
from psycopg.types.range import DateRange

from huimin.core.errors import BadInput, StepRefused
from huimin.core.records import audit
from huimin.core.values.days import day_text, days_from
from huimin.core.values.periods import Frequency, Period
from huimin.core.work import workflow
from huimin.core.work.verbs import advances
from subsidies.models import PaymentRound, Policy, PolicyVersion
from subsidies.rules import parse_rule
from subsidies.rules.levels import NOBODY_DECIDES, somebody_decides
from subsidies.services.keeping import keep
from subsidies.services.rounds import round_of
from subsidies.states import POLICY_FLOW, VERSION_FLOW, PolicyStatus, VersionStatus

if TYPE_CHECKING:
    from huimin.core.authority.steps import Step
    from huimin.core.models import User

_PUBLIC = {PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED}


def version_for(policy: Policy, period: str, *, act: str) -> tuple[Period, PolicyVersion]:
    """The period, and the version that pays it: the published one in force on its first day.

    A one-off has the day of its round. Declarations and batches both ask here, so that what was declared is what is paid.
    `act` ends the sentence “…已暂停，不能申报”. StepRefused for a policy that is not public, BadInput for a period it does
    not pay by, that no version covers, or a round that nobody opened.
    """
    if policy.status != PolicyStatus.PUBLISHED:
        raise StepRefused(f"“{policy}”{policy.get_status_display()}，不能{act}。")
    wanted = Period.parse(period)
    if wanted.frequency != policy.frequency:
        label = Frequency(policy.frequency).label
        raise BadInput(f"“{policy}”{label}发放，期次“{wanted.text}”不对。", field="period")
    if wanted.is_one_off:
        opened = round_of(policy, wanted)
        if opened is None:
            raise BadInput(
                f"“{policy}”还没有开{wanted.label}，不能{act}。请部门先在政策页面开一次发放，写明事由和基准日。",
                field="period",
            )
        if opened.given_up_at is not None:
            raise BadInput(
                f"“{policy}”{wanted.label}（{opened.title}）已经放弃，不能{act}。请选别的一次，或重新开一次。",
                field="period",
            )
        wanted = opened.period
    version = policy.version_on(wanted.first)
    if version is None:
        raise BadInput(f"“{policy}”在{wanted.label}没有已发布的标准，不能{act}。", field="period")
    return wanted, version


MOST_OFFERED = 36  # periods of one frequency in a select: three years of months
_Choices = list[tuple[str, list[tuple[str, str]]]]


def periods_of(policies: QuerySet[Policy], *, today: date) -> _Choices:
    """What a select of periods offers: by how often these policies pay, from the first published version to the
    period after today's, newest first; of one-off ones the rounds that were opened, policy by policy.

    The value of a round names its policy too (7:2026#1): each policy has a first round of its own.
    """
    firsts = (
        PolicyVersion.objects.filter(policy__in=policies.order_by(), status=VersionStatus.PUBLISHED)
        .order_by()
        .values_list("policy__frequency")
        .annotate(first=Min("valid__startswith"))
    )
    found = dict(firsts)
    regular: _Choices = [
        (one.label, [(period.text, _offered(period, today)) for period in _periods(one, found[one], today)])
        for one in Frequency
        if one in found and one != Frequency.ONE_OFF
    ]
    return regular + (_rounds(policies, today) if Frequency.ONE_OFF in found else [])


def _rounds(policies: QuerySet[Policy], today: date) -> _Choices:
    """The newest rounds of each policy that nobody gave up; policies without any are not offered."""
    opened = PaymentRound.objects.open().filter(policy__in=policies.order_by(), year__gte=today.year - 3)
    groups: dict[str, list[tuple[str, str]]] = {}
    for one in opened.select_related("policy").order_by("policy__code", "-year", "-number"):
        offered = groups.setdefault(f"{Frequency.ONE_OFF.label}：{one.policy}", [])
        if len(offered) < MOST_OFFERED:
            offered.append((f"{one.policy_id}:{one.period.text}", f"{one}（基准日{day_text(one.day)}）"))
    return list(groups.items())


def period_chosen(policy: Policy, value: str) -> str:
    """The period that a value of periods_of() means; BadInput for a round of another policy."""
    of, _, text = value.rpartition(":")
    if of and of != str(policy.pk):
        raise BadInput(f"这一次不是“{policy}”的，请在它的名下选。", field="period")
    return text


def _periods(frequency: Frequency, first: date, today: date) -> Iterator[Period]:
    one = Period.containing(today, frequency).next()
    for _ in range(MOST_OFFERED):
        if one.last < first:
            return
        yield one
        one = Period.containing(one.first - timedelta(days=1), frequency)


def _offered(period: Period, today: date) -> str:
    return period.label if period.has_begun(today) else f"{period.label}（还没有开始）"


def refuse_too_early(wanted: Period, *, act: str, today: date) -> None:
    """Nothing is prepared further ahead than the next period: a mistyped year would bind true claims for long.

    Of a one-off its round was asked when it was opened.
    """
    if wanted.is_one_off:
        return
    if wanted.first > Period.containing(today, wanted.frequency).next().first:
        raise BadInput(f"{wanted.label}还太早，最多提前一期{act}，请看期次有没有选错。", field="period")


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
    held = _open_policy(policy, actor)
    if held.versions.exclude(status=VersionStatus.PUBLISHED).exists():
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
    workflow.take_duty(held, POLICY_FLOW["add_version"].duty, actor=actor)
    keep(version)
    _trace(version, POLICY_FLOW["add_version"], actor)
    return version


@transaction.atomic
def revise_version(
    version: PolicyVersion, *, actor: User, valid_from: date, valid_to: date | None = None, **terms: Any
) -> PolicyVersion:
    """Change a draft version; one that was sent is fixed, its successor is a new version."""
    held = _open_policy(version.policy, actor)
    draft = _acted_on(held, version, VERSION_FLOW["revise_version"], actor)
    for name, value in terms.items():
        setattr(draft, name, value)
    draft.valid = days(valid_from, valid_to)
    draft.required_facts = required(draft.amount_rule)
    keep(draft)
    _trace(draft, VERSION_FLOW["revise_version"], actor)
    return draft


@transaction.atomic
def discard_version(version: PolicyVersion, *, actor: User, note: str) -> PolicyVersion:
    """Give up a draft version; a checker who will not publish one sends it back to its makers."""
    draft = _acted_on(
        _lock(version.policy, actor), version, VERSION_FLOW["discard_version"], actor, note=note
    )
    _trace(draft, VERSION_FLOW["discard_version"], actor, note=note)
    draft.delete()
    return draft


@advances("subsidies.policyversion")
@transaction.atomic
def advance_version(pk: int, step: str, *, actor: User, note: str = "") -> PolicyVersion:
    """Take a step of VERSION_FLOW with a later version of a public policy, or give up a draft.

    Whoever made any version of the policy publishes none of it.
    """
    version = PolicyVersion.objects.filter(policy__in=Policy.objects.visible_to(actor)).get(pk=pk)
    if step == "discard_version":
        return discard_version(version, actor=actor, note=note)
    if step not in {one.name for one in VERSION_FLOW.steps}:
        raise BadInput(f"政策版本没有“{step}”这一步。")
    held = _lock(version.policy, actor)
    if held.status not in _PUBLIC:
        raise StepRefused("这项政策没有公开，它的标准随政策一起送审、发布。")
    return move_version(_of(held, version), step, actor=actor, note=note)


def move_version(version: PolicyVersion, step: str, *, actor: User, note: str) -> PolicyVersion:
    """Take the step, and on publishing end the version that is in force on the first day. The caller holds the policy."""
    one = VERSION_FLOW[step]
    refusal = workflow.why_not(version, one, actor=actor, note=note)
    if refusal:
        raise refusal
    if one.target != VersionStatus.DRAFT and not somebody_decides(version):
        raise StepRefused(f"第 {version.number} 版{NOBODY_DECIDES}。")
    workflow.take_duty(version.policy, one.duty, actor=actor)
    detail = _told(version)
    if step != "publish":
        workflow.move(version, one, actor=actor, note=note, detail=detail)
        return version
    try:
        with transaction.atomic():
            _cut_short(version)
            workflow.move(
                version, one, actor=actor, note=note, detail=detail | {"rule": _rule_digest(version)}
            )
    except IntegrityError as error:
        if "不换补贴标准" in str(error):
            raise StepRefused(_in_use(version, error)) from error
        if "never_overlap" not in str(error):
            raise
        raise StepRefused("执行期间与已发布的版本重叠，请退回修改起止日期。") from error
    version.refresh_from_db()
    return version


def _in_use(version: PolicyVersion, error: IntegrityError) -> str:
    """Which period was declared or listed by the version of before, as the database found it (VersionInUse), and the way on."""
    period, books, batches = str(error.__cause__.diag.message_detail).split()  # type: ignore[union-attr]
    counted = (("申报册", books, "册"), ("批次", batches, "个"))
    found = "、".join(f"{what} {count} {unit}" for what, count, unit in counted if count != "0")
    return (
        f"第 {version.number} 版从{day_text(version.valid.lower)}起执行，{Period.parse(period).label}已按原标准办理（{found}），"
        "不能再换标准。请退回修改，从下一期起执行；还没有办完的，也可以先把那一期的批次作废或收回、申报册退回作废，再发布。"
        "已按原标准发过的期次要补差额的，用一次性政策开一次“提标补差”发放。"
    )


@contextmanager
def standard_as_read() -> Iterator[None]:
    """Around what is made by the version that version_for() gave: another one may have been published since."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "这一期的补贴标准不是这一版" not in str(error):
            raise
        raise StepRefused("这一期刚换了补贴标准，没有建。请再办一次，按新的标准建。") from error


def _cut_short(version: PolicyVersion) -> None:
    """The version in force on the new one's first day ends there."""
    first = version.valid.lower
    published = version.policy.versions.filter(status=VersionStatus.PUBLISHED, valid__contains=first)
    before = published.exclude(valid__startswith=first).first()
    if before is not None:
        before.valid = DateRange(before.valid.lower, first)
        before.save(update_fields=["valid"])


def days(first: date, last: date | None) -> DateRange:
    """First and last day, both included, as the half-open range that is stored."""
    if last is not None and last < first:
        raise BadInput("截止日期不能早于生效日期。", field="valid_to")
    return days_from(first, last)


def required(amount_rule: dict[str, Any]) -> list[dict[str, Any]]:
    """What a declaration must give for this rule; months come from the period."""
    return [fact.as_json() for fact in parse_rule(amount_rule).facts if fact.name != "months"]


def _lock(policy: Policy, actor: User) -> Policy:
    rows = Policy.objects.visible_to(actor).select_for_update(of=("self",), no_key=True)
    held: Policy = rows.get(pk=policy.pk)
    return held


def _open_policy(policy: Policy, actor: User) -> Policy:
    """The locked policy, which this person may give versions now."""
    held = _lock(policy, actor)
    refusal = workflow.why_not(held, POLICY_FLOW["add_version"], actor=actor)
    if refusal:
        raise refusal
    return held


def _of(held: Policy, version: PolicyVersion) -> PolicyVersion:
    """The version as it stands now that its policy is locked."""
    found = PolicyVersion.objects.get(pk=version.pk, policy=held)
    found.policy = held
    return found


def _acted_on(
    held: Policy, version: PolicyVersion, one: Step, actor: User, *, note: str | None = None
) -> PolicyVersion:
    """The version that the act is done to; its maker's duty is one on the policy."""
    draft = _of(held, version)
    if draft.status == VersionStatus.PUBLISHED:
        raise StepRefused("这个版本已经发布，不能修改。标准有变，请添加新版本。")
    refusal = workflow.why_not(draft, one, actor=actor, note=note)
    if refusal:
        raise refusal
    workflow.take_duty(held, one.duty, actor=actor)
    return draft


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


def _told(version: PolicyVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "standard": version.standard_text,
        "valid": [str(version.valid.lower), str(version.valid.upper or "")],
    }


def _trace(version: PolicyVersion, one: Step, actor: User, *, note: str = "") -> None:
    """On the policy's trail, which also keeps versions that were given up."""
    audit.record(
        version.policy, action=one.name, actor=actor, label=one.label, note=note, detail=_told(version)
    )
