"""Records as rows of a workbook: the first row in one cell, titles, lines, the last row."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from huimin.core.bankformats.cells import CONTROL, ZERO, Record, damaged_number
from huimin.core.bankformats.frames import Frame, Sink
from huimin.core.bankformats.text import require_bytes
from huimin.core.sheets.guard import ZIP_MAGIC
from huimin.core.sheets.reader import NumberCell, read_matrix
from huimin.core.sheets.writer import XLSX, Column, write_rows

DELIMITER = "|"  # in the one cell of the first row


@dataclass(frozen=True, slots=True)
class Workbook:
    """An XLSX sheet; numbers that a spreadsheet made of our keys are refused."""

    extension: str = "xlsx"
    content_type: str = XLSX

    def lacking(self, text: str) -> str:
        """Control characters; every other one fits."""
        return "".join(letter for letter in dict.fromkeys(text) if CONTROL.match(letter))

    def write(
        self,
        frame: Frame,
        first: Sequence[str],
        lines: Iterable[Sequence[str]],
        last: Callable[[], Sequence[str]],
        out: Sink,
    ) -> None:
        """First record, lines, and the last record, which is known only when the lines were counted."""
        names = list(frame.columns)
        place = names.index("amount")
        shape = [
            Column(title, 22, "amount" if name == "amount" else "text")
            for name, title in frame.columns.items()
        ]

        def rows() -> Iterator[list[object]]:
            for cells in lines:
                row: list[object] = list(cells)
                row[place] = Decimal(cells[place])
                yield row
            tag, count, total = last()
            end: list[object] = [tag, count, *[None] * (len(names) - 2)]
            end[place] = Decimal(total)
            yield end

        buffer = io.BytesIO()  # a zip is finished by going back, the file may only go forward
        write_rows(buffer, shape, rows(), title=DELIMITER.join(first))
        out.write(buffer.getbuffer())

    def begins(self, data: bytes, is_first: Callable[[list[str]], bool]) -> bool:
        """Whether this is a workbook at all: to look at its first row it would have to be opened."""
        return data.startswith(ZIP_MAGIC)

    def read(
        self, data: bytes, frame: Frame, check_first: Callable[[list[str]], None], *, max_lines: int
    ) -> list[Record]:
        """Every row with its number; raises FileRefused when the bytes are no such workbook.

        `check_first` refuses a first row that does not belong there, before the others are read.
        """
        require_bytes(data)
        records: list[Record] = []
        for record in self._records(data, frame):
            if not records:
                check_first(record[1])
            records.append(record)
        return records

    def _records(self, data: bytes, frame: Frame) -> Iterator[Record]:
        names = list(frame.columns)
        place = names.index("amount")
        for number, found in read_matrix(io.BytesIO(data), "bank.xlsx"):
            # a sheet of fewer columns is refused by its content
            cells = [*found, *[""] * (len(names) - len(found))]
            filled = [cell for cell in cells if cell]
            if len(filled) == 1 and DELIMITER in filled[0]:
                yield number, filled[0].split(DELIMITER)
            elif cells[: len(names)] == list(frame.columns.values()):
                continue
            elif cells[0] in {frame.tag, frame.last_tag}:
                yield number, [cells[0], cells[1], _amount_text(cells[place])]
            else:
                yield number, _line(cells, number, place)


def _line(cells: list[str], number: int, place: int) -> list[str]:
    line = list(cells)
    for index, cell in enumerate(line):
        if index != place and isinstance(cell, NumberCell):
            raise damaged_number(number)
    line[place] = _amount_text(line[place])
    return line


def _amount_text(cell: str) -> str:
    if not isinstance(cell, NumberCell):
        return cell
    exact = Decimal(cell)
    return f"{exact:.2f}" if exact == exact.quantize(ZERO) else str(cell)
