"""公示 and 异议: what hung where and when, and what people said against it."""

from datetime import date

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.fields import EncryptedTextField
from huimin.core.models import StoredFile, User
from huimin.core.models.guards import append_only
from huimin.core.values.badges import Kind, StateChoices
from huimin.core.values.digests import short_code
from recipients.models.review import Declaration
from recipients.rules import DAYS_AHEAD
from recipients.states import DECLARATION_FLOW
from subsidies.models import Policy, ShowsNames

_ANSWER = DECLARATION_FLOW["return_notice"].duty
_WITHDRAW = DECLARATION_FLOW["withdraw_village_notice"].duty


class NoticeLevel(models.TextChoices):
    VILLAGE = "village", "村级"
    TOWNSHIP = "township", "乡镇"
    COUNTY = "county", "县级"


class Notice(Scoped, ShowsNames):
    """公示: a frozen masked list with its dates. The days come from the policy, and it cannot end early."""

    declaration = models.ForeignKey(
        Declaration, models.PROTECT, verbose_name="申报册", related_name="notices"
    )
    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策")
    revision = models.PositiveSmallIntegerField("轮次")
    sequence = models.PositiveSmallIntegerField("次数", default=1)  # posted anew after an upheld objection
    level = models.CharField("级别", max_length=8, choices=NoticeLevel)
    starts_on = models.DateField("开始日期")
    ends_on = models.DateField("结束日期")  # the last day of the notice
    place = models.CharField("张贴地点", max_length=120)
    line_count = models.PositiveIntegerField("户数（人数）")
    total = models.DecimalField("合计金额", max_digits=14, decimal_places=2)
    digest = models.CharField("名单指纹", max_length=64)
    posted_by = models.ForeignKey(User, models.PROTECT, verbose_name="张贴人", related_name="+")
    posted_at = models.DateTimeField("登记时间", db_default=Now())
    withdrawn_at = models.DateTimeField("撤下时间", null=True)
    withdrawn_reason = models.CharField("撤下原因", max_length=200, blank=True)

    area = Area.NOTICE
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "公示"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["declaration", "revision", "level", "sequence"], name="notice_once"
            ),
            models.UniqueConstraint(
                fields=["declaration", "revision", "level"],
                name="one_standing_notice",
                condition=Q(withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(name="notice_dates_in_order", condition=Q(ends_on__gte=F("starts_on"))),
            models.CheckConstraint(
                name="notice_withdrawal_has_reason",
                condition=Q(withdrawn_at__isnull=True) | ~Q(withdrawn_reason=""),
                violation_error_message="撤下公示要写明原因。",
            ),
        ]
        indexes = [
            models.Index(fields=["division_code", "ends_on"], name="notice_place"),
            # the code on paper is the beginning of the digest
            models.Index(fields=["digest"], opclasses=["varchar_pattern_ops"], name="notice_digest"),
        ]
        triggers = [
            pgtrigger.Protect(name="notice_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="notice_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF OLD.withdrawn_at IS NOT NULL
                       OR to_jsonb(NEW) - ARRAY['withdrawn_at', 'withdrawn_reason']
                          IS DISTINCT FROM to_jsonb(OLD) - ARRAY['withdrawn_at', 'withdrawn_reason'] THEN
                        RAISE EXCEPTION '公示贴出后不能修改' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="withdrawn_for_a_cause",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.withdrawn_at IS NOT NULL AND OLD.withdrawn_at IS NULL"),
                # an objection of the revision that proved true, or a second person on record for taking it back
                func=f"""
                    IF NOT EXISTS (SELECT FROM recipients_objection o JOIN recipients_notice n ON n.id = o.notice_id
                                   WHERE n.declaration_id = NEW.declaration_id AND n.revision = NEW.revision
                                     AND o.status = 'upheld')
                       AND NOT EXISTS (SELECT FROM core_involvement i JOIN core_user u ON u.id = NEW.posted_by_id
                                       WHERE i.subject = 'recipients.notice:' || NEW.id AND i.duty = '{_WITHDRAW}'
                                         AND i.person_key <> u.person_key) THEN
                        RAISE EXCEPTION '公示要由另一个人撤回' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,  # noqa: S608 -- a constant of the step table
            ),
            pgtrigger.Trigger(
                name="notice_has_its_days",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # calendar days are checked here to the day; work days at least as many calendar days
                func=f"""
                    DECLARE v record;
                    BEGIN
                        SELECT p.notice_days AS days, p.notice_counts_first AS first INTO v
                            FROM recipients_declaration d JOIN subsidies_policyversion p ON p.id = d.version_id
                            WHERE d.id = NEW.declaration_id;
                        IF NEW.ends_on - NEW.starts_on < v.days - v.first::int THEN
                            RAISE EXCEPTION '公示天数不足政策规定的 % 天', v.days USING ERRCODE = '23514';
                        END IF;
                        IF NEW.starts_on < (business_now() AT TIME ZONE 'Asia/Shanghai')::date THEN
                            RAISE EXCEPTION '公示不能从过去的日期开始' USING ERRCODE = '23514';
                        END IF;
                        IF NEW.starts_on > (business_now() AT TIME ZONE 'Asia/Shanghai')::date + {DAYS_AHEAD} THEN
                            RAISE EXCEPTION '公示登记的张贴日期太远' USING ERRCODE = '23514';
                        END IF;
                        RETURN NEW;
                    END;
                """,  # noqa: S608 -- a constant of ours
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()}公示"

    @property
    def code(self) -> str:
        """What stands on the paper for the digest; publicity finds the notice by it."""
        return short_code(self.digest)

    def status_on(self, today: date) -> str:
        if self.withdrawn_at:
            return "withdrawn"
        return "running" if today <= self.ends_on else "expired"


class NoticeLine(models.Model):
    """A line as the public reads it: no ID, account, phone or address exists here."""

    notice = models.ForeignKey(Notice, models.PROTECT, related_name="lines")
    line_no = models.PositiveIntegerField("序号")
    village = models.CharField("村", max_length=60)
    group_name = models.CharField("组", max_length=20)
    shown_name = models.CharField("姓名", max_length=60)
    quantity = models.DecimalField("数量", max_digits=12, decimal_places=4)
    standard_text = models.CharField("补贴标准", max_length=200)
    amount = models.DecimalField("金额", max_digits=14, decimal_places=2)

    class Meta:
        verbose_name = verbose_name_plural = "公示明细"
        ordering = ("notice", "line_no")
        constraints = [models.UniqueConstraint(fields=["notice", "line_no"], name="notice_line_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return self.shown_name


class NoticePhoto(models.Model):
    """The posted paper on the wall, photographed at start and end."""

    notice = models.ForeignKey(Notice, models.PROTECT, related_name="photos")
    file = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")
    caption = models.CharField("说明", max_length=60)
    taken_on = models.DateField("拍摄日期")

    class Meta:
        verbose_name = verbose_name_plural = "公示照片"

    def __str__(self) -> str:
        return self.caption


class Objection(Scoped):
    """异议 against a notice; the next step waits until it is answered, and an upheld one ends the notice."""

    class Status(StateChoices):
        OPEN = "open", Kind.TODO, "待核实"
        UPHELD = "upheld", Kind.BAD, "属实"
        REJECTED = "rejected", Kind.OK, "不属实"

    notice = models.ForeignKey(Notice, models.PROTECT, verbose_name="公示", related_name="objections")
    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策", related_name="+")
    code = models.CharField("受理编号", max_length=16, unique=True)
    text = EncryptedTextField("异议内容", purpose="objection_text")
    contact = EncryptedTextField("联系方式", purpose="objection_contact", null=True)
    status = models.CharField("状态", max_length=8, choices=Status, default=Status.OPEN)
    answer = models.TextField("核实结果", blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, verbose_name="答复人", null=True, related_name="+")
    answered_at = models.DateTimeField("答复时间", null=True)
    filed_at = models.DateTimeField("提出时间", db_default=Now())

    area = Area.NOTICE
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "异议"
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="objection_answer_complete",
                condition=Q(status="open", answered_by__isnull=True)
                | (~Q(status="open") & Q(answered_by__isnull=False) & ~Q(answer="")),
                violation_error_message="答复要写明核实结果。",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="objection_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="objection_stays_with_its_notice",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("notice_id", "policy_id", "division_code"),
                when=pgtrigger.Before,
                # who reads the notice reads the objection, and nobody else
                func="""
                    IF NOT EXISTS (SELECT FROM recipients_notice n WHERE n.id = NEW.notice_id
                                   AND n.policy_id = NEW.policy_id AND n.division_code = NEW.division_code) THEN
                        RAISE EXCEPTION '异议的政策和地点应与公示相同' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="answered_in_duty",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # an answer lets the list go on: given once, by somebody on record for it, who is no maker of the list
                func=f"""
                    IF OLD.status <> 'open' AND to_jsonb(NEW) IS DISTINCT FROM to_jsonb(OLD) THEN
                        RAISE EXCEPTION '异议答复以后不能修改' USING ERRCODE = '23514';
                    END IF;
                    IF NEW.status <> 'open' AND NOT EXISTS (
                        SELECT FROM recipients_notice n JOIN core_user u ON u.id = NEW.answered_by_id
                        JOIN core_involvement i ON i.person_key = u.person_key AND i.duty = '{_ANSWER}'
                             AND i.subject = '{DECLARATION_FLOW.kind}:' || n.declaration_id
                        WHERE n.id = NEW.notice_id) THEN
                        RAISE EXCEPTION '异议要由办理异议的人答复' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.code
