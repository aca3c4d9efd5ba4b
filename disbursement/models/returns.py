"""回盘: a bank's answers to an order, as files and line by line."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from disbursement.models.orders import PaymentOrder
from disbursement.states import RETURN_FLOW, ReturnStatus
from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import StoredFile, User
from huimin.core.models.guards import append_only, begins, fixed, taken_in_duty
from huimin.core.values import privacy


class ReturnFile(Scoped):
    """回盘: a bank's answer to one order; checked whole, confirmed by a second person, applied in one statement."""

    order = models.ForeignKey(
        PaymentOrder, models.PROTECT, related_name="return_files", verbose_name="支付申请"
    )
    policy = models.ForeignKey("subsidies.Policy", models.PROTECT, verbose_name="政策")
    file = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")
    format = models.CharField("格式", max_length=20)
    sha256 = models.CharField("SHA-256", max_length=64)
    # digest of the parsed lines: the same answer with other line ends is the same answer
    content_digest = models.CharField("内容指纹", max_length=64)
    status = models.CharField("状态", max_length=10, choices=ReturnStatus, default=ReturnStatus.UPLOADED)
    line_count = models.PositiveIntegerField("笔数")
    paid_count = models.PositiveIntegerField("成功笔数")
    paid_total = models.DecimalField("成功金额", max_digits=14, decimal_places=2)
    failed_count = models.PositiveIntegerField("失败笔数")
    failed_total = models.DecimalField("失败金额", max_digits=14, decimal_places=2)
    open_count = models.PositiveIntegerField("没有结果的笔数")
    uploaded_by = models.ForeignKey(User, models.PROTECT, verbose_name="上传人", related_name="+")
    uploaded_at = models.DateTimeField("上传时间", db_default=Now())
    confirmed_by = models.ForeignKey(User, models.PROTECT, verbose_name="确认人", null=True, related_name="+")
    confirmed_at = models.DateTimeField("确认时间", null=True)

    area = Area.RETURN
    policy_field = "policy_id"
    office_field = "order__bank_id"

    class Meta:
        verbose_name = verbose_name_plural = "回盘"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["order", "content_digest"],
                name="return_content_once",
                condition=~Q(status="refused"),
                violation_error_message="内容与已上传的回盘相同。",
            ),
            models.UniqueConstraint(
                fields=["order"],
                name="one_open_return_per_order",
                condition=Q(status="uploaded"),
                violation_error_message="这笔支付申请还有一份回盘等待确认。",
            ),
            models.CheckConstraint(
                name="return_confirmed_by_somebody",
                condition=~Q(status="confirmed") | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="return_confirmer_is_another",
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=models.F("uploaded_by")),
                violation_error_message="回盘要由另一个人确认。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="return_steps", field="status", transitions=RETURN_FLOW.transitions()),
            taken_in_duty(RETURN_FLOW),
            begins(RETURN_FLOW),
            pgtrigger.Protect(name="return_stays", operation=pgtrigger.Delete),
            fixed(
                "return_is_fixed",
                [
                    "order_id",
                    "policy_id",
                    "file_id",
                    "format",
                    "sha256",
                    "content_digest",
                    "line_count",
                    "paid_count",
                    "paid_total",
                    "failed_count",
                    "failed_total",
                    "open_count",
                    "uploaded_by_id",
                    "uploaded_at",
                    "county_code",
                    "division_code",
                ],
                "回盘上传后不能修改",
                once=["confirmed_by_id", "confirmed_at"],
            ),
        ]

    def __str__(self) -> str:
        return f"回盘 {self.pk}"

    @property
    def badge(self) -> str:
        return ReturnStatus(self.status).badge


class ReturnLine(models.Model):
    """A line of a return file, matched to its payment line; kept as evidence."""

    class Outcome(models.TextChoices):
        PAID = "paid", "成功"
        FAILED = "failed", "失败"
        PROCESSING = "processing", "处理中"

    return_file = models.ForeignKey(ReturnFile, models.PROTECT, related_name="lines", db_index=False)
    line_no = models.PositiveIntegerField("行号")
    payment_line_id = models.BigIntegerField("发放明细")
    outcome = models.CharField("结果", max_length=10, choices=Outcome)
    # a code of huimin/core/bankformats/reasons.py, settled when the file is taken in; empty unless it failed
    reason = models.CharField("原因", max_length=16, blank=True)
    bank_code = models.CharField("银行原因码", max_length=16, blank=True)
    bank_words = models.CharField("银行说法", max_length=120, blank=True)
    # what a second person must look at: a changed holder name, a success turned into a failure, …
    question = models.CharField("须核对", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "回盘明细"
        ordering = ("return_file", "line_no")
        constraints = [
            models.UniqueConstraint(fields=["return_file", "line_no"], name="return_line_no_once"),
            models.UniqueConstraint(
                fields=["return_file", "payment_line_id"], name="return_line_payment_once"
            ),
            models.CheckConstraint(
                name="return_line_holds_no_number",
                condition=~Q(bank_words__regex=privacy.LONG_DIGITS)
                & ~Q(bank_code__regex=privacy.LONG_DIGITS)
                & ~Q(question__regex=privacy.LONG_DIGITS),
            ),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="return_lines_are_the_file",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                # one statement brings all the lines that the upload counted; a line more or less is refused
                func="""
                    PERFORM FROM disbursement_returnfile f WHERE f.id IN (SELECT return_file_id FROM added) FOR SHARE;
                    IF EXISTS (
                        SELECT FROM (
                            SELECT a.return_file_id, count(*) AS n, count(*) FILTER (WHERE a.outcome = 'paid') AS paid,
                                   coalesce(sum(l.amount) FILTER (WHERE a.outcome = 'paid'), 0) AS paid_sum,
                                   count(*) FILTER (WHERE a.outcome = 'failed') AS failed,
                                   coalesce(sum(l.amount) FILTER (WHERE a.outcome = 'failed'), 0) AS failed_sum
                            FROM added a LEFT JOIN disbursement_paymentline l ON l.id = a.payment_line_id
                            GROUP BY a.return_file_id) t
                        JOIN disbursement_returnfile f ON f.id = t.return_file_id
                        WHERE (t.n, t.paid, t.paid_sum, t.failed, t.failed_sum)
                              <> (f.line_count, f.paid_count, f.paid_total, f.failed_count, f.failed_total)
                           OR f.status <> 'uploaded'
                           OR t.n <> (SELECT count(*) FROM disbursement_returnline o
                                      WHERE o.return_file_id = f.id)) THEN
                        RAISE EXCEPTION '回盘明细与上传时的笔数、金额不符' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.return_file_id}-{self.line_no}"
