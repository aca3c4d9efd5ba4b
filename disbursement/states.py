from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.authority.steps import Workflow, act, step
from huimin.core.values.badges import Kind, StateChoices


class BatchStatus(StateChoices):
    DRAFT = "draft", Kind.OFF, "草稿"
    ISSUED = "issued", Kind.DOING, "办理中"
    CLOSED = "closed", Kind.OK, "已办结"
    CANCELLED = "cancelled", Kind.OFF, "已作废"


_GIVEN = [BatchStatus.ISSUED, BatchStatus.CLOSED]

BATCH_FLOW = Workflow(
    "disbursement.batch",
    "批次",
    (
        step(
            "issue",
            "下达乡镇",
            [BatchStatus.DRAFT],
            BatchStatus.ISSUED,
            [Role.DEPARTMENT_CLERK],
            duty=Duty.BATCH_MAKE,
        ),
        step(
            "cancel",
            "作废批次",
            [BatchStatus.DRAFT],
            BatchStatus.CANCELLED,
            [Role.DEPARTMENT_CLERK],
            needs_note=True,
            style="danger",
        ),
        # after issuing too, while no township has sent its roster on: the rosters are given up with it
        step(
            "take_back",
            "收回，作废批次",
            [BatchStatus.ISSUED],
            BatchStatus.CANCELLED,
            [Role.DEPARTMENT_CLERK],
            duty=Duty.BATCH_MAKE,
            needs_note=True,
            style="danger",
        ),
        step("close", "关账", [BatchStatus.ISSUED], BatchStatus.CLOSED, [Role.FINANCE_CLERK]),
    ),
    acts=(
        step("make", "建立批次", [], BatchStatus.DRAFT, [Role.DEPARTMENT_CLERK], duty=Duty.BATCH_MAKE),
        act(
            "generate_again",
            "继续生成花名册",
            [BatchStatus.ISSUED],
            [Role.DEPARTMENT_CLERK],
            duty=Duty.BATCH_MAKE,
        ),
        # these two make another batch, of who was left out and of what came back
        act(
            "supplement", "建补发批次", _GIVEN, [Role.DEPARTMENT_CLERK], duty=Duty.BATCH_MAKE, needs_note=True
        ),
        act("pay_again", "做更正批次", _GIVEN, [Role.DEPARTMENT_CLERK], duty=Duty.BATCH_MAKE),
    ),
)


class RosterStatus(StateChoices):
    ISSUED = "issued", Kind.TODO, "待核对"
    TOWNSHIP_CHECK = "township_check", Kind.TODO, "待乡镇审核"
    DEPARTMENT_HANDLE = "department_handle", Kind.TODO, "待部门经办"
    DEPARTMENT_CHECK = "department_check", Kind.TODO, "待部门审核"
    FINANCE_HANDLE = "finance_handle", Kind.TODO, "待初审"
    FINANCE_CHECK = "finance_check", Kind.TODO, "待复核"
    APPROVED = "approved", Kind.OK, "已终审"
    CANCELLED = "cancelled", Kind.OFF, "已作废"


R = RosterStatus


_CHAIN = (
    (
        R.TOWNSHIP_CHECK,
        R.DEPARTMENT_HANDLE,
        "乡镇审核通过，送部门",
        Role.TOWNSHIP_REVIEWER,
        Duty.ROSTER_TOWNSHIP_CHECK,
    ),
    (
        R.DEPARTMENT_HANDLE,
        R.DEPARTMENT_CHECK,
        "部门经办，送部门审核",
        Role.DEPARTMENT_CLERK,
        Duty.ROSTER_DEPARTMENT_HANDLE,
    ),
    (
        R.DEPARTMENT_CHECK,
        R.FINANCE_HANDLE,
        "部门审核通过，送财政",
        Role.DEPARTMENT_REVIEWER,
        Duty.ROSTER_DEPARTMENT_CHECK,
    ),
    (R.FINANCE_HANDLE, R.FINANCE_CHECK, "初审通过，送复核", Role.FINANCE_CLERK, Duty.ROSTER_FINANCE_HANDLE),
    (R.FINANCE_CHECK, R.APPROVED, "复核通过（终审）", Role.FINANCE_CHECKER, Duty.ROSTER_FINANCE_CHECK),
)

