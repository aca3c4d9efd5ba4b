"""What is written in a bank's files: records as they are exchanged, and formats as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple


@dataclass(frozen=True, slots=True)
class PayrollHeader:
    """The first line of what we send; count and total (元) are what the lines must add up to."""

    county: str
    order_number: str
    count: int
    total: Decimal
    date: str  # YYYYMMDD


class PayrollLine(NamedTuple):
    """One payment as sent; `reference` is our own key and comes back in the return."""

    serial: str
    name: str
    account: str
    amount: Decimal
    id_number: str
    remark: str
    reference: str


@dataclass(frozen=True, slots=True)
class ReturnHeader:
    """The first line of what the bank answers; what is in neither ok nor fail is still being processed."""

    order_number: str
    count: int
    total: Decimal
    ok_count: int
    ok_total: Decimal
    fail_count: int
    fail_total: Decimal
    date: str


class ReturnLine(NamedTuple):
    """One answered payment; `result` is 0 成功, 1 失败, 2 处理中; reason_code and words are the bank's own."""

    serial: str
    name: str
    account: str
    amount: Decimal
    result: str
    reason_code: str
    bank_words: str
    reference: str
    line_no: int = 0  # where it stands in the file


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last line of either file."""

    count: int
    total: Decimal


class PayrollContent(NamedTuple):
    """A payroll file as read."""

    header: PayrollHeader
    lines: list[PayrollLine]
    trailer: Trailer


class ReturnContent(NamedTuple):
    """A return file as read: whole by its own counts and sums."""

    header: ReturnHeader
    lines: list[ReturnLine]
    trailer: Trailer


@dataclass(frozen=True, slots=True)
class FileTotals:
    """What was written: number of lines, sum in 元, sha256 of the bytes (hex)."""

    count: int
    total: Decimal
    sha256: str


SUCCESS, FAILURE, PENDING = "0", "1", "2"
RESULT_WORDS = {SUCCESS: "成功", FAILURE: "失败", PENDING: "处理中"}


@dataclass(frozen=True, slots=True)
class BankFormat:
    """One bank's files. Fields are named as in the records above; titles are shown where the container has a header."""

    code: str
    label: str
    container: Literal["text", "xlsx"]
    extension: str
    encoding: str = "gb18030"
    delimiter: str = "|"
    newline: str = "\r\n"
    trailing_delimiter: bool = True
    payroll_tags: tuple[str, str] = ("H", "T")
    return_tags: tuple[str, str] = ("R", "E")
    payroll_columns: Mapping[str, str] = field(
        default_factory=lambda: {
            "serial": "序号",
            "name": "姓名",
            "account": "账号",
            "amount": "金额",
            "id_number": "身份证号",
            "remark": "摘要",
            "reference": "业务编号",
        }
    )
    return_columns: Mapping[str, str] = field(
        default_factory=lambda: {
            "serial": "序号",
            "name": "姓名",
            "account": "账号",
            "amount": "金额",
            "result": "结果",
            "reason_code": "原因码",
            "bank_words": "银行说明",
            "reference": "业务编号",
        }
    )
    reason_codes: Mapping[str, str] = field(default_factory=dict)  # the bank's code -> code of reasons.py
    max_lines: int = 200_000
