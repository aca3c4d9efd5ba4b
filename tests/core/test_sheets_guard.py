"""What an uploaded table must be before it is read: one case per row of the intake table."""

import io
import logging
import struct
import zipfile
import zlib

import openpyxl
import pytest
import xlsxwriter

from huimin.core.errors import FileRefused
from huimin.core.sheets import container, guard, scan
from huimin.core.sheets.guard import Kind, check_upload
from huimin.core.sheets.reader import read_rows


def workbook(rows=(("姓名", "金额"), ("张伟", "12.50"))) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rebuilt(data: bytes, change=None, extra=(), skip=()) -> bytes:
    """The same container with parts changed, added or left out."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.infolist():
            if entry.filename not in skip:
                content = source.read(entry)
                target.writestr(entry.filename, change(entry.filename, content) if change else content)
        for name, content in extra:
            target.writestr(name, content)
    return out.getvalue()


def in_sheet(old: bytes, new: bytes):
    return lambda name, content: content.replace(old, new) if name.startswith("xl/worksheets/") else content


def refusal(data: bytes, name="名单.xlsx") -> str:
    with pytest.raises(FileRefused) as caught:
        check_upload(io.BytesIO(data), name)
    assert [str(error) for error in caught.value.errors] == [str(caught.value)]
    return str(caught.value)


def test_an_honest_workbook_passes_and_is_left_at_its_beginning():
    file = io.BytesIO(workbook())
    assert check_upload(file, "名单.XLSX").kind is Kind.XLSX
    assert file.tell() == 0


def encrypted() -> bytes:
    return guard.OLE_MAGIC + b"\x00" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\x00" * 600


def truncated() -> bytes:
    data = workbook()
    return data[: len(data) // 2]


def flipped() -> bytes:
    data = bytearray(workbook())
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        offset = archive.getinfo("xl/worksheets/sheet1.xml").header_offset
    data[offset + 90] ^= 0xFF
    return bytes(data)


CONTENTS = {
    "no byte at all": (b"", guard.EMPTY),
    "text renamed": ("姓名,金额\n张伟,1\n".encode(), guard.NOT_EXCEL),
    "html renamed": ("\n<html><body><table><tr><td>张伟".encode(), guard.FAKE_EXCEL),
    "html in two-byte letters": ("\ufeff<html><table>".encode("utf-16-le"), guard.FAKE_EXCEL),
    "html of an excel export": (
        b"<?xml version='1.0'?><html xmlns:x='urn:schemas'><table>",
        guard.FAKE_EXCEL,
    ),
    "ods renamed": (rebuilt(workbook(), skip={"xl/workbook.xml"}), guard.NOT_EXCEL),
    "password": (encrypted(), container.PASSWORD),
    "half a file": (truncated(), container.BROKEN),
    "no end of zip": (workbook()[:-30], container.BROKEN),
    "a flipped byte": (flipped(), container.BROKEN),
    "macro part": (rebuilt(workbook(), extra=[("xl/vbaProject.bin", b"x")]), guard.MACRO),
    "old macro sheet": (rebuilt(workbook(), extra=[("xl/macrosheets/sheet1.xml", b"<a/>")]), guard.MACRO),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_a_file_that_is_no_plain_workbook_is_refused_with_its_reason(case):
    data, message = CONTENTS[case]
    assert refusal(data) == message


def test_a_workbook_of_the_macro_type_is_refused_whatever_its_parts():
    data = rebuilt(
        workbook(), lambda name, content: content.replace(b"sheet.main+xml", b"sheet.macroEnabled.main+xml")
    )
    assert refusal(data) == guard.MACRO


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
HOSTILE = {
    "billion laughs in the sheet": rebuilt(workbook(), in_sheet(b"<worksheet", LAUGHS + b"<worksheet")),
    "external dtd in a part nobody needs": rebuilt(
        workbook(), extra=[("docProps/more.xml", b"<!doctype a SYSTEM 'http://localhost/x.dtd'><a/>")]
    ),
    "entity across two chunks": rebuilt(
        workbook(), extra=[("custom.xml", b"<a>" + b" " * (container.CHUNK - 6) + b"<!ENTITY x 'y'></a>")]
    ),
    "two-byte part": rebuilt(workbook(), extra=[("custom.xml", "\ufeff<a/>".encode("utf-16"))]),
    "slip": rebuilt(workbook(), extra=[("../../etc/cron.d/x", b"x")]),
    "absolute": rebuilt(workbook(), extra=[("/etc/x", b"x")]),
    "backslash slip": rebuilt(workbook(), extra=[("xl\\..\\..\\x", b"x")]),
    "the same name in other letters": rebuilt(workbook(), extra=[("XL/Workbook.xml", b"<workbook/>")]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_and_leaves_a_line_in_the_security_log(case, caplog):
    with caplog.at_level(logging.WARNING, "huimin.security"):
        message = refusal(HOSTILE[case])
    assert message.startswith("文件内容异常")
    assert "已拒收并记入安全日志" in message
    assert len(caplog.records) == 1


def test_a_bomb_in_an_unused_part_is_refused_without_inflating_it_all(monkeypatch):
    monkeypatch.setattr(container, "RATIO_FREE", 1024 * 1024)
    bomb = rebuilt(workbook(), extra=[("xl/media/pad.bin", b"\x00" * 8 * 1024 * 1024)])
    assert refusal(bomb) == container.TOO_BIG


def test_the_sum_of_all_parts_is_bounded(monkeypatch):
    monkeypatch.setattr(container, "MAX_UNZIPPED", 100_000)
    assert refusal(rebuilt(workbook(), extra=[("a.bin", b"ab" * 60_000)])) == container.TOO_BIG


def test_twenty_thousand_parts_are_refused():
    assert refusal(rebuilt(workbook(), extra=[(f"p/{n}", b"") for n in range(10_001)])) == container.TOO_BIG


def test_a_part_longer_than_it_declares_is_refused():
    """zipfile stops reading at the declared size and would call this whole; other readers go on."""
    content = b"<a>" + b"x" * 50_000 + b"</a>"
    data = bytearray(rebuilt(workbook(), extra=[("custom.xml", content)]))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        entry = archive.getinfo("custom.xml")
        directory = archive.start_dir
    short, crc = struct.pack("<L", 1_000), struct.pack("<L", zlib.crc32(content[:1_000]))
    place = data.index(b"custom.xml", directory) - 46
    data[place + 16 : place + 20], data[place + 24 : place + 28] = crc, short
    offset = entry.header_offset
    data[offset + 14 : offset + 18], data[offset + 22 : offset + 26] = crc, short
    assert zipfile.ZipFile(io.BytesIO(bytes(data))).read("custom.xml") == content[:1_000]
    assert refusal(bytes(data)) == container.BROKEN


def test_a_part_with_two_names_is_refused():
    data = bytearray(workbook())
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        offset = archive.getinfo("xl/workbook.xml").header_offset
    data[offset + 30] = ord("y")
    assert refusal(bytes(data)).startswith("文件内容异常")


def test_one_space_in_the_last_cell_does_not_make_the_reader_fill_the_memory():
    data = rebuilt(workbook(), in_sheet(b'r="B2"', b'r="XFD1048576"'))
    assert refusal(data) == container.TOO_BIG
    for place in (b"&#88;FD2", b"xfd1048576", b" XFD1048576"):
        disguised = rebuilt(workbook(), in_sheet(b'r="B2"', b'r="%s"' % place))
        assert refusal(disguised).startswith("文件内容异常")


def test_a_filled_cell_far_to_the_right_is_refused_and_a_styled_empty_one_is_not():
    assert "超过64列" in refusal(rebuilt(workbook(), in_sheet(b'r="B2"', b'r="BM2"')))
    styled = rebuilt(workbook(), in_sheet(b"</row>", b'<c r="XFD1" s="0"/></row>'))
    assert len(list(read_rows(io.BytesIO(styled), "a.xlsx").rows)) == 1


def test_a_long_run_of_formatted_blank_rows_passes():
    blank = b"".join(b'<row r="%d"><c r="A%d" s="0"/></row>' % (n, n) for n in range(3, 150_000))
    data = rebuilt(workbook(), in_sheet(b"</sheetData>", blank + b"</sheetData>"))
    assert [cells for _, cells in read_rows(io.BytesIO(data), "a.xlsx").rows] == [["张伟", "12.50"]]


def test_a_long_text_shown_in_very_many_cells_is_refused(monkeypatch):
    monkeypatch.setattr(scan, "MAX_STRING_WEIGHT", 10_000)
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["姓名", "备注"])
        sheet.write_row(1, 0, ["字" * 3_000, "字" * 3_000])
    assert refusal(out.getvalue()).startswith("文件内容异常")


@pytest.mark.parametrize(
    "name",
    [
        "../名单.xlsx",
        "a\\b.xlsx",
        "名单\r\n.xlsx",
        "名单\u202excod.xlsx",
        "名单.xlsx.php",
        "字" * 300 + ".xlsx",
        "名单",
        "a.ods",
    ],
)
def test_a_name_no_browser_sends_is_refused(name):
    assert refusal(workbook(), name) == guard.BAD_FILENAME


def test_a_file_above_the_upload_limit_is_refused(monkeypatch):
    monkeypatch.setattr(guard, "MAX_UPLOAD", 1_000)
    assert refusal(workbook()) == guard.OVERSIZE


def test_a_reference_to_another_workbook_is_a_note_to_confirm():
    data = rebuilt(workbook(), extra=[("xl/externalLinks/externalLink1.xml", b"<externalLink/>")])
    assert read_rows(io.BytesIO(data), "a.xlsx").notes == [guard.EXTERNAL_LINK]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (workbook(), "文件内容是 .xlsx"),
        (b"not a workbook", "已损坏"),
        (encrypted(), "打开密码"),
        (guard.OLE_MAGIC + "_VBA_PROJECT_CUR".encode("utf-16-le"), "宏"),
        (b"<table><tr>", "假Excel"),
    ],
)
def test_an_xls_must_be_what_its_name_says(data, message):
    assert message in refusal(data, "a.xls")


def test_a_broken_xls_is_refused_with_a_way_out():
    with pytest.raises(FileRefused, match="另存为"):
        read_rows(io.BytesIO(guard.OLE_MAGIC + b"\x00" * 5_000), "a.xls")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_is_read_in_its_own_encoding(encoding):
    data = "姓名,金额\n李䶮,12.50\n".encode(encoding)
    assert list(read_rows(io.BytesIO(data), "a.csv").rows) == [(2, ["李䶮", "12.50"])]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("姓名,金额\n".encode("utf-16"), "乱码"),
        ("姓名,金额\n李".encode("gb18030")[:-1], "乱码"),
        ("姓名,金\x00额\n".encode(), "损坏的字符"),
        (workbook(), "后缀却是 .csv"),
    ],
)
def test_a_csv_that_cannot_be_read_safely_is_refused(data, message):
    assert message in refusal(data, "a.csv")


def with_far_cell(before: bytes, cell: bytes) -> bytes:
    """A sheet of many usual cells, so that the far one stands in a piece without the sheet's head."""
    rows = b"".join(
        b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>%064d</t></is></c></row>' % (n, n, n * n)
        for n in range(3, 20_000)
    )
    return rebuilt(workbook(), in_sheet(b"</sheetData>", rows + before + cell + b"</row></sheetData>"))


