"""What waits for this person among rosters, orders and return files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, F, Min, OuterRef, Q, Sum
from django.urls import reverse

from disbursement import queries
from disbursement.models import Batch, PaymentOrder, ReturnFile, Reversal, Roster
from disbursement.states import (
    BATCH_FLOW,
    ROSTER_FLOW,
    OrderStatus,
    ReturnStatus,
    ReversalStatus,
    RosterStatus,
)
from huimin.core import clock
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
        waiting = queries.with_free_lines(
            Roster.objects.visible_to(user).filter(status=RosterStatus.APPROVED)
        )
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


@source
def bank_files(user: User) -> Iterable[Todo]:
    """An order is at the bank: there is a file to fetch, and after that a return to bring."""
    if Role.BANK not in user.roles():
        return
    sent = PaymentOrder.objects.visible_to(user).filter(status=OrderStatus.SENT)
    answered = ReturnFile.objects.filter(order=OuterRef("pk"), status=ReturnStatus.UPLOADED)
    waiting = sent.exclude(Exists(answered)).aggregate(count=Count("pk"), money=Sum("total"))
    url = f"{reverse('disbursement:order-list')}?status={OrderStatus.SENT}"
    note = f"共 {waiting['money'] or 0:,.2f} 元。取代发文件要动态口令；发完把回盘传上来。"
    yield Todo("有代发文件，等发放和回盘", waiting["count"], url, "去取文件", note)


@source
def failed(user: User) -> Iterable[Todo]:
    """Money that came back, for the three who can do something: tell the person, change the card, pay again."""
    mine = user.roles() & _FAILED.keys()
    if not mine:
        return
    found = queries.failed_for(user).aggregate(
        count=Count("pk"), since=Min("failed_on"), ready=Count("pk", filter=~Q(card_key=F("account_key")))
    )
    if not found["count"]:
        return
    role = next(role for role in _FAILED if role in mine)
    title, address, act = _FAILED[role]
    days = (clock.today() - found["since"]).days
    note = f"最早的等了 {days} 天；其中 {found['ready']:,} 笔已换卡，可以做更正批次。"
    yield Todo(title, found["count"], reverse(address), act, note)


MOST_BATCHES = 5  # of which one to-do each is told


@source
def lifted(user: User) -> Iterable[Todo]:
    """Stops that were taken back: nothing comes of it before somebody makes a supplement."""
    roles = BATCH_FLOW["supplement"].roles
    if not user.roles() & roles:
        return
    found = list(queries.lifted_for(user, roles)[:MOST_BATCHES])
    titles = Batch.objects.in_bulk([one["root"] for one in found])
    for one in found:
        note = f"{titles[one['root']].title}，共 {one['sum']:,.2f} 元。没有卡、还暂停着的，办好了再补。"
        url = reverse("disbursement:batch-detail", args=[one["root"]])
        yield Todo("停发恢复了，等补发", one["count"], url, "去建补发批次", note)


# the first of these that the person is
_FAILED = {
    Role.DEPARTMENT_CLERK: ("钱没发成功，等更正发放", "disbursement:correction-list", "去更正发放"),
    Role.TOWNSHIP_CLERK: ("钱没发成功，等本人换卡", "disbursement:correction-list", "看名单和怎么说"),
    Role.VILLAGE_CLERK: ("钱没发成功，去告诉本人", "disbursement:failed-list", "看怎么跟他说"),
}
