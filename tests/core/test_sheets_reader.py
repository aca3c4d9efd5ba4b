"""Uploaded tables become rows of text, with what is doubtful marked or refused."""

import datetime
import io

import openpyxl
import pytest

from huimin.core.errors import FileRefused
from huimin.core.sheets import reader
from huimin.core.sheets.header import match_header
from huimin.core.sheets.reader import NumberCell, read_matrix, read_rows, refuse_number
from huimin.core.sheets.scan import column_index, column_letters

HEADER = ["姓名", "身份证号", "金额"]


def book_of(rows, prepare=None, name="名单"):
    book = openpyxl.Workbook()
    book.active.title = name
    for row in rows:
        book.active.append(row)
    if prepare:
        prepare(book)
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    return out


def cells_of(row, prepare=None):
    table = read_rows(book_of([HEADER, row], prepare), "a.xlsx")
    return next(table.rows)[1]


def test_every_cell_is_text_and_numbers_are_marked():
    table = read_rows(
        book_of([["a", "b", "c", "d", "e"], [12.0, 541.2, datetime.date(2026, 1, 2), True, "012"]]), "a.xlsx"
    )
    cells = next(table.rows)[1]
    assert cells == ["12", "541.2", "2026-01-02", "TRUE", "012"]
    assert [isinstance(cell, NumberCell) for cell in cells] == [True, True, False, False, False]


def test_an_amount_keeps_the_shortest_text_that_gives_the_same_number():
    assert cells_of(["张伟", "1", 1234567.1])[2] == "1234567.1"
    assert cells_of(["张伟", "1", 541.2049])[2] == "541.2049"


def test_an_id_number_stored_as_a_number_is_recognised_and_explained():
    cell = cells_of(["张伟", 110101199001011237, "1"])[1]
    assert isinstance(cell, NumberCell)
    assert cell.lost_digits
    assert refuse_number(cell, "身份证号").startswith("身份证号被Excel存成了数字，后几位已丢失")
    assert refuse_number("110101199001011237", "身份证号") == ""


def test_a_csv_mangled_by_excel_is_marked_as_a_number():
    data = "姓名,身份证号,金额\n张伟,1.10101E+17,5\n".encode()
    cell = next(read_rows(io.BytesIO(data), "a.csv").rows)[1][1]
    assert isinstance(cell, NumberCell)
    assert cell.lost_digits


def test_error_values_and_formulas_without_result_are_kept_as_text():
    def prepare(book):
        book.active["C2"].data_type = "e"
        book.active["B2"] = "=A2"

    assert cells_of(["张伟", "x", "#REF!"], prepare) == ["张伟", "公式没有结果", "#REF!"]


def test_row_numbers_are_those_of_the_file_and_blank_rows_are_skipped():
    rows = [["2026年名单"], [], HEADER, ["张伟", "1", "2"], [None, "  ", None], ["李四", "3", "4"], [], [" "]]
    table = read_rows(book_of(rows), "a.xlsx")
    assert (table.header, table.header_row) == (HEADER, 3)
    assert [number for number, _ in table.rows] == [4, 6]


def test_a_table_that_begins_in_column_c_is_read_with_its_own_letters():
    table = read_rows(book_of([[None, None, *HEADER], [None, None, "张伟", "1", "2"]]), "a.xlsx")
    assert table.header == ["", "", *HEADER]
    assert next(table.rows) == (2, ["", "", "张伟", "1", "2"])


def test_short_lines_are_filled_up_and_cells_beyond_the_header_stay_visible():
    data = "姓名,身份证号,金额\n张伟\n李四,1,2,多\n".encode()
    assert [cells for _, cells in read_rows(io.BytesIO(data), "a.csv").rows] == [
        ["张伟", "", ""],
        ["李四", "1", "2", "多"],
    ]


def test_two_data_sheets_are_refused():
    def prepare(book):
        other = book.create_sheet("旧名单")
        other.append(HEADER)
        other.append(["李四", "1", "2"])

    with pytest.raises(FileRefused, match="有两张工作表都像名单"):
        read_rows(book_of([HEADER, ["张伟", "1", "2"]], prepare), "a.xlsx")


def test_a_hidden_sheet_and_hidden_rows_are_notes_and_the_explanation_sheet_is_passed_over():
    def prepare(book):
        book.create_sheet("旧数据").append(["李四", "1"])
        book["旧数据"].sheet_state = "hidden"
        book.create_sheet("填写说明").append(["姓名", "必填"])
        book["名单"].row_dimensions[3].hidden = True

    table = read_rows(book_of([HEADER, ["张伟", "1", "2"], ["李四", "3", "4"]], prepare), "a.xlsx")
    assert table.notes == [
        "文件里有隐藏工作表“旧数据”，不会导入。请确认没有误带他人信息。",
        "有1行被筛选隐藏（第3行），也会导入，请确认。",
    ]
    assert len(list(table.rows)) == 2


def test_a_header_of_two_levels_is_refused():
    def prepare(book):
        book.active.merge_cells("A1:B1")

    with pytest.raises(FileRefused, match="表头有两层"):
        read_rows(
            book_of([["户主", None, "金额"], ["姓名", "身份证号", None], ["张伟", "1", "2"]], prepare),
            "a.xlsx",
        )


def test_merged_cells_among_the_rows_are_a_note_with_their_place():
    def prepare(book):
        book.active.merge_cells("A2:A4")

    notes = read_rows(
        book_of([HEADER, ["上河村", "1", "2"], [None, "3", "4"], [None, "5", "6"]], prepare), "a.xlsx"
    ).notes
    assert notes[0].startswith("A2:A4是合并单元格，第3、4行的“姓名”")


