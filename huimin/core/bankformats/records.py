"""Lines of cells to and from the bytes of a bank's file; what the cells mean is said in payroll and returns."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import IO

from huimin.core.bankformats.encodings import decode_text, encode_text, is_other_encoding
from huimin.core.bankformats.layout import BankFormat, FileTotals
from huimin.core.errors import BadInput, FileRefused, RowError
from huimin.core.sheets.guard import OLE_MAGIC, ZIP_MAGIC, looks_like_web_page
from huimin.core.sheets.reader import NumberCell, read_matrix
from huimin.core.sheets.refusals import refused
from huimin.core.sheets.scan import ROW_SLACK
from huimin.core.sheets.writer import Column, write_rows

Record = tuple[int, list[str]]

MAX_BYTES = 128 * 1024 * 1024
MAX_CELLS = 64  # of one line, whatever a format has
FIRST_LINE_BYTES = 1024
LINES_PER_WRITE = 1_000
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd\ufffe\uffff]")
# [0-9], since \d takes the digits of every script; amounts as yuan_text writes them, while counts may be padded
AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,11})\.[0-9]{2}")
COUNT = re.compile(r"[0-9]{1,9}")
DATE = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
WRONG_ENCODING = "文件编码不是GB18030，银行回盘应为GB18030/GBK。请向银行重新下载原始文件，不要用记事本另存。"
DAMAGED_CHARACTER = "有损坏的汉字，请重新下载。"
WEB_PAGE = "这是网页，不是银行文件（可能登录已经过期）。请重新登录银行系统，下载原始文件。"
WORKBOOK = "这是Excel文件，不是银行的文本文件。请用银行原始文件，不要用Excel打开保存。"
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


class RecordWriter:
    """Writes records of one format to a file while it keeps count, sum and digest."""

    def __init__(self, bank: BankFormat, fileobj: IO[bytes]) -> None:
        self.bank = bank
        self.fileobj = fileobj
        self.digest = hashlib.sha256()
        self.count = 0
        self.total = ZERO

    def add(self, amount: Decimal) -> str:
        """Count one line in; gives its amount as text."""
        self.count += 1
        self.total += amount
        return yuan_text(amount)

    def write(
        self, first: Sequence[str], columns: Mapping[str, str], lines: Iterable[Sequence[str]], last_tag: str
    ) -> FileTotals:
        """First record, lines, trailer of what was counted."""
        if self.bank.container == "xlsx":
            self._write_xlsx(first, columns, lines, last_tag)
        else:
            self._write_text(first, lines, last_tag)
        return FileTotals(self.count, self.total, self.digest.hexdigest())

    def _write_text(self, first: Sequence[str], lines: Iterable[Sequence[str]], last_tag: str) -> None:
        batch = [self._line(first)]
        for cells in lines:
            batch.append(self._line(cells))
            if len(batch) >= LINES_PER_WRITE:
                self._put(batch)
                batch = []
        batch.append(self._line((last_tag, str(self.count), yuan_text(self.total))))
        self._put(batch)

    def _line(self, cells: Sequence[str]) -> str:
        text = self.bank.delimiter.join(cells)
        if text.count(self.bank.delimiter) != len(cells) - 1 or CONTROL.search(text):
            where = next((cell for cell in cells if self.bank.delimiter in cell or CONTROL.search(cell)), "")
            position = list(cells).index(where) + 1
            raise BadInput(f"第{cells[0]}笔的第{position}项含有分隔符或换行，银行文件放不下，请先改正。")
        return text + (self.bank.delimiter if self.bank.trailing_delimiter else "") + self.bank.newline

    def _put(self, batch: list[str]) -> None:
        data = encode_text("".join(batch), self.bank.encoding)
        self.digest.update(data)
        self.fileobj.write(data)

    def _write_xlsx(
        self, first: Sequence[str], columns: Mapping[str, str], lines: Iterable[Sequence[str]], last_tag: str
    ) -> None:
        names = list(columns)
        place = names.index("amount")
        shape = [
            Column(title, 22, "amount" if name == "amount" else "text") for name, title in columns.items()
        ]

        def rows() -> Iterator[list[object]]:
            for cells in lines:
                row: list[object] = list(cells)
                row[place] = Decimal(cells[place])
                yield row
            last: list[object] = [last_tag, str(self.count), *[None] * (len(names) - 2)]
            last[place] = self.total
            yield last

        buffer = io.BytesIO()  # a zip is finished by going back, the digest is of the finished bytes
        write_rows(buffer, shape, rows(), title=self.bank.delimiter.join(first))
        self.digest.update(buffer.getbuffer())
        self.fileobj.write(buffer.getbuffer())


def read_records(
    data: bytes, bank: BankFormat, columns: Mapping[str, str], check_first: Callable[[list[str]], None]
) -> list[Record]:
    """Every line with its number; raises FileRefused when the bytes are no whole text or workbook of this format.

    `check_first` refuses a first line that does not belong there, before the others are decoded and split.
    """
    if not data:
        raise refused("文件是空的(0字节)，请重新下载后上传。")
    if len(data) > MAX_BYTES:
        raise refused("文件超过128MB，不是这一批的回盘。")
    if looks_like_web_page(data[:4096]):
        raise refused(WEB_PAGE)
    if bank.container == "xlsx":
        return list(_first_checked(_xlsx_records(data, bank, columns), check_first))
    if data.startswith((*ZIP_MAGIC, OLE_MAGIC)):
        raise refused(WORKBOOK)
    _check_text(data, bank, check_first)
    return _text_records(data, bank)


def _first_checked(records: Iterator[Record], check_first: Callable[[list[str]], None]) -> Iterator[Record]:
    for place, record in enumerate(records):
        if place == 0:
            check_first(record[1])
        yield record


def _check_text(data: bytes, bank: BankFormat, check_first: Callable[[list[str]], None]) -> None:
    """What can be told of a text without taking it apart: how it begins, and how many lines it has."""
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refused(WRONG_ENCODING)
    line = data[:FIRST_LINE_BYTES].partition(b"\n")[0].removesuffix(b"\r")
    check_first(_split(line.decode(bank.encoding, "replace"), bank))
    if data.count(b"\n") > bank.max_lines + ROW_SLACK:
        raise refused(f"文件超过{bank.max_lines:,}行，不是这一批的文件。")


def _text_records(data: bytes, bank: BankFormat) -> list[Record]:
    """Decode first and split after: the second byte of a GBK character may be a bar."""
    if is_other_encoding(data, bank.encoding):
        raise refused(WRONG_ENCODING)
    try:
        text = decode_text(data, bank.encoding)
    except UnicodeDecodeError as error:
        raise refused(DAMAGED_CHARACTER, row=data.count(b"\n", 0, error.start) + 1) from None
    lines = text.split("\n")
    while lines and not lines[-1].strip("\r"):
        lines.pop()
    return [(number, _cells(line.removesuffix("\r"), number, bank)) for number, line in enumerate(lines, 1)]


def _cells(line: str, number: int, bank: BankFormat) -> list[str]:
    # every control character is unprintable, and hardly any line has an unprintable one
    if (not line.isprintable() or "\ufffd" in line) and CONTROL.search(line):
        raise refused(DAMAGED_CHARACTER, row=number)
    return _split(line, bank)


def _split(line: str, bank: BankFormat) -> list[str]:
    cells = line.split(bank.delimiter, MAX_CELLS)
    if bank.trailing_delimiter and len(cells) > 1 and cells[-1] == "":
        cells.pop()
    return cells


def _xlsx_records(data: bytes, bank: BankFormat, columns: Mapping[str, str]) -> Iterator[Record]:
    names, tags = list(columns), {*bank.payroll_tags, *bank.return_tags}
    place = names.index("amount")
    for number, found in read_matrix(io.BytesIO(data), "bank.xlsx"):
        cells = [
            *found,
            *[""] * (len(names) - len(found)),
        ]  # a sheet of fewer columns is refused by its content
        filled = [cell for cell in cells if cell]
        if len(filled) == 1 and bank.delimiter in filled[0]:
            yield number, filled[0].split(bank.delimiter)
        elif cells[: len(names)] == list(columns.values()):
            continue
        elif cells[0] in tags:
            yield number, [cells[0], cells[1], _amount_text(cells[place])]
        else:
            yield number, _xlsx_line(cells, number, place)


def _xlsx_line(cells: list[str], number: int, place: int) -> list[str]:
    line = list(cells)
    for index, cell in enumerate(line):
        if index != place and isinstance(cell, NumberCell):
            raise damaged_number(number)
    line[place] = _amount_text(line[place])
    return line


def _amount_text(cell: str) -> str:
    if not isinstance(cell, NumberCell):
        return cell
    exact = Decimal(cell)
    return f"{exact:.2f}" if exact == exact.quantize(ZERO) else str(cell)


def damaged_number(row: int) -> FileRefused:
    """The refusal of a file that went through a spreadsheet."""
    return refused("明细编号已损坏。请用银行原始文件，不要用Excel打开保存。", row=row)


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
