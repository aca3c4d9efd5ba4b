"""The file we send to a bank, and its reading on the bank's side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from huimin.core.bankformats.layout import (
    BankFormat,
    FileTotals,
    PayrollContent,
    PayrollHeader,
    PayrollLine,
    Trailer,
)
from huimin.core.bankformats.pipe_txt import FORMAT as PIPE_TXT
from huimin.core.bankformats.records import (
    ZERO,
    RecordWriter,
    amount_of,
    count_of,
    date_of,
    read_records,
    yuan_text,
)
from huimin.core.bankformats.xlsx import FORMAT as XLSX
from huimin.core.errors import RowError
from huimin.core.sheets.guard import ZIP_MAGIC
from huimin.core.sheets.refusals import refused, refused_rows

NO_PAYROLL = "这不是代发文件：没有首行。"
HEADER_CELLS = 6


def write_payroll(
    bank: BankFormat, header: PayrollHeader, lines: Iterable[PayrollLine], fileobj: IO[bytes]
) -> FileTotals:
    """Stream a payroll file. Raises BadInput for what the bank's format cannot hold.

    ValueError, when the lines do not add up to the header: then the bytes written so far must be thrown away.
    """
    if header.count > bank.max_lines:
        raise ValueError(f"{bank.label} takes {bank.max_lines} lines at most")
    writer = RecordWriter(bank, fileobj)
    head_tag, last_tag = bank.payroll_tags
    first = (
        head_tag,
        header.county,
        header.order_number,
        str(header.count),
        yuan_text(header.total),
        header.date,
    )
    order = [PayrollLine._fields.index(name) for name in bank.payroll_columns]
    amount_at = PayrollLine._fields.index("amount")

    def records() -> Iterator[list[str]]:
        for line in lines:
            cells: list[object] = list(line)
            cells[amount_at] = writer.add(line.amount)
            yield [str(cells[place]) for place in order]

    totals = writer.write(first, bank.payroll_columns, records(), last_tag)
    if (totals.count, totals.total) != (header.count, header.total):
        raise ValueError(
            f"header says {header.count} lines, {header.total}; written {totals.count}, {totals.total}"
        )
    return totals


def read_payroll(data: bytes, bank: BankFormat | None = None) -> PayrollContent:
    """What a bank reads from our file; raises FileRefused when it is not whole by its own counts."""
    bank = bank or (XLSX if data.startswith(ZIP_MAGIC) else PIPE_TXT)
    head_tag, last_tag = bank.payroll_tags

    def check_first(cells: list[str]) -> None:
        if cells[0] != head_tag or len(cells) != HEADER_CELLS:
            raise refused(NO_PAYROLL)

    records = read_records(data, bank, bank.payroll_columns, check_first)
    errors: list[RowError] = []
    if len(records) < 2:
        raise refused(NO_PAYROLL)
    if records[-1][1][0] != last_tag or len(records[-1][1]) != 3:
        raise refused("代发文件不完整：缺少结尾行。")
    number, first = records[0]
    header = PayrollHeader(
        first[1],
        first[2],
        count_of(first[3], number, errors),
        amount_of(first[4], number, errors),
        date_of(first[5], number, errors),
    )
    last_number, last = records[-1]
    trailer = Trailer(count_of(last[1], last_number, errors), amount_of(last[2], last_number, errors))
    lines = [_line(cells, number, bank, errors) for number, cells in records[1:-1]]
    if errors:
        raise refused_rows(errors)
    found = Trailer(len(lines), sum((line.amount for line in lines), start=ZERO))
    if not found == trailer == Trailer(header.count, header.total):
        raise refused(
            f"控制合计不符：声明{header.count}笔、{header.total}元，实际{found.count}笔、{found.total}元。"
        )
    return PayrollContent(header, lines, trailer)


def _line(cells: list[str], number: int, bank: BankFormat, errors: list[RowError]) -> PayrollLine:
    names = list(bank.payroll_columns)
    if len(cells) != len(names):
        raise refused(f"应有{len(names)}列，实际{len(cells)}列。", row=number)
    values = dict(zip(names, cells, strict=True))
    amount = amount_of(values.pop("amount"), number, errors)
    return PayrollLine(
        amount=amount, **{name: values.get(name, "") for name in PayrollLine._fields if name != "amount"}
    )
