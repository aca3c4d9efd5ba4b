"""回盘: a bank's answer is checked whole against what was sent; nothing changes when anything is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from disbursement.models import PaymentOrder, ReturnFile
from disbursement.models.sql import ORDERED
from disbursement.queries import open_lines
from disbursement.services.inherited import TO_RETURN, inherit_duties
from disbursement.states import RETURN_FLOW, OrderStatus, ReturnStatus
from huimin.core import clock, crypto
from huimin.core.authority import scope
from huimin.core.authority.posts import not_your_post, require_role
from huimin.core.bankformats.cells import yuan_text
from huimin.core.bankformats.layout import FAILURE, PENDING, SUCCESS, BankFormat, ReturnContent
from huimin.core.bankformats.reasons import normalise
from huimin.core.bankformats.registry import formats_of_return, get_format
from huimin.core.binary_copy import copy_rows
from huimin.core.errors import FileRefused, RowError, StepRefused
from huimin.core.models import StoredFile
from huimin.core.records import audit, files
from huimin.core.values import privacy
from huimin.core.values.digests import canonical_row
from huimin.core.work import workflow

if TYPE_CHECKING:
    from huimin.core.models import User

MOST_ERRORS = 500
UPLOAD = RETURN_FLOW["upload"]
SHANGHAI = ZoneInfo("Asia/Shanghai")
TAKEN = "回盘已上传，校验相符，等另一位对账员确认。"
SAME = "内容与已上传的回盘相同，本次没有变化。"


@dataclass(frozen=True, slots=True)
class Intake:
    """The return file, and whether it had been taken in before (then nothing was changed)."""

    return_file: ReturnFile
    is_repeat: bool
    message: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A return file as it came, and what it says."""

    data: bytes
    name: str
    bank: BankFormat
    content: ReturnContent
    sha256: str
    stored: StoredFile | None


def accept_return(data: bytes, name: str, *, actor: User, stored: StoredFile | None = None) -> Intake:
    """Take a bank's answer in, for a second person to confirm. FileRefused lists every fault; nothing is changed.

    `stored`: the same bytes, where they are kept already. Many lines take long: entry points call `hand_in_return`.
    """
    place_of_uploader(actor)
    sha256 = hashlib.sha256(data).hexdigest()
    known = taken_before(actor, sha256=sha256)
    if known:
        return known
    bank, content = _read(data, actor=actor)
    upload = Upload(data, name, bank, content, sha256, stored)
    try:
        with transaction.atomic():
            return _accept(upload, actor=actor)
    except IntegrityError as error:
        # another upload of the same answer was quicker
        if "return_content_once" in str(error) and (known := taken_before(actor, digest=digest_of(content))):
            return known
        if "one_open_return_per_order" in str(error):
            raise StepRefused("这笔支付申请还有一份回盘等待确认，确认或退回以后才能再上传。") from error
        raise


def _read(data: bytes, *, actor: User) -> tuple[BankFormat, ReturnContent]:
    """The file's own bytes say which format it is in; where several begin alike, the order named in it decides."""
    refusals: list[FileRefused] = []
    read: list[tuple[BankFormat, ReturnContent]] = []
    for bank in formats_of_return(data):
        try:
            content = bank.read_return(data)
        except FileRefused as refused:
            refusals.append(refused)
            continue
        read.append((bank, content))
        number = content.header.order_number
        if PaymentOrder.objects.visible_to(actor).filter(number=number, bank_format=bank.code).exists():
            return bank, content
    if not read:
        raise refusals[0]
    return read[0]


def digest_of(content: ReturnContent) -> str:
    """Over what the bank says, in our order: line ends, file format and order of lines do not matter."""
    lines = sorted(content.lines, key=lambda line: (line.reference, line.serial))
    digest = hashlib.sha256(canonical_row([content.header.order_number, str(len(lines))]))
    for line in lines:
        digest.update(
            canonical_row(
                [
                    line.reference,
                    line.name,
                    line.account,
                    yuan_text(line.amount),
                    line.result,
                    line.reason_code,
                    line.bank_words,
                ]
            )
        )
    return digest.hexdigest()


def place_of_uploader(actor: User) -> str:
    """Where this person hands in returns, the widest place; who does nowhere is told so before a byte is looked at.

    The order's own place and policy are asked about once it is known.
    """
    places = scope.roots(actor, UPLOAD.roles)
    if not places:
        raise not_your_post(UPLOAD.roles, UPLOAD.label)
    return places[0]


