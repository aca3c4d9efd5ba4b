"""Budget indicators, which policies they pay, and every move of their figures."""

from typing import Any

import pgtrigger
from django.db import models
from django.db.models import F, Q

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import User
from huimin.core.models.guards import append_only, taken_in_duty
from subsidies.models.policies import Policy
from subsidies.states import INDICATOR_FLOW, IndicatorStatus


class Indicator(Scoped):
    """A budget indicator: money that a document brought. issued = available + frozen + paid, always."""

    class Source(models.TextChoices):
        BASE = "base", "体制补助基数"
        EARMARKED = "earmarked", "专项下达"
        MATCHING = "matching", "本级配套"

    document_number = models.CharField("指标文号", max_length=60)
    upper_document = models.CharField("上级文号", max_length=60, blank=True)
    name = models.CharField("指标说明", max_length=120)
    source = models.CharField("资金来源", max_length=10, choices=Source)
    year = models.PositiveSmallIntegerField("预算年度")
    economic_class = models.CharField("政府经济分类", max_length=60, blank=True)
    budget_unit = models.CharField("预算单位", max_length=60, blank=True)
    issued = models.DecimalField("下达数", max_digits=14, decimal_places=2)
    available = models.DecimalField("可用数", max_digits=14, decimal_places=2)
    frozen = models.DecimalField("冻结数", max_digits=14, decimal_places=2, default=0)
    paid = models.DecimalField("已支付数", max_digits=14, decimal_places=2, default=0)
    status = models.CharField(
        "状态", max_length=10, choices=IndicatorStatus, default=IndicatorStatus.REGISTERED
    )
    registered_by = models.ForeignKey(User, models.PROTECT, verbose_name="登记人", related_name="+")
    created_at = models.DateTimeField("登记时间", db_default=models.functions.Now())
    policies: Any = models.ManyToManyField(Policy, through="IndicatorPolicy", related_name="indicators")

    area = Area.INDICATOR

    class Meta:
        verbose_name = verbose_name_plural = "指标"
        ordering = ("-year", "document_number", "id")
        constraints = [
            models.CheckConstraint(
                name="indicator_adds_up",
                condition=Q(issued=F("available") + F("frozen") + F("paid")),
                violation_error_message="下达数应等于可用数、冻结数、已支付数之和。",
            ),
            models.CheckConstraint(
                name="indicator_never_below_zero",
                condition=Q(issued__gt=0, available__gte=0, frozen__gte=0, paid__gte=0),
                violation_error_message="指标可用数不足。",
            ),
            models.UniqueConstraint(
                fields=["county_code", "document_number", "name"],
                name="indicator_once",
                violation_error_message="这个文号下已有同名指标。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="indicator_steps", field="status", transitions=INDICATOR_FLOW.transitions()),
            taken_in_duty(INDICATOR_FLOW),
            pgtrigger.Protect(name="indicator_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="indicator_facts_stay",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF (NEW.issued, NEW.document_number, NEW.registered_by_id, NEW.county_code)
                       IS DISTINCT FROM (OLD.issued, OLD.document_number, OLD.registered_by_id, OLD.county_code) THEN
                        RAISE EXCEPTION '指标的文号和下达数登记后不能修改' USING ERRCODE = '23514';
                    END IF;
                    IF OLD.status <> 'confirmed' AND NEW.available <> OLD.available THEN
                        RAISE EXCEPTION '指标确认后才能使用' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_number} {self.name}"

    @property
    def badge(self) -> str:
        return IndicatorStatus(self.status).badge


class IndicatorPolicy(models.Model):
    """An indicator may pay this policy; the smaller priority is drawn first."""

    indicator = models.ForeignKey(Indicator, models.PROTECT, verbose_name="指标")
    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策")
    priority = models.PositiveSmallIntegerField("优先级", default=1)

    class Meta:
        verbose_name = verbose_name_plural = "指标挂接"
        ordering = ("policy", "priority", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["indicator", "policy"],
                name="indicator_policy_once",
                violation_error_message="已经挂接过。",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.indicator} → {self.policy}"


class IndicatorMove(models.Model):
    """Every change of an indicator's four figures, with the object that caused it; append-only."""

    class Kind(models.TextChoices):
        ISSUE = "issue", "下达"
        FREEZE = "freeze", "冻结"
        PAY = "pay", "支付"
        RELEASE = "release", "退回可用"
        REOPEN = "reopen", "退汇退回可用"

    indicator = models.ForeignKey(Indicator, models.PROTECT, verbose_name="指标", related_name="moves")
    kind = models.CharField("动作", max_length=8, choices=Kind)
    amount = models.DecimalField("金额", max_digits=14, decimal_places=2)
    subject = models.CharField("业务", max_length=80)
    actor = models.ForeignKey(User, models.PROTECT, verbose_name="操作人", related_name="+")
    at = models.DateTimeField("时间", db_default=models.functions.Now())
    business_at = models.DateTimeField("业务时间")

    class Meta:
        verbose_name = verbose_name_plural = "指标变动"
        ordering = ("id",)
        constraints = [models.CheckConstraint(name="indicator_move_positive", condition=Q(amount__gt=0))]
        indexes = [models.Index(fields=["subject"], name="indicator_move_subject")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"
