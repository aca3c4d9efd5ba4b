"""How a file is refused: one sentence for the whole file, or a list of sentences with their rows."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from huimin.core.errors import FileRefused, RowError

security_log = logging.getLogger("huimin.security")

MAX_ROW_ERRORS = 1_000
MOST_NAMES = 3  # named with a fault of many rows


def refused(message: str, *, row: int | None = None, column: str = "") -> FileRefused:
    """The refusal of a file for one reason; the row's number is put before the message."""
    error = RowError(row, column, message)
    return FileRefused(str(error), [error])


def refused_rows(errors: Sequence[RowError]) -> FileRefused:
    """The refusal of a file for many rows; past 1,000 the list says how many it leaves out."""
    kept = list(errors[:MAX_ROW_ERRORS])
    if len(errors) > MAX_ROW_ERRORS:
        kept.append(
            RowError(None, "", f"另有 {len(errors) - MAX_ROW_ERRORS} 处错误未列出，请先改正以上各处。")
        )
    return FileRefused(f"有 {len(errors)} 处错误，没有写入任何数据。请改正后重新上传。", kept)


def refused_as_hostile(message: str, *, kind: str) -> FileRefused:
    """A refusal that also leaves a line in the security log: the kind of attack, nothing of the content."""
    security_log.warning("upload refused: %s", kind)
    return refused(message)


TOTAL_WORDS = frozenset({"合计", "总计", "小计", "本页合计", "全部合计"})


def is_total(cells: Iterable[str]) -> bool:
    """Whether a row adds the others up: nobody is called 合计."""
    return any("".join(cell.split()).rstrip("：:") in TOTAL_WORDS for cell in cells)


def total_row(row: int) -> RowError:
    return RowError(row, "", "像是合计行，请从表里删去。")


@dataclass(frozen=True, slots=True)
class Alike:
    """One fault in one or many rows; `where` is empty for the file as a whole."""

    column: str
    message: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}：{self.message}" if self.where else self.message


def together(errors: Iterable[RowError]) -> list[Alike]:
    """Equal faults said once with all their rows, in the order in which they first occur."""
    groups: dict[tuple[str, str], list[RowError]] = {}
    for error in errors:
        groups.setdefault((error.column, error.message), []).append(error)
    return [Alike(column, message, _where(found)) for (column, message), found in groups.items()]


def _where(errors: Sequence[RowError]) -> str:
    rows = sorted({error.row for error in errors if error.row is not None})
    if not rows:
        return ""
    names = list(dict.fromkeys(error.who for error in errors if error.who))
    told = "、".join(names[:MOST_NAMES]) + (f"等{len(names)}人" if len(names) > MOST_NAMES else "")
    return f"第{_runs(rows)}行" + (f"（{told}）" if told else "")


def _runs(rows: Sequence[int]) -> str:
    """2—31、35: rows that follow one another as a stretch."""
    known = set(rows)
    starts = [row for row in rows if row - 1 not in known]
    ends = [row for row in rows if row + 1 not in known]
    return "、".join(
        str(first) if first == last else f"{first}—{last}" for first, last in zip(starts, ends, strict=True)
    )
