from django.db.models import TextChoices

from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.authority.steps import Workflow, step


class PolicyStatus(TextChoices):
    DRAFT = "draft", "草稿"
    SUBMITTED = "submitted", "待审批"
    PUBLISHED = "published", "已公开"
    SUSPENDED = "suspended", "已暂停"
    ABOLISHED = "abolished", "已作废"


POLICY_BADGES = {
    PolicyStatus.DRAFT: "off",
    PolicyStatus.SUBMITTED: "todo",
    PolicyStatus.PUBLISHED: "ok",
    PolicyStatus.SUSPENDED: "bad",
    PolicyStatus.ABOLISHED: "off",
}

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
)


class IndicatorStatus(TextChoices):
    REGISTERED = "registered", "待确认"
    CONFIRMED = "confirmed", "已确认"
    REFUSED = "refused", "已作废"


INDICATOR_BADGES = {
    IndicatorStatus.REGISTERED: "todo",
    IndicatorStatus.CONFIRMED: "ok",
    IndicatorStatus.REFUSED: "off",
}

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
)

FLOWS = (POLICY_FLOW, INDICATOR_FLOW)
