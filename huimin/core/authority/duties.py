"""The posts along the way of the money that exclude one another (decisions: separation of duties).

One table: migrations write it into core_dutyconflict (a change here comes with a migration of its own), which the
app role cannot change, and an exclusion constraint over (subject, person) refuses two duties of one pair to one
person. A person is the keyed index of an ID number, so two accounts of one person count as one. Nobody checks what
they made.
"""

from itertools import combinations, product

from django.db.models import TextChoices


class Duty(TextChoices):
    NONE = "", "无"
    POLICY_MAKE = "policy.make", "政策拟订"
    POLICY_PUBLISH = "policy.publish", "政策发布"
    INDICATOR_REGISTER = "indicator.register", "指标登记"
    INDICATOR_CONFIRM = "indicator.confirm", "指标确认"
    DECLARATION_MAKE = "declaration.make", "申报编制"
    TOWNSHIP_REVIEW = "declaration.township", "乡镇审核申报"
    JOINT_DEPARTMENT = "declaration.department", "主管部门联审"
    JOINT_FINANCE = "declaration.finance", "财政联审"
    JOINT_SUPERVISION = "declaration.supervision", "监督联审"
    OBJECTION_ANSWER = "objection.answer", "异议处理"
    NOTICE_POST = "notice.post", "公示张贴登记"
    NOTICE_WITHDRAW = "notice.withdraw", "公示登记撤回"
    ACCOUNT_ASK = "account.ask", "换卡申请"
    ACCOUNT_CHECK = "account.check", "换卡复核"
    HEAD_ASK = "head.ask", "户主变更申请"
    HEAD_CHECK = "head.check", "户主变更复核"
    NUMBER_ASK = "number.ask", "更正身份证号申请"
    NUMBER_CHECK = "number.check", "更正身份证号复核"
    DEATH_RECORD = "death.record", "死亡登记"
    DEATH_CORRECT = "death.correct", "死亡更正"
    RECORD_PAUSE = "record.pause", "停用档案"
    RECORD_RESUME = "record.resume", "恢复档案"
    ENDING_MAKE = "ending.make", "终止享受"
    ENDING_CORRECT = "ending.correct", "终止更正"
    SUSPENSION_MAKE = "suspension.make", "暂停享受"
    SUSPENSION_LIFT = "suspension.lift", "恢复享受"
    SUSPENSION_CHECK = "suspension.check", "停发恢复、暂停更正"
    BATCH_MAKE = "batch.make", "批次编制"
    ROSTER_MAKE = "roster.make", "花名册编制"
    ROSTER_TOWNSHIP_CHECK = "roster.township", "乡镇审核花名册"
    ROSTER_DEPARTMENT_HANDLE = "roster.department.handle", "部门经办花名册"
    ROSTER_DEPARTMENT_CHECK = "roster.department.check", "部门审核花名册"
    ROSTER_FINANCE_HANDLE = "roster.finance.handle", "财政初审花名册"
    ROSTER_FINANCE_CHECK = "roster.finance.check", "财政复核花名册"
    ROSTER_RETURN = "roster.return", "退回花名册"
    LINE_STOP = "line.stop", "停发"
    STOP_LIFT = "stop.lift", "恢复发放"
    ORDER_MAKE = "order.make", "支付申请编制"
    ORDER_SIGN = "order.sign", "支付申请签章"
    ORDER_RETURN = "order.return", "退回支付申请"
    RETURN_UPLOAD = "return.upload", "回盘上传"
    RETURN_CONFIRM = "return.confirm", "回盘确认"


_D = Duty
_JOINT = [_D.JOINT_DEPARTMENT, _D.JOINT_FINANCE, _D.JOINT_SUPERVISION]
ROSTER_CHECKS = (
    _D.ROSTER_TOWNSHIP_CHECK,
    _D.ROSTER_DEPARTMENT_HANDLE,
    _D.ROSTER_DEPARTMENT_CHECK,
    _D.ROSTER_FINANCE_HANDLE,
    _D.ROSTER_FINANCE_CHECK,
)
PAYING = (_D.ORDER_MAKE, _D.ORDER_SIGN)
RETURNING = (_D.RETURN_UPLOAD, _D.RETURN_CONFIRM)
# by whose word somebody is paid after all
GIVING_BACK = (
    _D.SUSPENSION_LIFT,
    _D.SUSPENSION_CHECK,
    _D.ENDING_CORRECT,
    _D.DEATH_CORRECT,
    _D.STOP_LIFT,
    _D.RECORD_RESUME,
)

