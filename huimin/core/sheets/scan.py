"""What the guard looks for while the parts of a workbook stream past.

calamine lays a sheet out as a full rectangle and drops error values, so the extent of the filled cells is
measured here first, and errors and formulas without a result are noted with their places.
"""

from __future__ import annotations

import re

from huimin.core.sheets.container import ABNORMAL, TOO_BIG
from huimin.core.sheets.refusals import refused, refused_as_hostile

MAX_ROWS = 200_000
MAX_COLUMNS = 64
BLANK_RUN = 64 * 1024  # thousands of formatted cells without content
MAX_CARRY = 4 * 1024 * 1024
MAX_STRING_WEIGHT = 1024 * 1024 * 1024
LONG_STRING = 2_000
NO_RESULT = "公式没有结果"
NO_PLACE = "表格里有的单元格没有写明位置。请用Excel/WPS打开后“另存为 .xlsx”再上传。"

ENTITY = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
# where no cells may be: a workbook can call any part its sheet, and the part is then read without having been measured
SHEET = re.compile(rb"sheetData(?<=[<:]sheetData)[\s/>]")
CELL = re.compile(rb"[<:]c[\s/>]")  # in a part that may keep values of other workbooks, which are no cells
HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*\bhidden\s*=\s*[\"'](?:1|true)[\"'][^>]*>")
ROW_NUMBER = re.compile(rb"\sr\s*=\s*[\"'](\d+)[\"']")
# no possessive quantifiers: Python 3.11 before 3.11.5 matches them wrongly; nothing here has two ways of matching
# one attribute after another, none of them "r"; a value never holds a bracket, or readers would differ about its end
_OTHERS = rb"(?:\s+(?!r[\s=])[^\s=<>\"'/]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'))*"
_PLACE = rb"\s+r\s*=\s*[\"']([^\"'<>]*)[\"']"
_NEAR = rb"(?:[A-Z]|A[A-Z]|B[A-L])(?:\d{1,5}|1\d{5})"  # down to row 199,999, as far as column BL
# a cell that is not written as spreadsheets write it: found fast, because it starts with plain text. A chunk without one
# has no far cell, no error and no formula, whatever else it holds
UNUSUAL_CELL = re.compile(
    rb'<c(?! r="'
    + _NEAR
    + rb'"(?: s="\d{1,5}")?(?: t="(?:s|n|str|b|inlineStr)")?(?:/>|>(?:<v>|<is>|</c>))|[A-Za-z])'
)
# a cell whose place has to be read: neither near in any spelling nor empty and without a place
ODD_CELL = re.compile(
    rb"<(?:[^\s<>/:]+:)?c(?=[\s/>])(?!" + _OTHERS + rb"(?:\s+r\s*=\s*(?:\"" + _NEAR + rb"\"|'" + _NEAR + rb"')"
    + _OTHERS + rb"\s*/?>|\s*/>))"
)  # fmt: skip
CELL_TAG = re.compile(rb"<(?:[^\s<>/:]+:)?c" + _OTHERS + rb"(?:" + _PLACE + rb")?" + _OTHERS + rb"\s*(/?)>")
PLACE = re.compile(rb"([A-Z]{1,3})(\d{1,10})")
ROW_SLACK = 50  # title, header and blank lines above the data
BROKEN_CELL = re.compile(
    rb"<(?:\w+:)?c\s(?=[^>]*?\bt\s*=\s*[\"']e[\"'])[^>]*?\br\s*=\s*[\"']([A-Z]+)(\d+)[\"'][^>]*>"
    rb"(?:<(?:\w+:)?f[^>]*?(?:/>|>[^<]*</(?:\w+:)?f>))?<(?:\w+:)?v>([^<]*)<"
)
EMPTY_FORMULA = re.compile(
    rb"<(?:\w+:)?c\s[^>]*?\br\s*=\s*[\"']([A-Z]+)(\d+)[\"'][^>]*><(?:\w+:)?f(?:\s[^>]*)?>[^<]*</(?:\w+:)?f>"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)


