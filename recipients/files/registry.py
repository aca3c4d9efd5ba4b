"""补贴对象基础信息采集表, 24 columns: what each row must be, and the row as it is staged.

Everything that needs only the row itself is checked here; what compares rows or asks the registry is done set-wise in
services.registry_import. Private values leave this module as ciphertext, blind index and commitment only.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from operator import itemgetter
from typing import Any, BinaryIO, NamedTuple, TypeVar

from huimin.core import crypto
from huimin.core.errors import BadInput, RowError
from huimin.core.sheets.header import match_header
from huimin.core.sheets.reader import NumberCell, SheetRows, read_rows, refuse_number
from huimin.core.sheets.refusals import is_total, total_row
from huimin.core.sheets.template import TemplateColumn, styled_template
from huimin.core.values import identity, privacy
from huimin.core.values.pinyin import sort_key
from recipients.files import relations
from recipients.files.columns import (
    ACCOUNT,
    ACCOUNT_NAME,
    BANK,
    CODE,
    EXTREME,
    GROUP,
    HOLDER,
    HOLDER_ID,
    ID,
    LOW_INCOME,
    NAME,
    NOTE,
    PHONE,
    POVERTY,
    PUBLIC_ACCOUNT,
    PUBLIC_BANK,
    PUBLIC_NAME,
    RELATION,
    REQUIRED,
    RURAL,
    SEX,
    STATUS,
    TITLES,
    VILLAGE,
)
from recipients.files.places import Places
from recipients.rules import commitment

_REQUIRED_AT = tuple((TITLES.index(title), title) for title in REQUIRED)
_required_cells = itemgetter(*(column for column, _ in _REQUIRED_AT))


class Checked(NamedTuple):
    """A row without faults, before its private values are sealed (_seal)."""

    row: int
    code: str
    village: str
    group: str
    is_holder: bool
    relation: str
    holder_name: str
    holder_number: str
    name: str
    name_key: str
    number: identity.IdNumber
    phone: str
    is_low_income: bool
    is_rural: bool
    is_poverty_relief: bool
    is_extreme_poverty: bool
    note: str
    status: str
    kind: str
    account_name: str
    account: str
    branch_code: str
    bank_name: str


# the staging table, in the order of COPY and of _seal(); types as PostgreSQL names them
STAGED = (
    ("row_no", "int4"), ("code", "text"), ("village", "text"), ("group_name", "text"), ("is_holder", "bool"),
    ("relation", "text"), ("holder_name", "text"), ("holder_key", "bytea"), ("name", "text"), ("name_key", "text"),
    ("id_number", "bytea"), ("id_key", "bytea"), ("commit_salt", "uuid"), ("id_commitment", "bytea"),
    ("birth_date", "date"), ("sex", "text"), ("phone", "bytea"), ("is_low_income", "bool"), ("is_rural", "bool"),
    ("is_poverty_relief", "bool"), ("is_extreme_poverty", "bool"), ("note", "text"), ("status", "text"),
    ("kind", "text"), ("account_name", "text"), ("account", "bytea"), ("account_key", "bytea"),
    ("account_salt", "uuid"), ("account_commitment", "bytea"), ("tail", "text"), ("branch_code", "text"),
    ("bank_name", "text"),
)  # fmt: skip
_STATUSES = {
    "": "normal", "1": "normal", "正常": "normal", "1-正常": "normal", "2": "suspended", "停用": "suspended",
    "2-停用": "suspended",
}  # fmt: skip
_VOID = {"0", "作废", "0-作废"}
_SEXES = {"": "", "1": "1", "男": "1", "1-男": "1", "2": "2", "女": "2", "2-女": "2"}
_FLAGS = {"0": False, "否": False, "0-否": False, "1": True, "是": True, "1-是": True}
_FLAG_COLUMNS = ((LOW_INCOME, False), (RURAL, True), (POVERTY, False), (EXTREME, False))
_HOUSEHOLD_CODE = re.compile(r"[0-9A-Za-z-]{1,24}", re.ASCII)
_BRANCH = re.compile(r"(\d{12})[-－—](.+)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
BLOCK = 2_000
REMEMBERED = 20_000  # texts per kind of cell
_OLDEST = 110


@dataclass(slots=True)
class Findings:
    """What is wrong (the file is refused) and what somebody should look at (it is taken in all the same)."""

    errors: list[RowError] = field(default_factory=list)
    warnings: list[RowError] = field(default_factory=list)
    # rows that are registered already where the person who imports may not look; told of `foreign_told` of them
    foreign: int = 0
    foreign_told: int = 0
    foreign_accounts: int = 0

    def wrong(self, row: int, column: int, message: str) -> None:
        self.errors.append(RowError(row, TITLES[column], message))

    def look(self, row: int, column: int, message: str) -> None:
        self.warnings.append(RowError(row, TITLES[column], message))


InOrder = Callable[[Sequence[str]], tuple[str, ...]]


def open_registry(file: BinaryIO, filename: str) -> tuple[SheetRows, InOrder]:
    """The table and a function that puts a row's cells into the order of TITLES; raises FileRefused for the header."""
    table = read_rows(file, filename, expected=TITLES)
    places = match_header(table.header, TITLES, optional=set(TITLES) - set(REQUIRED))
    width = len(table.header)
    order = itemgetter(*(places.get(title, width) for title in TITLES))
    return table, lambda cells: order([*cells[:width], ""])