# ROSTER_RETURN and ORDER_RETURN stand in no pair: who may not pass a thing can always send it back
CONFLICTS: tuple[tuple[str, str], ...] = (
    (_D.POLICY_MAKE, _D.POLICY_PUBLISH),
    (_D.INDICATOR_REGISTER, _D.INDICATOR_CONFIRM),
    # the list: who compiles it does not review it, nor sign for an office, nor answer objections against it
    *product([_D.DECLARATION_MAKE], [_D.TOWNSHIP_REVIEW, *_JOINT, _D.OBJECTION_ANSWER]),
    *product([_D.TOWNSHIP_REVIEW], _JOINT),
    *combinations(_JOINT, 2),
    # the notice: what was registered as hanging is taken back by a second person
    (_D.NOTICE_POST, _D.NOTICE_WITHDRAW),
    # the registry: who gets the money, and who is no longer paid, is checked by a second person
    (_D.ACCOUNT_ASK, _D.ACCOUNT_CHECK),
    (_D.HEAD_ASK, _D.HEAD_CHECK),
    (_D.NUMBER_ASK, _D.NUMBER_CHECK),
    (_D.DEATH_RECORD, _D.DEATH_CORRECT),
    (_D.RECORD_PAUSE, _D.RECORD_RESUME),
    (_D.ENDING_MAKE, _D.ENDING_CORRECT),
    (_D.SUSPENSION_MAKE, _D.SUSPENSION_CHECK),
    # the roster: who compiled list or roster checks neither; every checker is another person
    *product([_D.DECLARATION_MAKE, _D.ROSTER_MAKE], [*ROSTER_CHECKS, *PAYING, *RETURNING]),
    *combinations(ROSTER_CHECKS, 2),
    # the batch: who chose policy and period, or in a correction whom to pay again, or the head who is paid, or asked for the
    # number from which an age follows, or gave a right
    # its days, a record its use or a person a stopped line back, handles its rosters at their own desk (a small department
    # has one clerk) and neither checks them nor pays
    *product(
        [_D.BATCH_MAKE, _D.HEAD_ASK, _D.NUMBER_ASK, *GIVING_BACK],
        [*(one for one in ROSTER_CHECKS if one != _D.ROSTER_DEPARTMENT_HANDLE), *PAYING, *RETURNING],
    ),
    # who took somebody off a list does not pass it for the county's finances, nor sign what is left
    *product([_D.LINE_STOP], [_D.ROSTER_FINANCE_HANDLE, _D.ROSTER_FINANCE_CHECK, _D.ORDER_SIGN]),
    # the money: checker, treasury and reconciler are different people; the finance maker may also fill in the order
    *product([_D.ROSTER_FINANCE_CHECK], PAYING),
    *product([_D.ROSTER_FINANCE_HANDLE], [_D.ORDER_SIGN]),
    *product([_D.ROSTER_TOWNSHIP_CHECK, _D.ROSTER_DEPARTMENT_HANDLE, _D.ROSTER_DEPARTMENT_CHECK], PAYING),
    (_D.ORDER_MAKE, _D.ORDER_SIGN),
    *product([*ROSTER_CHECKS, *PAYING], RETURNING),
    (_D.RETURN_UPLOAD, _D.RETURN_CONFIRM),
)


def shut_by(duty: str) -> tuple[Duty, ...]:
    """The desks of a list and its money that are closed to whoever takes `duty` on what the list is made from."""
    pairs = {frozenset(pair) for pair in CONFLICTS}
    return tuple(one for one in (*ROSTER_CHECKS, *PAYING, *RETURNING) if frozenset((duty, one)) in pairs)


def excluding(*later: str) -> tuple[str, ...]:
    """The duties that keep their people from one of `later`: what a thing inherits where those are taken."""
    found = (one for pair in CONFLICTS if set(pair) & set(later) for one in pair if one not in later)
    return tuple(dict.fromkeys(found))