@pytest.mark.parametrize(
    "cell",
    [
        b'<c r="BM20001"><v>1</v></c>',
        b'<c r="A200052"><v>1</v></c>',
        b'<c r="a20001"><v>1</v></c>',
        b'<c r="A1048576" s="1"><v>1</v></c>',
        b"<c\tr='BM20001'><v>1</v></c>",
        b'<c s="1" r="CA20001"><v>1</v></c>',
        b'<c r="A20001;"><v>1</v></c>',
        b'<c r="A20001" r="CA20001"><v>1</v></c>',
        b'<c s=">" r="CA20001"><v>1</v></c>',
        b"<c s='<' r=\"CA20001\"><v>1</v></c>",
        b'<x:c r="CA20001"><v>1</v></x:c>',
        b'<x-y.z:c r="CA20001"><v>1</v></x-y.z:c>',
        b"<c><v>1</v></c>",
        b'<c t="n"><v>1</v></c>',
    ],
)
def test_a_far_cell_is_found_however_it_is_written(cell):
    assert refusal(with_far_cell(b'<row r="20001">', cell))


@pytest.mark.parametrize(
    "cell",
    [
        b'<c s="1" t="str" r="A20001"><v>1</v></c>',
        b"<c r='BL20001' ><v>1</v></c>",
        b'<c r="A200050" cm="1"><v>1</v></c>',
        b'<x:c xml:r="XFD1" r="A20001"><v>1</v></x:c>',
        b'<c s="1"/>',
        b'<c r="XFD1048576" s="1"/>',
    ],
)
def test_a_near_or_empty_cell_passes_however_it_is_written(cell):
    data = with_far_cell(b'<row r="20001">', cell)
    assert check_upload(io.BytesIO(data), "a.xlsx").kind is Kind.XLSX


