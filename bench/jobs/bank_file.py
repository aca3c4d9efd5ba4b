"""c: the bank's file of a signed order; account and ID numbers are ciphertext in the table and clear in the file."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from python_calamine import CalamineWorkbook

from bench import data
from bench.child import Stage
from disbursement.models import PaymentOrder, Roster
from disbursement.services import bankfiles, orders, rosters
from disbursement.states import ORDER_FLOW, ROSTER_FLOW, RosterStatus
from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.bankformats.encodings import encode_text
from huimin.core.bankformats.layout import BankFormat, PayrollHeader
from huimin.core.bankformats.pipe_txt import FORMAT as TXT
from huimin.core.bankformats.xlsx import FORMAT as XLSX

DAY = datetime(2026, 6, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
# the lines that the service sends, without the columns that only its checks read
COPY_LINES = f"""SELECT id, account_name, account_number, amount, payee_id_number
FROM ({bankfiles.LINES.replace("%s", "{order}")}) l"""
COLUMNS = ("serial", "name", "account", "amount", "id_number", "remark", "reference")


def prepare(stage: Stage) -> None:
    """From the base of roster: generated, passed from desk to desk, ordered and signed by the services themselves."""
    roster = rosters.regenerate_roster(the_roster_id(), actor=data.user(Role.TOWNSHIP_CLERK))
    while roster.status != RosterStatus.APPROVED:
        step = next(
            one
            for one in ROSTER_FLOW.steps
            if roster.status in one.sources and not one.needs_note and one.roles
        )
        actor = data.user(next(iter(step.roles)))
        roster = rosters.advance_roster(roster.pk, step.name, actor=actor)
    maker = second_person("order_maker", Role.FINANCE_CLERK)
    (order,) = orders.make_orders([roster.pk], actor=maker, cross_bank=True)
    orders.sign_order(order.pk, actor=data.user(Role.TREASURER))


def the_roster_id() -> int:
    return int(Roster.objects.get().pk)


def second_person(name: str, role: Role) -> Any:
    """Who checked the roster at finance may not make the order of it."""
    return data.person(name, role, serial=90 + list(Role).index(role))


def the_order() -> PaymentOrder:
    order = PaymentOrder.objects.select_related("policy").get()
    order.sent_at = DAY
    return order


def header(order: PaymentOrder) -> PayrollHeader:
    return PayrollHeader("金寨县", order.number, order.line_count, order.total, f"{DAY:%Y%m%d}")


def _write(stage: Stage, bank: BankFormat) -> dict[str, Any]:
    """As the service does it: server-side cursor, decryption, exact amounts, every cell checked, sum and sha256."""
    order, buffer = the_order(), io.BytesIO()
    with stage.timed(), transaction.atomic():
        bank.write_payroll(header(order), bankfiles.payroll_lines(order), buffer)
    return proof_txt(buffer.getvalue()) if bank is TXT else proof_xlsx(buffer.getvalue())


def ours_txt(stage: Stage) -> dict[str, Any]:
    return _write(stage, TXT)


def ours_xlsx(stage: Stage) -> dict[str, Any]:
    return _write(stage, XLSX)


def sent(stage: Stage) -> dict[str, Any]:
    """The whole step: order checked against its lines, its file written, stored, read back, ledger and trail."""
    order, actor = the_order(), data.user(next(iter(ORDER_FLOW["send"].roles)))
    with stage.timed():
        made = orders.send_now(order.pk, actor=actor)
    return {"rows": made.line_count, "fen": int(made.total * 100)}


def copied(order: PaymentOrder) -> Iterator[list[tuple[Any, ...]]]:
    """Blocks of (id, name, account, amount, id number), by binary COPY and decrypted."""
    sql = COPY_LINES.format(order=order.pk)
    with connection.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "varchar", "bytea", "numeric", "bytea"])
        block: list[tuple[Any, ...]] = []
        for row in copy.rows():
            block.append(row)
            if len(block) == 2_000:
                yield opened(block)
                block = []
        yield opened(block)


def opened(block: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    accounts = crypto.decrypt_many("account", (row[2] for row in block))
    people = crypto.decrypt_many("id_number", (row[4] for row in block))
    return [
        (row[0], row[1], account, row[3], person)
        for row, account, person in zip(block, accounts, people, strict=True)
    ]


def limit_txt(stage: Stage) -> dict[str, Any]:
    """COPY TO, decryption, one f-string per line, GB18030, sha256; cells are not looked at."""
    order, out = the_order(), io.BytesIO()
    with stage.timed():
        bare_txt(order, out)
    return proof_txt(out.getvalue())


def bare_txt(order: PaymentOrder, out: io.BytesIO) -> None:
    digest, remark, serial, total = hashlib.sha256(), order.remark, 0, Decimal(0)
    parts = [f"H|金寨县|{order.number}|{order.line_count}|{order.total}|{DAY:%Y%m%d}|\r\n"]
    for block in copied(order):
        for pk, name, account, amount, person in block:
            serial += 1
            total += amount
            parts.append(f"{serial}|{name}|{account}|{amount}|{person}|{remark}|P{pk:012d}|\r\n")
        put("".join(parts), out, digest)
        parts = []
    put(f"T|{serial}|{total}|\r\n", out, digest)


def put(text: str, out: io.BytesIO, digest: Any) -> None:
    encoded = encode_text(
        text, "gb18030"
    )  # the table of 2022: plain Python would send other bytes for some rare names
    digest.update(encoded)
    out.write(encoded)


ROW = (
    '<row r="%d">'
    + "".join(f'<c r="{letter}%d" t="inlineStr"><is><t>%s</t></is></c>' for letter in "ABCDEFG")
    + "</row>"
)
PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override '
    'PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>",
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="1" sheetId="1" '
    'r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
}
SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


def limit_xlsx(stage: Stage) -> dict[str, Any]:
    """COPY TO, decryption, one %-template per row into a zip of the lightest compression; no styles, no checks."""
    order, out = the_order(), io.BytesIO()
    with stage.timed():
        bare_xlsx(order, out)
    return proof_xlsx(out.getvalue())


def limit_sent(stage: Stage) -> dict[str, Any]:
    """The bare file, neither stored nor read back."""
    order = the_order()
    with stage.timed():
        bare_txt(order, io.BytesIO())
    return {"rows": order.line_count, "fen": int(order.total * 100)}


def bare_xlsx(order: PaymentOrder, out: io.BytesIO) -> None:
    remark, serial = order.remark, 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in PARTS.items():
            archive.writestr(name, text)
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(SHEET.encode())
            for block in copied(order):
                rows = []
                for pk, name, account, amount, person in block:
                    serial += 1
                    rows.append(
                        ROW % (serial, serial, serial, serial, escape(name), serial, account, serial, amount, serial, person,
                               serial, remark, serial, f"P{pk:012d}")
                    )  # fmt: skip
                sheet.write("".join(rows).encode())
            sheet.write(b"</sheetData></worksheet>")


def proof_txt(content: bytes) -> dict[str, Any]:
    lines = content.decode("gb18030").split("\r\n")[1:-2]
    fen = sum(int(line.split("|")[3].replace(".", "")) for line in lines)
    return {"rows": len(lines), "fen": fen, "sha256": hashlib.sha256(content).hexdigest()}


def proof_xlsx(content: bytes) -> dict[str, Any]:
    """The cells of the payments, whatever stands around them and however amounts are typed."""
    digest, rows, fen = hashlib.sha256(), 0, 0
    for cells in CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).iter_rows():
        if not str(cells[6]).startswith("P0"):
            continue
        amount = f"{Decimal(str(cells[3])):.2f}"
        texts = [str(cell) for cell in cells]
        texts[0], texts[3] = texts[0].removesuffix(".0"), amount
        digest.update("|".join(texts).encode())
        rows, fen = rows + 1, fen + int(amount.replace(".", ""))
    return {"rows": rows, "fen": fen, "content": digest.hexdigest()}