Text = TypeVar("Text")
Found = TypeVar("Found")


class _Known(dict[Text, Found]):
    """What came of a cell's text, found out once; emptied when it holds too many texts."""

    def __init__(self, find: Callable[[Text], Found]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, text: Text) -> Found:
        if len(self) >= REMEMBERED:
            self.clear()
        found = self[text] = self._find(text)
        return found


class RowReader:
    """Checks rows one by one; `branches` maps a branch's name to its 联行号."""

    def __init__(self, places: Places, branches: dict[str, str], *, today: date, findings: Findings) -> None:
        self.places, self.branches, self.today, self.findings = places, branches, today, findings
        self._elders = today.year - _OLDEST  # who is born in this year or earlier may be too old
        self._ids = _Known(self._find_id)
        self._names = _Known(_find_name)
        self._places = _Known(self._find_place)
        self._groups = _Known(_find_group)
        self._relations = _Known(relations.code_of)
        self._banks = _Known(self._find_bank)
        self._flags = _Known(_find_flags)
        # households with a faulty row are not judged as a whole, since their holder may be in that row
        self.faulty_codes: set[str] = set()

    def read(self, row: int, cells: tuple[str, ...]) -> Checked | None:
        """The checked values, or None when the row has faults."""
        before = len(self.findings.errors)
        if not all(map(str.strip, _required_cells(cells))):
            if is_total(cells):
                self.findings.errors.append(total_row(row))
                return None
            self._name_missing(row, cells)
        person = self._person(row, cells)
        household = self._household(row, cells, person)
        *_, household_holder, _ = household
        account = self._account(row, cells, person, household_holder)
        flags, unknown = self._flags[cells[LOW_INCOME : EXTREME + 1]]
        for column in unknown:
            self.findings.wrong(row, column, f"{TITLES[column]}应填1-是或0-否。")
        phone = self._phone(row, cells)
        note = privacy.hide(_CONTROL.sub(" ", cells[NOTE]).strip()) if cells[NOTE] else ""
        if len(note) > 200:
            self.findings.wrong(row, NOTE, "备注最多200个字，请缩短。")
        if len(self.findings.errors) > before:
            found = self.findings.errors
            found[before:] = [replace(error, who=person[0]) for error in found[before:]]
            self.faulty_codes.add(household[0])
            return None
        rest = (phone, *flags, note, self._status(row, cells), *account)
        return Checked._make((row, *household, *person, *rest))

    def _name_missing(self, row: int, cells: tuple[str, ...]) -> None:
        for column, title in _REQUIRED_AT:
            if not cells[column].strip():
                self.findings.wrong(row, column, f"{title}为空，请填写。")

    # --- people --------------------------------------------------------------------------------------------------------

    def _person(self, row: int, cells: tuple[str, ...]) -> tuple[str, str, identity.IdNumber | None]:
        name, key, _ = self._name(row, cells, NAME)
        number = self._id(row, cells, ID)
        if number is not None:
            sex = _SEXES.get(cells[SEX].strip())
            if sex is None:
                self.findings.wrong(row, SEX, "性别应填1-男或2-女。")
            elif sex and sex != number.sex:
                self.findings.wrong(row, SEX, f"性别与身份证号不符，身份证号是{number.sex_label}，请核对。")
        return name, key, number

    def _name(self, row: int, cells: tuple[str, ...], column: int) -> tuple[str, str, str]:
        """Name, key for sorting, and the fault that was put on the list."""
        text = cells[column]
        known = self._names[text]
        if known[0] == text:
            return known
        if known[2] and text.strip():
            self.findings.wrong(row, column, known[2].replace("姓名", TITLES[column], 1))
        elif known[0]:
            self.findings.look(row, column, f"已规范{TITLES[column]}中的空格或兼容字形，请核对。")
        return known

    def _id(self, row: int, cells: tuple[str, ...], column: int) -> identity.IdNumber | None:
        text = cells[column]
        if text and (message := refuse_number(text, TITLES[column])):
            self.findings.wrong(row, column, message)
            return None
        known = self._ids[text]
        if isinstance(known, str):
            self.findings.wrong(row, column, known.replace("身份证号", TITLES[column], 1))
            return None
        if column == ID and known and known.birth_date.year <= self._elders:
            age = known.age_on(self.today)
            if age > _OLDEST:
                self.findings.look(row, column, f"按身份证号年龄为{age}岁，请核实是否健在。")
        return known

    def _find_id(self, text: str) -> identity.IdNumber | str | None:
        """The number, what is wrong with it, or None for an empty cell."""
        if not text.strip():
            return None
        try:
            return identity.parse_id_number(text, today=self.today)
        except BadInput as wrong:
            return str(wrong)

    # --- household -----------------------------------------------------------------------------------------------------

    def _household(
        self, row: int, cells: tuple[str, ...], person: tuple[str, str, identity.IdNumber | None]
    ) -> tuple[str, str, str, bool, str, str, str]:
        name, _, number = person
        holder_name = self._name(row, cells, HOLDER)[0]
        holder = self._id(row, cells, HOLDER_ID)
        is_holder = number is not None and holder is not None and number.number == holder.number
        if is_holder and name and holder_name and name != holder_name:
            self.findings.wrong(row, NAME, "与户主身份证号相同但姓名不同，请核对。")
        relation = self._relation(
            row, cells, is_holder=is_holder, knows=number is not None and holder is not None
        )
        village, wrong = self._places[cells[VILLAGE]]
        if wrong:
            self.findings.wrong(row, VILLAGE, wrong)
        group = self._groups[cells[GROUP]]
        if len(group) > 20:
            self.findings.wrong(row, GROUP, "村(居)民小组最多20个字。")
        holder_text = holder.number if holder else ""
        return self._code(row, cells), village, group, is_holder, relation, holder_name, holder_text

    def _find_place(self, text: str) -> tuple[str, str]:
        return self.places.find(text) if text.strip() else ("", "")

    def _code(self, row: int, cells: tuple[str, ...]) -> str:
        text = cells[CODE]
        if isinstance(text, NumberCell) and text.lost_digits:
            self.findings.wrong(row, CODE, refuse_number(text, "农户编码"))
        elif _HOUSEHOLD_CODE.fullmatch(text):
            return str(text)
        code = unicodedata.normalize("NFKC", text).strip()
        if code and not _HOUSEHOLD_CODE.fullmatch(code):
            self.findings.wrong(row, CODE, "农户编码应为24位以内的数字、字母。")
        return code

    def _relation(self, row: int, cells: tuple[str, ...], *, is_holder: bool, knows: bool) -> str:
        code = self._relations[cells[RELATION]]
        if not code and (text := cells[RELATION].strip()):
            self.findings.wrong(row, RELATION, f"与户主关系“{text[:10]}”不认识，请按模板里的列表选。")
        elif code and knows and is_holder != (code == relations.HOLDER):
            message = (
                "身份证号就是户主的，与户主关系应为“本人”。"
                if is_holder
                else "与户主关系是“本人”，身份证号却与户主的不同，请核对。"
            )
            self.findings.wrong(row, RELATION, message)
        return code

    # --- account, telephone, marks -------------------------------------------------------------------------------------

    def _account(
        self,
        row: int,
        cells: tuple[str, ...],
        person: tuple[str, str, identity.IdNumber | None],
        household_holder: str,
    ) -> tuple[str, str, str, str, str]:
        holder = self._name(row, cells, ACCOUNT_NAME)[0]
        number = self._account_number(row, cells, person[2])
        branch, bank = self._banks[cells[BANK]]
        if len(bank) > 120:
            self.findings.wrong(row, BANK, "开户银行最多120个字。")
        elif bank and not branch and self.branches and bank not in self.branches:
            self.findings.look(row, BANK, f"“{bank[:30]}”不在银行网点表里，也没有联行号，请核对行名。")
        if "".join(cells[PUBLIC_NAME : PUBLIC_BANK + 1]).strip():
            self.findings.wrong(row, PUBLIC_ACCOUNT, "公共账户要在个人档案里由两人登记，导入表里请留空。")
        return "card" if identity.is_card(number) else "passbook", holder, number, branch, bank

    def _account_number(self, row: int, cells: tuple[str, ...], person: identity.IdNumber | None) -> str:
        text = cells[ACCOUNT]
        if not text.strip():
            return ""
        if message := refuse_number(text, "银行账号"):
            self.findings.wrong(row, ACCOUNT, message)
            return ""
        try:
            number = identity.normalise_account(text)
        except BadInput as wrong:
            self.findings.wrong(row, ACCOUNT, str(wrong))
            return ""
        if person is not None and number == person.number:
            self.findings.wrong(row, ACCOUNT, "账号与身份证号相同，是否填错？")
        elif identity.card_suspect(number):
            self.findings.look(row, ACCOUNT, "账号校验位不对，可能录错，请核对。")
        return number

    def _find_bank(self, text: str) -> tuple[str, str]:
        """联行号 and name."""
        text = _CONTROL.sub("", text).strip()
        match = _BRANCH.fullmatch(text)
        return (match[1], match[2].strip()) if match else (self.branches.get(text, ""), text)

    def _phone(self, row: int, cells: tuple[str, ...]) -> str:
        if not cells[PHONE].strip():
            return ""
        try:
            return identity.normalise_phone(cells[PHONE])
        except BadInput as wrong:
            self.findings.wrong(row, PHONE, str(wrong))
            return ""

    def _status(self, row: int, cells: tuple[str, ...]) -> str:
        text = cells[STATUS].strip()
        if text in _VOID:
            self.findings.wrong(row, STATUS, "状态是作废，不用导入，请删除这一行。")
        elif text not in _STATUSES:
            self.findings.wrong(row, STATUS, "状态应填1-正常或2-停用。")
        return _STATUSES.get(text, "normal")