def test_a_sheet_without_the_expected_header_is_refused():
    with pytest.raises(FileRefused, match="没有找到表头行（应包含：姓名、身份证号、金额"):
        read_rows(book_of([["甲", "乙", "丙"], ["1", "2", "3"]]), "a.xlsx", expected=HEADER)
    with pytest.raises(FileRefused, match="没有找到表头行"):
        read_rows(io.BytesIO(b"a,b\n1,2\n"), "a.csv", expected=HEADER)


def test_an_empty_workbook_is_refused():
    with pytest.raises(FileRefused, match="没有找到表头行"):
        read_rows(book_of([]), "a.xlsx")


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv"])
def test_more_rows_than_allowed_are_refused(monkeypatch, name):
    monkeypatch.setattr(reader, "MAX_ROWS", 3)
    rows = [HEADER, *[["张伟", "1", "2"]] * 4]
    text = "\n".join(",".join(row) for row in rows)
    file = book_of(rows) if name == "a.xlsx" else io.BytesIO(text.encode())
    with pytest.raises(FileRefused, match="20万行"):
        list(read_rows(file, name).rows)


def test_a_quote_that_never_closes_is_refused_with_its_line():
    with pytest.raises(FileRefused, match="第3行引号没有成对"):
        list(read_rows(io.BytesIO('姓名,金额\n张伟,1\n"李四,2\n'.encode()), "a.csv").rows)


def test_a_line_separator_inside_a_csv_cell_does_not_make_a_line():
    data = "姓名,金额\n张\u2028伟,1\n".encode()
    assert list(read_rows(io.BytesIO(data), "a.csv").rows) == [(2, ["张\u2028伟", "1"])]


def test_the_uploaded_csv_stays_open_for_its_owner():
    file = io.BytesIO("姓名,金额\n张伟,1\n".encode())
    list(read_rows(file, "a.csv").rows)
    assert not file.closed


def test_a_matrix_gives_every_filled_line():
    assert list(read_matrix(book_of([["H", "1"], [], ["T", "2"]]), "a.xlsx")) == [
        (1, ["H", "1"]),
        (3, ["T", "2"]),
    ]


def messages(header, **options):
    with pytest.raises(FileRefused) as caught:
        match_header(header, HEADER, **options)
    return [error.message for error in caught.value.errors]


def test_a_matching_header_gives_the_place_of_each_title():
    assert match_header(["行号", "错误说明", "金额", " 姓名 ", "身份证号"], HEADER) == {
        "金额": 2,
        "姓名": 3,
        "身份证号": 4,
    }
    assert match_header(["村（居）委会"], ["村(居)委会"]) == {"村(居)委会": 0}
    assert match_header(["姓名", "金额"], HEADER, optional={"身份证号"}) == {"姓名": 0, "金额": 1}


def test_a_missing_column_is_named_with_the_column_that_may_be_meant():
    assert messages(["姓名", "证件", "金额"]) == ["缺少必填列：身份证号。疑似“证件”列，请改为“身份证号”。"]
    assert messages(["姓名", "金额"]) == ["缺少必填列：身份证号。请使用系统下载的模板。"]


def test_double_and_unknown_columns_are_named_with_their_letters():
    header = [*HEADER, "金额", "电话", ""]
    assert messages(header) == [
        "“金额”列出现两次(C列、D列)，无法判断用哪一列。",
        "E列“电话”不是模板中的列，请删除。",
        "F列（没有列名）不是模板中的列，请删除。",
    ]


def test_column_letters_and_indexes_agree():
    assert [column_letters(index) for index in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert all(column_index(column_letters(index)) == index for index in range(800))


def test_a_bank_file_may_hold_its_totals_and_titles_above_the_limit_of_lines(monkeypatch):
    monkeypatch.setattr(reader, "MAX_ROWS", 3)
    lines = [["totals"], ["titles"], *[[str(n)] for n in range(3)], ["trailer"]]
    assert len(list(read_matrix(book_of(lines), "a.xlsx"))) == 6
    monkeypatch.setattr(reader, "ROW_SLACK", 2)
    with pytest.raises(FileRefused):
        list(read_matrix(book_of(lines), "a.xlsx"))


def test_blank_lines_of_a_csv_count_towards_its_length(monkeypatch):
    monkeypatch.setattr(reader, "MAX_LINES", 100)
    file = io.BytesIO("姓名,金额\n".encode() + b"\n" * 5_000_000)
    with pytest.raises(FileRefused, match="20万行"):
        list(reader.read_rows(file, "a.csv").rows)


def test_a_csv_line_longer_than_any_table_is_refused_before_it_is_held():
    for content in (b"," * 5_000_000, "姓名,金额\n".encode() + b"x" * 5_000_000):
        with pytest.raises(FileRefused, match="太长"):
            list(reader.read_rows(io.BytesIO(content), "a.csv").rows)


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv"])
def test_the_rows_of_an_open_table_are_read_once_more_without_opening_it_again(name):
    rows = [HEADER, ["张伟", "1", "2"], ["李四", "3", "4"]]
    file = (
        book_of(rows) if name == "a.xlsx" else io.BytesIO("\n".join(",".join(row) for row in rows).encode())
    )
    table = read_rows(file, name)
    first = list(table.rows)
    assert len(first) == 2
    assert list(table.again()) == first
    assert list(table.again()) == first
