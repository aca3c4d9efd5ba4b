"""The file that a bank sends back, for formats of frames. It is believed only when it is whole by its own sums."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import IO

from huimin.core.bankformats.cells import (
    DAMAGED_CHARACTER,
    ZERO,
    Record,
    count_of,
    damaged_number,
)
from huimin.core.bankformats.frames import Habits, write_frame
from huimin.core.bankformats.layout import (
    FAILURE,
    RESULT_WORDS,
    SUCCESS,
    FileTotals,
    ReturnContent,
    ReturnHeader,
    ReturnLine,
    Trailer,
)
from huimin.core.bankformats.reasons import is_known_code
from huimin.core.errors import RowError
from huimin.core.sheets.refusals import refused, refused_rows

OUR_OWN = "这是我方导出的代发文件，不是银行返回的结果。"
NO_RETURN = "没有找到回盘首行，这不是本系统能认的银行回盘。请核对代发银行的文件格式。"
ASK_BANK = "请银行说明；银行新增了这个代码的，请系统管理员更新该行的文件格式后再上传。"
MANGLED = re.compile(r"\d(?:\.\d+)?[Ee]\+\d+")
HEADER_CELLS = 9
TRAILER_CELLS = 3
UNKNOWN = "?"  # before a result that the bank's table lacks, so that it is not taken for one of ours


def write(bank: Habits, header: ReturnHeader, lines: Iterable[ReturnLine], fileobj: IO[bytes]) -> FileTotals:
    """See BankFormat.write_return."""
    words = {ours: theirs for theirs, ours in bank.result_codes.items()}
    return write_frame(
        bank,
        bank.answer,
        bank.return_head(header),
        (line._replace(result=words.get(line.result, line.result)) for line in lines),
        fileobj,
        fields=ReturnLine._fields,
        declared=(header.count, header.total),
    )


def read(bank: Habits, data: bytes) -> ReturnContent:
    """See BankFormat.read_return. Nothing is compared with what was sent here."""
    records = bank.container.read(
        data, bank.answer, lambda cells: _check_first(cells, bank), max_lines=bank.max_lines
    )
    _check_frame(records, bank)
    errors: list[RowError] = []
    header = _header(records[0], bank, errors)
    shape = _Shape(bank)
    lines = [_line(record, shape, errors) for record in records[1:-1]]
    number, last = records[-1]
    trailer = Trailer(count_of(last[1], number, errors), bank.amount_of(last[2], number, errors))
    errors += _duplicates(lines)
    if errors:
        raise (
            refused_rows(errors)
            if len(errors) > 1
            else refused(errors[0].message, row=errors[0].row, column=errors[0].column)
        )
    _check_totals(header, lines, trailer)
    return ReturnContent(header, lines, trailer)


def _check_first(cells: list[str], bank: Habits) -> None:
    if cells[0] == bank.payroll.tag != bank.answer.tag:
        raise refused(OUR_OWN)
    if cells[0] != bank.answer.tag or bank.read_return_head(cells, 1, []) is None:
        raise refused(NO_RETURN)


def _check_frame(records: list[Record], bank: Habits) -> None:
    """One first line, one last line, nothing after it."""
    if not records:
        raise refused(NO_RETURN)
    _check_first(records[0][1], bank)
    tags = [cells[0] for _, cells in records]
    for number, cells in records[1:]:
        if cells[0] in {bank.answer.tag, bank.payroll.tag}:
            raise refused(f"文件里有两份回盘（第{number}行又出现首行），请分开上传。")
    if bank.answer.last_tag not in tags:
        declared = _header(records[0], bank, []).count
        raise refused(f"文件不完整：声明{declared}笔，实际{len(tags) - 1}笔，且缺少结尾行。")
    _check_end(records, tags.index(bank.answer.last_tag))


def _check_end(records: list[Record], end: int) -> None:
    if end != len(records) - 1:
        raise refused(f"第{records[end + 1][0]}行在结尾行之后，文件被改动过。请向银行重新下载原始文件。")
    if len(records[end][1]) != TRAILER_CELLS:
        raise refused("文件不完整：结尾行只有一半，请重新下载。")


def _header(record: Record, bank: Habits, errors: list[RowError]) -> ReturnHeader:
    number, cells = record
    header = bank.read_return_head(cells, number, errors)
    if header is None:
        raise refused(NO_RETURN)
    return header


class _Shape:
    """Where the fields of a ReturnLine stand in a line of this bank; a field that it lacks is empty."""

    def __init__(self, bank: Habits) -> None:
        places = {name: place for place, name in enumerate(bank.answer.columns)}
        self.width = len(places)
        self.amount_of = bank.amount_of
        self.result_codes = bank.result_codes
        self.reason_codes = bank.reason_codes
        self.ordered = itemgetter(*(places.get(name, self.width) for name in ReturnLine._fields[:-1]))


def _line(record: Record, shape: _Shape, errors: list[RowError]) -> ReturnLine:
    number, cells = record
    if len(cells) != shape.width:
        raise refused(f"应有{shape.width}列，实际{len(cells)}列，可能{DAMAGED_CHARACTER}", row=number)
    serial, name, account, amount, told, reason_code, words, reference = shape.ordered([*cells, ""])
    for cell in (serial, account, reference):
        if not cell.isdigit() and MANGLED.fullmatch(cell):
            raise damaged_number(number)
    exact = shape.amount_of(amount, number, errors)
    result = shape.result_codes.get(told, UNKNOWN + told)
    line = ReturnLine(serial, name, account, exact, result, reason_code, words, reference, number)
    if result != SUCCESS or reason_code:
        errors += _result_errors(line, shape.reason_codes)
    return line


def _result_errors(line: ReturnLine, codes: Mapping[str, str]) -> list[RowError]:
    message = ""
    if line.result not in RESULT_WORDS:
        message = f"结果码{line.result.removeprefix(UNKNOWN)[:10]}不认识，{ASK_BANK}"
    elif line.result == FAILURE and not (line.reason_code or line.bank_words):
        message = "失败但没有写原因，请联系银行。"
    elif line.result == SUCCESS and line.reason_code:
        message = f"结果是成功，却带有失败原因{line.reason_code[:10]}，请联系银行。"
    elif line.result == FAILURE and line.reason_code and not is_known_code(line.reason_code, codes):
        message = f"原因码{line.reason_code[:10]}不认识，{ASK_BANK}"
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
