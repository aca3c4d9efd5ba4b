"""How a file is refused: one sentence for the whole file, or a list of sentences with their rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from huimin.core.errors import FileRefused, RowError

security_log = logging.getLogger("huimin.security")

MAX_ROW_ERRORS = 1_000


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