class PartScan:
    """Any part: no entity declarations, no two-byte text that would hide from the patterns, no cells unless a sheet."""

    def __init__(
        self, *, keep: bool = False, is_xml: bool | None = None, never: re.Pattern[bytes] | None = SHEET
    ) -> None:
        self.carry = b""
        self.never = never  # at most 16 bytes long, so that it is seen across two pieces
        self.kept: list[bytes] | None = [] if keep else None
        self.is_xml = is_xml  # None: its beginning will tell

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the part."""
        if self.is_xml is None:
            self.is_xml = self._begins_like_xml(chunk)
        if self.kept is not None:
            self.kept.append(chunk)
        text = self.carry + chunk
        if self.never and self.never.search(text):
            raise refused_as_hostile(ABNORMAL, kind="cells outside the folder of sheets")
        if not self.is_xml:
            self.carry = text[-16:]
            return
        if b"\x00" in chunk:
            raise refused_as_hostile(ABNORMAL, kind="two-byte XML part")
        # a single byte is looked for many times faster than two, and two than a pattern that ignores case
        if b"!" in text and b"<!" in text and ENTITY.search(text):
            raise refused_as_hostile(
                "文件内容异常（含实体声明），已拒收并记入安全日志。", kind="entity declaration"
            )
        self.carry = self.look(text)
        if len(self.carry) > MAX_CARRY:
            raise refused_as_hostile(ABNORMAL, kind="endless element")

    def _begins_like_xml(self, chunk: bytes) -> bool:
        if chunk.startswith((b"\xff\xfe<", b"\xfe\xff\x00<", b"<\x00", b"\x00<")):
            raise refused_as_hostile(ABNORMAL, kind="two-byte XML part")
        return chunk.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")

    def look(self, text: bytes) -> bytes:
        """Look at the text and return the tail that must be seen again with the next piece."""
        return text[-16:]

    def close(self) -> bytes:
        """The whole part, if it was to be kept."""
        return b"".join(self.kept or ())


class SheetScan(PartScan):
    """A sheet: the extent of its filled cells, hidden rows, error cells, formulas without a result."""

    def __init__(self) -> None:
        super().__init__(is_xml=True, never=None)
        self.hidden_rows: list[int] = []
        self.overlay: dict[int, dict[int, str]] = {}  # row number -> column index -> text
        self.shared = 0

    def look(self, text: bytes) -> bytes:
        """Cut after the last finished cell, so that no cell is looked at in halves."""
        cut = text.rfind(b"c>") + 2
        if cut < 2 and len(text) > BLANK_RUN:
            cut = text.rfind(b"/>") + 2
        if cut < 2:
            return text
        done = text[:cut]
        if b"hidden" in done:
            self._find_hidden_rows(done)
        if UNUSUAL_CELL.search(done) or (b":" in done and b":c" in done):
            self._look_closely(done)
        else:
            self.shared += done.count(b't="s"')
        return text[cut:]

    def _find_hidden_rows(self, done: bytes) -> None:
        for tag in HIDDEN_ROW.findall(done):
            number = ROW_NUMBER.search(tag)
            self.hidden_rows.append(int(number[1]) if number else 0)

    def _look_closely(self, done: bytes) -> None:
        """Cells of any spelling: their extent, errors, formulas, shared strings."""
        self._check_extent(done)
        has_errors = b'"e"' in done or b"'e'" in done
        for letters, row, error in BROKEN_CELL.findall(done) if has_errors else ():
            self._note(letters, row, error.decode("utf-8", "replace"))
        if b"<f" in done or b":f" in done:
            for letters, row in EMPTY_FORMULA.findall(done):
                self._note(letters, row, NO_RESULT)
        self.shared += done.count(b'"s"') + done.count(b"'s'")

    def _check_extent(self, done: bytes) -> None:
        for odd in ODD_CELL.finditer(done):
            tag = CELL_TAG.match(done, odd.start())
            if tag is None:
                raise refused_as_hostile(ABNORMAL, kind="disguised cell")
            if tag[2]:  # <c …/> is empty, readers pass over it
                continue
            if tag[1] is None:
                raise refused(NO_PLACE)
            self._check_place(tag[1])

    def _check_place(self, text: bytes) -> None:
        place = PLACE.fullmatch(text)
        if place is None:
            raise refused_as_hostile(ABNORMAL, kind="disguised cell place")
        if int(place[2]) > MAX_ROWS + ROW_SLACK:
            raise refused(TOO_BIG)
        if column_index(place[1].decode()) >= MAX_COLUMNS:
            raise refused(f"表格超过{MAX_COLUMNS}列，请删除右侧多余的列后上传。")

    def _note(self, letters: bytes, row: bytes, text: str) -> None:
        self.overlay.setdefault(int(row), {})[column_index(letters.decode())] = text


class StringScan(PartScan):
    """The shared strings: one long text shown in a million cells would fill the memory."""

    def __init__(self) -> None:
        super().__init__(is_xml=True)
        self.longest = 0

    def look(self, text: bytes) -> bytes:
        """Measure whole strings; the unfinished last one is seen again."""
        cut = text.rfind(b"si>") + 3
        if cut < 3:
            return text
        self.longest = max(self.longest, *map(len, text[:cut].split(b"si>")))
        return text[cut:]

    def check_weight(self, cells: int) -> None:
        """Refuse when the longest string in every cell would not fit into memory."""
        if self.longest > LONG_STRING and self.longest * cells > MAX_STRING_WEIGHT:
            raise refused_as_hostile(ABNORMAL, kind="long shared string")


def column_index(letters: str) -> int:
    """0 for A, 26 for AA."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def column_letters(index: int) -> str:
    """A for 0, AA for 26."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
