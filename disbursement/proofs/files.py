"""What `prove` recomputes of orders, bank files and return files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db import connection

from disbursement.models import (
    BankFile,
    ReturnFile,
    ReturnLine,
)
from disbursement.models.sql import (
    COUNTS,
    HOLDER,
    NOT_STOPPED,
    ORDERED,
    REACHES,
    pays,
)
from disbursement.proofs.shared import MOST
from disbursement.queries import lines_of_order
from disbursement.services.bankfiles import BLOCK, reference_of
from disbursement.services.returns import digest_of
from disbursement.states import (
    ReturnStatus,
)
from huimin.core import crypto
from huimin.core.bankformats.layout import FAILURE, PENDING, SUCCESS
from huimin.core.bankformats.registry import get_format
from huimin.core.errors import FileRefused
from huimin.core.records import files
from huimin.core.records.proofs import proof, rows
from huimin.core.values import privacy

OUTCOMES = {
    SUCCESS: ReturnLine.Outcome.PAID,
    FAILURE: ReturnLine.Outcome.FAILED,
    PENDING: ReturnLine.Outcome.PROCESSING,
}


@proof("支付申请＝它的各段明细里没有停发的之和＝占用的指标，不多一分")
def order_totals() -> tuple[int, list[str]]:
    return rows(
        f"""WITH found AS (SELECT q.id, q.order_id, count(*) AS n, sum(l.amount) AS s FROM {ORDERED}
                           WHERE q.is_live GROUP BY q.id)
            SELECT o.number || '：申请 ' || o.total || ' 元，明细 ' || coalesce(x.s, 0) || ' 元，指标 ' || coalesce(d.s, 0)
                || ' 元' FROM disbursement_paymentorder o
            LEFT JOIN (SELECT order_id, sum(n) AS n, sum(s) AS s FROM found GROUP BY order_id) x ON x.order_id = o.id
            LEFT JOIN (SELECT order_id, sum(amount) AS s FROM disbursement_orderindicator GROUP BY order_id) d
                 ON d.order_id = o.id
            WHERE o.status <> 'cancelled'
              AND (o.line_count, o.total, o.total) IS DISTINCT FROM (x.n::bigint, x.s, d.s)
            UNION ALL
            SELECT o.number || ' 的一段：登记 ' || q.total || ' 元，明细 ' || coalesce(x.s, 0) || ' 元'
            FROM disbursement_orderpart q JOIN disbursement_paymentorder o ON o.id = q.order_id
            LEFT JOIN found x ON x.id = q.id
            WHERE q.is_live AND (q.line_count::bigint, q.total) IS DISTINCT FROM (x.n, x.s)""",  # noqa: S608
        count="SELECT count(*) FROM disbursement_paymentorder",
    )


@proof("没有一笔明细在两笔有效的支付申请里；撤销的申请不再占着明细；各代发银行只付自己的账户和跨行的")
def one_order_per_line() -> tuple[int, list[str]]:
    """At which bank an account was when its order was made can be said while no accounts were settled anew since."""
    return rows(
        f"""SELECT '明细 ' || l.id FROM {ORDERED} WHERE q.is_live GROUP BY l.id HAVING count(*) > 1
            UNION ALL
            SELECT o.number || ' 的一段' FROM disbursement_orderpart q
            JOIN disbursement_paymentorder o ON o.id = q.order_id JOIN disbursement_roster r ON r.id = q.roster_id
            WHERE q.is_live = (o.status = 'cancelled')
               OR (r.policy_id, r.county_code) <> (o.policy_id, o.county_code) OR r.status <> 'approved'
            UNION ALL
            SELECT '明细 ' || l.id || ' 的结果' FROM disbursement_paymentresult e
            JOIN disbursement_paymentline l ON l.id = e.line_id JOIN disbursement_roster r ON r.id = l.roster_id
            JOIN disbursement_returnfile f ON f.id = e.return_file_id {HOLDER}
            WHERE q.order_id IS DISTINCT FROM f.order_id
            UNION ALL
            SELECT o.number || ' 的一段：账户不在这家代发银行' FROM disbursement_orderpart q
            JOIN disbursement_paymentorder o ON o.id = q.order_id
            WHERE q.is_live AND q.bank_id <> o.bank_id AND NOT EXISTS (
                      SELECT FROM core_auditevent e WHERE e.subject = 'recipients.account' AND e.action = 'bank.settle'
                      AND e.at >= o.created_at)
              AND ({pays("q.bank_id")} OR (NOT q.is_across AND EXISTS (
                  SELECT FROM disbursement_paymentline l JOIN disbursement_roster r ON r.id = l.roster_id AND {COUNTS}
                  WHERE {REACHES} AND {NOT_STOPPED} AND NOT EXISTS (
                      SELECT FROM recipients_account k JOIN recipients_person w ON w.id = k.person_id
                      WHERE w.id = l.payee_id AND k.number_key = l.account_key AND k.bank_id = o.bank_id))))""",  # noqa: S608 -- constants of ours
        count="SELECT count(*) FROM disbursement_orderpart",
    )


@proof("代发文件读回来的每一笔，与支付申请的明细一致")
def bank_files() -> tuple[int, list[str]]:
    checked = 0
    faults: list[str] = []
    for made in BankFile.objects.select_related("order", "file").iterator():
        checked += made.line_count
        why = _file_fault(made)
        if why and len(faults) < MOST:
            faults.append(f"{made.file.name}：{why}")
    return checked, faults


def _file_fault(made: BankFile) -> str:
    try:
        content = get_format(made.format).read_payroll(files.read(made.file))
    except (FileRefused, ValueError) as error:
        return str(error)
    accounts = crypto.blind_index_many("account", (line.account for line in content.lines))
    people = crypto.blind_index_many("id_number", (line.id_number for line in content.lines))
    told = {
        line.reference: (line.amount, line.name, account, person)
        for line, account, person in zip(content.lines, accounts, people, strict=True)
    }
    total = sum(line.amount for line in content.lines)
    if (len(told), total) != (made.order.line_count, made.order.total):
        return f"文件 {len(told)} 笔 {total} 元，支付申请 {made.order.line_count} 笔 {made.order.total} 元"
    lines = lines_of_order(made.order_id).values_list(
        "pk", "amount", "account_name", "account_key", "payee_key"
    )
    sent = {
        reference_of(pk): (amount, name, bytes(account), bytes(person))
        for pk, amount, name, account, person in lines
    }
    other = [reference for reference, row in told.items() if sent.get(reference) != row]
    return f"{other[0]}等 {len(other)} 笔的金额、户名、账号或身份证号与明细不同" if other else ""


@proof("每一笔明细的账号、身份证号解密后，与核对时用的索引一致")
def private_values_match_keys() -> tuple[int, list[str]]:
    checked = 0
    faults: list[str] = []
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            """SELECT id, account_number, account_key, payee_id_number, payee_key, beneficiary_id_number,
                      beneficiary_key FROM disbursement_paymentline"""
        )
        while rows_now := cursor.fetchmany(BLOCK):
            checked += len(rows_now)
            faults += _unlike(rows_now)
    return checked, faults[:MOST]


_PRIVATE = (("account", 1, "账号"), ("id_number", 3, "收款人身份证号"), ("id_number", 5, "享受人身份证号"))


def _unlike(lines: Sequence[Any]) -> list[str]:
    """Lines where the index of what is decrypted is not the one in the next column."""
    faults = []
    for purpose, place, word in _PRIVATE:
        texts = crypto.decrypt_many(purpose, (line[place] for line in lines))
        for line, key in zip(lines, crypto.blind_index_many(purpose, texts), strict=True):
            if key != bytes(line[place + 1]):
                faults.append(f"明细 {line[0]} 的{word}")
    return faults


@proof("每一份回盘的明细，与留存的银行原文件逐笔一致")
def return_files() -> tuple[int, list[str]]:
    checked = 0
    faults: list[str] = []
    for found in ReturnFile.objects.exclude(status=ReturnStatus.REFUSED).select_related("file").iterator():
        checked += found.line_count
        why = _return_fault(found)
        if why and len(faults) < MOST:
            faults.append(f"回盘 {found.pk}：{why}")
    return checked, faults


def _return_fault(found: ReturnFile) -> str:
    data = files.read(found.file)
    try:
        content = get_format(found.format).read_return(data)
    except (FileRefused, ValueError) as error:
        return str(error)
    if (hashlib.sha256(data).hexdigest(), digest_of(content)) != (found.sha256, found.content_digest):
        return "原文件与上传时的指纹不符"
    told = {line.reference: OUTCOMES[line.result] for line in content.lines}
    kept = ReturnLine.objects.filter(return_file=found).values_list("payment_line_id", "outcome")
    if told != {reference_of(line): outcome for line, outcome in kept}:
        return f"原文件 {len(told)} 笔，登记的明细与它不同"
    return ""


@proof("回盘明细、发放结果的文字里没有账号、身份证号")
def no_numbers_in_words() -> tuple[int, list[str]]:
    """As the constraints hold it; asked anew, because a constraint may be dropped and put back unvalidated."""
    return rows(
        f"""SELECT '回盘 ' || return_file_id || ' 第 ' || line_no || ' 行' FROM disbursement_returnline
            WHERE concat_ws('甲', bank_words, bank_code, question) ~ '{privacy.LONG_DIGITS}'
            UNION ALL SELECT '明细 ' || line_id FROM disbursement_paymentresult
            WHERE note ~ '{privacy.LONG_DIGITS}'""",  # noqa: S608 -- a constant of ours
        count="SELECT (SELECT count(*) FROM disbursement_returnline) + (SELECT count(*) FROM disbursement_paymentresult)",
    )
