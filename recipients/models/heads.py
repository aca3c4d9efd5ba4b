from typing import Any

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import StoredFile, User
from huimin.core.models.guards import append_only, begins, taken_in_duty
from recipients.models.entitlements import Ending, Entitlement
from recipients.models.registry import Household, Person
from recipients.states import HEAD_FLOW, HeadChangeStatus


class HeadChange(Scoped):
    """户主变更: another head for a household, asked for by one and approved by another.

    The rights of 到户 policies that the old head has pass to the new one (docs/decisions/0018).
    """

    class Cause(models.TextChoices):
        DIED = "died", "原户主去世"
        MOVED = "moved", "原户主迁出或分户"
        MISTAKEN = "mistaken", "户主登记有误"
        AGREED = "agreed", "家庭商定"

    household = models.ForeignKey(Household, models.PROTECT, verbose_name="农户", related_name="head_changes")
    # none where the record of the head was set aside (作废)
    old_head = models.ForeignKey(
        Person, models.PROTECT, verbose_name="原户主", null=True, related_name="headships_left"
    )
    new_head = models.ForeignKey(
        Person, models.PROTECT, verbose_name="新户主", related_name="headships_taken"
    )
    cause = models.CharField("变更原因", max_length=8, choices=Cause)
    reason = models.CharField("说明", max_length=200)
    # the day of the cause: of a death its day, and each policy's stop rule counts from it
    starts_on = models.DateField("变更日期")
    # member (id as text) -> code of GB/T 4761: what each of the others is to the new head
    relations: Any = models.JSONField("与新户主关系", default=dict)
    proof = models.ForeignKey(StoredFile, models.PROTECT, verbose_name="证明材料", related_name="+")
    status = models.CharField("状态", max_length=8, choices=HeadChangeStatus, default=HeadChangeStatus.ASKED)
    asked_by = models.ForeignKey(User, models.PROTECT, verbose_name="申请人", related_name="+")
    checked_by = models.ForeignKey(User, models.PROTECT, verbose_name="复核人", null=True, related_name="+")
    created_at = models.DateTimeField("申请时间", db_default=Now())

    area = Area.REGISTRY

    class Meta:
        verbose_name = verbose_name_plural = "户主变更"
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="head_change_needs_second_person",
                condition=Q(checked_by__isnull=True) | ~Q(checked_by=F("asked_by")),
                violation_error_message="户主变更要由另一个人复核。",
            ),
            models.CheckConstraint(
                name="head_change_checked_by_somebody",
                condition=Q(status="asked") | Q(checked_by__isnull=False),
            ),
            models.CheckConstraint(
                name="head_changes_to_another",
                condition=Q(old_head__isnull=True) | ~Q(old_head=F("new_head")),
            ),
            models.UniqueConstraint(
                fields=["household"],
                name="one_open_head_change",
                condition=Q(status="asked"),
                violation_error_message="这一户已有一个待复核的户主变更。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="head_change_steps", field="status", transitions=HEAD_FLOW.transitions()),
            taken_in_duty(HEAD_FLOW),
            begins(HEAD_FLOW),
            pgtrigger.Protect(name="head_change_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="head_change_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # what was asked for is what is approved, by somebody who is not the same person under another account
                func="""
                    IF OLD.status <> 'asked' OR to_jsonb(NEW) - ARRAY['status', 'checked_by_id']
                          IS DISTINCT FROM to_jsonb(OLD) - ARRAY['status', 'checked_by_id'] THEN
                        RAISE EXCEPTION '户主变更申请不能修改' USING ERRCODE = '23514';
                    END IF;
                    IF NEW.checked_by_id IS NOT NULL AND (SELECT count(DISTINCT person_key) FROM core_user
                            WHERE id IN (NEW.asked_by_id, NEW.checked_by_id)) < 2 THEN
                        RAISE EXCEPTION '户主变更要由另一个人复核' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="head_change_is_of_its_household",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("status"),
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status <> 'refused'"),
                # when it is asked for, and again when it is approved: from the head of today to a living member
                func="""
                    IF NEW.old_head_id IS DISTINCT FROM (SELECT p.id FROM recipients_person p
                           WHERE p.household_id = NEW.household_id AND p.is_holder AND p.status <> 'void')
                       OR NOT EXISTS (SELECT FROM recipients_person p WHERE p.id = NEW.new_head_id
                           AND p.household_id = NEW.household_id AND p.status <> 'void' AND p.died_on IS NULL) THEN
                        RAISE EXCEPTION '户主变更的原户主、新户主与这一户不符' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.household} 户主变更"

    @property
    def badge(self) -> str:
        return HeadChangeStatus(self.status).badge


class Succession(models.Model):
    """承接: the days that an ending took from a member's right are those of the new head's right.

    The versions of the later right that came by it name it; quantity, facts and declared line are those of the earlier.
    There is none where the new head had all these days by a right of the same policy already.
    Household and policy are kept with it: of all heads of a household nobody is paid for days of another one's claim.
    """

    change = models.ForeignKey(
        HeadChange, models.PROTECT, verbose_name="户主变更", related_name="successions"
    )
    household_id = models.BigIntegerField("农户")
    policy_id = models.BigIntegerField("政策")
    earlier = models.ForeignKey(Entitlement, models.PROTECT, verbose_name="原资格", related_name="passed_on")
    later = models.ForeignKey(Entitlement, models.PROTECT, verbose_name="新资格", related_name="taken_over")
    ending = models.OneToOneField(Ending, models.PROTECT, verbose_name="终止记录", related_name="succession")
    # by the database's own clock: the versions that came by it were written in the same transaction, or never
    created_at = models.DateTimeField("时间", db_default=Now(), editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "户主变更承接的享受资格"
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="succession_follows_its_change",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # from another member's right, ended by this change or by a death, to the new head's of the same policy
                func="""
                    NEW.created_at := now();
                    IF NOT EXISTS (
                        SELECT FROM recipients_headchange c
                        JOIN recipients_entitlement a ON a.id = NEW.earlier_id AND a.beneficiary_id <> c.new_head_id
                        JOIN recipients_person p ON p.id = a.beneficiary_id AND p.household_id = c.household_id
                        JOIN recipients_entitlement b ON b.id = NEW.later_id AND b.beneficiary_id = c.new_head_id
                             AND b.policy_id = a.policy_id
                        JOIN subsidies_policy y ON y.id = a.policy_id AND y.object_type = 'household'
                        JOIN recipients_ending g ON g.id = NEW.ending_id AND g.entitlement_id = a.id
                             AND (g.status = 'standing' AND g.head_change_id = c.id
                                  OR g.status IN ('standing', 'revived') AND g.death_id IS NOT NULL)
                        JOIN recipients_person n ON n.id = c.new_head_id AND n.status <> 'void'
                        WHERE c.id = NEW.change_id AND c.status = 'approved'
                          AND (c.household_id, a.policy_id) = (NEW.household_id, NEW.policy_id)) THEN
                        RAISE EXCEPTION '享受资格只随复核通过的户主变更承接' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.earlier_id} → {self.later_id}"
