"""Payment orders: what they pay, from which money, and the file that a bank gets."""

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from disbursement.models.batches import Roster
from disbursement.models.sql import AT, NO_RESULT, ORDERED, pays
from disbursement.states import ORDER_FLOW, OrderStatus
from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import Office, StoredFile, User
from huimin.core.models.guards import begins, fixed, no_truncate, taken_in_duty
from subsidies.models import Indicator, Policy


class PaymentOrder(Scoped):
    """支付申请: gathers lines of approved rosters, freezes indicators, is signed by another person, goes to its bank once."""

    number = models.CharField("申请号", max_length=24, unique=True)
    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策")
    # who pays it out, and in which format: as it stood when the order was made
    bank = models.ForeignKey(
        Office, models.PROTECT, verbose_name="代发银行", related_name="+", limit_choices_to={"kind": "bank"}
    )
    bank_format = models.CharField("代发文件格式", max_length=20)
    remark = models.CharField("银行摘要", max_length=7)
    line_count = models.PositiveIntegerField("笔数")
    total = models.DecimalField("金额", max_digits=14, decimal_places=2)
    # root over the parts, each with its roster's content hash: what the signer saw
    content_hash = models.CharField("名单指纹", max_length=64)
    status = models.CharField("状态", max_length=10, choices=OrderStatus, default=OrderStatus.DRAFT)
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name="编制人", related_name="+")
    created_at = models.DateTimeField("编制时间", db_default=Now())
    signed_by = models.ForeignKey(User, models.PROTECT, verbose_name="签章人", null=True, related_name="+")
    signed_at = models.DateTimeField("签章时间", null=True)
    sent_at = models.DateTimeField("送盘时间", null=True)

    area = Area.ORDER
    policy_field = "policy_id"
    office_field = "bank_id"

    class Meta:
        verbose_name = verbose_name_plural = "支付申请"
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="order_signer_is_another",
                condition=Q(signed_by__isnull=True) | ~Q(signed_by=F("made_by")),
                violation_error_message="支付申请要由另一个人签章。",
            ),
            models.CheckConstraint(
                name="order_signed_before_sent",
                condition=Q(status__in=["draft", "cancelled"])
                | Q(signed_by__isnull=False, signed_at__isnull=False),
            ),
            models.CheckConstraint(name="order_has_money", condition=Q(total__gt=0, line_count__gt=0)),
        ]
        triggers = [
            pgtrigger.FSM(name="order_steps", field="status", transitions=ORDER_FLOW.transitions()),
            taken_in_duty(ORDER_FLOW),
            begins(ORDER_FLOW),
            pgtrigger.Protect(name="order_stays", operation=pgtrigger.Delete),
            fixed(
                "order_is_fixed",
                [
                    "remark",
                    "total",
                    "line_count",
                    "content_hash",
                    "number",
                    "made_by_id",
                    "policy_id",
                    "county_code",
                    "bank_id",
                    "bank_format",
                ],
                "支付申请编制后不能修改",
                once=["signed_by_id", "signed_at", "sent_at"],
            ),
            pgtrigger.Trigger(
                name="order_adds_up_when_sent",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.status <> 'sent' AND NEW.status = 'sent'"),
                # the money leaves: every line without a result must hold its claim, and they are what was signed
                func=f"""
                    DECLARE n bigint; s numeric; free bigint;
                    BEGIN
                        SELECT count(*), coalesce(sum(l.amount), 0), count(*) FILTER (WHERE c.line_id IS NULL)
                            INTO n, s, free
                            FROM {ORDERED}
                            LEFT JOIN disbursement_claim c ON c.line_id = l.id
                            WHERE q.order_id = NEW.id AND q.is_live AND {NO_RESULT};
                        IF free > 0 THEN
                            RAISE EXCEPTION '支付申请有 % 笔没有占用期次，不能送银行', free USING ERRCODE = '23514';
                        END IF;
                        IF n <> NEW.line_count OR s <> NEW.total THEN
                            RAISE EXCEPTION '支付申请合计与明细不符：明细 % 笔 % 元', n, s USING ERRCODE = '23514';
                        END IF;
                        RETURN NEW;
                    END;
                """,  # noqa: S608 -- constants of ours
            ),
            pgtrigger.Trigger(
                name="cancelled_order_frees_its_lines",
                operation=pgtrigger.Update,
                when=pgtrigger.After,
                condition=pgtrigger.Condition("OLD.status <> 'cancelled' AND NEW.status = 'cancelled'"),
                func="""
                    UPDATE disbursement_orderpart SET is_live = false WHERE order_id = NEW.id;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def badge(self) -> str:
        return OrderStatus(self.status).badge


class OrderIndicator(models.Model):
    """How much of an order one indicator pays."""

    order = models.ForeignKey(PaymentOrder, models.PROTECT, related_name="deductions")
    indicator = models.ForeignKey(Indicator, models.PROTECT, verbose_name="指标")
    amount = models.DecimalField("金额", max_digits=14, decimal_places=2)
    # how much of the amount has been paid or given back since; the rest is still frozen
    paid = models.DecimalField("已支付", max_digits=14, decimal_places=2, default=0)
    released = models.DecimalField("已退回可用", max_digits=14, decimal_places=2, default=0)

    class Meta:
        verbose_name = verbose_name_plural = "指标扣减"
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["order", "indicator"], name="order_indicator_once"),
            models.CheckConstraint(
                name="order_indicator_adds_up",
                condition=Q(amount__gt=0, paid__gte=0, released__gte=0)
                & Q(amount__gte=F("paid") + F("released")),
            ),
        ]
        triggers = [pgtrigger.Protect(name="order_indicator_stays", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.order_id} {self.amount}"


class OrderPart(models.Model):
    """What an order pays of a list: its lines at one bank, within a range of their numbers.

    The lines' bank is not always the order's: lines that were listed at none of the county's paying banks are paid by the
    one at which their account is known to be since, or by one that was chosen (is_across).
    Lines that were stopped before lie in the range and are not counted. A cancelled order's parts stay and free theirs.
    """

    order = models.ForeignKey(PaymentOrder, models.PROTECT, verbose_name="支付申请", related_name="parts")
    roster = models.ForeignKey(Roster, models.PROTECT, verbose_name="花名册", related_name="parts")
    # as on the lines: 0 where their accounts are at none of the county's paying banks
    bank_id = models.BigIntegerField("账户所在代发银行")
    lines = IntegerRangeField("序号")
    line_count = models.PositiveIntegerField("笔数")
    total = models.DecimalField("金额", max_digits=14, decimal_places=2)
    # 跨行: the accounts were at none of the county's paying banks when the order was made
    is_across = models.BooleanField("跨行", default=False, db_default=False)
    is_live = models.BooleanField("有效", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "支付申请的明细范围"
        ordering = ("order", "roster", "id")
        constraints = [
            ExclusionConstraint(
                name="line_in_one_live_order",
                expressions=[
                    ("roster", RangeOperators.EQUAL),
                    ("bank_id", RangeOperators.EQUAL),
                    ("lines", RangeOperators.OVERLAPS),
                ],
                condition=Q(is_live=True),
                violation_error_message="有的明细已编入别的支付申请，不能支付两次。",
            ),
            models.CheckConstraint(
                name="order_part_has_lines",
                condition=Q(
                    total__gt=0,
                    line_count__gt=0,
                    lines__isempty=False,
                    lines__lower_inf=False,
                    lines__upper_inf=False,
                ),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="order_part_stays", operation=pgtrigger.Delete),
            no_truncate(),
            pgtrigger.Trigger(
                name="order_part_ends_with_its_order",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF to_jsonb(NEW) - 'is_live' IS DISTINCT FROM to_jsonb(OLD) - 'is_live' OR NOT OLD.is_live
                       OR NOT EXISTS (SELECT FROM disbursement_paymentorder o
                                      WHERE o.id = OLD.order_id AND o.status = 'cancelled') THEN
                        RAISE EXCEPTION '明细已编入支付申请，撤销以前不能移出，也不能换一笔' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="parts_are_the_order",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                # one statement brings all parts of an order that is being made, of approved lists, to the fen; the
                # lock waits for whoever stops a line of them; nobody's account is at another paying bank
                declare=[("differs", "boolean"), ("elsewhere", "boolean")],
                func=f"""
                    PERFORM FROM disbursement_roster r WHERE r.id IN (SELECT roster_id FROM added)
                        ORDER BY r.id FOR NO KEY UPDATE;
                    IF EXISTS (SELECT FROM added a JOIN disbursement_paymentorder o ON o.id = a.order_id
                               JOIN disbursement_roster r ON r.id = a.roster_id
                               WHERE o.status <> 'draft' OR r.status <> 'approved' OR NOT a.is_live
                                  OR (o.policy_id, o.county_code) <> (r.policy_id, r.county_code)) THEN
                        RAISE EXCEPTION '只有已终审的花名册能编入待签章的支付申请' USING ERRCODE = '23514';
                    END IF;
                    SELECT bool_or((x.n, x.s) IS DISTINCT FROM (a.line_count::bigint, a.total)), bool_or(x.others > 0
                           OR x.own <> CASE WHEN a.is_across THEN 0 ELSE a.line_count END)
                        INTO differs, elsewhere
                        FROM added a LEFT JOIN (
                            SELECT q.id, count(*) AS n, sum(l.amount) AS s, count(*) FILTER (WHERE z.at = o.bank_id) AS own,
                                   count(*) FILTER (WHERE z.at <> o.bank_id AND {pays("z.at")}) AS others
                            FROM {ORDERED} JOIN disbursement_paymentorder o ON o.id = q.order_id
                            CROSS JOIN LATERAL (SELECT {AT} AS at) z
                            WHERE q.id IN (SELECT id FROM added) AND {NO_RESULT} GROUP BY q.id) x ON x.id = a.id;
                    IF differs OR EXISTS (SELECT FROM disbursement_paymentorder o
                                  JOIN disbursement_orderpart q ON q.order_id = o.id
                                  WHERE o.id IN (SELECT order_id FROM added) GROUP BY o.id
                                  HAVING (sum(q.line_count), sum(q.total)) <> (o.line_count, o.total)) THEN
                        RAISE EXCEPTION '支付申请合计与明细不符' USING ERRCODE = '23514';
                    END IF;
                    IF elsewhere THEN
                        RAISE EXCEPTION '账户在别的代发银行，不能编入这家银行的支付申请' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,  # noqa: S608 -- constants of ours
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} {self.roster_id} {self.lines.lower}–{self.lines.upper - 1}"


class BankFile(models.Model):
    """代发文件: made once per order, kept as bytes; downloading again gives the same bytes."""

    order = models.OneToOneField(PaymentOrder, models.PROTECT, related_name="bank_file")
    format = models.CharField("格式", max_length=20)
    file = models.OneToOneField(StoredFile, models.PROTECT, related_name="+")
    line_count = models.PositiveIntegerField("笔数")
    total = models.DecimalField("金额", max_digits=14, decimal_places=2)
    made_at = models.DateTimeField("生成时间", db_default=Now())

    class Meta:
        verbose_name = verbose_name_plural = "代发文件"
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.order} {self.format}"
