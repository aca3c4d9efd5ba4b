"""申报册 as a workbook: who, how much, and the facts that the policy's rule asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO

from huimin.core import crypto
from huimin.core.errors import BadInput, RowError
from huimin.core.sheets.header import match_header
from huimin.core.sheets.reader import read_rows, refuse_number
from huimin.core.sheets.refusals import is_total, total_row
from huimin.core.sheets.template import TemplateColumn, styled_template
from huimin.core.values import identity, numbers
from subsidies.rules import WORKED_OUT, Fact

NAME, ID, PAYEE, QUANTITY = "享受人姓名", "享受人身份证号", "收款人姓名", "数量"
TITLES = (NAME, ID, PAYEE, QUANTITY)


@dataclass(frozen=True, slots=True)
class LineInput:
    """A line as given by file, form or interface; the ID number is here only as its blind index."""

    row: int
    name: str
    id_key: bytes
    payee_name: str
    quantity: Decimal
    facts: dict[str, str] = field(default_factory=dict)


def asked_facts(facts: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.name not in WORKED_OUT]


def read_lines(
    file: BinaryIO, filename: str, facts: Sequence[Fact], *, today: date
) -> tuple[list[LineInput], list[RowError]]:
    """The lines of a workbook, and the faults of the others, which are told together with what the registry says.

    Raises FileRefused for the file as a whole: no workbook, other columns. `today`: the business date.
    """
    asked = asked_facts(facts)
    expected = [*TITLES, *(fact.label for fact in asked)]
    table = read_rows(file, filename, expected=expected)
    places = match_header(table.header, expected, optional={PAYEE})
    lines: list[LineInput] = []
    errors: list[RowError] = []
    for number, cells in table.rows:
        values = {title: cells[place] for title, place in places.items()}
        if not values[ID].strip() and is_total(cells):
            errors.append(total_row(number))
            continue
        by_name = {fact.name: values[fact.label] for fact in asked}
        line = parse_line(number, values, by_name, asked, errors, today=today)
        if line is not None:
            lines.append(line)
    return lines, errors


def parse_line(
    row: int,
    values: Mapping[str, str],
    facts: Mapping[str, str],
    asked: Sequence[Fact],
    errors: list[RowError],
    *,
    today: date,
) -> LineInput | None:
    """One line from texts under TITLES and under the facts' names; faults go into `errors`."""
    before = len(errors)
    name = _tried(row, NAME, identity.normalise_name, values.get(NAME, ""), errors)
    payee = values.get(PAYEE, "").strip()
    if payee:
        payee = _tried(row, PAYEE, identity.normalise_name, payee, errors)
    key = _tried(row, ID, partial(_id_key, today=today), values.get(ID, ""), errors)
    quantity = _tried(row, QUANTITY, parse_quantity, values.get(QUANTITY, ""), errors)
    told = {
        fact.name: _tried(row, fact.label, _fact_reader(fact), facts.get(fact.name, ""), errors)
        for fact in asked
    }
    if len(errors) > before:
        errors[before:] = [replace(error, who=name or "") for error in errors[before:]]
        return None
    return LineInput(row, name, key, payee, quantity, told)


def parse_quantity(text: str) -> Decimal:
    """Above 0, by the one rule of numbers.parse_quantity."""
    try:
        return numbers.parse_quantity(text, name=QUANTITY, allow_zero=False)
    except BadInput as wrong:
        raise BadInput(str(wrong), field="quantity") from wrong


def parse_facts(asked: Iterable[Fact], given: Mapping[str, str]) -> dict[str, str]:
    """What a line keeps of the facts asked, tidied: 1,200.5 as 1200.5. BadInput with the first that does not hold."""
    return {fact.name: _fact_reader(fact)(given.get(fact.name, "")) for fact in asked}


def _id_key(text: str, *, today: date) -> bytes:
    if message := refuse_number(text, "身份证号"):
        raise BadInput(message, field="id_number")
    return crypto.blind_index("id_number", identity.parse_id_number(text, today=today).number)


def _fact_reader(fact: Fact) -> Any:
    def read(text: str) -> str:
        word = text.strip()
        if not word:
            raise BadInput(f"{fact.label}为空，请填写。", field=fact.name)
        if fact.is_text and word not in fact.choices:
            raise BadInput(
                f"{fact.label}“{word[:20]}”不在标准里，应为{'、'.join(fact.choices)}。", field=fact.name
            )
        if fact.is_text:
            return word
        try:
            return f"{numbers.parse_quantity(word, name=fact.label):f}"
        except BadInput as wrong:
            raise BadInput(str(wrong), field=fact.name) from wrong

    return read


def _tried(row: int, column: str, read: Any, text: str, errors: list[RowError]) -> Any:
    try:
        return read(text)
    except BadInput as wrong:
        errors.append(RowError(row, column, str(wrong)))
        return None


def template(facts: Sequence[Fact], *, title: str, quantity_label: str) -> bytes:
    """The empty workbook for one policy."""
    columns = [
        TemplateColumn(NAME, required=True),
        TemplateColumn(ID, required=True, width=24, hint="18位，单元格设为文本"),
        TemplateColumn(PAYEE, hint="可不填；只能是享受人本人或本户户主"),
        TemplateColumn(QUANTITY, required=True, hint=quantity_label),
        *(TemplateColumn(fact.label, required=True, choices=fact.choices) for fact in asked_facts(facts)),
    ]
    notes = ("享受人要先在补贴对象里。", "有一行错，整份表都不导入；改好后重新上传整份表。")
    return styled_template(columns, title=title, notes=notes)