def taken_before(actor: User, **what: str) -> Intake | None:
    """The answer to what was taken in already, by `sha256` of the bytes or `digest` of what they say."""
    field = {"sha256": "sha256", "digest": "content_digest"}[next(iter(what))]
    found = (
        ReturnFile.objects.visible_to(actor)
        .exclude(status=ReturnStatus.REFUSED)
        .filter(**{field: next(iter(what.values()))})
        .select_related("uploaded_by")
        .first()
    )
    if found is None:
        return None
    at = timezone.localtime(found.uploaded_at)
    return Intake(found, True, f"{SAME}第一次由{found.uploaded_by}于{at.month}月{at.day}日上传。")


def _accept(upload: Upload, *, actor: User) -> Intake:
    content = upload.content
    order = _order_of(content, actor=actor)
    digest = digest_of(content)
    known = taken_before(actor, digest=digest)
    if known:
        return known
    _require_format(upload.bank, order)
    _require_dates(content, order)
    _stage(upload)
    # nobody waits for the order while the file is digested and copied
    order = _order_of(content, actor=actor, to_lock=True)
    _match(order)
    errors = _faults()
    if errors:
        raise _refusal(errors)
    figures = _figures(order)
    if not figures["fresh"]:
        raise FileRefused("这份回盘里的每一笔都已经有相同的结果，没有新的内容，本次没有变化。")
    made = _keep(upload, digest, order, figures, actor=actor)
    return Intake(made, False, TAKEN)


def _refusal(errors: list[RowError]) -> FileRefused:
    first = str(errors[0])
    words = first if len(errors) == 1 else f"{first.rstrip('。')}等 {len(errors)} 处不符。"
    return FileRefused(f"回盘没有上传，没有改动任何数据。{words}", errors)


def _order_of(content: ReturnContent, *, actor: User, to_lock: bool = False) -> PaymentOrder:
    number = content.header.order_number
    seen = PaymentOrder.objects.visible_to(actor).filter(number=number)
    order: PaymentOrder | None = (
        seen.select_for_update(of=("self",), no_key=True) if to_lock else seen
    ).first()
    if order is None:
        raise FileRefused(
            f"支付申请{number[:24]}不存在。", [RowError(1, "申请号", f"支付申请{number[:24]}不存在。")]
        )
    require_role(
        actor, UPLOAD.roles, division_code=order.division_code, policy_id=order.policy_id, act=UPLOAD.label
    )
    if order.status not in {OrderStatus.SENT, OrderStatus.SETTLED}:
        raise FileRefused(f"支付申请{number}尚未送银行，不可能有回盘，请核对。")
    return order


def _require_format(bank: BankFormat, order: PaymentOrder) -> None:
    if bank.code != order.bank_format:
        expected = get_format(order.bank_format).label
        raise FileRefused(
            f"这份文件是{bank.label}，{order.bank.name}的回盘应是{expected}。请向银行重新下载原始文件，不要另存。"
        )


def _require_dates(content: ReturnContent, order: PaymentOrder) -> None:
    try:
        day = datetime.strptime(content.header.date, "%Y%m%d").replace(tzinfo=SHANGHAI).date()
    except ValueError:
        raise FileRefused(f"回盘日期“{content.header.date[:10]}”不存在，请联系银行。") from None
    sent = timezone.localtime(order.sent_at, SHANGHAI).date()
    if day < sent:
        raise FileRefused(f"回盘日期{day}早于代发日期{sent}，是否选错文件？")
    if day > clock.today():
        raise FileRefused(f"回盘日期{day}还没有到，请联系银行核对。")


# --- staging and set-wise checks ----------------------------------------------------------------------------------


STAGED = (
    ("line_no", "int4"), ("line_id", "int8"), ("name", "text"), ("account_key", "bytea"), ("amount", "numeric"),
    ("result", "text"), ("reason", "text"), ("bank_code", "text"), ("bank_words", "text"),
)  # fmt: skip


def _stage(upload: Upload) -> None:
    """The lines into a temporary table; account numbers only as blind indexes, the bank's reason as one of ours.

    Whatever a bank writes in words of its own stays for ever once kept, so that numbers are hidden in it here.
    """
    lines, codes = upload.content.lines, upload.bank.reason_codes
    keys = crypto.blind_index_many("account", [line.account for line in lines])
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_return")
        declared = ", ".join(f"{name} {kind}" for name, kind in STAGED)
        cursor.execute(f"CREATE TEMP TABLE staged_return ({declared}) ON COMMIT DROP")
        rows = (
            (
                line.line_no,
                _line_id(line.reference),
                privacy.hide_digits(line.name),
                key,
                line.amount,
                line.result,
                normalise(line.reason_code, line.bank_words, codes=codes).code
                if line.result == FAILURE
                else "",
                privacy.hide_digits(line.reason_code),
                privacy.hide_digits(line.bank_words),
            )
            for line, key in zip(lines, keys, strict=True)
        )
        copy_rows(cursor, "staged_return", STAGED, rows)
        cursor.execute("ANALYZE staged_return (line_id)")


