"""Uploaded tables as rows of text: .xlsx and .xls by calamine, .csv by the standard library.

Every cell is text. A number that Excel keeps as a float arrives as NumberCell, so that the caller can refuse
ID and account numbers that have lost their last digits.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, cast

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from huimin.core.sheets.container import BROKEN, PASSWORD, TOO_BIG
from huimin.core.sheets.guard import GuardReport, Kind, check_upload
from huimin.core.sheets.header import find_header, is_blank
from huimin.core.sheets.refusals import refused
from huimin.core.sheets.scan import MAX_COLUMNS, MAX_ROWS, ROW_SLACK, SheetScan, column_letters

HEADER_SEARCH = 12
MAX_LINE = 64 * 1024  # characters of a CSV line: a thousand for each of the 64 columns
MAX_LINES = 2 * MAX_ROWS  # of a CSV file, as cells may hold line breaks and rows may be blank
EXPLANATION_SHEETS = {"填写说明", "填表说明", "说明", "使用说明"}
NOT_A_TABLE = "没有找到表头行。请使用系统下载的模板（表头只有一行，下面是数据）。"
TWO_LEVELS = "表头有两层，请使用系统模板（一行表头）。"
XLS_BROKEN = "这个 .xls 文件已损坏，请用Excel/WPS打开后“另存为 .xlsx”再上传。"
SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[Ee]\+\d+")
DEFUSERS = ("'=", "'+", "'-", "'@", "'\t", "'\r")

Row = tuple[int, list[str]]


class NumberCell(str):
    """A cell that the file holds as a number; its text is the shortest that gives the same number."""

    __slots__ = ()

    @property
    def lost_digits(self) -> bool:
        """Whether the number is longer than the 15 digits that Excel keeps."""
        return bool(SCIENTIFIC.fullmatch(self)) or len(self.lstrip("-").partition(".")[0]) > 15


def refuse_number(cell: str, title: str) -> str:
    """The sentence against an ID or account number stored as a number, or "" when the cell is text."""
    if not isinstance(cell, NumberCell):
        return ""
    return f"{title}被Excel存成了数字，后几位已丢失。请把该列设为“文本”后重新录入，不能只改格式。"


@dataclass(slots=True)
class SheetRows:
    """A table: header texts, (row number in the file, cells) per line, and what the clerk should confirm."""

    header: list[str]
    rows: Iterator[Row]
    # the same rows once more, out of the workbook that is open already
    again: Callable[[], Iterator[Row]]
    notes: list[str] = field(default_factory=list)
    header_row: int = 1


def read_rows(file: BinaryIO, filename: str, *, expected: Sequence[str] = ()) -> SheetRows:
    """Read an uploaded table; raises FileRefused, before the first row is given, for what is no single table.

    With `expected` titles the header is the line that carries most of them, else the first line with two
    filled cells. Blank lines are skipped, row numbers stay those of the file. `rows` may raise FileRefused
    when a CSV turns out longer than 200,000 rows.
    """
    report = check_upload(file, filename)
    if report.kind is Kind.CSV:
        encoding = report.encoding
        return _from_lines(lambda: _CsvLines(file, encoding), expected, notes=report.notes)
    workbook = _open_workbook(file, report.kind)
    return _read_workbook(workbook, report, expected)


def read_matrix(file: BinaryIO, filename: str) -> Iterator[Row]:
    """Every filled line of the only table in a workbook, without looking for a header.

    A bank's totals, titles and trailer come on top of the 200,000 lines that a file may hold.
    """
    report = check_upload(file, filename)
    if report.kind is Kind.CSV:
        return _bounded(_filled(_CsvLines(file, report.encoding)), ROW_SLACK)
    workbook = _open_workbook(file, report.kind)
    tables = [sheet for sheet in _visible_sheets(workbook) if any(_filled(_lines(sheet, SheetScan())))]
    if len(tables) != 1:
        raise refused(_two_tables([sheet.name for sheet in tables]) if tables else NOT_A_TABLE)
    lines = _lines(tables[0], report.sheets.get(tables[0].name, SheetScan()))
    return _bounded(_filled(lines), ROW_SLACK)


def _open_workbook(file: BinaryIO, kind: Kind) -> CalamineWorkbook:
    file.seek(0)
    try:
        return CalamineWorkbook.from_filelike(file)
    except PasswordError:
        raise refused(PASSWORD) from None
    except (CalamineError, ValueError, OSError):
        raise refused(BROKEN if kind is Kind.XLSX else XLS_BROKEN) from None


def _sheet_names(workbook: CalamineWorkbook, *, visible: bool) -> list[str]:
    return [
        sheet.name
        for sheet in workbook.sheets_metadata
        if str(sheet.typ).endswith("WorkSheet") and str(sheet.visible).endswith(".Visible") is visible
    ]


def _visible_sheets(workbook: CalamineWorkbook) -> Iterator[CalamineSheet]:
    for name in _sheet_names(workbook, visible=True):
        if name not in EXPLANATION_SHEETS:
            yield _load(workbook, name)


def _load(workbook: CalamineWorkbook, name: str) -> CalamineSheet:
    try:
        return workbook.get_sheet_by_name(name)
    except (CalamineError, ValueError, OSError):
        raise refused(BROKEN) from None


def _read_workbook(workbook: CalamineWorkbook, report: GuardReport, expected: Sequence[str]) -> SheetRows:
    tables: list[tuple[CalamineSheet, SheetRows]] = []
    for sheet in _visible_sheets(workbook):
        scan = report.sheets.get(sheet.name, SheetScan())
        try:
            tables.append((sheet, _from_lines(partial(_lines, sheet, scan), expected, notes=[])))
        except _NoHeader:
            continue
    if len(tables) != 1:
        raise refused(_two_tables([sheet.name for sheet, _ in tables]) if tables else _no_header(expected))
    sheet, table = tables[0]
    _check_merges(sheet, table)
    _check_length(sheet)
    table.notes = report.notes + _notes(workbook, sheet, report, table)
    return table


class _NoHeader(Exception):
    """No line of this sheet can be the header."""


def _two_tables(names: list[str]) -> str:
    return "有两张工作表都像名单（" + "、".join(f"“{name}”" for name in names[:5]) + "），请只保留一张。"


def _no_header(expected: Sequence[str]) -> str:
    if not expected:
        return NOT_A_TABLE
    return f"没有找到表头行（应包含：{'、'.join(expected[:6])}…）。请使用系统下载的模板。"


def _from_lines(read: Callable[[], Iterable[Row]], expected: Sequence[str], *, notes: list[str]) -> SheetRows:
    """Find the header among the first filled lines and leave the rest as an iterator."""
    lines = read()
    filled = _filled(lines)
    first = []
    for line in filled:
        first.append(line)
        if len(first) == HEADER_SEARCH:
            break
    place = find_header([cells for _, cells in first], expected)
    if place is None:
        if isinstance(lines, _CsvLines):
            raise refused(_no_header(expected))
        raise _NoHeader
    number, header = first[place]
    titles = [title.strip() for title in header]
    while titles and not titles[-1]:
        titles.pop()

    def below(lines: Iterator[Row]) -> Iterator[Row]:
        return _padded(_bounded(lines), len(titles))

    return SheetRows(
        header=titles,
        rows=below(_chain(first[place + 1 :], filled)),
        again=lambda: below(line for line in _filled(read()) if line[0] > number),
        notes=notes,
        header_row=number,
    )


def _chain(first: list[Row], rest: Iterator[Row]) -> Iterator[Row]:
    yield from first
    yield from rest


def _filled(lines: Iterable[Row]) -> Iterator[Row]:
    return (line for line in lines if not is_blank(line[1]))


def _padded(rows: Iterator[Row], width: int) -> Iterator[Row]:
    """Lines as wide as the header; a filled cell beyond it stays, for the caller to see."""
    for number, cells in rows:
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        if len(cells) < width:
            cells.extend([""] * (width - len(cells)))
        yield number, cells


def _bounded(rows: Iterator[Row], spare: int = 0) -> Iterator[Row]:
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS + spare:
            raise refused(TOO_BIG)
        yield row


def _last_row(sheet: CalamineSheet) -> int:
    return sheet.end[0] + 1 if sheet.end else 0


def _check_length(sheet: CalamineSheet) -> None:
    """Refuse too long a sheet before its first row is given, without counting when it cannot be too long."""
    if _last_row(sheet) <= MAX_ROWS:
        return
    if sum(1 for _ in _filled(_lines(sheet, SheetScan()))) > MAX_ROWS + 1:
        raise refused(TOO_BIG)


def _lines(sheet: CalamineSheet, scan: SheetScan) -> Iterator[Row]:
    if sheet.start is None:
        return
    left = [""] * sheet.start[1]
    if sheet.width + len(left) > 256:
        raise refused(f"表格超过{MAX_COLUMNS}列，请删除右侧多余的列后上传。")
    for number, values in enumerate(sheet.iter_rows(), 1):
        cells = left + [value if type(value) is str else as_text(value) for value in values]
        if scan.overlay and number in scan.overlay:
            for column, text in scan.overlay[number].items():
                cells.extend([""] * (column + 1 - len(cells)))
                cells[column] = text
        yield number, _undefused(cells) if "'" in "".join(cells) else cells


def _undefused(cells: list[str]) -> list[str]:
    """Take back the quote that the writer puts before texts that a spreadsheet would take for a formula."""
    for index, cell in enumerate(cells):
        if cell[:1] == "'" and cell.startswith(DEFUSERS) and not isinstance(cell, NumberCell):
            cells[index] = cell[1:]
    return cells


def as_text(value: object) -> str:
    """A cell's value as text: 12.0 is NumberCell("12"), a date is ISO, TRUE stays TRUE."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return NumberCell(int(value)) if value.is_integer() else NumberCell(repr(value))
    if isinstance(value, int):
        return NumberCell(value)
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time.min
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


