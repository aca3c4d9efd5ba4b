"""到账短信: one message per paid line whose payee has a telephone, written in blocks (roster_forms: 到账短信)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.db import connection

from huimin.core import crypto
from huimin.core.models import Division
from huimin.core.values.money import format_yuan
from huimin.core.values.periods import Period

if TYPE_CHECKING:
    from disbursement.models import ReturnFile

BLOCK = 5_000
PAID = """
SELECT l.id, l.payee_name, l.amount, l.account_tail, p.phone, b.period, y.short_name
FROM disbursement_paymentresult x
JOIN disbursement_paymentline l ON l.id = x.line_id
JOIN disbursement_roster r ON r.id = l.roster_id
JOIN disbursement_batch b ON b.id = r.batch_id
JOIN subsidies_policy y ON y.id = r.policy_id
JOIN recipients_entitlementversion v ON v.id = l.entitlement_version_id
JOIN recipients_person p ON p.id = v.payee_id
WHERE x.return_file_id = %s AND x.kind = 'paid' AND p.phone IS NOT NULL
ORDER BY l.id
"""
QUEUE = "COPY core_message (channel, recipient, body, subject, attempts, error) FROM STDIN (FORMAT BINARY)"
QUEUE_TYPES = ("varchar", "bytea", "bytea", "varchar", "int2", "varchar")


def queue_paid(found: ReturnFile) -> int:
    """Put the messages into the outbox, in the caller's transaction: one COPY per 5,000; returns how many."""
    county = Division.objects.get(code=found.county_code).name
    queued = 0
    with connection.chunked_cursor() as rows, connection.cursor() as writer:
        rows.execute(PAID, [found.pk])
        while block := rows.fetchmany(BLOCK):
            phones = crypto.decrypt_many("phone", (row[4] for row in block))
            recipients = crypto.encrypt_many("message_recipient", phones)
            bodies = crypto.encrypt_many("message_body", [_text(county, row) for row in block])
            with writer.copy(QUEUE) as copy:
                copy.set_types(QUEUE_TYPES)
                for row, recipient, body in zip(block, recipients, bodies, strict=True):
                    copy.write_row(("sms", recipient, body, f"disbursement.paymentline:{row[0]}", 0, ""))
            queued += len(block)
    return queued


def _text(county: str, row: tuple) -> str:  # type: ignore[type-arg]
    _, name, amount, tail, _, period, policy = row
    return (
        f"【{county}一卡通】{name}您好，您{_period_words(period)}{policy}已获批准，"
        f"金额{format_yuan(amount)}元，已发放到尾号为{tail}的社会保障卡，请注意查收。"
    )


@lru_cache(maxsize=64)
def _period_words(period: str) -> str:
    return Period.parse(period).label