def _match(order: PaymentOrder) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS matched_return")
        cursor.execute(MATCH, {"order": order.pk})
        cursor.execute("ANALYZE matched_return (sent_id)")


def _line_id(reference: str) -> int:
    """The payment line of our reference; 0, which no line has, for anything else."""
    digits = reference[1:]
    return (
        int(digits)
        if reference[:1] == "P" and len(digits) == 12 and digits.isascii() and digits.isdigit()
        else 0
    )


# every staged line beside the line that was sent (or nothing) and what became of it so far: joined once, asked often
MATCH = f"""
CREATE TEMP TABLE matched_return ON COMMIT DROP AS
SELECT s.*, l.id AS sent_id, l.amount AS sent_amount, l.account_key AS sent_key, l.account_name AS sent_name,
       paid.id AS paid_id, failed.id AS failed_id, undone.id AS undone_id, undone.kind AS undone_kind
FROM staged_return s
LEFT JOIN (
    SELECT l.id, l.amount, l.account_key, l.account_name FROM {ORDERED}
    WHERE q.order_id = %(order)s) l ON l.id = s.line_id
LEFT JOIN disbursement_paymentresult paid ON paid.line_id = l.id AND paid.kind = 'paid'
LEFT JOIN disbursement_paymentresult failed ON failed.line_id = l.id AND failed.kind = 'bank_failed'
LEFT JOIN disbursement_paymentresult undone ON undone.line_id = l.id
     AND undone.kind IN ('late_return', 'voluntary_refund')
"""  # noqa: S608 -- a constant of ours

TAKEN_OVER = "EXISTS (SELECT FROM disbursement_correction c WHERE c.failed_line_id = s.sent_id)"

# what is said of a line, whose number stands before it (RowError); given its number and the detail
Words = Callable[[Sequence[Any]], str]
FAULTS: tuple[tuple[str, str, str, Words], ...] = (
    (
        "业务编号",
        "s.sent_id IS NULL",
        "NULL",
        lambda _: "不是这笔支付申请里的明细，请联系银行。",
    ),
    (
        "业务编号",
        "EXISTS (SELECT FROM staged_return t WHERE t.line_id = s.line_id AND t.line_no < s.line_no) AND s.sent_id IS NOT NULL",
        "(SELECT min(t.line_no) FROM staged_return t WHERE t.line_id = s.line_id)",
        lambda row: f"与第{row[1]}行是同一笔，请联系银行。",
    ),
    (
        "金额",
        "s.sent_amount <> s.amount",
        "s.amount::text || '元，发出的是' || s.sent_amount::text",
        lambda row: f"金额{row[1]}元。",
    ),
    ("账号", "s.sent_key <> s.account_key", "NULL", lambda _: "账号与发出的不同。"),
    (
        "结果",
        f"s.result = '{SUCCESS}' AND s.failed_id IS NOT NULL AND {TAKEN_OVER}",
        "NULL",
        lambda _: "由失败变为成功；该笔已在更正批次中，必须先撤回更正批次，再联系银行。",
    ),
    (
        "结果",
        f"s.result = '{SUCCESS}' AND s.failed_id IS NOT NULL AND NOT {TAKEN_OVER}",
        "NULL",
        lambda _: "以前的回盘是失败，现在是成功。请银行书面说明，说明以前不要更正发放。",
    ),
    (
        "结果",
        f"s.result = '{SUCCESS}' AND s.undone_id IS NOT NULL",
        "NULL",
        lambda _: "已登记退汇或退款，现在又说成功，请联系银行。",
    ),
    (
        "结果",
        f"s.result = '{FAILURE}' AND s.undone_kind = 'voluntary_refund'",
        "NULL",
        lambda _: "收款人已退款，现在又说失败，请联系银行。",
    ),
    (
        "结果",
        f"s.result = '{PENDING}' AND (s.paid_id IS NOT NULL OR s.failed_id IS NOT NULL)",
        "NULL",
        lambda _: "已有结果，现在又说处理中，请联系银行。",
    ),
)


