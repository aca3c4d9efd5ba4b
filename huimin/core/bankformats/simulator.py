"""A bank for demonstrations and tests: answers a payroll file the way a rural commercial bank does."""

from __future__ import annotations

import io
import random
from decimal import Decimal

from huimin.core.bankformats.cells import ZERO
from huimin.core.bankformats.layout import (
    FAILURE,
    PENDING,
    SUCCESS,
    BankFormat,
    PayrollLine,
    ReturnHeader,
    ReturnLine,
)

# reason -> (how often among a hundred failures, how the bank words it)
ANSWERS = {
    "closed": (24, "账户已销户"),
    "dormant": (20, "久悬户，不得入账"),
    "replaced": (16, "卡片已换新，原卡作废"),
    "name_mismatch": (14, "户名不符"),
    "account_missing": (9, "无此账号"),
    "id_expired": (6, "客户证件已过期"),
    "frozen": (5, "账户止付"),
    "limited": (3, "二类户入账超限额"),
    "lost": (2, "卡已挂失"),
    "other": (1, "交易失败，请联系开户网点"),
}


def simulate_return(
    payroll: bytes,
    *,
    seed: int,
    fail_rate: Decimal = Decimal("0.01"),
    pending_rate: Decimal = Decimal(0),
    date: str = "",
    bank: BankFormat,
) -> bytes:
    """The bank's answer to a payroll file: the same bytes for the same file, seed and rates (0 to 1).

    `date` is YYYYMMDD, by default the day of the payroll. Raises FileRefused when the payroll is not whole.
    """
    content = bank.read_payroll(payroll)
    chance = random.Random(seed)  # noqa: S311 - a play of chance that must repeat itself
    lines = [_answer(line, chance, bank, fail_rate, pending_rate) for line in content.lines]
    sums = {
        result: (
            sum(1 for line in lines if line.result == result),
            sum((line.amount for line in lines if line.result == result), start=ZERO),
        )
        for result in (SUCCESS, FAILURE)
    }
    header = ReturnHeader(
        content.header.order_number,
        content.header.count,
        content.header.total,
        *sums[SUCCESS],
        *sums[FAILURE],
        date or content.header.date,
    )
    out = io.BytesIO()
    bank.write_return(header, lines, out)
    return out.getvalue()


def _answer(
    line: PayrollLine, chance: random.Random, bank: BankFormat, fail_rate: Decimal, pending_rate: Decimal
) -> ReturnLine:
    drawn = Decimal(chance.randrange(1_000_000)) / 1_000_000
    result, code, words = SUCCESS, "", ""
    if drawn < fail_rate:
        result = FAILURE
        reason = chance.choices(list(ANSWERS), [share for share, _ in ANSWERS.values()])[0]
        code = next((own for own, known in bank.reason_codes.items() if known == reason), "")
        words = ANSWERS[reason][1]
    elif drawn < fail_rate + pending_rate:
        result = PENDING
    return ReturnLine(line.serial, line.name, line.account, line.amount, result, code, words, line.reference)