def _find_name(text: str) -> tuple[str, str, str]:
    """The name as it is kept, its key for sorting, or what is wrong with it."""
    try:
        name = identity.normalise_name(text)
    except BadInput as wrong:
        return "", "", str(wrong)
    return name, sort_key(name), ""


def _find_group(text: str) -> str:
    return _CONTROL.sub("", text).strip()


def _find_flags(texts: tuple[str, ...]) -> tuple[list[bool], list[int]]:
    """What the four marks say, and the columns in which they say nothing that is known."""
    said = [(column, usual, text.strip()) for (column, usual), text in zip(_FLAG_COLUMNS, texts, strict=True)]
    flags = [_FLAGS.get(text, usual) for _, usual, text in said]
    return flags, [column for column, _, text in said if text and text not in _FLAGS]


def staged_rows(
    rows: Iterable[tuple[int, tuple[str, ...]]], reader: RowReader, progress: Callable[[int], None]
) -> Iterator[tuple[Any, ...]]:
    """Rows without faults as they are copied into the staging table, sealed block by block."""
    block: list[Checked] = []
    count = 0
    for count, (number, cells) in enumerate(rows, 1):
        checked = reader.read(number, cells)
        if checked is not None:
            block.append(checked)
        if len(block) == BLOCK:
            yield from _seal(block)
            block = []
            progress(count)
    yield from _seal(block)
    progress(count)


