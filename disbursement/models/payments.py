import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from disbursement.models.batches import PaymentOrder, Roster
from disbursement.models.heads import household_never_paid_twice
from disbursement.models.ledger import adds_up_results
from disbursement.models.sql import COUNTS
from disbursement.states import (
    RETURN_FLOW,
    REVERSAL_FLOW,
    ReturnStatus,
    ReversalStatus,
)
from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.fields import BlindIndexField, EncryptedTextField
from huimin.core.models import StoredFile, User
from huimin.core.models.guards import append_only, begins, fixed, no_truncate, taken_in_duty
from huimin.core.values import privacy


class PaymentLine(Scoped):
    """One payment as decided: written once, never changed. What became of it stands in PaymentResult.

    Snapshot columns carry no foreign keys: they must not follow later changes, and keys would cost more than half
    of the time to write a roster.
    """

    roster = models.ForeignKey(Roster, models.PROTECT, related_name="lines", db_index=False)
    revision = models.PositiveSmallIntegerField("版本")
    line_no = models.PositiveIntegerField("序号")
    policy_id = models.BigIntegerField("政策")
    entitlement_id = models.BigIntegerField("享受资格")
    entitlement_version_id = models.BigIntegerField("享受资格版本")
    component = models.CharField("发放内容", max_length=24)
    period_range = DateRangeField("期间")
    corrects_line_id = models.BigIntegerField("更正的明细", null=True)
    household_code = models.CharField("农户编码", max_length=24)
    group_name = models.CharField("组", max_length=20)
    holder_name = models.CharField("户主姓名", max_length=60)
    beneficiary_id = models.BigIntegerField("享受人")
    beneficiary_name = models.CharField("享受人姓名", max_length=60)
    beneficiary_id_number = EncryptedTextField("享受人身份证号", purpose="id_number")
    beneficiary_key = BlindIndexField("享受人身份证号索引")
    # the name that lists on the wall carry: in full, or the surname only where the policy protects its people
    public_name = models.CharField("公示姓名", max_length=60)
    payee_name = models.CharField("收款人姓名", max_length=60)
    payee_id_number = EncryptedTextField("收款人身份证号", purpose="id_number")
    payee_key = BlindIndexField("收款人身份证号索引")
    account_number = EncryptedTextField("银行账号", purpose="account")
    account_key = BlindIndexField("账号索引")
    # what the bank compares: the account's own name, another than the payee's where an institution receives
    account_name = models.CharField("账户名称", max_length=60)
    account_tail = models.CharField("账号尾号", max_length=4)
    bank_name = models.CharField("开户银行", max_length=120)
    branch_code = models.CharField("联行号", max_length=12, blank=True)
    quantity = models.DecimalField("数量", max_digits=12, decimal_places=4)
    standard_text = models.CharField("补贴标准", max_length=200)
    amount = models.DecimalField("金额", max_digits=14, decimal_places=2)
    # verification code: leaf = H(public row, commitment); commitment = H(salt, ID commitment, account commitment)
    salt = models.BinaryField(max_length=16)
    commitment = models.BinaryField(max_length=32)
    leaf = models.BinaryField(max_length=32)

    area = Area.ROSTER
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "发放明细"
        ordering = ("roster", "revision", "line_no")
        constraints = [
            models.UniqueConstraint(fields=["roster", "revision", "line_no"], name="payment_line_no_once"),
            models.CheckConstraint(name="payment_amount_positive", condition=Q(amount__gt=0)),
        ]
        indexes = [
            models.Index(fields=["beneficiary_key", "-id"], name="payment_of_person"),
            models.Index(fields=["beneficiary_id", "-id"], name="payment_of_record"),
            models.Index(fields=["entitlement_id"], name="payment_of_entitlement"),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="lines_only_while_open",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                # one look per statement, not per row; the share lock closes the race with submission
                func="""
                    PERFORM FROM disbursement_roster r WHERE r.id IN (SELECT DISTINCT roster_id FROM added) FOR SHARE;
                    IF EXISTS (SELECT FROM (SELECT DISTINCT roster_id, revision FROM added) a
                               JOIN disbursement_roster r ON r.id = a.roster_id
                               WHERE r.status <> 'issued' OR r.revision <> a.revision) THEN
                        RAISE EXCEPTION '花名册已送审，不能再加明细' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.roster_id}-{self.line_no}"


class Claim(models.Model):
    """What is live: one claim per entitlement, component and stretch of time. The database refuses a second one.

    Success touches nothing. A claim goes away only when its line failed, was stopped or was superseded; a trigger
    checks that.
    """

    line = models.OneToOneField(PaymentLine, models.PROTECT, primary_key=True, related_name="claim")
    entitlement_id = models.BigIntegerField("享受资格")
    component = models.CharField("发放内容", max_length=24)
    period_range = DateRangeField("期间")

    class Meta:
        verbose_name = verbose_name_plural = "占用"
        constraints = [
            ExclusionConstraint(
                name="never_paid_twice",
                expressions=[
                    ("entitlement_id", RangeOperators.EQUAL),
                    ("component", RangeOperators.EQUAL),
                    ("period_range", RangeOperators.OVERLAPS),
                ],
                violation_error_message="同一个人同一项补贴同一期不能发两次。",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="claim_never_changes", operation=pgtrigger.Update),
            no_truncate(),
            pgtrigger.Trigger(
                name="claim_matches_line",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                func="""
                    IF EXISTS (SELECT FROM added a JOIN disbursement_paymentline l ON l.id = a.line_id
                               WHERE (l.entitlement_id, l.component, l.period_range)
                                     IS DISTINCT FROM (a.entitlement_id, a.component, a.period_range)) THEN
                        RAISE EXCEPTION '占用与发放明细不符' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
            household_never_paid_twice(),
            pgtrigger.Trigger(
                name="claim_release_has_cause",
                operation=pgtrigger.Delete,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(old="gone"),
                func=f"""
                    IF EXISTS (
                        SELECT FROM gone g JOIN disbursement_paymentline l ON l.id = g.line_id
                        JOIN disbursement_roster r ON r.id = l.roster_id
                        WHERE {COUNTS}
                          AND NOT EXISTS (SELECT FROM disbursement_paymentresult p WHERE p.line_id = l.id
                                          AND p.kind IN ('bank_failed', 'stopped', 'late_return'))) THEN
                        RAISE EXCEPTION '这笔发放仍然有效，不能释放占用' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,  # noqa: S608 -- a constant of ours
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entitlement_id} {self.component}"


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


class PaymentResult(models.Model):
    """What became of a payment line; appended, never changed. The state shown is derived from these rows."""

    class Kind(models.TextChoices):
        PAID = "paid", "已到账"
        BANK_FAILED = "bank_failed", "银行退票"
        STOPPED = "stopped", "停发"
        VOLUNTARY_REFUND = "voluntary_refund", "退款"
        LATE_RETURN = "late_return", "退汇"

    line = models.ForeignKey(PaymentLine, models.PROTECT, related_name="results", db_index=False)
    kind = models.CharField("结果", max_length=16, choices=Kind)
    return_file = models.ForeignKey(
        ReturnFile, models.PROTECT, null=True, related_name="results", db_index=False
    )
    file_line_no = models.PositiveIntegerField("回盘行号", null=True)
    # why a bank sent it back: a code of huimin/core/bankformats/reasons.py
    reason = models.CharField("原因", max_length=16, blank=True)
    note = models.CharField("说明", max_length=200, blank=True)
    actor = models.ForeignKey(User, models.PROTECT, verbose_name="经办人", related_name="+", db_index=False)
    at = models.DateTimeField("时间", db_default=Now())
    business_on = models.DateField("业务日期")

    class Meta:
        verbose_name = verbose_name_plural = "发放结果"
        indexes = [
            # whatever is not simply paid is a small part of all results, and is asked for on every page about it
            models.Index(fields=["line", "kind"], name="result_not_paid", condition=~Q(kind="paid")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["line", "kind"], name="result_kind_once"),
            models.UniqueConstraint(
                fields=["line"],
                name="one_outcome_per_line",
                condition=Q(kind__in=["paid", "bank_failed", "stopped"]),
                violation_error_message="这笔发放已经有结果了。",
            ),
            models.UniqueConstraint(
                fields=["return_file", "file_line_no"],
                name="result_once_per_file_line",
                condition=Q(return_file__isnull=False),
            ),
            models.CheckConstraint(
                name="stop_and_refund_have_reason",
                condition=~Q(kind__in=["stopped", "voluntary_refund"]) | ~Q(note=""),
                violation_error_message="停发和退款要写明原因。",
            ),
            models.CheckConstraint(
                name="result_holds_no_number",
                condition=~Q(note__regex=privacy.LONG_DIGITS),
            ),
        ]
        triggers = [
            *append_only(),
            adds_up_results(),
            pgtrigger.Trigger(
                name="result_is_possible",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                # paid only what was sent and is still claimed by this line; undone only what was paid;
                # stopped only before the order, whose making waits for the share lock
                func=f"""
                    PERFORM FROM disbursement_roster r WHERE r.id IN (
                        SELECT l.roster_id FROM added a JOIN disbursement_paymentline l ON l.id = a.line_id
                        WHERE a.kind = 'stopped') FOR SHARE;
                    IF EXISTS (SELECT FROM added a WHERE a.kind = 'paid'
                               AND NOT EXISTS (SELECT FROM disbursement_claim c WHERE c.line_id = a.line_id)) THEN
                        RAISE EXCEPTION '这笔发放已被更正或停发，不能再记到账' USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM added a JOIN disbursement_paymentline l ON l.id = a.line_id
                               JOIN disbursement_roster r ON r.id = l.roster_id
                               LEFT JOIN disbursement_paymentorder o ON o.id = r.order_id
                               WHERE (a.kind IN ('paid', 'bank_failed') AND coalesce(o.status, '') <> 'sent')
                                  OR (a.kind = 'stopped' AND r.order_id IS NOT NULL)
                                  OR NOT {COUNTS}) THEN
                        RAISE EXCEPTION '这笔发放现在不能登记这个结果' USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM added a WHERE a.kind IN ('late_return', 'voluntary_refund')
                               AND NOT EXISTS (SELECT FROM disbursement_paymentresult p
                                               WHERE p.line_id = a.line_id AND p.kind = 'paid')) THEN
                        RAISE EXCEPTION '没有到账的发放不能登记退汇或退款' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,  # noqa: S608 -- a constant of ours
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} {self.kind}"