ROSTER_FLOW = Workflow(
    "disbursement.roster",
    "花名册",
    (
        step(
            "submit",
            "核对无误，送审",
            [R.ISSUED],
            _CHAIN[0][0],
            [Role.TOWNSHIP_CLERK],
            duty=Duty.ROSTER_MAKE,
        ),
        *(
            step(f"pass_{source}", label, [source], target, [role], duty=duty)
            for source, target, label, role, duty in _CHAIN
        ),
        *(
            step(
                f"rework_{source}",
                "退回乡镇重编",
                [source],
                R.ISSUED,
                [role],
                duty=Duty.ROSTER_RETURN,
                needs_note=True,
                style="danger",
            )
            for source, _, _, role, _ in _CHAIN
        ),
        step(
            "cancel",
            "作废花名册",
            [R.ISSUED],
            R.CANCELLED,
            [Role.DEPARTMENT_CLERK],
            needs_note=True,
            style="danger",
        ),
    ),
    setbacks=("stop_line",),
    # who checked one revision has not checked the next, which may hold other people
    revision="revision",
    acts=(
        act(
            "regenerate",
            "重新生成花名册",
            [R.ISSUED],
            [Role.TOWNSHIP_CLERK],
            duty=Duty.ROSTER_MAKE,
            style="quiet",
        ),
        # of one line each, before the roster is in an order
        act(
            "stop_line",
            "停发这一笔",
            [state for state in R if state != R.CANCELLED],
            [Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER, Role.DEPARTMENT_CLERK, Role.FINANCE_CLERK],
            duty=Duty.LINE_STOP,
            needs_note=True,
            style="danger",
        ),
        act(
            "lift_stop",
            "恢复发放",
            list(R),
            [Role.DEPARTMENT_CLERK, Role.FINANCE_CLERK],
            duty=Duty.STOP_LIFT,
            needs_note=True,
        ),
    ),
)

# the desks in order, as the bar above a roster names them
ROSTER_STATIONS = (
    (R.ISSUED, "乡镇核对"),
    *((source, duty.label.removesuffix("花名册")) for source, _, _, _, duty in _CHAIN),
    (R.APPROVED, "终审"),
)


class OrderStatus(StateChoices):
    DRAFT = "draft", Kind.TODO, "待签章"
    SIGNED = "signed", Kind.TODO, "待送银行"
    SENT = "sent", Kind.BANK, "银行代发中"
    SETTLED = "settled", Kind.OK, "已办结"
    CANCELLED = "cancelled", Kind.OFF, "已作废"


O = OrderStatus  # noqa: E741


ORDER_FLOW = Workflow(
    "disbursement.paymentorder",
    "支付申请",
    (
        step(
            "sign",
            "签章，同意支付",
            [O.DRAFT],
            O.SIGNED,
            [Role.TREASURER],
            duty=Duty.ORDER_SIGN,
            step_up=True,
        ),
        step(
            "cancel",
            "退回，撤销支付申请",
            # also after the signature: until the file has gone to the bank nothing is lost by starting again
            [O.DRAFT, O.SIGNED],
            O.CANCELLED,
            [Role.TREASURER],
            duty=Duty.ORDER_RETURN,
            needs_note=True,
            style="danger",
        ),
        step(
            "send",
            "生成代发文件，送银行",
            [O.SIGNED],
            O.SENT,
            [Role.TREASURER],
            duty=Duty.ORDER_SIGN,
            step_up=True,
        ),
        step("settle", "回盘已齐，办结", [O.SENT], O.SETTLED, [Role.RECONCILER], duty=Duty.RETURN_CONFIRM),
    ),
    acts=(step("make", "编制支付申请，冻结指标", [], O.DRAFT, [Role.FINANCE_CLERK], duty=Duty.ORDER_MAKE),),
)


