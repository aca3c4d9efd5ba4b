"""a: a registry workbook of 24 columns into households, people and accounts, private values sealed on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection, transaction
from python_calamine import CalamineWorkbook

from bench import data
from bench.child import Stage
from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.sheets.writer import Column, write_rows
from huimin.core.values.identity import account_tail, check_digits_ok, is_card
from huimin.core.values.pinyin import sort_key
from huimin.demo import people
from recipients.files import relations
from recipients.files.columns import TITLES

WORKBOOK = "registry.xlsx"
BLOCK = 2_000


class Row(NamedTuple):
    """The cells of a row that are kept, as text."""

    code: str
    village: str
    group: str
    is_holder: bool
    relation: str
    name: str
    number: str
    phone: str
    account_name: str
    account: str
    branch_code: str
    bank_name: str
    flags: tuple[bool, bool, bool, bool]
    note: str


def prepare(stage: Stage) -> None:
    data.places()
    data.staff()
    write_workbook(stage.folder / WORKBOOK, data.first_rows(stage.rows))


def write_workbook(path: Path, rows: Iterable[Sequence[object]]) -> None:
    with path.open("wb") as file:
        write_rows(file, [Column(title) for title in TITLES], rows)


def kept(cells: Sequence[str]) -> Row:
    """What a row says, without any check."""
    branch, _, bank = cells[14].partition("-")
    return Row(
        code=cells[1],
        village=cells[6][:12],
        group=cells[7],
        is_holder=cells[3] == cells[5],
        relation=relations.code_of(cells[11]),
        name=cells[4],
        number=cells[5],
        phone=cells[9],
        account_name=cells[12],
        account=cells[13],
        branch_code=branch,
        bank_name=bank,
        flags=(cells[18] == "1-是", cells[19] == "1-是", cells[20] == "1-是", cells[21] == "1-是"),
        note=cells[22],
    )


def ours(stage: Stage) -> dict[str, Any]:
    """Upload and import in one go: kept file, job, checks of every cell, comparison, error list, merge, trail."""
    from recipients.services.registry_import import import_now  # noqa: PLC0415 -- only this way needs it

    content = (stage.folder / WORKBOOK).read_bytes()
    actor = data.user(Role.DEPARTMENT_CLERK)
    with stage.timed():
        import_now(content, filename=WORKBOOK, actor=actor)
    return proof()


def limit(stage: Stage) -> dict[str, Any]:
    """calamine, HMAC, AES-GCM, commitments, name keys, and COPY into the same indexed tables; nothing is checked."""
    actor = data.user(Role.DEPARTMENT_CLERK)
    with stage.timed(), transaction.atomic():
        sheet = CalamineWorkbook.from_path(str(stage.folder / WORKBOOK)).get_sheet_by_index(0)
        lines = iter(sheet.iter_rows())
        next(lines)
        rows = [kept(cells) for cells in lines]
        houses: dict[str, int] = {}
        for row in rows:
            houses.setdefault(row.code, len(houses) + 1)
        first = {row.code: row for row in reversed(rows)}
        data.copy(
            "recipients_household",
            "county_code, division_code, code, group_name, status",
            ["varchar"] * 5,
            ((data.COUNTY, first[code].village, code, first[code].group, "normal") for code in houses),
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT code, id FROM recipients_household")
            ids = dict(cursor.fetchall())
            cursor.execute("SELECT nextval('recipients_person_id_seq')")
            start = cursor.fetchone()[0] + 1
        data.copy("recipients_person", PERSON, PERSON_TYPES, people_rows(rows, ids, start, actor.pk))
        data.copy("recipients_account", ACCOUNT, ACCOUNT_TYPES, account_rows(rows, start))
    return proof()


PERSON = (
    "id, county_code, division_code, household_id, is_holder, relation, name, name_key, id_number, id_key, commit_salt, "
    "id_commitment, birth_date, sex, phone, is_low_income, is_rural, is_poverty_relief, is_extreme_poverty, note, status, "
    "resident_since, created_by_id"
)
PERSON_TYPES = (
    "int8", "varchar", "varchar", "int8", "bool", "varchar", "varchar", "varchar", "bytea", "bytea", "uuid", "bytea",
    "date", "varchar", "bytea", "bool", "bool", "bool", "bool", "varchar", "varchar", "date", "int8",
)  # fmt: skip
ACCOUNT = (
    "person_id, kind, holder_name, number, number_key, commit_salt, number_commitment, tail, branch_code, bank_name, "
    "is_active"
)
ACCOUNT_TYPES = (
    "int8", "varchar", "varchar", "bytea", "bytea", "uuid", "bytea", "varchar", "varchar", "varchar", "bool",
)  # fmt: skip


def people_rows(
    rows: Sequence[Row], houses: dict[str, int], start: int, maker: int
) -> Iterator[tuple[Any, ...]]:
    for at in range(0, len(rows), BLOCK):
        block = rows[at : at + BLOCK]
        numbers = [row.number for row in block]
        sealed = zip(
            count(start + at),
            block,
            crypto.encrypt_many("id_number", numbers),
            crypto.blind_index_many("id_number", numbers),
            crypto.encrypt_many("phone", [row.phone for row in block]),
            strict=False,
        )
        for pk, row, number, key, phone in sealed:
            salt = data.salt_of(pk)
            born = date(int(row.number[6:10]), int(row.number[10:12]), int(row.number[12:14]))
            yield (
                pk, data.COUNTY, row.village, houses[row.code], row.is_holder, row.relation, row.name, sort_key(row.name),
                number, key, salt, data.commitment(salt, row.number), born, "1" if int(row.number[16]) % 2 else "2",
                phone if row.phone else None, *row.flags, row.note, "normal", data.TODAY, maker,
            )  # fmt: skip


def account_rows(rows: Sequence[Row], start: int) -> Iterator[tuple[Any, ...]]:
    for at in range(0, len(rows), BLOCK):
        block = rows[at : at + BLOCK]
        numbers = [row.account for row in block]
        sealed = zip(
            count(start + at),
            block,
            crypto.encrypt_many("account", numbers),
            crypto.blind_index_many("account", numbers),
            strict=False,
        )
        for pk, row, number, key in sealed:
            salt = data.salt_of(pk)
            kind = "card" if is_card(row.account) else "passbook"
            yield (
                pk, kind, row.account_name, number, key, salt, data.commitment(salt, row.account), account_tail(row.account),
                row.branch_code, row.bank_name, True,
            )  # fmt: skip


def proof() -> dict[str, Any]:
    """People, households, accounts, and one digest over everything that does not depend on salts, nonces and ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*), count(DISTINCT h.id), count(a.id),
                      encode(sha256(string_agg(p.id_key || a.number_key || convert_to(concat_ws('|', p.name, p.name_key,
                          p.relation, p.is_holder, p.birth_date, p.sex, p.phone IS NULL, p.is_low_income, p.is_rural,
                          p.is_poverty_relief, p.is_extreme_poverty, p.note, p.status, p.division_code, h.code, h.group_name,
                          h.division_code, a.kind, a.holder_name, a.tail, a.branch_code, a.bank_name), 'UTF8'), '\n'
                          ORDER BY p.id_key)), 'hex')
               FROM recipients_person p JOIN recipients_household h ON h.id = p.household_id
               JOIN recipients_account a ON a.person_id = p.id AND a.is_active"""
        )
        rows, households, accounts, digest = cursor.fetchone()
    return {"rows": rows, "households": households, "accounts": accounts, "sha256": digest}


def check_digits(stage: Stage) -> dict[str, Any]:
    """A4: the check digit of every ID number, nothing else."""
    numbers = [row[5] for row in data.first_rows(stage.rows)]
    with stage.timed():
        good = sum(map(check_digits_ok, numbers))
    return {"rows": len(numbers), "good": good}


def error_list(stage: Stage) -> dict[str, Any]:
    """A4: a workbook with one fault of each kind must be refused with exactly those rows, and nothing written."""
    from huimin.core.errors import FileRefused  # noqa: PLC0415
    from recipients.services.registry_import import import_now  # noqa: PLC0415

    rows, faults = people.bad_rows(data.first_rows(stage.rows), seed=data.SEED)
    path = stage.folder / "faults.xlsx"
    write_workbook(path, rows)
    wanted = sorted({(fault.row, fault.column) for fault in faults})
    found: list[tuple[int | None, str]] = []
    with stage.timed():
        try:
            import_now(path.read_bytes(), filename="faults.xlsx", actor=data.user(Role.DEPARTMENT_CLERK))
        except FileRefused as refused:
            found = sorted({(error.row, error.column) for error in refused.errors}, key=str)
    missing = [list(fault) for fault in wanted if fault not in found]
    return {"missing": missing, "found": len(found), "wanted": len(wanted), "written": proof()["rows"]}
