"""Who acts, and what each role may look at: the access matrix as data.

What a role may *do* stands in the step tables (Step.roles); what it may *see* stands here. Policies limit a grant only
where rows have one: of the registry a grant limited to policies sees its whole place, masked; who sees numbers in full is
a table of its own (docs/decisions/0020).
"""

from django.db.models import IntegerChoices, TextChoices


class Role(TextChoices):
    VILLAGE_CLERK = "village_clerk", "村信息员"
    TOWNSHIP_CLERK = "township_clerk", "乡镇经办"
    TOWNSHIP_REVIEWER = "township_reviewer", "乡镇审核"
    WINDOW_CLERK = "window_clerk", "窗口人员"
    CENTER_DIRECTOR = "center_director", "中心主任"
    DEPARTMENT_CLERK = "department_clerk", "部门经办"
    DEPARTMENT_REVIEWER = "department_reviewer", "部门审核"
    FINANCE_CLERK = "finance_clerk", "财政经办"
    FINANCE_CHECKER = "finance_checker", "财政复核"
    TREASURER = "treasurer", "国库支付"
    RECONCILER = "reconciler", "对账员"
    BANK = "bank", "代发银行"
    SUPERVISOR = "supervisor", "监督"
    OVERSEER = "overseer", "市省监管"
    SYSTEM_ADMIN = "system_admin", "系统管理员"
    SECURITY_ADMIN = "security_admin", "安全管理员"
    AUDIT_ADMIN = "audit_admin", "审计管理员"


class Area(TextChoices):
    """A part of the records that a role may or may not open."""

    POLICY = "policy", "政策清单"
    INDICATOR = "indicator", "资金指标"
    REGISTRY = "registry", "补贴对象"
    REVIEW = "review", "申报审核"
    NOTICE = "notice", "公示"
    ROSTER = "roster", "批次花名册"
    FAILED = "failed", "没发成功的钱"
    ORDER = "order", "支付申请"
    RETURN = "return", "银行回盘"
    LEDGER = "ledger", "专户账"
    AUDIT = "audit", "审计日志"
    STAFF = "staff", "人员授权"
    REFERENCE = "reference", "基础表"


class RoleClass(IntegerChoices):
    """三员 exclude one another and every business role; one person may hold roles of one class only."""

    BUSINESS = 0
    SYSTEM_ADMIN = 1
    SECURITY_ADMIN = 2
    AUDIT_ADMIN = 3


# their work moves money, gives away whole numbers or opens doors for others: nothing without a bound one-time code device
CODE_ROLES = frozenset({Role.TREASURER, Role.RECONCILER, Role.BANK, Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN})

# whoever a villager asks why the money did not come
_ASKED = {Area.POLICY, Area.REGISTRY, Area.NOTICE, Area.FAILED}
_VILLAGE = _ASKED | {Area.REVIEW}
_TOWNSHIP = _VILLAGE | {Area.ROSTER}
_COUNTY = _TOWNSHIP | {Area.INDICATOR}
_MONEY = _COUNTY | {Area.ORDER, Area.RETURN, Area.LEDGER}

ROLE_AREAS: dict[str, frozenset[str]] = {
    Role.VILLAGE_CLERK: frozenset(_VILLAGE),
    Role.TOWNSHIP_CLERK: frozenset(_TOWNSHIP),
    Role.TOWNSHIP_REVIEWER: frozenset(_TOWNSHIP),
    Role.WINDOW_CLERK: frozenset(_ASKED),
    Role.CENTER_DIRECTOR: frozenset(_ASKED),
    Role.DEPARTMENT_CLERK: frozenset(_COUNTY),
    Role.DEPARTMENT_REVIEWER: frozenset(_COUNTY),
    Role.FINANCE_CLERK: frozenset(_MONEY),
    Role.FINANCE_CHECKER: frozenset(_MONEY),
    Role.TREASURER: frozenset(
        {Area.POLICY, Area.INDICATOR, Area.ROSTER, Area.ORDER, Area.RETURN, Area.LEDGER}
    ),
    Role.RECONCILER: frozenset({Area.POLICY, Area.ROSTER, Area.ORDER, Area.RETURN, Area.LEDGER}),
    Role.BANK: frozenset({Area.ORDER, Area.RETURN}),
    Role.SUPERVISOR: frozenset(_MONEY | {Area.AUDIT}),
    Role.OVERSEER: frozenset(_MONEY),
    Role.SYSTEM_ADMIN: frozenset({Area.STAFF, Area.REFERENCE}),
    Role.SECURITY_ADMIN: frozenset({Area.STAFF}),
    Role.AUDIT_ADMIN: frozenset({Area.AUDIT}),
}


def role_class(role: str) -> RoleClass:
    return {
        Role.SYSTEM_ADMIN: RoleClass.SYSTEM_ADMIN,
        Role.SECURITY_ADMIN: RoleClass.SECURITY_ADMIN,
        Role.AUDIT_ADMIN: RoleClass.AUDIT_ADMIN,
    }.get(Role(role), RoleClass.BUSINESS)


# of the rows that carry an office they read their own office's only: a bank is not shown what another bank pays
OWN_OFFICE_ROLES = frozenset({Role.BANK})


def roles_reading(area: str) -> frozenset[str]:
    return frozenset(role for role, areas in ROLE_AREAS.items() if area in areas)
