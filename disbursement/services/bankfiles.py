"""代发文件: streamed from the database, stored as bytes, read back and re-summed before commit."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone

from disbursement.models import BankFile, PaymentOrder
from disbursement.models.sql import NO_RESULT, ORDERED
from huimin.core import crypto
from huimin.core.bankformats.layout import BankFormat, PayrollHeader, PayrollLine
from huimin.core.bankformats.registry import get_format
from huimin.core.errors import StepRefused
from huimin.core.models import Division
from huimin.core.records import files

if TYPE_CHECKING:
    from huimin.core.models import User

BLOCK = 2_000

# what the bank gets of an order, in the order of the rosters
LINES = f"""
SELECT l.id, l.account_name, l.account_number, l.amount, l.payee_id_number, l.account_key, l.payee_key,
       r.division_code, l.line_no
FROM {ORDERED}
WHERE q.order_id = %s AND {NO_RESULT}
ORDER BY r.division_code, r.id, l.line_no
"""  # noqa: S608 -- a constant of ours


def reference_of(line_id: int) -> str:
    """Our key of a payment in bank files: a letter in front, so that a spreadsheet cannot make a number of it."""
    return f"P{line_id:012d}"


def make_file(order: PaymentOrder, *, actor: User) -> BankFile:
    """The file in the order's format; raises StepRefused when what was stored does not add up to the order."""
    bank = get_format(order.bank_format)
    header = PayrollHeader(
        county=Division.objects.get(code=order.county_code).name,
        order_number=order.number,
        count=order.line_count,
        total=order.total,
        date=f"{timezone.localtime(order.sent_at):%Y%m%d}",
    )
    buffer = io.BytesIO()
    try:
        totals = bank.write_payroll(header, payroll_lines(order), buffer)
    except ValueError as error:
        raise StepRefused("代发文件与支付申请的笔数、金额不符，没有生成。请报告审计管理员。") from error
    stored = files.store(
        buffer.getvalue(),
        name=f"{order.number}.{bank.extension}",
        purpose="bank_file",
        content_type=bank.content_type,
        actor=actor,
        county_code=order.county_code,
        division_code=order.division_code,
    )
    made = BankFile.objects.create(
        order=order, format=bank.code, file=stored, line_count=totals.count, total=totals.total
    )
    _require_readable(made, bank)
    return made


def _require_readable(made: BankFile, bank: BankFormat) -> None:
    """From the stored bytes, as the bank will read them."""
    content = bank.read_payroll(files.read(made.file))
    total = sum(line.amount for line in content.lines)
    if (len(content.lines), total) != (made.order.line_count, made.order.total):
        raise StepRefused("代发文件读回来的笔数、金额与支付申请不符，没有送银行。请报告审计管理员。")


def _require_own(rows: Sequence[Any], accounts: Sequence[str], people: Sequence[str]) -> None:
    """What is decrypted is what was checked: ciphertext of another person under this line's keys is refused."""
    keys = zip(
        crypto.blind_index_many("account", accounts),
        crypto.blind_index_many("id_number", people),
        strict=True,
    )
    for row, (account, person) in zip(rows, keys, strict=True):
        what = "账号" if account != bytes(row[5]) else "身份证号" if person != bytes(row[6]) else ""
        if what:
            town = Division.objects.get(code=row[7]).short_name
            raise StepRefused(
                f"{town}花名册第 {row[8]} 行收款人的{what}与审核时的不符，可能被改动过。"
                "没有生成代发文件，请报告审计管理员。"
            )


def payroll_lines(order: PaymentOrder) -> Iterator[PayrollLine]:
    """Lines as the bank gets them, from a server-side cursor, decrypted block by block."""
    remark, serial = order.remark, 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(LINES, [order.pk])
        while rows := cursor.fetchmany(BLOCK):
            accounts = crypto.decrypt_many("account", (row[2] for row in rows))
            people = crypto.decrypt_many("id_number", (row[4] for row in rows))
            _require_own(rows, accounts, people)
            for row, account, person in zip(rows, accounts, people, strict=True):
                serial += 1
                yield PayrollLine(str(serial), row[1], account, row[3], person, remark, reference_of(row[0]))
