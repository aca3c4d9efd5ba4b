"""A bank's format put together from data: a container and two frames. Banks with other habits override a method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO

from huimin.core.bankformats import cells, payroll, returns
from huimin.core.bankformats.frames import ANSWER, PAYROLL, Container, Frame
from huimin.core.bankformats.layout import (
    FAILURE,
    PENDING,
    SUCCESS,
    FileTotals,
    PayrollContent,
    PayrollHeader,
    PayrollLine,
    ReturnContent,
    ReturnHeader,
    ReturnLine,
)
from huimin.core.errors import RowError


@dataclass(frozen=True)
class FramedFormat:
    """A BankFormat. `reason_codes`: the bank's code -> code of reasons.py; `result_codes`: the bank's -> 0, 1 or 2."""

    code: str
    label: str
    container: Container
    reason_codes: Mapping[str, str]
    result_codes: Mapping[str, str] = field(
        default_factory=lambda: {SUCCESS: SUCCESS, FAILURE: FAILURE, PENDING: PENDING}
    )
    payroll: Frame = PAYROLL
    answer: Frame = ANSWER
    max_lines: int = 200_000

    @property
    def extension(self) -> str:
        return self.container.extension

    @property
    def content_type(self) -> str:
        return self.container.content_type

    def lacking(self, text: str) -> str:
        return self.container.lacking(text)

    def write_payroll(
        self, header: PayrollHeader, lines: Iterable[PayrollLine], fileobj: IO[bytes]
    ) -> FileTotals:
        return payroll.write(self, header, lines, fileobj)

    def read_payroll(self, data: bytes) -> PayrollContent:
        return payroll.read(self, data)

    def recognises(self, data: bytes) -> bool:
        return self.container.begins(data, lambda first: first[0] == self.answer.tag)

    def read_return(self, data: bytes) -> ReturnContent:
        return returns.read(self, data)

    def write_return(
        self, header: ReturnHeader, lines: Iterable[ReturnLine], fileobj: IO[bytes]
    ) -> FileTotals:
        return returns.write(self, header, lines, fileobj)

    # --- what a bank may do in its own way ----------------------------------------------------------------------------

    def amount_text(self, amount: Decimal) -> str:
        """An amount (元, exact to the 分) as the bank writes it."""
        return cells.yuan_text(amount)

    def amount_of(self, cell: str, row: int, errors: list[RowError]) -> Decimal:
        """An amount in 元; a fault is put on the list and counts as zero."""
        return cells.amount_of(cell, row, errors)

    def payroll_head(self, header: PayrollHeader) -> list[str]:
        """The first record of what we send, after its tag."""
        return [
            header.county,
            header.order_number,
            str(header.count),
            self.amount_text(header.total),
            header.date,
        ]

    def read_payroll_head(
        self, first: Sequence[str], row: int, errors: list[RowError]
    ) -> PayrollHeader | None:
        """The first record, with its tag, as it was written; None when it is something else."""
        if len(first) != payroll.HEADER_CELLS:
            return None
        return PayrollHeader(
            first[1],
            first[2],
            cells.count_of(first[3], row, errors),
            self.amount_of(first[4], row, errors),
            cells.date_of(first[5], row, errors),
        )

    def return_head(self, header: ReturnHeader) -> list[str]:
        """The first record of the bank's answer, after its tag."""
        return [
            header.order_number,
            str(header.count),
            self.amount_text(header.total),
            str(header.ok_count),
            self.amount_text(header.ok_total),
            str(header.fail_count),
            self.amount_text(header.fail_total),
            header.date,
        ]

    def read_return_head(self, first: Sequence[str], row: int, errors: list[RowError]) -> ReturnHeader | None:
        """The first record of the answer, with its tag; None when it is something else."""
        if len(first) != returns.HEADER_CELLS:
            return None
        counts = [cells.count_of(first[place], row, errors) for place in (2, 4, 6)]
        sums = [self.amount_of(first[place], row, errors) for place in (3, 5, 7)]
        day = cells.date_of(first[8], row, errors)
        return ReturnHeader(first[1], counts[0], sums[0], counts[1], sums[1], counts[2], sums[2], day)