def test_errors_and_formulas_without_a_result_are_found_among_usual_cells():
    odd = (
        b'<c r="A20001" t="e"><v>#N/A</v></c><c r="B20001"><f>1+1</f></c><c r=\'C20001\' t=\'e\'><v>#REF!</v></c>'
        b'<x:c r="D20001" t="e"><x:v>#VALUE!</x:v></x:c>'
    )
    data = with_far_cell(b'<row r="20001" hidden="1">', odd)
    (sheet,) = check_upload(io.BytesIO(data), "a.xlsx").sheets.values()
    assert sheet.overlay == {20001: {0: "#N/A", 1: scan.NO_RESULT, 2: "#REF!", 3: "#VALUE!"}}
    assert sheet.hidden_rows == [20001]


def test_shared_texts_are_counted_in_usual_and_unusual_cells():
    usual = b"".join(b'<c r="A%d" t="s"><v>0</v></c>' % n for n in range(20_001, 60_001))
    data = with_far_cell(b'<row r="20001">', usual + b"<c r='B60001' t='s'><v>0</v></c>")
    (sheet,) = check_upload(io.BytesIO(data), "a.xlsx").sheets.values()
    assert sheet.shared == 40_001


@pytest.mark.parametrize(
    "part",
    [
        "xl/other/sheet1.xml",
        "xl/worksheets/sheet1.dat",
        "xl/externalLinks/sheet1.xml",
        "sheet1.xml",
        "xl/a.png",
    ],
)
def test_a_sheet_outside_its_folder_is_refused_for_nobody_measures_it(part):
    sheet = b'<worksheet><sheetData><row r="1"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    if part.endswith("png"):
        sheet = b"\x89PNG" + b"\x00" * (container.CHUNK - 10) + sheet
    data = rebuilt(
        workbook(),
        lambda _, content: content.replace(b"/xl/worksheets/sheet1.xml", b"/" + part.encode()),
        extra=[(part, sheet)],
        skip={"xl/worksheets/sheet1.xml"},
    )
    assert refusal(data).startswith("文件内容异常")


