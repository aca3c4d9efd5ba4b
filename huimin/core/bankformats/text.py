"""Records as lines of text with a separator, to and from the bytes of a bank's file."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from huimin.core.bankformats.cells import CONTROL, DAMAGED_CHARACTER, MAX_BYTES, Record
from huimin.core.bankformats.encodings import decode_text, encodable, encode_text, is_other_encoding
from huimin.core.bankformats.frames import Frame, Sink
from huimin.core.errors import BadInput
from huimin.core.sheets.guard import OLE_MAGIC, ZIP_MAGIC, looks_like_web_page
from huimin.core.sheets.refusals import refused
from huimin.core.sheets.scan import ROW_SLACK

MAX_CELLS = 64  # of one line, whatever a format has
FIRST_LINE_BYTES = 1024
LINES_PER_WRITE = 1_000
BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
EMPTY = "文件是空的(0字节)，请重新下载后上传。"
TOO_BIG = "文件超过128MB，不是这一批的回盘。"
WRONG_ENCODING = "文件编码不是{name}，银行回盘应为{name}。请向银行重新下载原始文件，不要用记事本另存。"
WEB_PAGE = "这是网页，不是银行文件（可能登录已经过期）。请重新登录银行系统，下载原始文件。"
WORKBOOK = "这是Excel文件，不是银行的文本文件。请用银行原始文件，不要用Excel打开保存。"


@dataclass(frozen=True, slots=True)
class DelimitedText:
    """Cells with a separator between them, one record a line."""

    encoding: str = "gb18030"
    delimiter: str = "|"
    newline: str = "\r\n"
    trailing_delimiter: bool = True
    extension: str = "txt"

    @property
    def content_type(self) -> str:
        return f"text/plain; charset={self.encoding}"

    def lacking(self, text: str) -> str:
        """Characters that the encoding lacks, that would end a cell or a line."""
        broken = "".join(
            letter for letter in dict.fromkeys(text) if letter in self.delimiter or CONTROL.match(letter)
        )
        return broken + encodable(text, self.encoding)

    def write(
        self,
        frame: Frame,
        first: Sequence[str],
        lines: Iterable[Sequence[str]],
        last: Callable[[], Sequence[str]],
        out: Sink,
    ) -> None:
        """First record, lines, and the last record, which is known only when the lines were counted."""
        batch = [self._line(first)]
        for cells in lines:
            batch.append(self._line(cells))
            if len(batch) >= LINES_PER_WRITE:
                out.write(encode_text("".join(batch), self.encoding))
                batch = []
        batch.append(self._line(last()))
        out.write(encode_text("".join(batch), self.encoding))

    def _line(self, cells: Sequence[str]) -> str:
        text = self.delimiter.join(cells)
        if text.count(self.delimiter) != len(cells) - 1 or CONTROL.search(text):
            where = next((cell for cell in cells if self.delimiter in cell or CONTROL.search(cell)), "")
            position = list(cells).index(where) + 1
            raise BadInput(f"第{cells[0]}笔的第{position}项含有分隔符或换行，银行文件放不下，请先改正。")
        return text + (self.delimiter if self.trailing_delimiter else "") + self.newline

    def begins(self, data: bytes, is_first: Callable[[list[str]], bool]) -> bool:
        """Whether the first line, which alone is looked at, is the record asked for."""
        if not data or data.startswith((*BYTE_ORDER_MARKS, *ZIP_MAGIC, OLE_MAGIC)):
            return False
        return is_first(self._first(data))

    def read(
        self, data: bytes, frame: Frame, check_first: Callable[[list[str]], None], *, max_lines: int
    ) -> list[Record]:
        """Every line with its number; raises FileRefused when the bytes are no whole text of this kind.

        `check_first` refuses a first line that does not belong there, before the others are decoded and split.
        """
        require_bytes(data)
        if data.startswith((*ZIP_MAGIC, OLE_MAGIC)):
            raise refused(WORKBOOK)
        if data.startswith(BYTE_ORDER_MARKS):
            raise self._wrong_encoding()
        check_first(self._first(data))
        if data.count(b"\n") > max_lines + ROW_SLACK:
            raise refused(f"文件超过{max_lines:,}行，不是这一批的文件。")
        return self._records(data)

    def _first(self, data: bytes) -> list[str]:
        line = data[:FIRST_LINE_BYTES].partition(b"\n")[0].removesuffix(b"\r")
        return self._split(line.decode(self.encoding, "replace"))

    def _wrong_encoding(self) -> Exception:
        return refused(WRONG_ENCODING.format(name=self.encoding.upper()))

    def _records(self, data: bytes) -> list[Record]:
        """Decode first and split after: the second byte of a GBK character may be a bar."""
        if is_other_encoding(data, self.encoding):
            raise self._wrong_encoding()
        try:
            text = decode_text(data, self.encoding)
        except UnicodeDecodeError as error:
            raise refused(DAMAGED_CHARACTER, row=data.count(b"\n", 0, error.start) + 1) from None
        lines = text.split("\n")
        while lines and not lines[-1].strip("\r"):
            lines.pop()
        return [
            (number, self._cells(line.removesuffix("\r"), number)) for number, line in enumerate(lines, 1)
        ]

    def _cells(self, line: str, number: int) -> list[str]:
        # every control character is unprintable, and hardly any line has an unprintable one
        if (not line.isprintable() or "\ufffd" in line) and CONTROL.search(line):
            raise refused(DAMAGED_CHARACTER, row=number)
        return self._split(line)

    def _split(self, line: str) -> list[str]:
        cells = line.split(self.delimiter, MAX_CELLS)
        if self.trailing_delimiter and len(cells) > 1 and cells[-1] == "":
            cells.pop()
        return cells


def require_bytes(data: bytes) -> None:
    """Refuses what no bank sends: nothing at all, far too much, or a web page."""
    if not data:
        raise refused(EMPTY)
    if len(data) > MAX_BYTES:
        raise refused(TOO_BIG)
    if looks_like_web_page(data[:4096]):
        raise refused(WEB_PAGE)
