"""Payments as decided, and the claims that shut out a second one."""

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from disbursement.models.batches import Roster
from disbursement.models.heads import household_never_paid_twice, stops_stand
from disbursement.models.records import nothing_listed_of_void_records
from disbursement.models.sql import COUNTS
from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.fields import BlindIndexField, EncryptedTextField
from huimin.core.models.guards import append_only, no_truncate


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
    payee_id = models.BigIntegerField("收款人")
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
    # the paying bank (代发银行) that the account is at; 0 where it is at none of the county's
    bank_id = models.BigIntegerField("代发银行", default=0, db_default=0)
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
            nothing_listed_of_void_records(),
            stops_stand(),
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
