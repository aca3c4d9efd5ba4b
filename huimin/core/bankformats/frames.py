"""The usual shape of a bank's file: a first record under a tag, lines of named columns, a last record of totals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any, Protocol

from huimin.core.bankformats.cells import ZERO, Record
from huimin.core.bankformats.layout import FileTotals, PayrollHeader, ReturnHeader
from huimin.core.errors import RowError


@dataclass(frozen=True, slots=True)
class Frame:
    """One of a bank's two files. Columns are fields of PayrollLine or ReturnLine, in the bank's order, with titles."""

    tag: str
    last_tag: str
    columns: Mapping[str, str]


PAYROLL = Frame(
    "H",
    "T",
    {
        "serial": "序号",
        "name": "姓名",
        "account": "账号",
        "amount": "金额",
        "id_number": "身份证号",
        "remark": "摘要",
        "reference": "业务编号",
    },
)
ANSWER = Frame(
    "R",
    "E",
    {
        "serial": "序号",
        "name": "姓名",
        "account": "账号",
        "amount": "金额",
        "result": "结果",
        "reason_code": "原因码",
        "bank_words": "银行说明",
        "reference": "业务编号",
    },
)


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes | memoryview, /) -> int: ...


class Container(Protocol):
    """How records become bytes and bytes records; what the cells mean is not its business."""

    @property
    def extension(self) -> str: ...

    @property
    def content_type(self) -> str: ...

    def lacking(self, text: str) -> str: ...

    def write(
        self,
        frame: Frame,
        first: Sequence[str],
        lines: Iterable[Sequence[str]],
        last: Callable[[], Sequence[str]],
        out: Sink,
    ) -> None: ...

    def begins(self, data: bytes, is_first: Callable[[list[str]], bool]) -> bool: ...

    def read(
        self, data: bytes, frame: Frame, check_first: Callable[[list[str]], None], *, max_lines: int
    ) -> list[Record]: ...


class Habits(Protocol):
    """What the two files of a bank are written and read by; framed.FramedFormat has the usual ones."""

    @property
    def label(self) -> str: ...
    @property
    def container(self) -> Container: ...
    @property
    def payroll(self) -> Frame: ...
    @property
    def answer(self) -> Frame: ...
    @property
    def max_lines(self) -> int: ...
    @property
    def result_codes(self) -> Mapping[str, str]: ...
    @property
    def reason_codes(self) -> Mapping[str, str]: ...

    def amount_text(self, amount: Decimal) -> str: ...
    def amount_of(self, cell: str, row: int, errors: list[RowError]) -> Decimal: ...
    def payroll_head(self, header: PayrollHeader) -> list[str]: ...
    def read_payroll_head(
        self, first: Sequence[str], row: int, errors: list[RowError]
    ) -> PayrollHeader | None: ...
    def return_head(self, header: ReturnHeader) -> list[str]: ...
    def read_return_head(
        self, first: Sequence[str], row: int, errors: list[RowError]
    ) -> ReturnHeader | None: ...


class Digested:
    """Passes bytes on to a file and keeps their digest."""

    def __init__(self, fileobj: IO[bytes]) -> None:
        self.fileobj = fileobj
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self.sha256.update(data)
        return self.fileobj.write(data)


def write_frame(
    bank: Habits,
    frame: Frame,
    head: Sequence[str],
    lines: Iterable[tuple[Any, ...]],
    fileobj: IO[bytes],
    *,
    fields: Sequence[str],
    declared: tuple[int, Decimal],
) -> FileTotals:
    """Lines (named tuples of `fields`) between head and totals; ValueError when they are not what was declared."""
    out, count, total = Digested(fileobj), 0, ZERO
    order = [fields.index(name) for name in frame.columns]
    amount_at = fields.index("amount")

    def records() -> Iterator[list[str]]:
        nonlocal count, total
        for line in lines:
            cells = list(line)
            count += 1
            total += cells[amount_at]
            cells[amount_at] = bank.amount_text(cells[amount_at])
            yield [str(cells[place]) for place in order]

    def last() -> list[str]:
        return [frame.last_tag, str(count), bank.amount_text(total)]

    bank.container.write(frame, [frame.tag, *head], records(), last, out)
    if (count, total) != declared:
        raise ValueError(f"header says {declared[0]} lines, {declared[1]}; written {count}, {total}")
    return FileTotals(count, total, out.sha256.hexdigest())
