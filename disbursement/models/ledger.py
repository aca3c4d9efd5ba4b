import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import User
from huimin.core.models.guards import append_only
from subsidies.models import Indicator


class LedgerAccount(models.TextChoices):
    """Accounts of the special account's double entry: for every journal, the postings add up to nothing.

    下达 = 实发 + 待发 + 退回待处理 + 停发 + 收回 holds per indicator: money moves between these, it never vanishes.
    """

    ISSUED = "issued", "指标下达"
    AVAILABLE = "available", "待发（可用）"
    ORDERED = "ordered", "待发（已申请）"
    AT_BANK = "at_bank", "银行代发中"
    PAID = "paid", "实发"
    RETURNED = "returned", "退回待处理"
    RECALLED = "recalled", "收回"


class TransactionId(models.Func):
    """The number of the outermost transaction, the same inside its savepoints."""

    template = "(pg_current_xact_id()::text)::bigint"
    output_field = models.BigIntegerField()


def adds_up_results() -> pgtrigger.Trigger:
    """On the table of results: every statement that adds some leaves their sums by day and kind beside the books."""
    return pgtrigger.Trigger(
        name="result_sums_follow",
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="added"),
        func="""
            INSERT INTO disbursement_resultsum (county_code, business_on, kind, count, amount)
            SELECT l.county_code, a.business_on, a.kind, count(*), sum(l.amount)
            FROM added a JOIN disbursement_paymentline l ON l.id = a.line_id GROUP BY 1, 2, 3;
            RETURN NULL;
        """,
    )


class ResultSum(models.Model):
    """What one statement's results add up to: the lines' side of 逐日核对, so that looking at it reads no line.

    Written by the trigger on the results and by nothing else; `prove` adds up the lines themselves.
    """

    county_code = models.CharField("县代码", max_length=12)
    business_on = models.DateField("业务日期")
    kind = models.CharField("结果", max_length=16)
    count = models.PositiveIntegerField("笔数")
    amount = models.DecimalField("金额", max_digits=14, decimal_places=2)

    class Meta:
        verbose_name = verbose_name_plural = "结果合计"
        indexes = [models.Index(fields=["county_code", "business_on"], name="result_sum_day")]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="sums_come_from_results",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func="""
                    IF pg_trigger_depth() < 2 THEN
                        RAISE EXCEPTION '结果合计由结果自动相加，不能另写' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.business_on} {self.kind} {self.amount}"


class Journal(Scoped):
    """A bookkeeping entry for one event: an order, a township and a kind of result; never per line."""

    class Kind(models.TextChoices):
        ISSUE = "issue", "指标下达"
        ORDER = "order", "支付申请"
        CANCEL = "cancel", "撤销申请"
        SEND = "send", "送盘"
        PAY = "pay", "到账"
        FAIL = "fail", "银行退票"
        REUSE = "reuse", "退回转可用"
        LATE_RETURN = "late_return", "退汇"
        REFUND = "refund", "退款"

    # what makes the entry once: "order:12:send", "return:5:paid:341524100000"
    key = models.CharField("凭证键", max_length=120, unique=True)
    kind = models.CharField("种类", max_length=12, choices=Kind)
    subject = models.CharField("业务", max_length=80)
    summary = models.CharField("摘要", max_length=200)
    posted_on = models.DateField("记账日期")
    actor = models.ForeignKey(User, models.PROTECT, verbose_name="经办人", related_name="+")
    at = models.DateTimeField("时间", db_default=Now())
    transaction = models.BigIntegerField(db_default=TransactionId(), editable=False)

    area = Area.LEDGER

    class Meta:
        verbose_name = verbose_name_plural = "凭证"
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["subject"], name="journal_subject"),
            models.Index(fields=["county_code", "posted_on"], name="journal_day"),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="journal_balances",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                # once per journal at commit, not once per posting
                func="""
                    IF NOT EXISTS (SELECT FROM disbursement_posting WHERE journal_id = NEW.id)
                       OR (SELECT sum(amount) FROM disbursement_posting WHERE journal_id = NEW.id) <> 0 THEN
                        RAISE EXCEPTION '凭证 % 借贷不平', NEW.key USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.summary


class Posting(models.Model):
    """Positive = into the account (debit), negative = out of it (credit)."""

    journal = models.ForeignKey(Journal, models.PROTECT, related_name="postings")
    account = models.CharField("科目", max_length=12, choices=LedgerAccount)
    indicator = models.ForeignKey(Indicator, models.PROTECT, verbose_name="指标")
    batch_id = models.BigIntegerField("批次", null=True)
    amount = models.DecimalField("金额", max_digits=14, decimal_places=2)

    class Meta:
        verbose_name = verbose_name_plural = "分录"
        constraints = [models.CheckConstraint(name="posting_not_zero", condition=~Q(amount=0))]
        indexes = [models.Index(fields=["indicator", "account"], name="posting_account")]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="posting_joins_new_journal",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # a journal is closed with the transaction that made it
                func="""
                    IF NOT EXISTS (SELECT FROM disbursement_journal j WHERE j.id = NEW.journal_id
                                   AND j.transaction = (pg_current_xact_id()::text)::bigint) THEN
                        RAISE EXCEPTION '凭证已入账，不能再加分录' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="postings_balance",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                # every statement leaves its journals balanced: no later moment to wait for, and none to bring forward
                func="""
                    IF EXISTS (SELECT FROM disbursement_posting p
                               WHERE p.journal_id IN (SELECT journal_id FROM added)
                               GROUP BY p.journal_id HAVING sum(p.amount) <> 0) THEN
                        RAISE EXCEPTION '凭证借贷不平' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount}"
