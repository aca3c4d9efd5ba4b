"""The open list as CSV and JSON, and reading a CSV back that went through other hands and spreadsheets.

docs/verification.md describes both for people outside; tools/verify.py reads them without this project.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import BinaryIO, cast

from huimin.core.errors import BadInput
from publicity.models import Disclosure
from publicity.rules import AMOUNT_STEP, QUANTITY_STEP, OpenLine, read_code

MARK = "惠民直达公开名单"
VERSION = "1"
COLUMNS = ("序号", "村代码", "村", "组", "姓名", "数量", "补贴标准", "金额", "状态", "隐私指纹", "行指纹")
# a list is one township's: the largest of the county has some ten thousand lines of 250 bytes. What is larger is
# compared with tools/verify.py, at home
MOST_BYTES = 16 * 2**20
MOST_CHARACTERS = 2_000  # of one line
HEAD_BYTES = 256
NOT_OURS = "这不是从本站下载的公开名单，请选“下载名单”得到的 CSV 文件。"


def csv_chunks(disclosure: Disclosure, lines: Iterable[OpenLine]) -> Iterator[str]:
    """The file piece by piece, with a byte order mark for spreadsheets. First line: mark, version, root, count, total."""
    head = [
        MARK,
        VERSION,
        disclosure.root,
        str(disclosure.line_count),
        f"{disclosure.total:.2f}",
        disclosure.title,
    ]
    yield "\ufeff" + _row(head)
    yield _row(COLUMNS)
    for line in lines:
        yield _row(_cells(line))


def _cells(line: OpenLine) -> list[str]:
    number, place, *rest = line.fields
    return [number, place, line.village, *rest, line.state, line.commitment.hex(), line.leaf.hex()]


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def json_chunks(disclosure: Disclosure, lines: Iterable[OpenLine]) -> Iterator[str]:
    """The same as JSON: {"format", "version", "root", "count", "total", "title", "columns", "lines"}."""
    head = {
        "format": MARK,
        "version": VERSION,
        "root": disclosure.root,
        "count": disclosure.line_count,
        "total": f"{disclosure.total:.2f}",
        "title": disclosure.title,
        "columns": list(COLUMNS),
    }
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "lines": [\n'
    for number, line in enumerate(lines):
        yield (",\n" if number else "") + json.dumps(_cells(line), ensure_ascii=False)
    yield "\n]}\n"


class OpenFile:
    """A list in somebody's hand: the root it claims, and its lines as they now read, one after another.

    Made from the first two lines of the file; raises BadInput with what is wrong and where. Whoever sends anything else
    is refused before the third is read, and no line is held longer than MOST_CHARACTERS.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(cast("io.BufferedReader", file), encoding=_encoding_of(file))
        first, titles = next(self._rows(1), []), [title.strip() for title in next(self._rows(2), [])]
        if not first or first[0].strip() != MARK:
            raise BadInput(NOT_OURS, field="file")
        self.root = read_code(first[2]) if len(first) > 2 else ""
        if len(self.root) != 64:
            raise BadInput("文件第 1 行的核验码不全，请重新下载名单再改。", field="file")
        if missing := [title for title in COLUMNS[:10] if title not in titles]:
            raise BadInput(f"文件里少了“{missing[0]}”这一列。", field="file")
        self._places = [titles.index(title) for title in COLUMNS[:10]]

    def lines(self, most: int) -> Iterator[OpenLine]:
        """The lines below the titles; more than `most`, blank ones too, are refused."""
        for number, row in enumerate(self._rows(3), 3):
            if number > most + 2:
                raise BadInput("文件行数比公开的名单多，请用下载时的原文件。", field="file")
            if any(cell.strip() for cell in row):
                yield _line(number, row, self._places)

    def _rows(self, number: int) -> Iterator[list[str]]:
        """One row for each line of the file: no cell of ours holds a line break."""
        try:
            while line := self._text.readline(MOST_CHARACTERS + 1):
                if len(line) > MOST_CHARACTERS:
                    raise BadInput(f"文件第 {number} 行太长，不像是从这里下载的名单。", field="file")
                yield next(csv.reader([line], strict=True))
                number += 1
        except csv.Error:
            raise BadInput(f"文件第 {number} 行的引号没有成对，请用下载时的原文件。", field="file") from None
        except UnicodeDecodeError:
            raise BadInput("文件的编码不认识，请用下载时的原文件。", field="file") from None


def _encoding_of(file: BinaryIO) -> str:
    """The encoding in which the file begins with our mark; the file is left at its beginning."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    for encoding in ("utf-8-sig", "gb18030"):
        with suppress(UnicodeDecodeError):
            start = codecs.getincrementaldecoder(encoding)(errors="strict").decode(head, final=False)
            if start.lstrip(' \t"').startswith(MARK):
                return encoding
    raise BadInput(NOT_OURS, field="file")


def _line(number: int, row: list[str], places: list[int]) -> OpenLine:
    if len(row) <= max(places):
        raise BadInput(f"文件第 {number} 行的列数不够。", field="file")
    cells = [row[place] for place in places]
    try:
        return OpenLine(
            _whole(cells[0]),
            cells[1].strip(),
            cells[3],
            cells[4],
            _decimal(cells[5], QUANTITY_STEP),
            cells[6],
            _decimal(cells[7], AMOUNT_STEP),
            _hash(cells[9]),
            cells[2],
            cells[8],
        )
    except (ValueError, ArithmeticError):
        raise BadInput(f"文件第 {number} 行有的格子不是数字，或隐私指纹不全。", field="file") from None


def _whole(text: str) -> int:
    if len(text) > 9:
        raise ValueError("a number of another shape")
    return int(text)


def _decimal(text: str, step: Decimal) -> Decimal:
    """1,030.2 of a spreadsheet is 1030.20 of the list; more places than the list has were not in it."""
    value = Decimal(text.strip().replace(",", ""))
    if not value.is_finite() or value.adjusted() > 11 or value != value.quantize(step):
        raise ValueError("a number of another shape")
    return value.quantize(step)


def _hash(text: str) -> bytes:
    value = bytes.fromhex(text.strip())
    if len(value) != 32:
        raise ValueError("a commitment has 32 bytes")
    return value
