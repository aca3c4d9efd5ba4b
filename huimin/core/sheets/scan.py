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

ENTITY = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*\bhidden\s*=\s*[\"'](?:1|true)[\"'][^>]*>")
ROW_NUMBER = re.compile(rb"\sr\s*=\s*[\"'](\d+)[\"']")
# a cell with content beyond column BL, beyond row 200,050, or with a place written in disguise
FAR_CELL = re.compile(
    rb"<(?:\w+:)?c\s(?:[^>]*?\s)?r\s*=\s*[\"']"
    rb"(?:(?:[A-Z]{3,}|[C-Z][A-Z]|B[M-Z])\d|[A-Z]+(?:[2-9]\d{5}|\d{7,})(?=[\"'])|[^\"']*[^A-Z0-9\"'])[^>]*[^/]>"
)
# the same for cells written the usual way; it starts with plain text and is therefore found much faster
PLAIN_CELL = b'<c r="'
FAR_PLAIN_CELL = re.compile(
    rb'<c r="(?:[A-Z]{3}|[C-Z][A-Z]|B[M-Z]|[A-Z]{1,2}(?:[2-9]\d{5}|\d{7})|[A-Z]*[^A-Z\d]|[A-Z]+\d+[^\d"])'
)
CELL_PLACE = re.compile(rb"\sr\s*=\s*[\"']([^\"']*)")
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
    """Any part: no entity declarations, no two-byte text that would hide from the patterns."""

    def __init__(self, *, keep: bool = False, is_xml: bool | None = None) -> None:
        self.carry = b""
        self.kept: list[bytes] | None = [] if keep else None
        self.is_xml = is_xml  # None: its beginning will tell

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the part."""
        if self.is_xml is None:
            self.is_xml = self._begins_like_xml(chunk)
        if self.kept is not None:
            self.kept.append(chunk)
        if not self.is_xml:
            return
        if b"\x00" in chunk:
            raise refused_as_hostile(ABNORMAL, kind="two-byte XML part")
        text = self.carry + chunk
        if b"<!" in text and ENTITY.search(text):  # no pattern that ignores case is as fast as plain bytes
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
        super().__init__(is_xml=True)
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
        self._check_extent(done)
        for tag in HIDDEN_ROW.findall(done) if b"hidden" in done else ():
            number = ROW_NUMBER.search(tag)
            self.hidden_rows.append(int(number[1]) if number else 0)
        has_errors = b'"e"' in done or b"'e'" in done
        for letters, row, error in BROKEN_CELL.findall(done) if has_errors else ():
            self._note(letters, row, error.decode("utf-8", "replace"))
        if b"<f" in done or b":f" in done:
            for letters, row in EMPTY_FORMULA.findall(done):
                self._note(letters, row, NO_RESULT)
        self.shared += done.count(b'"s"') + done.count(b"'s'")
        return text[cut:]

    def _check_extent(self, done: bytes) -> None:
        usual = b":c" not in done and done.count(PLAIN_CELL) == done.count(b"<c")
        if usual and not FAR_PLAIN_CELL.search(done):
            return
        for cell in FAR_CELL.finditer(done):
            place = CELL_PLACE.search(cell[0])
            plain = re.fullmatch(rb"([A-Z]+)(\d+)", place[1]) if place else None
            if plain is None:
                raise refused_as_hostile(ABNORMAL, kind="disguised cell place")
            if int(plain[2]) > MAX_ROWS + ROW_SLACK:
                raise refused(TOO_BIG)
            if column_index(plain[1].decode()) >= MAX_COLUMNS:
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