def _faults() -> list[RowError]:
    """What makes the whole file unacceptable, by line number."""
    errors: list[RowError] = []
    with connection.cursor() as cursor:
        for column, condition, detail, words in FAULTS:
            cursor.execute(
                f"SELECT s.line_no, {detail} FROM matched_return s WHERE {condition} ORDER BY s.line_no LIMIT %(most)s",  # noqa: S608
                {"most": MOST_ERRORS},
            )
            errors += [RowError(row[0], column, words(row)) for row in cursor.fetchall()]
    return sorted(errors, key=lambda error: error.row or 0)[:MOST_ERRORS]


QUESTION = f"""CASE
    WHEN s.result = '{FAILURE}' AND s.paid_id IS NOT NULL AND s.undone_id IS NULL
        THEN '以前的回盘是成功，现在是失败（退汇），复核后改账'
    WHEN s.result = '{PENDING}' THEN '仍在处理中，保持“已送盘”，不能补发，等下一次回盘'
    WHEN s.result = '{SUCCESS}' AND s.name <> s.sent_name AND translate(s.name, '?？□', '') <> s.name
        THEN '户名“' || left(s.name, 40) || '”与“' || s.sent_name || '”不同（银行字库缺字），编号、账号、金额一致，确认按同一人处理？'
    WHEN s.result = '{SUCCESS}' AND s.name <> s.sent_name
        THEN '银行户名“' || left(s.name, 40) || '”与发出的“' || s.sent_name || '”不同，请核实收款人'
    ELSE '' END"""


def _figures(order: PaymentOrder) -> dict[str, Any]:
    """Counts and sums (元) of the file, how many lines bring something new, how many stay open afterwards."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*), count(*) FILTER (WHERE s.result = '{SUCCESS}'),
                       coalesce(sum(s.amount) FILTER (WHERE s.result = '{SUCCESS}'), 0),
                       count(*) FILTER (WHERE s.result = '{FAILURE}'),
                       coalesce(sum(s.amount) FILTER (WHERE s.result = '{FAILURE}'), 0),
                       count(*) FILTER (WHERE s.result <> '{PENDING}' AND s.paid_id IS NULL AND s.failed_id IS NULL),
                       count(*) FILTER (WHERE s.result = '{FAILURE}' AND s.paid_id IS NOT NULL AND s.undone_id IS NULL),
                       count(*) FILTER (WHERE s.result = '{PENDING}')
                FROM matched_return s"""  # noqa: S608
        )
        count, paid, paid_total, failed, failed_total, settled, late, pending = cursor.fetchone()
    return {
        "line_count": count,
        "paid_count": paid,
        "paid_total": paid_total,
        "failed_count": failed,
        "failed_total": failed_total,
        "open_count": open_lines(order.pk) - settled,
        "fresh": settled + late + pending,
    }


def _keep(
    upload: Upload, digest: str, order: PaymentOrder, figures: dict[str, Any], *, actor: User
) -> ReturnFile:
    stored = upload.stored or files.store(
        upload.data,
        name=upload.name.rpartition("/")[2].rpartition("\\")[2] or "return",
        purpose="return_file",
        content_type="application/octet-stream",
        actor=actor,
        county_code=order.county_code,
        division_code=order.division_code,
    )
    figures.pop("fresh")
    made = ReturnFile.objects.create(
        order=order,
        policy_id=order.policy_id,
        county_code=order.county_code,
        division_code=order.division_code,
        file=stored,
        format=upload.bank.code,
        sha256=upload.sha256,
        content_digest=digest,
        uploaded_by=actor,
        **figures,
    )
    with connection.cursor() as cursor:
        cursor.execute(KEEP_LINES, {"file": made.pk})
    inherit_duties(made, [audit.subject_of(order)], TO_RETURN)
    workflow.take_duty(made, UPLOAD.duty, actor=actor)
    audit.record(
        made,
        action=UPLOAD.name,
        actor=actor,
        label=UPLOAD.label,
        after=made.status,
        detail={key: str(value) for key, value in figures.items()} | {"sha256": upload.sha256},
    )
    return made


KEEP_LINES = f"""
INSERT INTO disbursement_returnline (return_file_id, line_no, payment_line_id, outcome, reason, bank_code, bank_words,
    question)
SELECT %(file)s, s.line_no, s.sent_id, CASE s.result WHEN '{SUCCESS}' THEN 'paid' WHEN '{FAILURE}' THEN 'failed'
    ELSE 'processing' END, s.reason, left(s.bank_code, 16), left(s.bank_words, 120), {QUESTION} FROM matched_return s
"""  # noqa: S608
