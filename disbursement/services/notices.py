"""What people are told of a return: villagers by 到账短信, in blocks; staff in their inbox of what did not arrive, and
the bank of a file to fetch."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connection
from django.urls import reverse

from disbursement.queries import rosters_of
from disbursement.states import ORDER_FLOW
from huimin.core import crypto
from huimin.core.accounts.queries import holders
from huimin.core.authority import scope
from huimin.core.authority.roles import Role
from huimin.core.models import Division, Message
from huimin.core.values.money import format_yuan
from huimin.core.values.periods import Period
from huimin.core.work import messages
from huimin.core.work.messages import Letter
from recipients.models import Account

if TYPE_CHECKING:
    from disbursement.models import PaymentOrder, ReturnFile
    from huimin.core.models import User

BLOCK = 5_000
PAID = """
SELECT l.id, l.payee_name, l.amount, l.account_tail, p.phone, l.roster_id,
       (SELECT a.kind FROM recipients_account a WHERE a.person_id = p.id AND a.number_key = l.account_key
        ORDER BY a.id DESC LIMIT 1)
FROM disbursement_paymentresult x
JOIN disbursement_paymentline l ON l.id = x.line_id
JOIN recipients_person p ON p.id = l.payee_id
WHERE x.return_file_id = %s AND x.kind = 'paid' AND p.phone IS NOT NULL
ORDER BY l.id
"""


def queue_paid(found: ReturnFile) -> int:
    """Put the messages into the outbox, in the caller's transaction: one COPY per 5,000; returns how many."""
    county = Division.objects.get(code=found.county_code).name
    subsidies = _subsidies(found)
    queued = 0
    with connection.chunked_cursor() as rows:
        rows.execute(PAID, [found.pk])
        while block := rows.fetchmany(BLOCK):
            phones = crypto.decrypt_many("phone", (row[4] for row in block))
            queued += messages.queue_many(
                Message.Channel.SMS,
                [
                    Letter(phone, _text(county, subsidies[row[5]], row), f"disbursement.paymentline:{row[0]}")
                    for row, phone in zip(block, phones, strict=True)
                ],
            )
    return queued


def _subsidies(found: ReturnFile) -> dict[int, str]:
    """What each roster of the order pays: period and policy, joined once instead of for every payment."""
    rows = rosters_of(found.order).values_list("pk", "batch__period", "policy__short_name")
    return {pk: f"{Period.parse(period).label}{policy}" for pk, period, policy in rows}


# where the money is, in the words of who has it
_PLACES = {Account.Kind.CARD: "社会保障卡", Account.Kind.PASSBOOK: "存折"}


def _text(county: str, subsidy: str, row: tuple) -> str:  # type: ignore[type-arg]
    _, name, amount, tail, *_, kind = row
    return (
        f"【{county}一卡通】{name}您好，您{subsidy}已获批准，"
        f"金额{format_yuan(amount)}元，已发放到尾号为{tail}的{_PLACES.get(kind, '账户')}，请注意查收。"
    )


_TELL = frozenset({Role.VILLAGE_CLERK, Role.TOWNSHIP_CLERK, Role.DEPARTMENT_CLERK})
FAILED = """
SELECT l.division_code, count(*), sum(l.amount) FROM disbursement_paymentline l
JOIN disbursement_paymentresult x ON x.line_id = l.id
WHERE (x.return_file_id = %(file)s OR x.line_id = %(line)s) AND x.kind IN ('bank_failed', 'late_return')
GROUP BY l.division_code
"""


def tell_failed(order: PaymentOrder, *, file_id: int | None = None, line_id: int | None = None) -> int:
    """A line in the inbox of village, township and department, each with the sum of its own places.

    Of what a return file brought, or of one line that came back later. Returns how many people.
    """
    with connection.cursor() as cursor:
        cursor.execute(FAILED, {"file": file_id, "line": line_id})
        villages = cursor.fetchall()
    lines = []
    for user, grants in holders(_TELL, policy_id=order.policy_id).items() if villages else ():
        mine = [
            (count, total)
            for place, count, total in villages
            if any(scope.covers(grant.division_id, place) for grant in grants)
        ]
        if mine:
            count, total = sum(one for one, _ in mine), sum((one for _, one in mine), Decimal(0))
            words = f"{order.policy.short_name}有 {count:,} 笔没发成功，共 {format_yuan(total)} 元"
            lines.append((user, words))
    return messages.notify_each(
        lines,
        url=reverse("disbursement:failed-list"),
        body="钱都在专户里。名单上有每个人的原因和怎么跟他说；换卡复核后可以补发。",
    )


def tell_bank(order: PaymentOrder) -> int:
    """The bank's people learn that a file is waiting for them."""
    bankers = holders({Role.BANK}, policy_id=order.policy_id)
    there = [user for user in bankers if user.office_id == order.bank_id]
    return messages.notify(
        there,
        title=f"有代发文件待取：{order.number}，{order.line_count:,} 笔",
        url=reverse("disbursement:order-detail", args=[order.pk]),
        body=f"共 {format_yuan(order.total)} 元。取文件要动态口令。",
    )


def tell_makers(order: PaymentOrder, *, note: str, actor: User) -> int:
    """Whoever makes orders of this policy learns that one came back, and why: its lines wait to be ordered again."""
    makers = [user for user in holders(ORDER_FLOW["make"].roles, policy_id=order.policy_id) if user != actor]
    return messages.notify(
        makers,
        title=f"支付申请退回：{order.number}，{order.policy.short_name}，{order.line_count:,} 笔",
        url=reverse("disbursement:order-detail", args=[order.pk]),
        body=f"{actor}：{note}",
    )
