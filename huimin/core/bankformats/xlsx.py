"""The same columns as a workbook: first row the totals, second row the titles, last row the trailer."""

from __future__ import annotations

from huimin.core.bankformats.framed import FramedFormat
from huimin.core.bankformats.pipe_txt import FORMAT as PIPE_TXT
from huimin.core.bankformats.workbook import Workbook

FORMAT = FramedFormat(
    code="xlsx",
    label="Excel 工作簿",
    container=Workbook(),
    reason_codes=PIPE_TXT.reason_codes,
)
