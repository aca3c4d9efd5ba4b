"""What is exchanged with banks, and what the house asks of a bank's format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class PayrollHeader:
    """The first line of what we send; count and total (元) are what the lines must add up to."""

    county: str
    order_number: str
    count: int
    total: Decimal
    date: str  # YYYYMMDD


class PayrollLine(NamedTuple):
    """One payment as sent; `reference` is our own key and comes back in the return."""

    serial: str
    name: str
    account: str
    amount: Decimal
    id_number: str
    remark: str
    reference: str


@dataclass(frozen=True, slots=True)
class ReturnHeader:
    """The first line of what the bank answers; what is in neither ok nor fail is still being processed."""

    order_number: str
    count: int
    total: Decimal
    ok_count: int
    ok_total: Decimal
    fail_count: int
    fail_total: Decimal
    date: str


class ReturnLine(NamedTuple):
    """One answered payment; `result` is 0 成功, 1 失败, 2 处理中; reason_code and words are the bank's own."""

    serial: str
    name: str
    account: str
    amount: Decimal
    result: str
    reason_code: str
    bank_words: str
    reference: str
    line_no: int = 0  # where it stands in the file


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last line of either file."""

    count: int
    total: Decimal


class PayrollContent(NamedTuple):
    """A payroll file as read."""

    header: PayrollHeader
    lines: list[PayrollLine]
    trailer: Trailer


class ReturnContent(NamedTuple):
    """A return file as read: whole by its own counts and sums."""

    header: ReturnHeader
    lines: list[ReturnLine]
    trailer: Trailer


@dataclass(frozen=True, slots=True)
class FileTotals:
    """What was written: number of lines, sum in 元, sha256 of the bytes (hex)."""

    count: int
    total: Decimal
    sha256: str


SUCCESS, FAILURE, PENDING = "0", "1", "2"
RESULT_WORDS = {SUCCESS: "成功", FAILURE: "失败", PENDING: "处理中"}


class BankFormat(Protocol):
    """One bank's files: what the house asks of a format. FramedFormat has all of it for the usual shapes."""

    @property
    def code(self) -> str:
        """Short name under which the bank, its orders and their files keep the format."""

    @property
    def label(self) -> str:
        """As staff read it."""

    @property
    def extension(self) -> str:
        """Ending of the payroll file's name, without the dot."""

    @property
    def content_type(self) -> str:
        """MIME type of both files."""

    @property
    def max_lines(self) -> int:
        """How many payments one file may hold."""

    @property
    def reason_codes(self) -> Mapping[str, str]:
        """The bank's reason codes, each with a code of reasons.py."""

    def lacking(self, text: str) -> str:
        """The characters of a text that the payroll file cannot hold, each once; "" when it can be written."""

    def write_payroll(
        self, header: PayrollHeader, lines: Iterable[PayrollLine], fileobj: IO[bytes]
    ) -> FileTotals:
        """Stream a payroll file; raises BadInput for what the file cannot hold.

        ValueError, when the lines do not add up to the header: then the bytes written so far must be thrown away.
        """

    def read_payroll(self, data: bytes) -> PayrollContent:
        """What the bank reads from our file; raises FileRefused when it is not whole by its own counts."""

    def recognises(self, data: bytes) -> bool:
        """Whether the bytes begin like a return of this bank. Cheap: nothing is taken apart."""

    def read_return(self, data: bytes) -> ReturnContent:
        """A return, whole by its own counts and sums; raises FileRefused with every fault found."""

    def write_return(
        self, header: ReturnHeader, lines: Iterable[ReturnLine], fileobj: IO[bytes]
    ) -> FileTotals:
        """A return as the bank would write it, for the stand-in bank; ValueError when it does not add up."""
