"""The file that a bank sends back. It is believed only when it is whole by its own counts and sums."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from decimal import Decimal
from operator import itemgetter
from typing import IO

from huimin.core.bankformats.layout import (
    FAILURE,
    RESULT_WORDS,
    SUCCESS,
    BankFormat,
    FileTotals,
    ReturnContent,
    ReturnHeader,
    ReturnLine,
    Trailer,
)
from huimin.core.bankformats.reasons import is_known_code
from huimin.core.bankformats.records import (
    DAMAGED_CHARACTER,
    ZERO,
    Record,
    RecordWriter,
    amount_of,
    count_of,
    damaged_number,
    date_of,
    read_records,
    yuan_text,
)
from huimin.core.bankformats.registry import format_for
from huimin.core.errors import RowError
from huimin.core.sheets.refusals import refused, refused_rows

OUR_OWN = "这是我方导出的代发文件，不是银行返回的结果。"
NO_RETURN = "没有找到回盘首行，这不是本系统能认的银行回盘。请核对代发银行的文件格式。"
MANGLED = re.compile(r"\d(?:\.\d+)?[Ee]\+\d+")
HEADER_CELLS = 9
TRAILER_CELLS = 3


def write_return(
    bank: BankFormat, header: ReturnHeader, lines: Iterable[ReturnLine], fileobj: IO[bytes]
) -> FileTotals:
    """Write a return file as a bank would; ValueError when the lines do not add up to the header."""
    writer = RecordWriter(bank, fileobj)
    head_tag, last_tag = bank.return_tags
    first = (
        head_tag,
        *(yuan_text(cell) if isinstance(cell, Decimal) else str(cell) for cell in astuple(header)),
    )
    order = [ReturnLine._fields.index(name) for name in bank.return_columns]
    amount_at = ReturnLine._fields.index("amount")

    def records() -> Iterator[list[str]]:
        for line in lines:
            cells: list[object] = list(line)
            cells[amount_at] = writer.add(line.amount)
            yield [str(cells[place]) for place in order]

    totals = writer.write(first, bank.return_columns, records(), last_tag)
    if (totals.count, totals.total) != (header.count, header.total):
        raise ValueError(
            f"header says {header.count} lines, {header.total}; written {totals.count}, {totals.total}"
        )
    return totals


def read_return(data: bytes, filename: str, bank: BankFormat | None = None) -> ReturnContent:
    """Parse a return file; raises FileRefused with every fault found. Nothing is compared with what was sent here.

    Without `bank` the format is chosen by the end of the file name.
    """
    bank = bank or format_for(filename)
    if bank is None or not filename.lower().endswith(f".{bank.extension}"):
        wanted = f".{bank.extension}" if bank else ".txt 或 .xlsx"
        raise refused(f"回盘文件名应以 {wanted} 结尾。请用银行原始文件，不要用Excel打开保存。")
    records = read_records(data, bank, bank.return_columns, lambda cells: _check_first(cells, bank))
    _check_frame(records, bank)
    errors: list[RowError] = []
    header = _header(records[0], errors)
    shape = _Shape(bank)
    lines = [_line(record, shape, errors) for record in records[1:-1]]
    number, last = records[-1]
    trailer = Trailer(count_of(last[1], number, errors), amount_of(last[2], number, errors))
    errors += _duplicates(lines)
    if errors:
        raise (
            refused_rows(errors)
            if len(errors) > 1
            else refused(errors[0].message, row=errors[0].row, column=errors[0].column)
        )
    _check_totals(header, lines, trailer)
    return ReturnContent(header, lines, trailer)


def _check_first(cells: list[str], bank: BankFormat) -> None:
    if cells[0] == bank.payroll_tags[0]:
        raise refused(OUR_OWN)
    if cells[0] != bank.return_tags[0] or len(cells) != HEADER_CELLS:
        raise refused(NO_RETURN)


def _check_frame(records: list[Record], bank: BankFormat) -> None:
    """One first line, one last line, nothing after it."""
    head_tag, last_tag = bank.return_tags
    if not records:
        raise refused(NO_RETURN)
    _check_first(records[0][1], bank)
    tags = [cells[0] for _, cells in records]
    for number, cells in records[1:]:
        if cells[0] in {head_tag, bank.payroll_tags[0]}:
            raise refused(f"文件里有两份回盘（第{number}行又出现首行），请分开上传。")
    if last_tag not in tags:
        declared = records[0][1][2]
        raise refused(f"文件不完整：声明{declared}笔，实际{len(tags) - 1}笔，且缺少结尾行。")
    _check_end(records, tags.index(last_tag))


def _check_end(records: list[Record], end: int) -> None:
    if end != len(records) - 1:
        raise refused(f"第{records[end + 1][0]}行在结尾行之后，文件被改动过。请向银行重新下载原始文件。")
    if len(records[end][1]) != TRAILER_CELLS:
        raise refused("文件不完整：结尾行只有一半，请重新下载。")


def _header(record: Record, errors: list[RowError]) -> ReturnHeader:
    number, cells = record
    counts = [count_of(cells[place], number, errors) for place in (2, 4, 6)]
    sums = [amount_of(cells[place], number, errors) for place in (3, 5, 7)]
    day = date_of(cells[8], number, errors)
    return ReturnHeader(cells[1], counts[0], sums[0], counts[1], sums[1], counts[2], sums[2], day)


class _Shape:
    """Where the fields of a ReturnLine stand in a line of this bank; a field that it lacks is empty."""

    def __init__(self, bank: BankFormat) -> None:
        places = {name: place for place, name in enumerate(bank.return_columns)}
        self.width = len(places)
        self.reason_codes = bank.reason_codes
        self.ordered = itemgetter(*(places.get(name, self.width) for name in ReturnLine._fields[:-1]))


def _line(record: Record, shape: _Shape, errors: list[RowError]) -> ReturnLine:
    number, cells = record
    if len(cells) != shape.width:
        raise refused(f"应有{shape.width}列，实际{len(cells)}列，可能{DAMAGED_CHARACTER}", row=number)
    serial, name, account, amount, result, reason_code, words, reference = shape.ordered([*cells, ""])
    for cell in (serial, account, reference):
        if not cell.isdigit() and MANGLED.fullmatch(cell):
            raise damaged_number(number)
    exact = amount_of(amount, number, errors)
    line = ReturnLine(serial, name, account, exact, result, reason_code, words, reference, number)
    if result != SUCCESS or reason_code:
        errors += _result_errors(line, shape.reason_codes)
    return line


def _result_errors(line: ReturnLine, codes: Mapping[str, str]) -> list[RowError]:
    message = ""
    if line.result not in RESULT_WORDS:
        message = f"结果码{line.result[:10]}不认识，请在“银行结果码”中登记后再上传。"
    elif line.result == FAILURE and not (line.reason_code or line.bank_words):
        message = "失败但没有写原因，请联系银行。"
    elif line.result == SUCCESS and line.reason_code:
        message = f"结果是成功，却带有失败原因{line.reason_code[:10]}，请联系银行。"
    elif line.result == FAILURE and line.reason_code and not is_known_code(line.reason_code, codes):
        message = f"原因码{line.reason_code[:10]}不认识，请在“银行结果码”中登记后再上传。"
    return [RowError(line.line_no, "结果", message)] if message else []


def _duplicates(lines: list[ReturnLine]) -> list[RowError]:
    """The same payment twice, by our reference or by the serial number."""
    if len({line.serial for line in lines}) == len({line.reference for line in lines}) == len(lines):
        return []
    first: dict[tuple[str, str], ReturnLine] = {}
    errors = []
    for line in lines:
        for key in (("serial", line.serial), ("reference", line.reference)):
            twin = first.setdefault(key, line)
            if twin is line or not key[1]:
                continue
            words = f"第{twin.line_no}行与第{line.line_no}行是同一笔"
            if twin.result != line.result:
                results = f"{RESULT_WORDS.get(twin.result, twin.result)}/{RESULT_WORDS.get(line.result, line.result)}"
                words += f"但结果不同（{results}）"
            errors.append(RowError(None, "序号", f"{words}，请联系银行。"))
            break
    return errors


def _check_totals(header: ReturnHeader, lines: list[ReturnLine], trailer: Trailer) -> None:
    found = {result: [line.amount for line in lines if line.result == result] for result in RESULT_WORDS}
    count, total = len(lines), sum((line.amount for line in lines), start=ZERO)
    if header.count != count or trailer.count != count:
        declared = header.count if header.count != count else trailer.count
        raise refused(f"控制合计不符：声明{declared}笔，实际{count}笔。")
    if header.total != total or trailer.total != total:
        declared_total = header.total if header.total != total else trailer.total
        raise refused(f"控制合计不符：声明{declared_total:,}元，实际{total:,}元。")
    parts = (
        ("成功", header.ok_count, header.ok_total, found[SUCCESS]),
        ("失败", header.fail_count, header.fail_total, found[FAILURE]),
    )
    for words, declared, declared_sum, amounts in parts:
        if (declared, declared_sum) != (len(amounts), sum(amounts, start=ZERO)):
            actual = f"{len(amounts)}笔、{sum(amounts, start=ZERO):,}元"
            raise refused(f"控制合计不符：声明{words}{declared}笔、{declared_sum:,}元，实际{actual}。")
