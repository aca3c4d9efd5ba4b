"""The same columns as a workbook: first row the totals, second row the titles, last row the trailer."""

from __future__ import annotations

from huimin.core.bankformats.layout import BankFormat
from huimin.core.bankformats.pipe_txt import FORMAT as PIPE_TXT

FORMAT = BankFormat(
    code="xlsx",
    label="Excel 工作簿",
    container="xlsx",
    extension="xlsx",
    encoding="utf-8",
    trailing_delimiter=False,
    reason_codes=PIPE_TXT.reason_codes,
)
