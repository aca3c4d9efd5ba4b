"""What waits for this person among rosters, orders and return files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Count
from django.urls import reverse

from disbursement.models import PaymentOrder, ReturnFile, Reversal, Roster
from disbursement.states import ROSTER_FLOW, OrderStatus, ReturnStatus, ReversalStatus, RosterStatus
from huimin.core.authority.roles import Role
from huimin.core.desk.todos import Todo, source

if TYPE_CHECKING:
    from huimin.core.models import User

# the state that a role's own forward step leaves: what lies on that person's desk
_DESKS = {
    role: source_state
    for one in ROSTER_FLOW.steps
    if one.name == "submit" or one.name.startswith("pass_")
    for role in one.roles
    for source_state in one.sources
}


@source
def rosters(user: User) -> Iterable[Todo]:
    mine = user.roles()
    desks = {state for role, state in _DESKS.items() if role in mine}
    if not desks:
        return
    counts = (
        Roster.objects.visible_to(user)
        .filter(status__in=desks, line_count__gt=0)
        .order_by()
        .values_list("status")
        .annotate(Count("pk"))
    )
    for state, count in counts:
        url = f"{reverse('disbursement:roster-list')}?status={state}"
        label = RosterStatus(state).label
        yield Todo(f"花名册{label}", count, url, f"去{label.removeprefix('待')}")


@source
def orders(user: User) -> Iterable[Todo]:
    mine = user.roles()
    if Role.FINANCE_CLERK in mine:
        waiting = Roster.objects.visible_to(user).filter(status=RosterStatus.APPROVED, order__isnull=True)
        yield Todo(
            "花名册已终审，等着支付", waiting.count(), reverse("disbursement:order-new"), "编制支付申请"
        )
    if Role.TREASURER in mine:
        yield from _treasury(user)


def _treasury(user: User) -> Iterable[Todo]:
    for state, act in ((OrderStatus.DRAFT, "去签章"), (OrderStatus.SIGNED, "去送银行")):
        count = PaymentOrder.objects.visible_to(user).filter(status=state).count()
        url = f"{reverse('disbursement:order-list')}?status={state}"
        yield Todo(f"支付申请{state.label}", count, url, act)


@source
def returns(user: User) -> Iterable[Todo]:
    if Role.RECONCILER not in user.roles():
        return
    files = ReturnFile.objects.visible_to(user).filter(status=ReturnStatus.UPLOADED).exclude(uploaded_by=user)
    url = f"{reverse('disbursement:return-list')}?status={ReturnStatus.UPLOADED}"
    yield Todo("回盘待确认", files.count(), url, "去核对")
    asked = Reversal.objects.visible_to(user).filter(status=ReversalStatus.ASKED).exclude(asked_by=user)
    yield Todo("退汇退款待复核", asked.count(), reverse("disbursement:reversal-list"), "去复核")
    sent = PaymentOrder.objects.visible_to(user).filter(status=OrderStatus.SENT)
    yield Todo("支付申请等银行回盘", sent.count(), reverse("disbursement:return-list"), "上传回盘")
