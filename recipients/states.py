from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.authority.steps import Workflow, act, step
from huimin.core.values.badges import Kind, StateChoices
from subsidies.states import ReviewLevel


class DeclarationStatus(StateChoices):
    DRAFT = "draft", Kind.OFF, "草稿"
    DELIBERATION = "deliberation", Kind.TODO, "待评议"
    VILLAGE_NOTICE = "village_notice", Kind.DOING, "村级公示中"
    TOWNSHIP_REVIEW = "township_review", Kind.TODO, "待乡镇审核"
    TOWNSHIP_NOTICE = "township_notice", Kind.DOING, "乡镇公示中"
    COUNTY_REVIEW = "county_review", Kind.TODO, "待县级联审"
    COUNTY_NOTICE = "county_notice", Kind.DOING, "县级公示中"
    CONFIRMED = "confirmed", Kind.OK, "已确认"
    WITHDRAWN = "withdrawn", Kind.OFF, "已作废"


S = DeclarationStatus

# the levels in order; a policy that does not ask for one skips it, nobody clicks it away
REVIEW_ORDER = (*(S(level) for level in ReviewLevel), S.CONFIRMED)
NOTICE_STATES = (S.VILLAGE_NOTICE, S.TOWNSHIP_NOTICE, S.COUNTY_NOTICE)

_VILLAGE = [Role.VILLAGE_CLERK, Role.TOWNSHIP_CLERK]
# who may start a declaration; departments push theirs through the API, a village or township clerk submits them
MAKER_ROLES = frozenset({*_VILLAGE, Role.DEPARTMENT_CLERK})
OBJECTION_ROLES = frozenset(
    {Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER, Role.DEPARTMENT_CLERK, Role.DEPARTMENT_REVIEWER}
)
IMPORT_ROLES = frozenset({Role.TOWNSHIP_CLERK, Role.DEPARTMENT_CLERK, Role.DEPARTMENT_REVIEWER})
EDIT_ROLES = frozenset({Role.VILLAGE_CLERK, *IMPORT_ROLES})
# who sets a mistaken record aside; never one that they registered themselves
VOID_ROLES = frozenset({Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER})
# one number in full, for those who face the person or answer for the list; finance and those who watch see the mask
# (docs/decisions/0020). The day's limit is per person, over all their accounts.
REVEAL_ROLES = frozenset(
    {
        Role.VILLAGE_CLERK,
        Role.TOWNSHIP_CLERK,
        Role.TOWNSHIP_REVIEWER,
        Role.WINDOW_CLERK,
        Role.DEPARTMENT_CLERK,
        Role.DEPARTMENT_REVIEWER,
    }
)
REVEALS_A_DAY = 30
# a line is taken off with a reason by those who examine the list at that level
EXCLUDE_ROLES = {
    S.DELIBERATION: frozenset(_VILLAGE),
    S.TOWNSHIP_REVIEW: frozenset({Role.TOWNSHIP_REVIEWER}),
    S.COUNTY_REVIEW: frozenset({Role.DEPARTMENT_REVIEWER, Role.FINANCE_CHECKER, Role.SUPERVISOR}),
}
NOTICE_LEVEL_OF = {S.VILLAGE_NOTICE: "village", S.TOWNSHIP_NOTICE: "township", S.COUNTY_NOTICE: "county"}

# who hangs the paper of a level, takes a mistaken one down, and goes on when it has run its days
NOTICE_KEEPERS = {
    S.VILLAGE_NOTICE: frozenset(_VILLAGE),
    S.TOWNSHIP_NOTICE: frozenset({Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER}),
    S.COUNTY_NOTICE: frozenset({Role.DEPARTMENT_CLERK, Role.DEPARTMENT_REVIEWER}),
}

# a village may have one clerk or none, who cannot take their own mistake back
NOTICE_WITHDRAWERS = NOTICE_KEEPERS | {
    S.VILLAGE_NOTICE: NOTICE_KEEPERS[S.VILLAGE_NOTICE] | {Role.TOWNSHIP_REVIEWER}
}

