"""What single cells of a bank's file may hold, and the faults that are found in them."""

from __future__ import annotations

import re
from decimal import Decimal

from huimin.core.errors import FileRefused, RowError
from huimin.core.sheets.refusals import refused

Record = tuple[int, list[str]]  # line number in the file, cells

MAX_BYTES = 128 * 1024 * 1024
# [0-9], since \d takes the digits of every script; amounts as yuan_text writes them, while counts may be padded
AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,11})\.[0-9]{2}")
COUNT = re.compile(r"[0-9]{1,9}")
DATE = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd\ufffe\uffff]")
DAMAGED_CHARACTER = "有损坏的汉字，请重新下载。"
ZERO = Decimal("0.00")


def yuan_text(amount: Decimal) -> str:
    """An amount as banks want it, 1541.20; anything not exact to the 分 is a programming error."""
    text = str(amount)
    if text[-3:-2] == "." and text[:-3].isdigit():
        return text
    text = f"{amount:.2f}"
    if Decimal(text) != amount or amount < 0:
        raise ValueError("a payment is a positive amount exact to the 分")
    return text


def amount_of(cell: str, row: int, errors: list[RowError]) -> Decimal:
    """An amount with exactly two decimals; a fault is put on the list and counts as zero."""
    if AMOUNT.fullmatch(cell):
        return Decimal(cell)
    errors.append(RowError(row, "金额", f"金额“{cell[:20]}”不是两位小数的数字，请重新下载原始文件。"))
    return ZERO


def count_of(cell: str, row: int, errors: list[RowError]) -> int:
    """A number of lines; a fault is put on the list and counts as zero."""
    if COUNT.fullmatch(cell):
        return int(cell)
    errors.append(RowError(row, "笔数", f"笔数“{cell[:20]}”不是整数，请重新下载原始文件。"))
    return 0


def date_of(cell: str, row: int, errors: list[RowError]) -> str:
    """A date as YYYYMMDD; a fault is put on the list."""
    if not DATE.fullmatch(cell):
        errors.append(RowError(row, "日期", f"日期“{cell[:20]}”应为8位数字，如20260619。"))
    return cell


def damaged_number(row: int) -> FileRefused:
    """The refusal of a file that went through a spreadsheet."""
    return refused("明细编号已损坏。请用银行原始文件，不要用Excel打开保存。", row=row)