def test_values_kept_of_another_workbook_are_no_cells():
    kept = b'<externalLink><sheetDataSet><sheetData sheetId="0"><row r="1"><cell r="XFD1"><v>1</v></cell></row></sheetData>'
    data = rebuilt(workbook(), extra=[("xl/externalLinks/externalLink1.xml", kept)])
    assert check_upload(io.BytesIO(data), "a.xlsx").notes == [guard.EXTERNAL_LINK]


def test_many_usual_cells_pass():
    data = with_far_cell(b'<row r="20001">', b'<c r="BL20001"><v>1</v></c>')
    assert check_upload(io.BytesIO(data), "a.xlsx").kind is Kind.XLSX


@pytest.mark.parametrize(
    "data",
    [b"", b"<html><table>", b"no zip at all", rebuilt(workbook(), extra=[("xl/vbaProject.bin", b"x")])],
)
def test_the_envelope_is_refused_without_looking_inside(data):
    with pytest.raises(FileRefused):
        guard.check_envelope(io.BytesIO(data), "名单.xlsx")


def test_what_is_wrong_inside_is_left_to_the_job_that_reads_it():
    data = rebuilt(workbook(), in_sheet(b"<sheetData>", b"<!DOCTYPE a><sheetData>"))
    file = io.BytesIO(data)
    guard.check_envelope(file, "名单.xlsx")
    assert file.tell() == 0
    assert "实体声明" in refusal(data)