def _seal(block: list[Checked]) -> Iterator[tuple[Any, ...]]:
    """Ciphertext, blind index and commitment in the place of every private value."""
    numbers = [row.number.number for row in block]
    accounts = [row.account for row in block]
    sealed = zip(
        block,
        crypto.encrypt_many("id_number", numbers),
        crypto.blind_index_many("id_number", numbers),
        crypto.blind_index_many("id_number", [row.holder_number for row in block]),
        crypto.encrypt_many("phone", [row.phone for row in block]),
        crypto.encrypt_many("account", accounts),
        crypto.blind_index_many("account", accounts),
        _salts(len(block)),
        _salts(len(block)),
        strict=True,
    )
    for row, id_sealed, id_key, holder_key, phone, account, account_key, salt, account_salt in sealed:
        number = row.number
        yield (
            row.row, row.code, row.village, row.group, row.is_holder, row.relation, row.holder_name, holder_key,
            row.name, row.name_key, id_sealed, id_key, salt, commitment(salt, number.number), number.birth_date,
            number.sex, phone if row.phone else None, row.is_low_income, row.is_rural, row.is_poverty_relief,
            row.is_extreme_poverty, row.note, row.status, row.kind, row.account_name, account, account_key,
            account_salt, commitment(account_salt, row.account), row.account[-4:], row.branch_code, row.bank_name,
        )  # fmt: skip