class ReturnStatus(StateChoices):
    UPLOADED = "uploaded", Kind.TODO, "待确认"
    CONFIRMED = "confirmed", Kind.OK, "已入账"
    REFUSED = "refused", Kind.OFF, "已退回"


RETURN_FLOW = Workflow(
    "disbursement.returnfile",
    "回盘",
    (
        step(
            "confirm",
            "核对无误，确认入账",
            [ReturnStatus.UPLOADED],
            ReturnStatus.CONFIRMED,
            [Role.RECONCILER],
            duty=Duty.RETURN_CONFIRM,
            step_up=True,
        ),
        step(
            "refuse",
            "有误，退回银行",
            [ReturnStatus.UPLOADED],
            ReturnStatus.REFUSED,
            [Role.RECONCILER],
            duty=Duty.RETURN_CONFIRM,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(
        step(
            "upload",
            "上传回盘",
            [],
            ReturnStatus.UPLOADED,
            [Role.RECONCILER, Role.BANK],
            duty=Duty.RETURN_UPLOAD,
        ),
    ),
)


class ReversalStatus(StateChoices):
    ASKED = "asked", Kind.TODO, "待复核"
    APPROVED = "approved", Kind.OK, "已入账"
    REFUSED = "refused", Kind.OFF, "已退回"


REVERSAL_FLOW = Workflow(
    "disbursement.reversal",
    "退汇退款",
    (
        step(
            "approve",
            "核对无误，入账",
            [ReversalStatus.ASKED],
            ReversalStatus.APPROVED,
            [Role.RECONCILER],
            duty=Duty.RETURN_CONFIRM,
            step_up=True,
        ),
        step(
            "refuse",
            "有误，退回登记人",
            [ReversalStatus.ASKED],
            ReversalStatus.REFUSED,
            [Role.RECONCILER],
            duty=Duty.RETURN_CONFIRM,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(
        step(
            "ask",
            "登记退汇或退款",
            [],
            ReversalStatus.ASKED,
            [Role.RECONCILER],
            duty=Duty.RETURN_UPLOAD,
            needs_note=True,
        ),
    ),
)


class PaymentState(StateChoices):
    """What became of a payment line; derived from claim, order and results by models.sql.state_of and nowhere else."""

    WAITING = "waiting", Kind.TODO, "待发"
    ORDERED = "ordered", Kind.DOING, "已申请"
    AT_BANK = "at_bank", Kind.BANK, "已送盘"
    PAID = "paid", Kind.OK, "已支付"
    BANK_FAILED = "bank_failed", Kind.BAD, "退回"
    STOPPED = "stopped", Kind.OFF, "停发"
    VOLUNTARY_REFUND = "voluntary_refund", Kind.OFF, "退款"
    LATE_RETURN = "late_return", Kind.BAD, "退汇"
    TAKEN_OVER = "taken_over", Kind.OFF, "已重构"
    VOID = "void", Kind.OFF, "已作废"

    @property
    def is_open(self) -> bool:
        """Whether the line has no result of any kind yet."""
        return self in {PaymentState.WAITING, PaymentState.ORDERED, PaymentState.AT_BANK}


# who may take away the files in which ID and account numbers stand in full, with a one-time code; everybody else
# checks them by fingerprint, control sums and masked list (docs/decisions/0020)
BANK_FILE_ROLES = frozenset({Role.TREASURER, Role.BANK})
RETURN_FILE_ROLES = frozenset({Role.RECONCILER})

FLOWS = (BATCH_FLOW, ROSTER_FLOW, ORDER_FLOW, RETURN_FLOW, REVERSAL_FLOW)