class _CsvLines:
    """Lines of a CSV file with the number of the line on which each begins."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        file.seek(0)
        self.text = io.TextIOWrapper(
            cast("io.BufferedReader", file), encoding=encoding, errors="strict", newline=""
        )

    def _bounded(self) -> Iterator[str]:
        """Lines of the file itself, blank ones too: neither endlessly many nor endlessly long ones are held."""
        number = 0
        while line := self.text.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise refused("太长，不像是名单。请改为 .xlsx 后上传。", row=number)
            if number > MAX_LINES:
                raise refused(TOO_BIG)
            yield line

    def __iter__(self) -> Iterator[Row]:
        start = self.text.readline(MAX_LINE)
        self.text.seek(0)
        reader = csv.reader(
            self._bounded(), delimiter="\t" if "\t" in start and "," not in start else ",", strict=True
        )
        begun = 1
        try:
            for cells in reader:
                if len(cells) > MAX_COLUMNS:
                    raise refused(f"表格超过{MAX_COLUMNS}列，请删除右侧多余的列后上传。")
                marked: list[str] = [
                    NumberCell(cell) if SCIENTIFIC.fullmatch(cell) else cell for cell in cells
                ]
                yield begun, _undefused(marked)
                begun = reader.line_num + 1
        except csv.Error:
            raise refused("引号没有成对，后面的内容无法分列。请改为 .xlsx 后上传。", row=begun) from None
        finally:
            self.text.detach()  # the file belongs to the caller


def _check_merges(sheet: CalamineSheet, table: SheetRows) -> None:
    """A merged cell that touches the header line makes it a header of two levels."""
    header = table.header_row - 1
    for (top, _left), (bottom, _right) in sheet.merged_cell_ranges or ():
        if top <= header <= bottom:
            raise refused(TWO_LEVELS)


def _notes(
    workbook: CalamineWorkbook, sheet: CalamineSheet, report: GuardReport, table: SheetRows
) -> list[str]:
    hidden_sheets = [name for name in _sheet_names(workbook, visible=False) if name not in CHOICE_SHEETS]
    notes = [
        f"文件里有隐藏工作表“{name}”，不会导入。请确认没有误带他人信息。"
        for name in hidden_sheets
        if any(_filled(_lines(_load(workbook, name), SheetScan())))
    ]
    scan = report.sheets.get(sheet.name, SheetScan())
    hidden = [row for row in scan.hidden_rows if table.header_row < row <= _last_row(sheet)]
    if hidden:
        notes.append(f"有{len(hidden)}行被筛选隐藏（第{_some(hidden)}行），也会导入，请确认。")
    return notes + _merge_notes(sheet, table)


CHOICE_SHEETS = {"选项"}


def _some(rows: Sequence[int]) -> str:
    text = "、".join(str(row) for row in rows[:10])
    return text if len(rows) <= 10 else text + "…"


def _merge_notes(sheet: CalamineSheet, table: SheetRows) -> list[str]:
    notes = []
    for (top, left), (bottom, right) in (sheet.merged_cell_ranges or ())[:20]:
        if top < table.header_row:
            continue
        place = f"{column_letters(left)}{top + 1}:{column_letters(right)}{bottom + 1}"
        title = table.header[left] if left < len(table.header) else column_letters(left)
        empty = _some(range(top + 2, bottom + 2)) if bottom > top else str(top + 1)
        notes.append(f"{place}是合并单元格，第{empty}行的“{title}”等处可能为空。请取消合并并逐行填写。")
    return notes
