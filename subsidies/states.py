from django.db.models import TextChoices

from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.authority.steps import Workflow, act, step
from huimin.core.values.badges import Kind, StateChoices


class PolicyStatus(StateChoices):
    DRAFT = "draft", Kind.OFF, "草稿"
    SUBMITTED = "submitted", Kind.TODO, "待审批"
    PUBLISHED = "published", Kind.OK, "已公开"
    SUSPENDED = "suspended", Kind.BAD, "已暂停"
    ABOLISHED = "abolished", Kind.OFF, "已作废"


# who chooses a policy and a period for a batch opens the round of a one-off: it fixes the day, and so the standard
ROUND_ROLES = frozenset({Role.DEPARTMENT_CLERK, Role.FINANCE_CLERK})
# what was listed is paid, corrected and settled; an abolished policy only lists nobody any more
FINISHING = frozenset({PolicyStatus.PUBLISHED, PolicyStatus.ABOLISHED})

_MAKERS = [Role.DEPARTMENT_CLERK, Role.FINANCE_CLERK]
_CHECKERS = [Role.FINANCE_CHECKER]

POLICY_FLOW = Workflow(
    "subsidies.policy",
    "政策",
    (
        step("submit", "送审", [PolicyStatus.DRAFT], PolicyStatus.SUBMITTED, _MAKERS, duty=Duty.POLICY_MAKE),
        step(
            "publish",
            "审批通过，发布",
            [PolicyStatus.SUBMITTED],
            PolicyStatus.PUBLISHED,
            _CHECKERS,
            duty=Duty.POLICY_PUBLISH,
        ),
        step(
            "rework",
            "退回修改",
            [PolicyStatus.SUBMITTED],
            PolicyStatus.DRAFT,
            _CHECKERS,
            duty=Duty.POLICY_PUBLISH,
            needs_note=True,
            style="danger",
        ),
        step(
            "suspend",
            "暂停",
            [PolicyStatus.PUBLISHED],
            PolicyStatus.SUSPENDED,
            _CHECKERS,
            duty=Duty.POLICY_PUBLISH,
            needs_note=True,
            style="danger",
        ),
        step(
            "resume",
            "恢复",
            [PolicyStatus.SUSPENDED],
            PolicyStatus.PUBLISHED,
            _CHECKERS,
            duty=Duty.POLICY_PUBLISH,
            needs_note=True,
        ),
        step(
            "abolish",
            "废止",
            [PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED],
            PolicyStatus.ABOLISHED,
            _CHECKERS,
            duty=Duty.POLICY_PUBLISH,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(
        step("draft", "拟订政策", [], PolicyStatus.DRAFT, _MAKERS, duty=Duty.POLICY_MAKE),
        act("revise", "修改", [PolicyStatus.DRAFT], _MAKERS, duty=Duty.POLICY_MAKE),
        act(
            "add_version",
            "添加版本",
            [PolicyStatus.DRAFT, PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED],
            _MAKERS,
            duty=Duty.POLICY_MAKE,
        ),
        # the duty is taken on the round, and inherited by its lists
        act("open_round", "开一次发放", [PolicyStatus.PUBLISHED], ROUND_ROLES, duty=Duty.BATCH_MAKE),
        act(
            "discard_round",
            "放弃这一次",
            [PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED, PolicyStatus.ABOLISHED],
            ROUND_ROLES,
            needs_note=True,
            style="danger",
        ),
    ),
)


class ChangeStatus(StateChoices):
    ASKED = "asked", Kind.TODO, "待审批"
    APPROVED = "approved", Kind.OK, "已生效"
    REFUSED = "refused", Kind.BAD, "已退回"


# a fact of a policy that is public already; what may be changed so: PolicyChange.CORRECTABLE
CHANGE_FLOW = Workflow(
    "subsidies.policychange",
    "政策更正",
    (
        step(
            "approve",
            "同意更正",
            [ChangeStatus.ASKED],
            ChangeStatus.APPROVED,
            _CHECKERS,
            duty=Duty.POLICY_PUBLISH,
        ),
        step(
            "refuse",
            "退回更正",
            [ChangeStatus.ASKED],
            ChangeStatus.REFUSED,
            _CHECKERS,
            duty=Duty.POLICY_PUBLISH,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(step("ask", "申请更正", [], ChangeStatus.ASKED, _MAKERS, duty=Duty.POLICY_MAKE, needs_note=True),),
)


class VersionStatus(StateChoices):
    DRAFT = "draft", Kind.OFF, "草稿"
    SUBMITTED = "submitted", Kind.TODO, "待审批"
    PUBLISHED = "published", Kind.OFF, "已发布"


# the first version goes its way with the policy; these steps have buttons once the policy is public
VERSION_FLOW = Workflow(
    "subsidies.policyversion",
    "政策版本",
    (
        step(
            "submit",
            "送审版本",
            [VersionStatus.DRAFT],
            VersionStatus.SUBMITTED,
            _MAKERS,
            duty=Duty.POLICY_MAKE,
        ),
        step(
            "publish",
            "审批通过，发布版本",
            [VersionStatus.SUBMITTED],
            VersionStatus.PUBLISHED,
            _CHECKERS,
            duty=Duty.POLICY_PUBLISH,
        ),
        step(
            "rework",
            "退回修改版本",
            [VersionStatus.SUBMITTED],
            VersionStatus.DRAFT,
            _CHECKERS,
            duty=Duty.POLICY_PUBLISH,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(
        act("revise_version", "修改版本", [VersionStatus.DRAFT], _MAKERS, duty=Duty.POLICY_MAKE),
        # the draft is deleted; the policy's trail keeps what it was and why it was given up
        act(
            "discard_version",
            "放弃版本",
            [VersionStatus.DRAFT],
            _MAKERS,
            duty=Duty.POLICY_MAKE,
            needs_note=True,
            style="danger",
        ),
    ),
)


class Deliberation(TextChoices):
    REQUIRED = "required", "必经"
    ON_OBJECTION = "on_objection", "有异议时"
    NONE = "none", "不设"


class ReviewLevel(TextChoices):
    """What a declaration may have to pass, in order; the values are the statuses it waits in."""

    DELIBERATION = "deliberation", "民主评议"
    VILLAGE_NOTICE = "village_notice", "村级公示"
    TOWNSHIP_REVIEW = "township_review", "乡镇审核"
    TOWNSHIP_NOTICE = "township_notice", "乡镇公示"
    COUNTY_REVIEW = "county_review", "县级联审"
    COUNTY_NOTICE = "county_notice", "县级公示"


class IndicatorStatus(StateChoices):
    REGISTERED = "registered", Kind.TODO, "待确认"
    CONFIRMED = "confirmed", Kind.OK, "已确认"
    REFUSED = "refused", Kind.OFF, "已作废"


INDICATOR_FLOW = Workflow(
    "subsidies.indicator",
    "指标",
    (
        step(
            "confirm",
            "核对无误，确认",
            [IndicatorStatus.REGISTERED],
            IndicatorStatus.CONFIRMED,
            [Role.FINANCE_CHECKER],
            duty=Duty.INDICATOR_CONFIRM,
        ),
        step(
            "refuse",
            "登记有误，作废",
            [IndicatorStatus.REGISTERED],
            IndicatorStatus.REFUSED,
            [Role.FINANCE_CHECKER],
            duty=Duty.INDICATOR_CONFIRM,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(
        step(
            "register",
            "登记指标",
            [],
            IndicatorStatus.REGISTERED,
            [Role.FINANCE_CLERK],
            duty=Duty.INDICATOR_REGISTER,
        ),
    ),
)

FLOWS = (POLICY_FLOW, CHANGE_FLOW, VERSION_FLOW, INDICATOR_FLOW)
