"""The file we send to a bank, and its reading on the bank's side, for formats of frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO

from huimin.core.bankformats.cells import ZERO, count_of
from huimin.core.bankformats.frames import Habits, write_frame
from huimin.core.bankformats.layout import FileTotals, PayrollContent, PayrollHeader, PayrollLine, Trailer
from huimin.core.errors import RowError
from huimin.core.sheets.refusals import refused, refused_rows

NO_PAYROLL = "这不是代发文件：没有首行。"
HEADER_CELLS = 6


def write(
    bank: Habits, header: PayrollHeader, lines: Iterable[PayrollLine], fileobj: IO[bytes]
) -> FileTotals:
    """See BankFormat.write_payroll."""
    if header.count > bank.max_lines:
        raise ValueError(f"{bank.label} takes {bank.max_lines} lines at most")
    return write_frame(
        bank,
        bank.payroll,
        bank.payroll_head(header),
        lines,
        fileobj,
        fields=PayrollLine._fields,
        declared=(header.count, header.total),
    )


def read(bank: Habits, data: bytes) -> PayrollContent:
    """See BankFormat.read_payroll."""
    frame = bank.payroll

    def check_first(cells: Sequence[str]) -> None:
        if cells[0] != frame.tag or bank.read_payroll_head(cells, 1, []) is None:
            raise refused(NO_PAYROLL)

    records = bank.container.read(data, frame, check_first, max_lines=bank.max_lines)
    errors: list[RowError] = []
    if len(records) < 2:
        raise refused(NO_PAYROLL)
    last_number, last = records[-1]
    if last[0] != frame.last_tag or len(last) != 3:
        raise refused("代发文件不完整：缺少结尾行。")
    header = bank.read_payroll_head(records[0][1], records[0][0], errors)
    if header is None:
        raise refused(NO_PAYROLL)
    trailer = Trailer(count_of(last[1], last_number, errors), bank.amount_of(last[2], last_number, errors))
    lines = [_line(cells, number, bank, errors) for number, cells in records[1:-1]]
    if errors:
        raise refused_rows(errors)
    found = Trailer(len(lines), sum((line.amount for line in lines), start=ZERO))
    if not found == trailer == Trailer(header.count, header.total):
        raise refused(
            f"控制合计不符：声明{header.count}笔、{header.total}元，实际{found.count}笔、{found.total}元。"
        )
    return PayrollContent(header, lines, trailer)


def _line(cells: list[str], number: int, bank: Habits, errors: list[RowError]) -> PayrollLine:
    names = list(bank.payroll.columns)
    if len(cells) != len(names):
        raise refused(f"应有{len(names)}列，实际{len(cells)}列。", row=number)
    values = dict(zip(names, cells, strict=True))
    amount = bank.amount_of(values.pop("amount"), number, errors)
    return PayrollLine(
        amount=amount, **{name: values.get(name, "") for name in PayrollLine._fields if name != "amount"}
    )
