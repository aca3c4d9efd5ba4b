"""Exports and templates open in other readers and come back as they went out."""

import io
import tracemalloc
import zipfile
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import openpyxl
import pytest

from huimin.core.errors import RowError
from huimin.core.sheets import writer
from huimin.core.sheets.header import match_header
from huimin.core.sheets.reader import read_rows
from huimin.core.sheets.template import TemplateColumn, error_workbook, styled_template
from huimin.core.sheets.writer import Column, write_rows

COLUMNS = [
    Column("姓名", 12),
    Column("账号", 22),
    Column("金额", 14, "amount"),
    Column("面积", 10, "quantity"),
    Column("人数", 8, "integer"),
]


def written(rows, **options):
    out = io.BytesIO()
    write_rows(out, COLUMNS, rows, **options)
    out.seek(0)
    return out


def test_an_export_opens_in_openpyxl_with_its_types_and_styles():
    sheet = openpyxl.load_workbook(
        written([["张伟", "0123456789012345678", Decimal("1541.20"), Decimal("5.1234"), 3]])
    ).active
    assert [cell.value for cell in sheet[2]] == ["张伟", "0123456789012345678", 1541.2, 5.1234, 3]
    assert sheet["A1"].font.bold
    assert sheet.freeze_panes == "A2"
    assert sheet["C2"].number_format == "#,##0.00"
    assert sheet["B2"].number_format == "@"
    assert sheet.column_dimensions["B"].width == 22


def test_an_export_comes_back_through_our_own_guard_and_reader():
    names = [
        "买买提·艾力",
        "=1+1",
        "@SUM(A1)",
        "+86",
        "-5",
        "a<b&c>\"d'",
        " 两边有空格 ",
        "换\n行",
        "李𬭎",
        "_x0041_",
        "'引号",
    ]
    rows = [[name, "6217", Decimal("0.10"), None, 1] for name in names]
    table = read_rows(written(rows), "a.xlsx")
    assert table.header == [column.title for column in COLUMNS]
    assert [cells[0] for _, cells in table.rows] == names


def test_text_that_looks_like_a_formula_is_stored_with_a_quote():
    sheet = openpyxl.load_workbook(written([["=HYPERLINK(1)", "+1", None, None, None]])).active
    assert (sheet["A2"].value, sheet["B2"].value) == ("'=HYPERLINK(1)", "'+1")
    assert sheet["A2"].data_type == "s"


def test_characters_that_xml_forbids_are_left_out():
    assert (
        openpyxl.load_workbook(written([["张\x00\x0b\ud800伟\ufffe", "", None, None, None]]))
        .active["A2"]
        .value
        == "张伟"
    )


def test_every_part_is_well_formed():
    with zipfile.ZipFile(written([["<&>", "1", Decimal(1), Decimal(2), 3]], title="二〇二六<年>")) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ET.fromstring(archive.read(name))


def test_a_title_stands_above_a_frozen_header():
    sheet = openpyxl.load_workbook(written([["张伟", "1", None, None, None]], title="发放名单")).active
    assert (sheet["A1"].value, sheet["A2"].value, sheet["A3"].value) == ("发放名单", "姓名", "张伟")
    assert sheet.freeze_panes == "A3"
    assert str(next(iter(sheet.merged_cells.ranges))) == "A1:E1"


def test_an_export_without_rows_is_still_a_workbook():
    assert openpyxl.load_workbook(written([])).active.max_row == 1


def test_rows_beyond_one_sheet_go_on_in_the_next(monkeypatch):
    monkeypatch.setattr(writer, "ROWS_PER_SHEET", 2)
    book = openpyxl.load_workbook(written([[str(n), "1", None, None, n] for n in range(5)]))
    assert [sheet.max_row for sheet in book] == [3, 3, 2]


@pytest.mark.parametrize(
    ("value", "error"), [(12.5, TypeError), (Decimal("1.005"), ValueError), ("1.00", TypeError)]
)
def test_an_amount_that_is_not_exact_is_a_programming_error(value, error):
    with pytest.raises(error):
        written([["张伟", "1", value, None, None]])


def test_a_row_of_the_wrong_width_is_a_programming_error():
    with pytest.raises(ValueError, match="row 2 has 1 cells"):
        written([["张伟"]])


def test_the_writer_works_in_constant_memory():
    def peak(count):
        tracemalloc.start()
        with Path("/dev/null").open("wb") as sink:
            write_rows(sink, COLUMNS, (["张伟", "6217", Decimal("1.00"), None, n] for n in range(count)))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(10)
    assert peak(20_000) < peak(2_000) * 1.5 + 200_000


VILLAGES = [f"341524{n:06d}-余岭{n}村" for n in range(300)]
TEMPLATE = [
    TemplateColumn("姓名", required=True, hint="与身份证一致"),
    TemplateColumn("身份证号", required=True, width=22),
    TemplateColumn("性别", choices=["0-男", "1-女"]),
    TemplateColumn("村(居)委会", required=True, choices=VILLAGES),
]


def test_a_template_has_drop_downs_comments_and_text_columns():
    book = openpyxl.load_workbook(
        io.BytesIO(styled_template(TEMPLATE, title="补贴对象采集表", notes=["一行一人。"]))
    )
    sheet = book.worksheets[0]
    rules = {str(rule.sqref): rule.formula1 for rule in sheet.data_validations.dataValidation}
    assert rules == {"C2:C5001": '"0-男,1-女"', "D2:D5001": "选项!$A$1:$A$300"}
    assert sheet["B2"].number_format == "@"
    assert "必填" in sheet["A1"].comment.text
    assert sheet["A1"].fill.fgColor.rgb != sheet["C1"].fill.fgColor.rgb
    assert book["选项"].sheet_state == "hidden"
    assert "一行一人" in book["填写说明"]["A2"].value


def test_a_filled_template_is_read_without_a_note():
    book = openpyxl.load_workbook(io.BytesIO(styled_template(TEMPLATE, title="采集表")))
    book.worksheets[0].cell(2, 1, "张伟")
    out = io.BytesIO()
    book.save(out)
    table = read_rows(out, "a.xlsx", expected=[column.title for column in TEMPLATE])
    assert table.notes == []
    assert match_header(table.header, [column.title for column in TEMPLATE])["村(居)委会"] == 3
    assert [cells[0] for _, cells in table.rows] == ["张伟"]


def test_the_mend_list_holds_the_faulty_rows_in_order_and_can_be_uploaded_again():
    header = ["姓名", "身份证号"]
    rows = [(2, ["张伟", "1"]), (3, ["李四", "=2"]), (5, ["王五", "3"])]
    errors = [
        RowError(5, "姓名", "姓名像乱码。"),
        RowError(3, "身份证号", "校验位不对。"),
        RowError(3, "姓名", "姓名不一致。"),
        RowError(None, "", "x"),
    ]
    data = error_workbook(header, rows, errors)
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [
        ["3", "校验位不对。\n姓名不一致。", "李四", "'=2"],
        ["5", "姓名像乱码。", "王五", "3"],
    ]
    assert sheet["D2"].fill.fgColor.rgb == sheet["C3"].fill.fgColor.rgb != sheet["D3"].fill.fgColor.rgb
    table = read_rows(io.BytesIO(data), "待改正.xlsx", expected=header)
    places = match_header(table.header, header)
    assert [cells[places["身份证号"]] for _, cells in table.rows] == ["=2", "3"]
    again = error_workbook(table.header, [(2, ["3", "旧", "李四", "2"])], [RowError(2, "姓名", "还是不对。")])
    assert openpyxl.load_workbook(io.BytesIO(again)).active["B2"].value == "还是不对。"
