"""Paying banks (代发银行) of a county, and what their files can hold."""

from __future__ import annotations

import re

from django.db import connection
from django.db.models import QuerySet

from disbursement.models import Roster
from disbursement.models.sql import LIVE
from huimin.core.authority.scope import within
from huimin.core.bankformats.layout import BankFormat
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Office

NO_BANK = "本县还没有登记代发银行，不能编制支付申请。请系统管理员在“机构”里登记代发银行，并选好代发文件格式。"

# lines that an order over these rosters would pay
PAYABLE = f"""FROM {LIVE}
    WHERE l.roster_id = ANY(%(rosters)s)
      AND NOT EXISTS (SELECT FROM disbursement_paymentresult p WHERE p.line_id = l.id)"""


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


def require_writable(bank: BankFormat, roster_ids: list[int], *, remark: str) -> None:
    """What the bank's file cannot hold is found before money is frozen, not when the file is written.

    All names are looked at as one set of characters; only for one that is lacking its line is looked up.
    """
    if lacking := bank.lacking(remark):
        raise StepRefused(
            f"政策的摘要“{remark}”里有银行文件放不下的字：{_shown(lacking)}。请先在政策页面申请更正银行摘要。"
        )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg(l.account_name, '') {PAYABLE}", {"rosters": roster_ids})
        (names,) = cursor.fetchone()
        lacking = bank.lacking("".join(sorted(set(names or ""))))
        if not lacking:
            return
        cursor.execute(
            f"SELECT l.roster_id, l.line_no {PAYABLE} AND l.account_name ~ %(lacking)s"
            " ORDER BY l.roster_id, l.line_no LIMIT 1",
            {"rosters": roster_ids, "lacking": "[" + "".join(map(re.escape, lacking)) + "]"},
        )
        row = cursor.fetchone()
    roster = Roster.objects.get(pk=row[0])
    raise StepRefused(
        f"花名册 {roster} 第 {row[1]} 行的账户名称里有银行文件放不下的字：{_shown(lacking)}，不能送盘。"
        "请停发这一行，改正账户后更正发放。"
    )


def _shown(letters: str) -> str:
    return "、".join(letter if letter.isprintable() else f"U+{ord(letter):04X}" for letter in letters[:10])
