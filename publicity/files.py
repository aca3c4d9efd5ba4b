"""The open list as CSV and JSON, and reading a CSV back that went through other hands and spreadsheets.

docs/verification.md describes both for people outside; tools/verify.py reads them without this project.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from huimin.core.errors import BadInput
from publicity.models import Disclosure
from publicity.rules import AMOUNT_STEP, QUANTITY_STEP, OpenLine, read_code

MARK = "惠民直达公开名单"
VERSION = "1"
COLUMNS = ("序号", "村代码", "村", "组", "姓名", "数量", "补贴标准", "金额", "状态", "隐私指纹", "行指纹")
MOST_BYTES = 40 * 2**20
MOST_LINES = 200_000


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


@dataclass(frozen=True, slots=True)
class OpenList:
    """A list in somebody's hand: the root it claims and its lines as they now read."""

    root: str
    lines: list[OpenLine]


def read_csv(content: bytes) -> OpenList:
    """An open list as saved by us or by a spreadsheet; raises BadInput with what is wrong and where."""
    if len(content) > MOST_BYTES:
        raise BadInput("文件太大，不像是从这里下载的名单。", field="file")
    rows = list(csv.reader(io.StringIO(_text_of(content), newline="")))
    if len(rows) < 2 or not rows[0] or rows[0][0].strip() != MARK:
        raise BadInput("这不是从本站下载的公开名单，请选“下载名单”得到的 CSV 文件。", field="file")
    root = read_code(rows[0][2]) if len(rows[0]) > 2 else ""
    if len(root) != 64:
        raise BadInput("文件第 1 行的核验码不全，请重新下载名单再改。", field="file")
    titles = [title.strip() for title in rows[1]]
    if missing := [title for title in COLUMNS[:10] if title not in titles]:
        raise BadInput(f"文件里少了“{missing[0]}”这一列。", field="file")
    if len(rows) > MOST_LINES + 2:
        raise BadInput("文件行数太多，不像是从这里下载的名单。", field="file")
    places = [titles.index(title) for title in COLUMNS[:10]]
    body = ((number, row) for number, row in enumerate(rows[2:], 3) if any(cell.strip() for cell in row))
    return OpenList(root, [_line(number, row, places) for number, row in body])


def _text_of(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInput("文件的编码不认识，请用下载时的原文件。", field="file")


def _line(number: int, row: list[str], places: list[int]) -> OpenLine:
    if len(row) <= max(places):
        raise BadInput(f"文件第 {number} 行的列数不够。", field="file")
    cells = [row[place] for place in places]
    try:
        return OpenLine(
            int(cells[0]),
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
    except (ValueError, InvalidOperation):
        raise BadInput(f"文件第 {number} 行有的格子不是数字，或隐私指纹不全。", field="file") from None


def _decimal(text: str, step: Decimal) -> Decimal:
    """1,030.2 of a spreadsheet is 1030.20 of the list; more places than the list has were not in it."""
    value = Decimal(text.strip().replace(",", ""))
    if not value.is_finite() or abs(value) >= Decimal(10) ** 12 or value != value.quantize(step):
        raise ValueError("a number of another shape")
    return value.quantize(step)


def _hash(text: str) -> bytes:
    value = bytes.fromhex(text.strip())
    if len(value) != 32:
        raise ValueError("a commitment has 32 bytes")
    return value
