"""Paying banks (代发银行) of a county, and what their files can hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import QuerySet

from disbursement.models import PaymentLine, Roster
from disbursement.models.sql import AT, FREE, LIVE
from disbursement.queries import Sums, added_up
from huimin.core.authority.scope import within
from huimin.core.bankformats.layout import BankFormat
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Office

NO_BANK = "本县还没有登记代发银行，不能编制支付申请。请系统管理员在“机构”里登记代发银行，并选好代发文件格式。"

# lines at these banks that an order over these rosters would pay
PAYABLE = f"FROM {LIVE} WHERE r.id = ANY(%(rosters)s) AND ({AT}) = ANY(%(banks)s) AND {FREE}"


def banks_of(county_code: str) -> QuerySet[Office]:
    """The banks that a county can pay through: those with a file format."""
    return (
        Office.objects.filter(within(county_code, field="division__code"), kind=Office.Kind.BANK)
        .exclude(bank_format="")
        .order_by("pk")
    )


def choose_bank(county_code: str, bank_id: int | None) -> Office:
    """The chosen bank, or the only one; raises StepRefused and BadInput in the words of the page."""
    known = {bank.pk: bank for bank in banks_of(county_code)}
    if not known:
        raise StepRefused(NO_BANK)
    if bank_id is None and len(known) == 1:
        return next(iter(known.values()))
    if bank_id not in known:
        raise BadInput("请选择代发银行。", field="bank")
    return known[bank_id]


@dataclass(frozen=True, slots=True)
class AtBank:
    """Lines at one of the county's paying banks, or (`bank` None) at none of them: how many, and their sum in 元."""

    bank: Office | None
    count: int
    total: Decimal


def bank_now(line: PaymentLine) -> int:
    """The bank at which the line's account is to be paid (models.sql.AT)."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {AT} FROM disbursement_paymentline l WHERE l.id = %s", [line.pk])  # noqa: S608
        found: int = cursor.fetchone()[0]
    return found


def by_bank(county_code: str, found: Iterable[dict[int, Sums]]) -> list[AtBank]:
    """What is still to be ordered (queries.to_order), by paying bank; what is at none of them comes last."""
    found = list(found)
    known = {bank.pk: bank for bank in banks_of(county_code)} if found else {}
    sums: dict[Office | None, list[Sums]] = {}
    for one in found:
        for bank_id, part in one.items():
            sums.setdefault(known.get(bank_id), []).append(part)
    return [AtBank(bank, *added_up(sums[bank])) for bank in [*known.values(), None] if bank in sums]


def paid_across(county_code: str, found: Iterable[dict[int, Sums]]) -> set[int]:
    """Banks at which lines are (0: none) and through which the county cannot pay: another one does, if that was chosen (跨行)."""
    paying = set(banks_of(county_code).values_list("pk", flat=True))
    return {bank_id for one in found for bank_id in one} - paying


def require_writable(
    bank: BankFormat, roster_ids: list[int], bank_ids: Collection[int], *, remark: str
) -> None:
    """What the bank's file cannot hold is found before money is frozen, not when the file is written.

    All names are looked at as one set of characters; only for one that is lacking its line is looked up.
    """
    if lacking := bank.lacking(remark):
        raise StepRefused(
            f"政策的摘要“{remark}”里有银行文件放不下的字：{_shown(lacking)}。请先在政策页面申请更正银行摘要。"
        )
    asked = {"rosters": roster_ids, "banks": list(bank_ids)}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg(l.account_name, '') {PAYABLE}", asked)
        (names,) = cursor.fetchone()
        lacking = bank.lacking("".join(sorted(set(names or ""))))
        if not lacking:
            return
        cursor.execute(
            f"SELECT l.roster_id, l.line_no {PAYABLE} AND l.account_name ~ %(lacking)s"
            " ORDER BY l.roster_id, l.line_no LIMIT 1",
            asked | {"lacking": "[" + "".join(map(re.escape, lacking)) + "]"},
        )
        row = cursor.fetchone()
    roster = Roster.objects.get(pk=row[0])
    raise StepRefused(
        f"花名册 {roster} 第 {row[1]} 行的账户名称里有银行文件放不下的字：{_shown(lacking)}，不能送盘。"
        "请停发这一行，改正账户后更正发放。"
    )


def _shown(letters: str) -> str:
    return "、".join(letter if letter.isprintable() else f"U+{ord(letter):04X}" for letter in letters[:10])
