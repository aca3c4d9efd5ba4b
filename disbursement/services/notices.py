"""到账短信: one message per paid line whose payee has a telephone, written in blocks (roster_forms: 到账短信)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from disbursement.models import Roster
from huimin.core import crypto
from huimin.core.models import Division, Message
from huimin.core.values.money import format_yuan
from huimin.core.values.periods import Period
from huimin.core.work import messages
from huimin.core.work.messages import Letter

if TYPE_CHECKING:
    from disbursement.models import ReturnFile

BLOCK = 5_000
PAID = """
SELECT l.id, l.payee_name, l.amount, l.account_tail, p.phone, l.roster_id
FROM disbursement_paymentresult x
JOIN disbursement_paymentline l ON l.id = x.line_id
JOIN recipients_entitlementversion v ON v.id = l.entitlement_version_id
JOIN recipients_person p ON p.id = v.payee_id
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
    rosters = Roster.objects.filter(order=found.order_id)
    rows = rosters.values_list("pk", "batch__period", "policy__short_name")
    return {pk: f"{Period.parse(period).label}{policy}" for pk, period, policy in rows}


def _text(county: str, subsidy: str, row: tuple) -> str:  # type: ignore[type-arg]
    _, name, amount, tail, *_ = row
    return (
        f"【{county}一卡通】{name}您好，您{subsidy}已获批准，"
        f"金额{format_yuan(amount)}元，已发放到尾号为{tail}的社会保障卡，请注意查收。"
    )
