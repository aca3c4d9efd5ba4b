"""Policies, what is corrected of them once they are public, and what they pay from date to date."""

from datetime import date
from typing import Any, ClassVar, Self

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from huimin.core.authority import scope
from huimin.core.authority.roles import Area, roles_reading
from huimin.core.authority.scope import Holder, Scoped, ScopedQuerySet
from huimin.core.models import Department, User
from huimin.core.models.guards import begins, fixed, never_deleted, taken_in_duty
from huimin.core.values.periods import Frequency
from subsidies.rules.levels import DECIDED, NOBODY_DECIDES
from subsidies.states import (
    CHANGE_FLOW,
    POLICY_FLOW,
    VERSION_FLOW,
    ChangeStatus,
    Deliberation,
    PolicyStatus,
    VersionStatus,
)


class PolicyQuerySet(ScopedQuerySet):
    def visible_to(self, user: Holder) -> Self:
        """The policy list is one for the county: who reads policies anywhere in it sees all of it."""
        return self.filter(scope.reach(user, roles_reading(Area.POLICY), place=own_county_and_below))


def own_county_and_below(code: str) -> Q:
    """Policies of the county that a place lies in, or of all counties below it."""
    below = scope.within(code, field="county_code")
    county = scope.county_of(code)
    return below | Q(county_code=county) if county else below


