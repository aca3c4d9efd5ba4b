"""Bank files from model objects, and workbooks by openpyxl."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from openpyxl import Workbook

from bench.child import Stage
from bench.jobs.bank_file import DAY, proof_txt, proof_xlsx, the_order
from disbursement.models import PaymentLine, PaymentOrder
from huimin.core.bankformats.encodings import encode_text


def objects(order: PaymentOrder) -> Iterator[tuple[Any, ...]]:
    """Model objects through an iterator; the encrypted fields open by themselves."""
    lines = PaymentLine.objects.filter(roster__parts__order=order).order_by(
        "roster__division_code", "roster_id", "line_no"
    )
    for serial, line in enumerate(lines.iterator(2_000), 1):
        yield (
            str(serial),
            line.account_name,
            line.account_number,
            str(line.amount),
            line.payee_id_number,
            order.remark,
            f"P{line.pk:012d}",
        )


def orm_txt(stage: Stage) -> dict[str, Any]:
    """One line of text per object, all joined at the end."""
    order = the_order()
    with stage.timed():
        lines = [f"H|金寨县|{order.number}|{order.line_count}|{order.total}|{DAY:%Y%m%d}|\r\n"]
        lines += ["|".join(cells) + "|\r\n" for cells in objects(order)]
        lines.append(f"T|{order.line_count}|{order.total}|\r\n")
        content = encode_text("".join(lines), "gb18030")
    return proof_txt(content)


def openpyxl_xlsx(stage: Stage) -> dict[str, Any]:
    """write_only, which streams."""
    order, out = the_order(), io.BytesIO()
    with stage.timed():
        workbook = Workbook(write_only=True)
        sheet = workbook.create_sheet()
        for cells in objects(order):
            sheet.append(cells)
        workbook.save(out)
    return proof_xlsx(out.getvalue())
