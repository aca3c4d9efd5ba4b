"""Text with vertical bars, as rural commercial banks take it: each line also ends with a bar."""

from __future__ import annotations

from huimin.core.bankformats.framed import FramedFormat
from huimin.core.bankformats.text import DelimitedText

FORMAT = FramedFormat(
    code="pipe_txt",
    label="竖线分隔文本（GB18030）",
    container=DelimitedText(),
    reason_codes={
        "0101": "account_missing",
        "0102": "name_mismatch",
        "0103": "closed",
        "0104": "frozen",
        "0105": "lost",
        "0106": "dormant",
        "0107": "limited",
        "0108": "id_expired",
        "0109": "replaced",
        "0199": "other",
    },
)