class StopLift(models.Model):
    """恢复发放: a stop taken back, with its reason. The stopped line stays stopped; a later list may hold the person."""

    line = models.OneToOneField(
        PaymentLine, models.PROTECT, related_name="stop_lift", verbose_name="发放明细"
    )
    reason = models.CharField("原因", max_length=200)
    actor = models.ForeignKey(User, models.PROTECT, verbose_name="经办人", related_name="+")
    at = models.DateTimeField("时间", db_default=Now())

    class Meta:
        verbose_name = verbose_name_plural = "恢复发放"
        constraints = [
            models.CheckConstraint(
                name="lift_has_reason",
                condition=~Q(reason=""),
                violation_error_message="恢复发放要写明原因。",
            )
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="only_stops_are_lifted",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func="""
                    IF NOT EXISTS (SELECT FROM disbursement_paymentresult p
                                   WHERE p.line_id = NEW.line_id AND p.kind = 'stopped') THEN
                        RAISE EXCEPTION '没有停发的发放不能恢复' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id}"


class Reversal(Scoped):
    """Money that came back after it was paid: asked for by one reconciler with the bank's slip, checked by another."""

    class Kind(models.TextChoices):
        LATE_RETURN = "late_return", "退汇"
        VOLUNTARY_REFUND = "voluntary_refund", "退款"

    line = models.ForeignKey(PaymentLine, models.PROTECT, related_name="reversals", verbose_name="发放明细")
    policy_id = models.BigIntegerField("政策")
    kind = models.CharField("种类", max_length=16, choices=Kind)
    returned_on = models.DateField("退回到账日期")
    bank_reference = models.CharField("银行流水号", max_length=40)
    reason = models.CharField("原因", max_length=200)
    status = models.CharField("状态", max_length=8, choices=ReversalStatus, default=ReversalStatus.ASKED)
    asked_by = models.ForeignKey(User, models.PROTECT, verbose_name="登记人", related_name="+")
    asked_at = models.DateTimeField("登记时间", db_default=Now())
    checked_by = models.ForeignKey(User, models.PROTECT, verbose_name="复核人", null=True, related_name="+")

    area = Area.RETURN
    policy_field = "policy_id"
    office_field = "line__roster__order__bank_id"

    class Meta:
        verbose_name = verbose_name_plural = "退汇退款"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["line"],
                name="one_reversal_per_line",
                condition=~Q(status="refused"),
                violation_error_message="这笔发放已经登记过退汇或退款。",
            ),
            models.CheckConstraint(
                name="reversal_checked_by_somebody",
                condition=Q(status="asked") | Q(checked_by__isnull=False),
            ),
            models.CheckConstraint(
                name="reversal_needs_second_person",
                condition=Q(checked_by__isnull=True) | ~Q(checked_by=models.F("asked_by")),
                violation_error_message="退汇和退款要由另一个人复核。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="reversal_steps", field="status", transitions=REVERSAL_FLOW.transitions()),
            taken_in_duty(REVERSAL_FLOW),
            begins(REVERSAL_FLOW),
            pgtrigger.Protect(name="reversal_stays", operation=pgtrigger.Delete),
            # what the second person checks is what the first one asked for
            fixed(
                "reversal_is_fixed",
                [
                    "line_id",
                    "policy_id",
                    "kind",
                    "returned_on",
                    "bank_reference",
                    "reason",
                    "asked_by_id",
                    "asked_at",
                    "county_code",
                    "division_code",
                ],
                "退汇退款登记后不能修改",
                once=["checked_by_id"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.line_id}"

    @property
    def badge(self) -> str:
        return ReversalStatus(self.status).badge


class Correction(models.Model):
    """A failed line that a new line takes over (已重构): one at a time, and never for more than the failed amount or other days.

    Like a claim it goes away only when the new line never came to anything: its roster was made anew or cancelled.
    The history stays in PaymentLine.corrects_line_id.
    """

    failed_line = models.OneToOneField(PaymentLine, models.PROTECT, related_name="taken_over_by")
    new_line = models.OneToOneField(PaymentLine, models.PROTECT, related_name="takes_over")

    class Meta:
        verbose_name = verbose_name_plural = "更正"
        triggers = [
            pgtrigger.Protect(name="correction_never_changes", operation=pgtrigger.Update),
            no_truncate(),
            pgtrigger.Trigger(
                name="correction_release_has_cause",
                operation=pgtrigger.Delete,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(old="gone"),
                func=f"""
                    IF EXISTS (SELECT FROM gone g JOIN disbursement_paymentline l ON l.id = g.new_line_id
                               JOIN disbursement_roster r ON r.id = l.roster_id
                               WHERE {COUNTS}
                                 AND NOT EXISTS (SELECT FROM disbursement_paymentresult p
                                                 WHERE p.line_id = l.id AND p.kind = 'stopped')) THEN
                        RAISE EXCEPTION '这笔更正仍然有效，不能撤销' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,  # noqa: S608 -- a constant of ours
            ),
            pgtrigger.Trigger(
                name="correction_is_due",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                func="""
                    IF EXISTS (SELECT FROM added a JOIN disbursement_paymentline f ON f.id = a.failed_line_id
                               JOIN disbursement_paymentline n ON n.id = a.new_line_id
                               WHERE n.amount > f.amount OR n.corrects_line_id IS DISTINCT FROM f.id
                                  OR (n.entitlement_id, n.component, n.beneficiary_id)
                                     IS DISTINCT FROM (f.entitlement_id, f.component, f.beneficiary_id)
                                  OR NOT n.period_range <@ f.period_range
                                  OR NOT EXISTS (SELECT FROM disbursement_paymentresult p WHERE p.line_id = f.id
                                                 AND p.kind IN ('bank_failed', 'late_return'))) THEN
                        RAISE EXCEPTION '更正发放须与失败明细一致，金额不能超过原金额' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.failed_line_id} → {self.new_line_id}"
