"""A bank as different from the shipped ones as can be, in one file: fixed width, GBK, 分, a digest over the lines.

The test drops it into huimin/core/bankformats and sends an order through it.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from huimin.core.bankformats.cells import ZERO, Record
from huimin.core.bankformats.encodings import decode_text, encodable, encode_text
from huimin.core.bankformats.framed import FramedFormat
from huimin.core.bankformats.frames import Frame
from huimin.core.errors import RowError
from huimin.core.sheets.refusals import refused

LINE = {
    "reference": "流水",
    "account": "账号",
    "name": "户名",
    "amount": "金额",
    "serial": "序号",
    "id_number": "证件",
}
ANSWER = {"reference": "流水", "account": "账号", "name": "户名", "amount": "金额", "serial": "序号", "result": "结果",
          "reason_code": "码", "bank_words": "说明"}  # fmt: skip
WIDTH = 40


@dataclass(frozen=True)
class FixedWidth:
    """Cells of forty bytes; the first record carries a digest over everything after it."""

    extension: str = "dat"
    content_type: str = "application/octet-stream"

    def lacking(self, text):
        return encodable(text, "gbk")

    def write(self, frame, first, lines, last, out):
        body = b"".join(self._line(cells) for cells in lines) + self._line(last())
        out.write(self._line([*first, hashlib.sha256(body).hexdigest()[:WIDTH]]) + body)

    def _line(self, cells):
        return b"".join(encode_text(cell, "gbk").ljust(WIDTH) for cell in cells) + b"\n"

    def _cells(self, line):
        return [
            decode_text(line[start : start + WIDTH].rstrip(), "gbk") for start in range(0, len(line), WIDTH)
        ]

    def begins(self, data, is_first):
        line = data.partition(b"\n")[0]
        return len(line) % WIDTH == 0 and len(line) > 0 and line.isascii() and is_first(self._cells(line))

    def read(self, data, frame, check_first, *, max_lines):
        head, _, body = data.partition(b"\n")
        cells = self._cells(head)
        check_first(cells[:-1])
        if hashlib.sha256(body).hexdigest()[:WIDTH] != cells[-1]:
            raise refused("校验码不符，请向银行重新下载。")
        lines = [head, *body.splitlines()]
        records: list[Record] = [(number, self._cells(line)) for number, line in enumerate(lines, 1)]
        records[0] = (1, cells[:-1])
        return records


class OddFormat(FramedFormat):
    """Amounts in 分."""

    def amount_text(self, amount: Decimal) -> str:
        return str(int(amount * 100))

    def amount_of(self, cell: str, row: int, errors: list[RowError]) -> Decimal:
        if cell.isascii() and cell.isdigit():
            return Decimal(cell) / 100
        errors.append(RowError(row, "金额", f"金额“{cell}”不是分。"))
        return ZERO


FORMAT = OddFormat(
    code="odd",
    label="定长文本（GBK，分）",
    container=FixedWidth(),
    reason_codes={"X9": "frozen", "ZZ": "other"},
    result_codes={"OK": "0", "NO": "1", "..": "2"},
    payroll=Frame("1", "9", LINE),
    answer=Frame("2", "8", ANSWER),
    max_lines=5_000,
)