DECLARATION_FLOW = Workflow(
    "recipients.declaration",
    "申报册",
    (
        step("submit", "送审", [S.DRAFT], S.DELIBERATION, _VILLAGE, duty=Duty.DECLARATION_MAKE),
        step("deliberate", "登记评议结果", [S.DELIBERATION], S.VILLAGE_NOTICE, _VILLAGE),
        step(
            "end_village_notice",
            "公示期满，送乡镇审核",
            [S.VILLAGE_NOTICE],
            S.TOWNSHIP_REVIEW,
            NOTICE_KEEPERS[S.VILLAGE_NOTICE],
        ),
        step(
            "approve_township",
            "乡镇审核通过",
            [S.TOWNSHIP_REVIEW],
            S.TOWNSHIP_NOTICE,
            [Role.TOWNSHIP_REVIEWER],
            duty=Duty.TOWNSHIP_REVIEW,
        ),
        step(
            "end_township_notice",
            "公示期满，送县级联审",
            [S.TOWNSHIP_NOTICE],
            S.COUNTY_REVIEW,
            NOTICE_KEEPERS[S.TOWNSHIP_NOTICE],
        ),
        # three offices sign in parallel; the last signature moves the declaration on
        step(
            "sign_department",
            "主管部门同意",
            [S.COUNTY_REVIEW],
            S.COUNTY_REVIEW,
            [Role.DEPARTMENT_REVIEWER],
            duty=Duty.JOINT_DEPARTMENT,
        ),
        step(
            "sign_finance",
            "财政同意",
            [S.COUNTY_REVIEW],
            S.COUNTY_REVIEW,
            [Role.FINANCE_CHECKER],
            duty=Duty.JOINT_FINANCE,
        ),
        step(
            "sign_supervision",
            "监督同意",
            [S.COUNTY_REVIEW],
            S.COUNTY_REVIEW,
            [Role.SUPERVISOR],
            duty=Duty.JOINT_SUPERVISION,
        ),
        step(
            "end_county_notice",
            "公示期满，确认享受资格",
            [S.COUNTY_NOTICE],
            S.CONFIRMED,
            NOTICE_KEEPERS[S.COUNTY_NOTICE],
        ),
        # after a meeting that did not agree; one that did has moved the list on
        step(
            "return_deliberation",
            "评议没有通过，退回编制",
            [S.DELIBERATION],
            S.DRAFT,
            _VILLAGE,
            needs_note=True,
            style="danger",
        ),
        step(
            "return_township",
            "退回村里补正",
            [S.TOWNSHIP_REVIEW],
            S.DRAFT,
            [Role.TOWNSHIP_REVIEWER],
            duty=Duty.TOWNSHIP_REVIEW,
            needs_note=True,
            style="danger",
        ),
        step(
            "return_county",
            "不同意，退回补正",
            [S.COUNTY_REVIEW],
            S.DRAFT,
            [Role.DEPARTMENT_REVIEWER, Role.FINANCE_CHECKER, Role.SUPERVISOR],
            needs_note=True,
            style="danger",
        ),
        # taken by answering an objection that proved true (services.objections), never by a button of its own
        step(
            "return_notice",
            "异议属实，退回补正",
            list(NOTICE_STATES),
            S.DRAFT,
            OBJECTION_ROLES,
            duty=Duty.OBJECTION_ANSWER,
            needs_note=True,
            style="danger",
        ),
        step(
            "withdraw",
            "作废",
            [S.DRAFT],
            S.WITHDRAWN,
            _VILLAGE,
            duty=Duty.DECLARATION_MAKE,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(
        step("make", "编制申报册", [], S.DRAFT, MAKER_ROLES, duty=Duty.DECLARATION_MAKE),
        act(
            "clear",
            "清空这一册",
            [S.DRAFT],
            MAKER_ROLES,
            duty=Duty.DECLARATION_MAKE,
            needs_note=True,
            style="danger",
        ),
        # both in duties that count for the notice: a mistaken one is taken back by another person, and says why
        *(
            act(f"post_{at}", "张贴公示", [at], by, duty=Duty.NOTICE_POST)
            for at, by in NOTICE_KEEPERS.items()
        ),
        *(
            act(
                f"withdraw_{at}",
                "撤回登记",
                [at],
                by,
                duty=Duty.NOTICE_WITHDRAW,
                needs_note=True,
                style="danger",
            )
            for at, by in NOTICE_WITHDRAWERS.items()
        ),
    ),
    # forward jumps over levels that the policy does not ask for
    skips=tuple(
        (source, target)
        for i, source in enumerate((S.DRAFT, *REVIEW_ORDER))
        for target in REVIEW_ORDER[i:]
        if source != target
    ),
    setbacks=("exclude", "deliberate.failed"),
)


class NoticeStatus(StateChoices):
    """Derived from dates and marks: a notice row is written once, then only ended or withdrawn."""

    RUNNING = "running", Kind.DOING, "公示中"
    EXPIRED = "expired", Kind.OK, "期满"
    WITHDRAWN = "withdrawn", Kind.OFF, "已撤"


class EntitlementStatus(StateChoices):
    ACTIVE = "active", Kind.OK, "享受中"
    SUSPENDED = "suspended", Kind.OFF, "暂停"
    ENDED = "ended", Kind.OFF, "终止"


_KEEPERS = [Role.DEPARTMENT_CLERK, Role.DEPARTMENT_REVIEWER, Role.TOWNSHIP_REVIEWER]
# a declaration is confirmed by whoever takes its last step, and a death is registered by whoever keeps the registry
_CONFIRMERS = frozenset(role for one in DECLARATION_FLOW.steps if one.style != "danger" for role in one.roles)
DEATH_CORRECT_ROLES = frozenset(
    {Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER, Role.DEPARTMENT_CLERK, Role.DEPARTMENT_REVIEWER}
)
_RESTORERS = DEATH_CORRECT_ROLES | frozenset(_KEEPERS)
E = EntitlementStatus

ENTITLEMENT_FLOW = Workflow(
    "recipients.entitlement",
    "享受资格",
    (
        # both follow from the right's suspension (SUSPENSION_FLOW), which is made and lifted in duties of its own
        step("suspend", "暂停享受", [E.ACTIVE], E.SUSPENDED, _KEEPERS, needs_note=True, style="danger"),
        step("resume", "恢复享受", [E.SUSPENDED], E.ACTIVE, _KEEPERS, needs_note=True),
        step("end", "终止享受", [E.ACTIVE, E.SUSPENDED], E.ENDED, _KEEPERS, needs_note=True, style="danger"),
        # the rest has no button: it follows from a death, from an ending or a suspension corrected, or a newly confirmed
        # declaration. What is suspended when it comes back stays suspended
        step("correct_suspension", "更正暂停，恢复享受", [E.SUSPENDED], E.ACTIVE, _KEEPERS, needs_note=True),
        step(
            "end_by_rule",
            "按规定终止",
            [E.ACTIVE, E.SUSPENDED],
            E.ENDED,
            EDIT_ROLES | _CONFIRMERS,
            needs_note=True,
            style="danger",
        ),
        step("revive", "重新确认，恢复享受", [E.ENDED], E.ACTIVE, _CONFIRMERS),
        step("revive_suspended", "重新确认，仍然暂停", [E.ENDED], E.SUSPENDED, _CONFIRMERS),
        step("restore", "更正终止，恢复享受", [E.ENDED], E.ACTIVE, _RESTORERS, needs_note=True),
        step(
            "restore_suspended", "更正终止，恢复为暂停", [E.ENDED], E.SUSPENDED, _RESTORERS, needs_note=True
        ),
    ),
)
ENTITLEMENT_BUTTONS = ("suspend", "end")


class EndingStatus(StateChoices):
    STANDING = "standing", Kind.OK, "已终止"
    REVIVED = "revived", Kind.OFF, "已重新确认"
    CORRECTED = "corrected", Kind.OFF, "已更正"


_G = EndingStatus

ENDING_FLOW = Workflow(
    "recipients.ending",
    "终止记录",
    (
        # follows from a newly confirmed declaration; the days that the ending cut off stay off
        step("revive", "重新确认，终止到此为止", [_G.STANDING], _G.REVIVED, _CONFIRMERS),
        # what a death ended goes with the correction of the death, by who corrects that
        step(
            "correct",
            "更正终止",
            [_G.STANDING, _G.REVIVED],
            _G.CORRECTED,
            _KEEPERS,
            duty=Duty.ENDING_CORRECT,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(
        step(
            "make",
            "登记终止",
            [],
            _G.STANDING,
            EDIT_ROLES | _CONFIRMERS | frozenset(_KEEPERS),
            duty=Duty.ENDING_MAKE,
        ),
    ),
)


class SuspensionStatus(StateChoices):
    STANDING = "standing", Kind.TODO, "暂停中"
    LIFTED = "lifted", Kind.OFF, "已恢复"
    CORRECTED = "corrected", Kind.OFF, "已更正"


_S = SuspensionStatus

SUSPENSION_FLOW = Workflow(
    "recipients.suspension",
    "暂停记录",
    (
        step(
            "lift",
            "恢复享受，补发暂缓的",
            [_S.STANDING],
            _S.LIFTED,
            _KEEPERS,
            duty=Duty.SUSPENSION_LIFT,
            needs_note=True,
        ),
        # the last day decides what is never paid: a second person says it
        step(
            "release",
            "恢复享受，停发期间不补",
            [_S.STANDING],
            _S.LIFTED,
            _KEEPERS,
            duty=Duty.SUSPENSION_CHECK,
            needs_note=True,
        ),
        step(
            "correct",
            "更正暂停",
            [_S.STANDING, _S.LIFTED],
            _S.CORRECTED,
            _KEEPERS,
            duty=Duty.SUSPENSION_CHECK,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(step("make", "登记暂停", [], _S.STANDING, _KEEPERS, duty=Duty.SUSPENSION_MAKE, needs_note=True),),
)


class AccountChangeStatus(StateChoices):
    ASKED = "asked", Kind.TODO, "待复核"
    APPROVED = "approved", Kind.OK, "已生效"
    REFUSED = "refused", Kind.BAD, "已退回"


# an account is changed by one and checked by another
ACCOUNT_ASK_ROLES = frozenset({Role.VILLAGE_CLERK, Role.TOWNSHIP_CLERK, Role.WINDOW_CLERK})
ACCOUNT_CHECK_ROLES = frozenset({Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER})
A = AccountChangeStatus

ACCOUNT_FLOW = Workflow(
    "recipients.accountchange",
    "账户变更",
    (
        step("approve", "复核通过", [A.ASKED], A.APPROVED, ACCOUNT_CHECK_ROLES, duty=Duty.ACCOUNT_CHECK),
        step(
            "refuse",
            "退回",
            [A.ASKED],
            A.REFUSED,
            ACCOUNT_CHECK_ROLES,
            duty=Duty.ACCOUNT_CHECK,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(step("ask", "申请换卡", [], A.ASKED, ACCOUNT_ASK_ROLES, duty=Duty.ACCOUNT_ASK),),
)


class HeadChangeStatus(StateChoices):
    ASKED = "asked", Kind.TODO, "待复核"
    APPROVED = "approved", Kind.OK, "已生效"
    REFUSED = "refused", Kind.BAD, "已退回"


# a household's head is changed by one and checked by another, who sees which rights pass
HEAD_CHECK_ROLES = frozenset({Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER})
_H = HeadChangeStatus

HEAD_FLOW = Workflow(
    "recipients.headchange",
    "户主变更",
    (
        step("approve", "复核通过", [_H.ASKED], _H.APPROVED, HEAD_CHECK_ROLES, duty=Duty.HEAD_CHECK),
        step(
            "refuse",
            "退回",
            [_H.ASKED],
            _H.REFUSED,
            HEAD_CHECK_ROLES,
            duty=Duty.HEAD_CHECK,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(step("ask", "申请变更户主", [], _H.ASKED, EDIT_ROLES, duty=Duty.HEAD_ASK),),
)


class NumberChangeStatus(StateChoices):
    ASKED = "asked", Kind.TODO, "待复核"
    APPROVED = "approved", Kind.OK, "已更正"
    REFUSED = "refused", Kind.BAD, "已退回"


# a wrong ID number is corrected by whoever edits the registry of a place, and checked against the card by another; the
# department's posts reach two townships whose people bear each other's numbers
NUMBER_ASK_ROLES = EDIT_ROLES | {Role.TOWNSHIP_REVIEWER}
NUMBER_CHECK_ROLES = DEATH_CORRECT_ROLES
_N = NumberChangeStatus

NUMBER_FLOW = Workflow(
    "recipients.numberchange",
    "更正身份证号",
    (
        step("approve", "复核通过", [_N.ASKED], _N.APPROVED, NUMBER_CHECK_ROLES, duty=Duty.NUMBER_CHECK),
        step(
            "refuse",
            "退回",
            [_N.ASKED],
            _N.REFUSED,
            NUMBER_CHECK_ROLES,
            duty=Duty.NUMBER_CHECK,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(step("ask", "申请更正身份证号", [], _N.ASKED, NUMBER_ASK_ROLES, duty=Duty.NUMBER_ASK),),
)


class DeathStatus(StateChoices):
    STANDING = "standing", Kind.OK, "已登记"
    CORRECTED = "corrected", Kind.OFF, "已更正"


DEATH_FLOW = Workflow(
    "recipients.death",
    "死亡登记",
    (
        step(
            "correct",
            "更正，此人健在",
            [DeathStatus.STANDING],
            DeathStatus.CORRECTED,
            DEATH_CORRECT_ROLES,
            duty=Duty.DEATH_CORRECT,
            needs_note=True,
            style="danger",
        ),
    ),
    acts=(step("record", "登记死亡", [], DeathStatus.STANDING, EDIT_ROLES, duty=Duty.DEATH_RECORD),),
)


class RecordPauseStatus(StateChoices):
    STANDING = "standing", Kind.OFF, "停用中"
    LIFTED = "lifted", Kind.OK, "已恢复"


RECORD_FLOW = Workflow(
    "recipients.recordpause",
    "停用记录",
    (
        # lists pay the person again by this word: a department's clerk, who says it, still handles them
        step(
            "lift",
            "恢复使用",
            [RecordPauseStatus.STANDING],
            RecordPauseStatus.LIFTED,
            DEATH_CORRECT_ROLES,
            duty=Duty.RECORD_RESUME,
            needs_note=True,
        ),
    ),
    acts=(
        step(
            "pause",
            "停用档案",
            [],
            RecordPauseStatus.STANDING,
            EDIT_ROLES,
            duty=Duty.RECORD_PAUSE,
            needs_note=True,
            style="danger",
        ),
    ),
)

FLOWS = (
    DECLARATION_FLOW,
    ENTITLEMENT_FLOW,
    ENDING_FLOW,
    SUSPENSION_FLOW,
    ACCOUNT_FLOW,
    HEAD_FLOW,
    NUMBER_FLOW,
    DEATH_FLOW,
    RECORD_FLOW,
)
# (level, office, duty): in which posts a list passes a level that asks for one; office '' where one post decides
POSTS = tuple(
    (str(level), one.name.removeprefix("sign_") if one.target == level else "", str(one.duty))
    for level in REVIEW_ORDER
    for one in DECLARATION_FLOW.steps
    if level in one.sources and one.duty and one.style != "danger"
)
