"""What became of payments, and what was done about it: stops, money that came back, corrections."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from disbursement.models.ledger import adds_up_results
from disbursement.models.lines import PaymentLine
from disbursement.models.orders import PaymentOrder
from disbursement.models.returns import ReturnFile
from disbursement.models.sql import COUNTS, HOLDER, ORDERED
from disbursement.states import REVERSAL_FLOW, ROSTER_FLOW, ReversalStatus
from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import User
from huimin.core.models.guards import (
    append_only,
    begins,
    fixed,
    no_truncate,
    taken_in_duty,
    told_on_the_trail,
)
from huimin.core.values import privacy


def _told(action: str) -> str:
    """The event of a step that was taken for line NEW on its list."""
    return f"""e.subject = (SELECT 'disbursement.roster:' || l.roster_id FROM disbursement_paymentline l
        WHERE l.id = NEW.line_id) AND e.action = '{action}' AND e.detail ->> 'line' = NEW.line_id::text"""  # noqa: S608


def lifted_in_duty(lift: str) -> str:
    """Whether who took this stop back is on record for it; given the alias of the lift."""
    return f"""EXISTS (SELECT FROM core_user u JOIN core_involvement i ON i.person_key = u.person_key
        WHERE u.id = {lift}.actor_id AND i.subject = 'disbursement.paymentline:' || {lift}.line_id
          AND i.duty = '{ROSTER_FLOW["lift_stop"].duty}')"""


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
            models.Index(fields=["business_on"], name="result_not_paid_on", condition=~Q(kind="paid")),
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
            told_on_the_trail(
                "stop_is_told",
                event=_told("stop_line"),
                condition="NEW.kind = 'stopped'",
                message="停发要有留痕",
            ),
            pgtrigger.Trigger(
                name="result_is_possible",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                # paid only what was sent and is still claimed by this line, by a return of its own order; undone only
                # what was paid; stopped only before the order, whose making waits for the share lock
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
                               {HOLDER}
                               LEFT JOIN disbursement_returnfile f ON f.id = a.return_file_id
                               WHERE (a.kind IN ('paid', 'bank_failed') AND coalesce(o.status, '') <> 'sent')
                                  OR (a.kind = 'stopped' AND q.id IS NOT NULL)
                                  OR f.order_id <> q.order_id
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
            told_on_the_trail("lift_is_told", event=_told("lift_stop"), message="恢复发放要有留痕"),
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
            # the duty is what keeps whoever lifts from passing and paying the list that follows
            pgtrigger.Trigger(
                name="taken_back_in_duty",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func=f"""
                    IF NOT {lifted_in_duty("NEW")} THEN
                        RAISE EXCEPTION '恢复发放要由经办人办理' USING ERRCODE = '23514';
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
    # the order that paid the line
    order = models.ForeignKey(PaymentOrder, models.PROTECT, related_name="reversals", verbose_name="支付申请")
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
    office_field = "order__bank_id"

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
            pgtrigger.Trigger(
                name="reversal_names_its_order",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func=f"""
                    IF NOT EXISTS (SELECT FROM {ORDERED}
                                   WHERE l.id = NEW.line_id AND q.is_live AND q.order_id = NEW.order_id) THEN
                        RAISE EXCEPTION '这笔发放不是这笔支付申请支付的' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            # what the second person checks is what the first one asked for
            fixed(
                "reversal_is_fixed",
                [
                    "line_id",
                    "order_id",
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