# the bits of a random UUID that are not random (RFC 9562, version 4)
_VERSION = bytes(byte & 0x0F | 0x40 for byte in range(256))
_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))


def _salts(count: int) -> Iterator[bytes]:
    """The bytes of random UUIDs; objects of that class would take longer than the commitments made from them."""
    noise = bytearray(os.urandom(16 * count))
    noise[6::16] = noise[6::16].translate(_VERSION)
    noise[8::16] = noise[8::16].translate(_VARIANT)
    whole = bytes(noise)
    return (whole[at : at + 16] for at in range(0, len(whole), 16))


def template(villages: Sequence[str], branches: Sequence[str]) -> bytes:
    """The empty workbook with drop-downs for villages, relations, banks and marks."""
    choices: dict[str, Sequence[str]] = {
        "状态": ("1-正常", "2-停用"),
        "性别": ("1-男", "2-女"),
        "村(居)委会": villages,
        "与户主关系": tuple(relations.OFFERED),
        "开户银行": branches,
        **dict.fromkeys(("是否低保户", "是否乡村人口", "是否建档立卡户", "是否特困人员"), ("0-否", "1-是")),
    }
    hints = {
        "农户编码": "同一户的每个人填同一个编码",
        "身份证号": "18位，单元格设为文本",
        "户主身份证号": "18位，单元格设为文本；户主本人这一行与身份证号相同",
        "银行账号": "本人社保卡或存折账号，单元格设为文本",
        "年龄": "可不填，系统按身份证号计算",
        "账户名称": "不是本人也不是户主的，在备注里写明与本人关系，如监护人",
        "公共账户账号": "请留空，公共账户在个人档案里登记",
        "创建人": "可不填",
    }
    wide = {"身份证号", "户主身份证号", "银行账号", "村(居)委会", "开户银行", "农户编码"}
    columns = [
        TemplateColumn(
            title,
            title in REQUIRED,
            24 if title in wide else 12,
            choices.get(title, ()),
            hint=hints.get(title, ""),
        )
        for title in TITLES
    ]
    notes = (
        "一行一个人，户主本人也要占一行，与户主关系填“本人”。",
        "有一行错，整份表都不导入；改好后重新上传整份表。",
        "已在系统里的人请从表里删去；只加新成员时，户编码、户主、村要与系统里的一致。",
    )
    return styled_template(columns, title="补贴对象基础信息采集表", notes=notes)