class Policy(Scoped):
    """A subsidy program of the county's one policy list (一张清单管制度)."""

    class GovernmentLevel(models.TextChoices):
        CENTRAL = "central", "中央"
        PROVINCE = "province", "省级"
        CITY = "city", "市级"
        COUNTY = "county", "县级"

    class ObjectType(models.TextChoices):
        PERSON = "person", "到人"
        HOUSEHOLD = "household", "到户"

    code = models.CharField("项目编码", max_length=16)
    name = models.CharField("项目名称", max_length=80)
    # shown by the bank on the passbook, which has room for seven characters
    short_name = models.CharField("项目简称", max_length=7)
    level = models.CharField("政策级次", max_length=8, choices=GovernmentLevel)
    department = models.ForeignKey(Department, models.PROTECT, verbose_name="主管部门")
    finance_section = models.CharField("归口股室", max_length=40, blank=True)
    object_type = models.CharField("发放类型", max_length=9, choices=ObjectType)
    unit = models.CharField("计量单位", max_length=40)
    frequency = models.CharField("发放频次", max_length=12, choices=Frequency)
    basis = models.TextField("政策依据")
    objects_text = models.TextField("补贴对象", blank=True)
    exclusions = models.TextField("不予补贴的情形", blank=True)
    process = models.TextField("申领流程", blank=True)
    payment_remark = models.CharField("银行摘要", max_length=7)
    phone = models.CharField("咨询电话", max_length=40, blank=True)
    # surname only on lists of 低保, disability and the like (decisions: masks)
    is_protected = models.BooleanField("保护隐私（只公示姓氏）", default=False)
    # the standard was not confirmed in a document: an editable sample, never shown as the law
    is_sample = models.BooleanField("标准为示例，未核文件", default=False)
    status = models.CharField("状态", max_length=10, choices=PolicyStatus, default=PolicyStatus.DRAFT)
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name="拟订人", related_name="+")
    created_at = models.DateTimeField("登记时间", db_default=models.functions.Now())

    area = Area.POLICY
    objects: ClassVar[Any] = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "政策"
        ordering = ("code",)
        constraints = [
            models.UniqueConstraint(
                fields=["county_code", "code"],
                name="policy_code_once_per_county",
                violation_error_message="这个项目编码已经用过。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="policy_steps", field="status", transitions=POLICY_FLOW.transitions()),
            taken_in_duty(POLICY_FLOW),
            pgtrigger.Trigger(
                name="sent_facts_change_by_act",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=~pgtrigger.Q(old__status="draft"),
                # what was sent is what is published, and what is public changes as the newest change says that one asked for and
                # another approved: an earlier one is not put back
                func="""
                    IF to_jsonb(NEW) - 'status' IS DISTINCT FROM to_jsonb(OLD) - 'status'
                       AND NOT EXISTS (SELECT FROM (SELECT c.facts FROM subsidies_policychange c
                                                    WHERE c.policy_id = NEW.id AND c.status = 'approved'
                                                    ORDER BY c.id DESC LIMIT 1) newest
                                       WHERE to_jsonb(NEW) - 'status' = (to_jsonb(OLD) - 'status') || newest.facts) THEN
                        RAISE EXCEPTION '已送审的政策不能修改，公开以后要经更正' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Protect(name="policy_stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def policy_id(self) -> int:
        """A policy is its own policy for grants that are limited to some policies."""
        return self.pk

    @property
    def badge(self) -> str:
        return PolicyStatus(self.status).badge

    @property
    def is_one_off(self) -> bool:
        """Paid by rounds that are opened, not by periods of the calendar."""
        return self.frequency == Frequency.ONE_OFF

    def stop_rule(self, version: "PolicyVersion") -> "StopRule":
        """The stop rule that holds for what was declared under this version."""
        return StopRule.NEXT_DAY if self.is_one_off else StopRule(version.stop_rule)

    def version_on(self, day: date) -> "PolicyVersion | None":
        return self.versions.filter(valid__contains=day, published_at__isnull=False).first()


class PolicyChange(Scoped):
    """更正: facts of a policy that is public already, asked for by one and approved by another.

    What was frozen before keeps what it says (orders, lists, papers); decisions/0015 says what changes at once.
    """

    # the rest is fixed by what hangs on it: the code is the policy's name in files, by frequency and by person or
    # household periods, rights and claims were made
    CORRECTABLE = (
        "name", "short_name", "level", "department", "finance_section", "unit", "payment_remark", "basis",
        "objects_text", "exclusions", "process", "phone", "is_protected", "is_sample",
    )  # fmt: skip

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="changes", verbose_name="政策")
    # column -> the value asked for
    facts: Any = models.JSONField("更正为")
    reason = models.CharField("原因", max_length=200)
    status = models.CharField("状态", max_length=10, choices=ChangeStatus, default=ChangeStatus.ASKED)
    asked_by = models.ForeignKey(User, models.PROTECT, verbose_name="申请人", related_name="+")
    asked_at = models.DateTimeField("申请时间", db_default=models.functions.Now())

    area = Area.POLICY
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "政策更正"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["policy"],
                name="one_open_change_per_policy",
                condition=Q(status=ChangeStatus.ASKED),
                violation_error_message="这项政策还有一份更正等着审批，请先办完它。",
            ),
            models.CheckConstraint(name="policy_change_has_facts", condition=~Q(facts={}) & ~Q(reason="")),
        ]
        triggers = [
            pgtrigger.FSM(name="policy_change_steps", field="status", transitions=CHANGE_FLOW.transitions()),
            taken_in_duty(CHANGE_FLOW),
            begins(CHANGE_FLOW),
            fixed(
                "policy_change_is_fixed",
                ["policy_id", "facts", "reason", "asked_by_id", "county_code", "division_code"],
                "更正申请不能修改",
            ),
            *never_deleted("policy_change_stays"),
        ]

    def __str__(self) -> str:
        return f"{self.policy}更正"

    @property
    def badge(self) -> str:
        return ChangeStatus(self.status).badge


class ShowsNames(models.Model):
    """Mix into a list of people that hangs or is open: once 保护隐私 is turned on, one with full names is shielded."""

    surname_only = models.BooleanField("只写姓氏", default=False)

    # of lists with a `policy`: what must not be shown any more
    SHIELDED = Q(policy__is_protected=True, surname_only=False)

    class Meta:
        abstract = True

    @property
    def is_shielded(self) -> bool:
        policy: Policy = self.policy  # type: ignore[attr-defined]
        return policy.is_protected and not self.surname_only


class JointParty(models.TextChoices):
    DEPARTMENT = "department", "主管部门"
    FINANCE = "finance", "财政"
    SUPERVISION = "supervision", "监督"


class StopRule(models.TextChoices):
    """When a right stops after its cause. What is paid by periods stops at a month's end; a round pays who lives on its day."""

    SAME_MONTH = "same_month", "当月停发"
    NEXT_MONTH = "next_month", "次月停发"
    NEXT_QUARTER = "next_quarter", "次季停发"
    NEXT_YEAR = "next_year", "次年停发"
    NEXT_DAY = "next_day", "次日停发"  # of one-off policies, whatever their version says


class PolicyVersion(models.Model):
    """What a policy pays and how it is reviewed, from date to date; fixed once published."""

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="versions", verbose_name="政策")
    number = models.PositiveSmallIntegerField("版本号")
    valid = DateRangeField("执行期间")
    # typed expression tree of subsidies.rules; one rule for one person (Python) and for many (SQL)
    amount_rule: Any = models.JSONField("计算规则")
    standard_text = models.CharField("补贴标准", max_length=200)
    quantity_label = models.CharField("数量名称", max_length=20, blank=True)
    deliberation = models.CharField(
        "民主评议", max_length=12, choices=Deliberation, default=Deliberation.NONE
    )
    has_village_notice = models.BooleanField("村级公示", default=True)
    has_township_review = models.BooleanField("乡镇审核", default=True)
    has_township_notice = models.BooleanField("乡镇公示", default=True)
    has_county_review = models.BooleanField("县级联审", default=True)
    has_county_notice = models.BooleanField("县级公示", default=True)
    joint_parties: Any = ArrayField(
        models.CharField(max_length=12, choices=JointParty), verbose_name="联审部门", default=list, blank=True
    )
    notice_days = models.PositiveSmallIntegerField("公示天数", default=7)
    notice_in_workdays = models.BooleanField("按工作日计", default=False)
    notice_counts_first = models.BooleanField("首日计入", default=False)
    stop_rule = models.CharField("停发规则", max_length=12, choices=StopRule, default=StopRule.NEXT_MONTH)
    # monthly and quarterly policies go on until stopped; yearly ones are declared anew
    is_open_ended = models.BooleanField("享受到停止为止", default=False)
    required_facts: Any = models.JSONField("申报须填", default=list, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name="拟订人", related_name="+")
    status = models.CharField("状态", max_length=10, choices=VersionStatus, default=VersionStatus.DRAFT)
    # set by the database when the status becomes published
    published_at = models.DateTimeField("发布时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "政策版本"
        ordering = ("policy", "-number")
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number_once"),
            models.UniqueConstraint(
                fields=["policy"],
                name="policy_one_draft_version",
                condition=~Q(status=VersionStatus.PUBLISHED),
                violation_error_message="这项政策已有一个未发布的版本，请先办完它。",
            ),
            ExclusionConstraint(
                name="policy_versions_never_overlap",
                expressions=[("policy", RangeOperators.EQUAL), ("valid", RangeOperators.OVERLAPS)],
                # a draft may lie over the version that it will cut short when it is published
                condition=Q(status=VersionStatus.PUBLISHED),
                violation_error_message="同一政策的执行期间不能重叠。",
            ),
            models.CheckConstraint(
                name="policy_version_published_on_a_day",
                condition=Q(status=VersionStatus.PUBLISHED, published_at__isnull=False)
                | (~Q(status=VersionStatus.PUBLISHED) & Q(published_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="policy_notice_days_sensible",
                condition=Q(notice_days__gte=1, notice_days__lte=60),
                violation_error_message="公示天数应为 1 到 60 天。",
            ),
            models.CheckConstraint(
                name="version_stops_with_a_month",
                condition=~Q(stop_rule="next_day"),
                violation_error_message="按期发放的政策从一个月的头一天起停发。",
            ),
            models.CheckConstraint(
                name="joint_review_has_parties",
                condition=Q(has_county_review=False) | Q(joint_parties__len__gte=1),
                violation_error_message="设了县级联审，就要指明哪些部门会签。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="version_steps", field="status", transitions=VERSION_FLOW.transitions()),
            taken_in_duty(VERSION_FLOW),
            pgtrigger.Trigger(
                name="somebody_decides",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "OLD.status = 'draft' AND NEW.status <> 'draft' AND NOT ("
                    + " OR ".join(f"NEW.has_{level}" for level in DECIDED)
                    + ")"
                ),
                func=f"RAISE EXCEPTION '{NOBODY_DECIDES}' USING ERRCODE = '23514';",
            ),
            pgtrigger.Trigger(
                name="publishing_has_its_time",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__status="published") & ~pgtrigger.Q(old__status="published"),
                func="NEW.published_at := business_now(); RETURN NEW;",
            ),
            pgtrigger.Protect(
                name="sent_version_stays",
                operation=pgtrigger.Delete,
                condition=~pgtrigger.Q(old__status="draft"),
            ),
            pgtrigger.Trigger(
                name="sent_version_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=~pgtrigger.Q(old__status="draft"),
                # what was sent is what is published; then only the end may still be set, when a successor is published
                func="""
                    IF OLD.status = 'submitted' THEN
                        IF to_jsonb(NEW) - ARRAY['status', 'published_at']
                           IS DISTINCT FROM to_jsonb(OLD) - ARRAY['status', 'published_at'] THEN
                            RAISE EXCEPTION '已送审的政策版本不能修改' USING ERRCODE = '23514';
                        END IF;
                        RETURN NEW;
                    END IF;
                    IF to_jsonb(NEW) - 'valid' IS DISTINCT FROM to_jsonb(OLD) - 'valid'
                       OR lower(NEW.valid) IS DISTINCT FROM lower(OLD.valid) THEN
                        RAISE EXCEPTION '已发布的政策版本不能修改' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy}第 {self.number} 版"

    @property
    def county_code(self) -> str:
        """A version lies where its policy does: for reach, grants and the trail."""
        return str(self.policy.county_code)

    @property
    def division_code(self) -> str:
        return str(self.policy.division_code)

    @property
    def badge(self) -> str:
        return VersionStatus(self.status).badge
