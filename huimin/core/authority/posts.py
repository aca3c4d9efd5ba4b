"""Whose post an act is: the one sentence that tells somebody that it is not theirs, and who does it."""

from __future__ import annotations

from collections.abc import Iterable

from huimin.core.authority import scope
from huimin.core.authority.duties import GIVING_BACK, Duty, shut_by
from huimin.core.authority.roles import Role
from huimin.core.errors import StepForbidden

# the way on where a post has one person and that one is excluded: it is never the way to leave the thing lying
NOBODY_ELSE = "这个岗位没有别人的，请安全管理员授权一位。"


def names_of(roles: Iterable[str]) -> str:
    """部门经办、部门审核, the way every refusal lists them."""
    return "、".join(sorted(Role(role).label for role in roles))


# of which lists, and of which periods
_CLOSED: dict[str, tuple[str, str]] = {
    Duty.STOP_LIFT: ("以后列有这一笔的名单", ""),
    Duty.HEAD_ASK: ("发给新户主的名单", "；从变更日期起的期次都算"),
}


def what_it_shuts(duty: str) -> str:
    """What to say before somebody is paid by one's word: which desks that closes; empty for other duties."""
    if duty not in (*GIVING_BACK, Duty.HEAD_ASK):
        return ""
    lists, when = _CLOSED.get(
        duty, ("发给这个人、这一户的名单", "；以前没有发的、办理以后一个月以内的期次都算")
    )
    desks = "、".join(one.label.removesuffix("花名册") for one in shut_by(duty))
    return (
        f"谁办，谁就不能审核、支付{lists}：{desks}{when}。部门经办这一道除外，退回名单也不受影响。"
        "您正好在其中一道、那里没有别人的，请由部门经办来办这一件，或者先请安全管理员授权一位。"
    )


def not_your_post(roles: Iterable[str], act: str = "") -> StepForbidden:
    """The refusal to raise or show; `act` is what the button says, empty where the page itself is the act."""
    what = f"“{act}”" if act else "这一步"
    return StepForbidden(f"{what}不归您的岗位办理，须由{names_of(roles)}办理。")


def refusal_of_post(
    actor: scope.Holder, roles: Iterable[str], *, division_code: str, policy_id: int | None, act: str = ""
) -> StepForbidden | None:
    """The refusal where no grant gives one of the roles there; who has the role for other policies is told so."""
    wanted = set(roles)
    if scope.holds(actor, wanted, division_code=division_code, policy_id=policy_id):
        return None
    if scope.holds(actor, wanted, division_code=division_code):
        return StepForbidden(f"您的授权里没有这项政策，请由管这项政策的{names_of(wanted)}办理。")
    return not_your_post(wanted, act)


def require_role(
    actor: scope.Holder,
    roles: Iterable[str],
    *,
    division_code: str,
    policy_id: int | None = None,
    act: str = "",
) -> None:
    """Raises StepForbidden unless a grant gives one of the roles at that place, for that policy, today.

    For acts that have no step of their own; steps are asked about by workflow.why_not, in the same words.
    """
    wanted = set(roles)
    if refusal := refusal_of_post(actor, wanted, division_code=division_code, policy_id=policy_id, act=act):
        raise refusal
