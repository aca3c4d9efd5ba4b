"""What the pages of this app share: buttons from its step table, one export of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.urls import reverse

from disbursement.models import PaymentLine, PaymentOrder
from huimin.core.authority import scope
from huimin.core.authority.steps import Step, Workflow
from huimin.core.desk.pages import acts
from huimin.core.models import Division
from huimin.core.sheets.writer import Column
from huimin.core.values.identity import mask_id_staff
from huimin.core.work import workflow

if TYPE_CHECKING:
    from huimin.core.desk.pages import Act
    from huimin.core.models import User

LINE_COLUMNS = [
    Column("序号", 8, "integer"),
    Column("支付状态", 10),
    Column("户主姓名", 12),
    Column("享受人", 12),
    Column("享受人身份证号", 22),
    Column("收款人姓名", 12),
    Column("账户名称", 12),
    Column("账号尾号", 10),
    Column("开户银行", 24),
    Column("村(居)委会", 16),
    Column("村(居)民小组", 12),
    Column("数量", 12, "quantity"),
    Column("补贴标准", 20),
    Column("补贴金额", 14, "amount"),
]


def buttons(
    obj: Any,
    flow: Workflow,
    *,
    actor: User,
    url_name: str,
    also: Callable[[Step], str] | None = None,
    leave_out: Iterable[str] = (),
) -> list[Act]:
    """The steps this person's role knows from here, each pressable or with its reason."""
    hidden = set(leave_out)
    found = [
        one for one in workflow.actions(obj, flow, actor=actor, also=also) if one.step.name not in hidden
    ]
    return acts(found, lambda step: reverse(url_name, args=[obj.pk, step]))


def may_take(user: User, roles: Iterable[str], order: PaymentOrder) -> bool:
    """Does this person take away files of the order that hold numbers in full?"""
    return scope.holds(user, roles, division_code=order.division_code, policy_id=order.policy_id)


def line_rows(lines: QuerySet[PaymentLine]) -> Iterable[tuple[Any, ...]]:
    """For exports: ID numbers masked, of the account the last four digits only."""
    names = Division.objects.names(lines.order_by().values_list("division_code", flat=True).distinct())
    line: Any
    for line in lines.iterator(chunk_size=2_000):
        yield (
            line.line_no,
            line.payment_state.label,
            line.holder_name,
            line.beneficiary_name,
            mask_id_staff(line.beneficiary_id_number),
            line.payee_name,
            line.account_name,
            line.account_tail,
            line.bank_name,
            names.get(line.division_code, line.division_code),
            line.group_name,
            line.quantity,
            line.standard_text,
            line.amount,
        )
