"""Workbooks that people fill in: the styled template with drop-downs, and the list of rows to mend."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from huimin.core.errors import RowError
from huimin.core.sheets.header import ERROR_TITLES, plain_title
from huimin.core.sheets.writer import NOT_XML, defuse

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

CHOICE_SHEET = "选项"
EXPLANATION = "填写说明"  # one of the sheets that the reader passes over

FILL_ROWS = 5_000
INLINE_LIST = 250  # Excel takes lists of at most 255 characters into the rule itself
LINE = Side(style="thin", color="FF8A9AA3")
REQUIRED_FILL = PatternFill("solid", fgColor="FFF6D9A8")
PLAIN_FILL = PatternFill("solid", fgColor="FFE3EBEE")
BAD_FILL = PatternFill("solid", fgColor="FFF8D0CB")
TEXT = "@"


@dataclass(frozen=True, slots=True)
class TemplateColumn:
    """A column to fill in; `text_format` keeps long numbers such as ID and account numbers whole."""

    title: str
    required: bool = False
    width: int = 14
    choices: Sequence[str] = ()
    text_format: bool = True
    hint: str = ""


def styled_template(columns: Sequence[TemplateColumn], *, title: str, notes: Sequence[str] = ()) -> bytes:
    """An empty workbook: header in row 1, drop-downs for 5,000 rows, and the sheet 填写说明."""
    book = Workbook()
    sheet = book.active
    sheet.title = _sheet_name(title)
    choice_sheet: Worksheet | None = None
    for index, column in enumerate(columns, 1):
        _header_cell(sheet, index, column)
        letter = get_column_letter(index)
        if column.text_format:
            sheet.column_dimensions[letter].number_format = TEXT
            for row in range(2, 202):
                sheet.cell(row, index).number_format = TEXT
        if column.choices:
            source, choice_sheet = _choice_source(book, choice_sheet, column.choices)
            _add_drop_down(sheet, letter, source, column)
    sheet.freeze_panes = "A2"
    sheet.row_dimensions[1].height = 32
    _explain(book, columns, title, notes)
    return _saved(book)


def _sheet_name(title: str) -> str:
    return "".join("_" if letter in "[]:*?/\\'" else letter for letter in title)[:31] or "名单"


def _header_cell(sheet: Worksheet, index: int, column: TemplateColumn) -> None:
    cell = sheet.cell(1, index, column.title)
    cell.font = Font(name="宋体", bold=True, color="FFB3261E" if column.required else "FF1F2D33")
    cell.fill = REQUIRED_FILL if column.required else PLAIN_FILL
    cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    cell.border = Border(left=LINE, right=LINE, top=LINE, bottom=LINE)
    cell.number_format = TEXT
    words = "；".join(part for part in ("必填" if column.required else "", column.hint) if part)
    if words:
        cell.comment = Comment(words, "惠民直达", width=220, height=80)
    sheet.column_dimensions[get_column_letter(index)].width = column.width


def _choice_source(
    book: Workbook, choice_sheet: Worksheet | None, choices: Sequence[str]
) -> tuple[str, Worksheet | None]:
    """The list as Excel wants it: in the rule when short, else in a column of the hidden sheet."""
    joined = ",".join(choices)
    if len(joined) <= INLINE_LIST and not any("," in choice or '"' in choice for choice in choices):
        return f'"{joined}"', choice_sheet
    if choice_sheet is None:
        choice_sheet = book.create_sheet(CHOICE_SHEET)
        choice_sheet.sheet_state = "hidden"
        column = 1
    else:
        column = choice_sheet.max_column + 1
    for row, choice in enumerate(choices, 1):
        choice_sheet.cell(row, column, defuse(choice)).number_format = TEXT
    letter = get_column_letter(column)
    return f"{CHOICE_SHEET}!${letter}$1:${letter}${len(choices)}", choice_sheet


def _add_drop_down(sheet: Worksheet, letter: str, source: str, column: TemplateColumn) -> None:
    rule = DataValidation(
        type="list", formula1=source, allow_blank=not column.required, showErrorMessage=True
    )
    rule.errorTitle, rule.error = "请从列表中选择", f"“{column.title}”只能填列表里的内容。"
    rule.add(f"{letter}2:{letter}{FILL_ROWS + 1}")
    sheet.add_data_validation(rule)


def _explain(book: Workbook, columns: Sequence[TemplateColumn], title: str, notes: Sequence[str]) -> None:
    sheet = book.create_sheet(EXPLANATION)
    sheet.append([f"{title}填写说明"])
    sheet["A1"].font = Font(name="宋体", bold=True, size=14)
    for number, note in enumerate(notes, 1):
        sheet.append([f"{number}. {note}"])
    sheet.append([])
    sheet.append(["列名", "是否必填", "怎么填"])
    for cell in sheet[sheet.max_row]:
        cell.font = Font(name="宋体", bold=True)
    for column in columns:
        choices = "、".join(column.choices[:8]) + ("等" if len(column.choices) > 8 else "")
        hint = "；".join(part for part in (column.hint, f"从列表选择：{choices}" if choices else "") if part)
        sheet.append([column.title, "必填" if column.required else "可不填", hint])
    for letter, width in (("A", 26), ("B", 12), ("C", 80)):
        sheet.column_dimensions[letter].width = width


def error_workbook(
    original_header: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]], errors: Iterable[RowError]
) -> bytes:
    """The faulty rows in the order of the file, with 行号 and 错误说明 in front and the bad cells coloured.

    The clerk mends the rows and uploads this workbook: match_header passes over the two added columns.
    """
    by_row: dict[int, list[RowError]] = defaultdict(list)
    for error in errors:
        if error.row is not None:
            by_row[error.row].append(error)
    added = len(ERROR_TITLES)
    kept = [index for index, name in enumerate(original_header) if name not in ERROR_TITLES]
    header = [original_header[index] for index in kept]
    book = Workbook(write_only=True)
    sheet = book.create_sheet("待改正")
    sheet.freeze_panes = "A2"
    for index in range(1, len(header) + added + 1):
        sheet.column_dimensions[get_column_letter(index)].width = {1: 8, 2: 50}.get(index, 18)
    sheet.append([_cell(sheet, name, bold=True) for name in (*ERROR_TITLES, *header)])
    places = {plain_title(name): index for index, name in enumerate(header)}
    for number, cells in rows:
        if number in by_row:
            texts = [cells[index] if index < len(cells) else "" for index in kept]
            sheet.append(_error_line(sheet, number, texts, by_row[number], places))
    return _saved(book)


def _error_line(
    sheet: Worksheet, number: int, texts: Sequence[str], errors: Sequence[RowError], places: dict[str, int]
) -> list[WriteOnlyCell]:
    bad = {places.get(plain_title(error.column)) for error in errors}
    words = "\n".join(dict.fromkeys(error.message for error in errors))
    line = [_cell(sheet, str(number)), _cell(sheet, words)]
    line.extend(_cell(sheet, text, bad=index in bad) for index, text in enumerate(texts))
    return line


def _cell(sheet: Worksheet, text: str, *, bold: bool = False, bad: bool = False) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value=defuse(NOT_XML.sub("", text)))
    cell.number_format = TEXT
    if bold:
        cell.font = Font(name="宋体", bold=True)
        cell.fill = PLAIN_FILL
    if bad:
        cell.fill = BAD_FILL
    return cell


def _saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
