from typing import Any

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models.guards import append_only
from recipients.models.registry import Death, Person
from recipients.models.review import DeclarationLine
from recipients.states import ENTITLEMENT_FLOW, EntitlementStatus
from subsidies.models import Policy


class Entitlement(Scoped):
    """享受资格: a person's standing right under one policy; batches are made from its dated versions."""

    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策")
    beneficiary = models.ForeignKey(
        Person, models.PROTECT, verbose_name="享受人", related_name="entitlements"
    )
    status = models.CharField(
        "状态", max_length=9, choices=EntitlementStatus, default=EntitlementStatus.ACTIVE
    )
    # first day on which nothing more is due, by the policy's stop rule
    ends_on = models.DateField("停发日期", null=True)
    created_at = models.DateTimeField("确认时间", db_default=Now())

    area = Area.REVIEW
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "享受资格"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "beneficiary"],
                name="entitlement_once",
                violation_error_message="这个人已有这项享受资格。",
            ),
        ]
        indexes = [models.Index(fields=["policy", "division_code"], name="entitlement_place")]
        triggers = [
            pgtrigger.FSM(
                name="entitlement_steps", field="status", transitions=ENTITLEMENT_FLOW.transitions()
            ),
            pgtrigger.Protect(name="entitlement_stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.beneficiary} {self.policy}"

    @property
    def badge(self) -> str:
        return EntitlementStatus(self.status).badge


class EntitlementVersion(models.Model):
    """What the right is worth over a range of dates; an amount changes by a new version, never by an edit."""

    entitlement = models.ForeignKey(Entitlement, models.PROTECT, related_name="versions")
    valid = DateRangeField("有效期间")
    payee = models.ForeignKey(Person, models.PROTECT, verbose_name="收款人", related_name="+")
    quantity = models.DecimalField("数量", max_digits=12, decimal_places=4)
    facts: Any = models.JSONField("情况", default=dict)
    source_line = models.OneToOneField(
        DeclarationLine, models.PROTECT, verbose_name="来源", related_name="entitlement_version"
    )
    created_at = models.DateTimeField("时间", db_default=Now())

    class Meta:
        verbose_name = verbose_name_plural = "享受资格版本"
        ordering = ("entitlement", "valid")
        constraints = [
            ExclusionConstraint(
                name="entitlement_versions_never_overlap",
                expressions=[("entitlement", RangeOperators.EQUAL), ("valid", RangeOperators.OVERLAPS)],
                violation_error_message="同一享受资格的有效期间不能重叠。",
            ),
            models.CheckConstraint(name="entitlement_quantity_positive", condition=Q(quantity__gt=0)),
        ]
        triggers = [
            pgtrigger.Protect(name="entitlement_version_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="entitlement_version_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # an open-ended version is closed by the next one, and given back what a mistaken death cut off; nothing
                # else changes
                func="""
                    IF to_jsonb(NEW) - 'valid' IS DISTINCT FROM to_jsonb(OLD) - 'valid'
                       OR lower(NEW.valid) IS DISTINCT FROM lower(OLD.valid)
                       OR NOT (NEW.valid <@ OLD.valid OR EXISTS (
                              SELECT FROM recipients_deathending c JOIN recipients_death d ON d.id = c.death_id
                              WHERE c.version_id = OLD.id AND NEW.valid <@ c.valid_before
                                AND d.status = 'corrected')) THEN
                        RAISE EXCEPTION '享受资格的历史不能修改' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entitlement_id} {self.valid}"


class DeathEnding(models.Model):
    """What a registered death ended: the right's status and the version's range before, so that a mistake is undone."""

    death = models.ForeignKey(Death, models.PROTECT, related_name="endings")
    entitlement = models.ForeignKey(Entitlement, models.PROTECT, related_name="+")
    status_before = models.CharField("原状态", max_length=9, choices=EntitlementStatus)
    version = models.ForeignKey(EntitlementVersion, models.PROTECT, null=True, related_name="+")
    valid_before = DateRangeField("原有效期间", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "因死亡终止的享受资格"
        constraints = [
            models.CheckConstraint(
                name="death_ending_version_with_range",
                condition=Q(version__isnull=True, valid_before__isnull=True)
                | Q(version__isnull=False, valid_before__isnull=False),
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.death_id} {self.entitlement_id}"
