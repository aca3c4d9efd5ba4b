"""What an uploaded table must be before any parser sees it.

Messages are those of the intake rules; entity declarations and zip tricks also leave a line in the
security log. A file that passes is a .xlsx, .xls or .csv whose size, parts and cell positions are bounded.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from html import unescape
from typing import BinaryIO

from huimin.core.sheets.container import PASSWORD, Container, open_container
from huimin.core.sheets.refusals import refused
from huimin.core.sheets.scan import CELL, SHEET, PartScan, SheetScan, StringScan

MAX_UPLOAD = 64 * 1024 * 1024
MAX_NAME = 150
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
WEB_PAGE = re.compile(rb"<(!doctype\s+html|html|head|body|table|meta|div|script)\b", re.IGNORECASE)
BAD_NAME = re.compile(r"[\x00-\x1f\x7f/\\:\u200e\u200f\u202a-\u202e\u2066-\u2069]")

NOT_EXCEL = "这不是有效的Excel(.xlsx)文件。请用Excel/WPS打开后“另存为 .xlsx”再上传。"
NOT_XLS = "这个 .xls 文件已损坏或不是Excel文件。请用Excel/WPS打开后“另存为 .xlsx”再上传。"
FAKE_EXCEL = "这是网页格式的假Excel。请用Excel打开后“另存为 .xlsx”再上传。"
MACRO = "文件含有宏，已拒收。请另存为不含宏的 .xlsx。"
BAD_FILENAME = "文件名不规范，只接受以 .xlsx、.xls 或 .csv 结尾、不超过150个字的文件。"
EMPTY = "文件是空的(0字节)，请重新导出后上传。"
OVERSIZE = "文件超过64MB，请拆分后上传。"
CSV_ENCODING = "文件编码既不是UTF-8也不是GB18030，读出来会是乱码。请用Excel/WPS“另存为 .xlsx”再上传。"
CSV_CONTROL = "文件里有损坏的字符，请重新导出后上传。"
EXTERNAL_LINK = "文件引用了其他表格的数据，请确认金额已“粘贴为数值”。"


class Kind(StrEnum):
    """The three kinds of table that are read."""

    XLSX = "xlsx"
    XLS = "xls"
    CSV = "csv"


@dataclass(slots=True)
class GuardReport:
    """What the guard saw: the kind, the text encoding of a CSV, notes, and what each sheet part hides."""

    kind: Kind
    encoding: str = ""
    notes: list[str] = field(default_factory=list)
    sheets: dict[str, SheetScan] = field(default_factory=dict)  # by sheet name


def check_envelope(file: BinaryIO, filename: str) -> None:
    """What can be told of an upload without unpacking it: name, size, kind, password, macros, sizes the zip declares.

    For those who hand the bytes to a job, whose reading begins with check_upload; raises FileRefused.
    """
    kind, head = _begin(file, filename)
    if kind is Kind.XLSX:
        _open_xlsx(file, head)
    elif kind is Kind.XLS:
        _check_xls(file, head)
    file.seek(0)


def check_upload(file: BinaryIO, filename: str) -> GuardReport:
    """Look at the bytes of an upload; raises FileRefused with the sentence for the clerk.

    `file` must be seekable and is left at its beginning.
    """
    kind, head = _begin(file, filename)
    check = {Kind.XLSX: _check_xlsx, Kind.XLS: _check_xls, Kind.CSV: _check_csv}[kind]
    report = check(file, head)
    file.seek(0)
    return report


def _begin(file: BinaryIO, filename: str) -> tuple[Kind, bytes]:
    kind = kind_of(filename)
    size = file.seek(0, 2)
    file.seek(0)
    if size == 0:
        raise refused(EMPTY)
    if size > MAX_UPLOAD:
        raise refused(OVERSIZE)
    head = file.read(4096)
    if looks_like_web_page(head):
        raise refused(FAKE_EXCEL)
    return kind, head


def kind_of(filename: str) -> Kind:
    """The kind a file claims by its name; raises FileRefused for names no honest browser sends."""
    extension = filename.rpartition(".")[2].lower() if "." in filename else ""
    if len(filename) > MAX_NAME or BAD_NAME.search(filename) or extension not in set(Kind):
        raise refused(BAD_FILENAME)
    return Kind(extension)


def looks_like_web_page(head: bytes) -> bool:
    """Whether a file that should be a table begins like HTML, in one-byte or two-byte letters."""
    start = head.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start.startswith(b"<") and WEB_PAGE.search(start[:2048]) is not None


def _open_xlsx(file: BinaryIO, head: bytes) -> Container:
    if head.startswith(OLE_MAGIC):
        raise refused(PASSWORD if _ole_has(file, "EncryptedPackage") else NOT_EXCEL)
    if not head.startswith(ZIP_MAGIC):
        raise refused(NOT_EXCEL)
    container = open_container(file)
    names = container.names()
    if any(name.endswith("vbaproject.bin") or "/macrosheets/" in name for name in names):
        raise refused(MACRO)
    if not {"[content_types].xml", "xl/workbook.xml"} <= names:
        raise refused(NOT_EXCEL)
    return container


def _check_xlsx(file: BinaryIO, head: bytes) -> GuardReport:
    container = _open_xlsx(file, head)
    report = GuardReport(Kind.XLSX)
    _scan_parts(container, report)
    if any(name.startswith("xl/externallinks/") for name in container.names()):
        report.notes.append(EXTERNAL_LINK)
    return report


def _scan_parts(container: Container, report: GuardReport) -> None:
    scans: dict[str, SheetScan] = {}
    kept: dict[str, bytes] = {}
    strings = StringScan()
    for name, chunks in container.parts():
        lower = name.lower()
        if lower.startswith("xl/worksheets/") and lower.endswith(".xml"):
            scans[lower] = scan = SheetScan()
            _run(chunks, scan)
        elif lower == "xl/sharedstrings.xml":
            _run(chunks, strings)
        elif lower in {"xl/workbook.xml", "xl/_rels/workbook.xml.rels", "[content_types].xml"}:
            kept[lower] = _run(chunks, PartScan(keep=True, is_xml=True))
        else:
            is_xml = lower.endswith((".xml", ".rels", ".vml")) or None
            never = CELL if lower.startswith("xl/externallinks/") else SHEET
            _run(chunks, PartScan(is_xml=is_xml, never=never))
    if b"macroEnabled" in kept["[content_types].xml"]:
        raise refused(MACRO)
    strings.check_weight(sum(scan.shared for scan in scans.values()))
    targets = _sheet_targets(kept["xl/workbook.xml"], kept.get("xl/_rels/workbook.xml.rels", b""))
    report.sheets = {name: scans[part] for name, part in targets.items() if part in scans}


def _run(chunks: Iterator[bytes], scan: PartScan) -> bytes:
    for chunk in chunks:
        scan.feed(chunk)
    return scan.close()


def _sheet_targets(workbook: bytes, relations: bytes) -> dict[str, str]:
    """Sheet name -> lower-case part name."""
    parts: dict[str, str] = {}
    for tag in re.findall(rb"<(?:\w+:)?Relationship\s[^>]*>", relations):
        target = _attribute(tag, "Target").lower()
        parts[_attribute(tag, "Id")] = target.removeprefix("/") if target.startswith("/") else "xl/" + target
    sheets = re.findall(rb"<(?:\w+:)?sheet\s[^>]*>", workbook)
    return {_attribute(tag, "name"): parts.get(_attribute(tag, r"\w+:id"), "") for tag in sheets}


def _attribute(tag: bytes, name: str) -> str:
    found = re.search(rf"\s{name}\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", tag.decode("utf-8", "replace"))
    return unescape(found[1] or found[2] or "") if found else ""


def _check_xls(file: BinaryIO, head: bytes) -> GuardReport:
    if head.startswith(ZIP_MAGIC):
        raise refused("文件内容是 .xlsx，后缀却是 .xls。请把后缀改为 .xlsx，或用Excel/WPS另存后上传。")
    if not head.startswith(OLE_MAGIC):
        raise refused(NOT_XLS)
    if _ole_has(file, "EncryptedPackage"):
        raise refused(PASSWORD)
    if _ole_has(file, "_VBA_PROJECT_CUR"):
        raise refused(MACRO)
    return GuardReport(Kind.XLS)


def _ole_has(file: BinaryIO, entry: str) -> bool:
    """Whether the directory of an OLE file names this stream (names stand there in UTF-16)."""
    file.seek(0)
    return entry.encode("utf-16-le") in file.read(MAX_UPLOAD)


def _check_csv(file: BinaryIO, head: bytes) -> GuardReport:
    if head.startswith((*ZIP_MAGIC, OLE_MAGIC)):
        raise refused("这是Excel文件，后缀却是 .csv。请改回 .xlsx 或 .xls 后上传。")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refused(CSV_ENCODING)
    for encoding in ("utf-8-sig", "gb18030"):
        if _decodes(file, encoding):
            return GuardReport(Kind.CSV, encoding=encoding)
    raise refused(CSV_ENCODING)


def _decodes(file: BinaryIO, encoding: str) -> bool:
    """Whether the whole file is this encoding to the last byte; NUL and control characters refuse the file."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    file.seek(0)
    try:
        while True:
            chunk = file.read(1024 * 1024)
            text = decoder.decode(chunk, final=not chunk)
            if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffd]", text):
                raise refused(CSV_CONTROL)
            if not chunk:
                return True
    except UnicodeDecodeError:
        return False
