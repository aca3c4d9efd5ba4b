"""Batches and the lists (花名册) that townships get of them."""

import pgtrigger
from django.contrib.postgres.fields import DateRangeField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from disbursement.models.sql import NOT_STOPPED, ROOT
from disbursement.states import BATCH_FLOW, ROSTER_FLOW, BatchStatus, RosterStatus
from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import User
from huimin.core.models.guards import append_only, begins, fixed, taken_in_duty
from huimin.core.values.periods import REGULAR
from subsidies.models import PaymentRound, Policy, PolicyVersion, of_its_round, of_its_version


class NumberSeries(models.Model):
    """The last number given out, per county, kind and year; the row's lock makes numbers unique and without gaps."""

    county_code = models.CharField("县代码", max_length=12)
    prefix = models.CharField("字头", max_length=4)
    year = models.PositiveSmallIntegerField("年度")
    last = models.PositiveIntegerField("已用到")

    class Meta:
        verbose_name = verbose_name_plural = "编号"
        constraints = [
            models.UniqueConstraint(fields=["county_code", "prefix", "year"], name="number_series_once")
        ]

    def __str__(self) -> str:
        return f"{self.prefix}{self.county_code[:6]}-{self.year}-{self.last:06d}"


class Batch(Scoped):
    """One payment round of a policy for a period; issued to townships, each of which gets a roster."""

    class Kind(models.TextChoices):
        REGULAR = "regular", "正常发放"
        CORRECTION = "correction", "更正发放"
        SUPPLEMENT = "supplement", "补发"

    number = models.CharField("批次号", max_length=24, unique=True)
    kind = models.CharField("种类", max_length=10, choices=Kind, default=Kind.REGULAR)
    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策")
    version = models.ForeignKey(PolicyVersion, models.PROTECT, verbose_name="政策版本")
    period = models.CharField("期次", max_length=12)
    period_range = DateRangeField("期间")
    payment_round = models.ForeignKey(
        PaymentRound, models.PROTECT, verbose_name="一次性发放", null=True, related_name="+"
    )
    # regular, or the number of a one-off: what a claim is unique for. A 补发 has that of the batch it supplements
    component = models.CharField("发放内容", max_length=24, default=REGULAR)
    title = models.CharField("发放标题", max_length=120)
    corrects = models.ForeignKey(
        "self", models.PROTECT, verbose_name="更正的批次", null=True, related_name="corrections"
    )
    supplements = models.ForeignKey(
        "self", models.PROTECT, verbose_name="补发的批次", null=True, related_name="supplementary"
    )
    reason = models.CharField("补发或提前发的原因", max_length=200, blank=True)
    attempt = models.PositiveSmallIntegerField("第几次", default=1)
    status = models.CharField("状态", max_length=10, choices=BatchStatus, default=BatchStatus.DRAFT)
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name="建立人", related_name="+")
    created_at = models.DateTimeField("建立时间", db_default=Now())

    area = Area.ROSTER
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "批次"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["county_code", "policy", "period", "component"],
                name="batch_once",
                condition=Q(kind="regular") & ~Q(status="cancelled"),
                violation_error_message="这项政策这一期的批次已经有了。",
            ),
            models.CheckConstraint(
                name="batch_names_its_origin",
                condition=Q(kind="regular", corrects__isnull=True, supplements__isnull=True)
                | Q(kind="correction", corrects__isnull=False, supplements__isnull=True)
                | (Q(kind="supplement", corrects__isnull=True, supplements__isnull=False) & ~Q(reason="")),
                violation_error_message="更正发放和补发要有原批次，补发还要写明原因。",
            ),
            models.UniqueConstraint(fields=["supplements", "attempt"], name="supplement_number_once"),
            models.UniqueConstraint(
                fields=["supplements"],
                name="one_supplement_in_draft",
                condition=Q(status="draft"),
                violation_error_message="这一期还有一个补发批次没有下达。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="batch_steps", field="status", transitions=BATCH_FLOW.transitions()),
            taken_in_duty(BATCH_FLOW),
            of_its_round(),
            of_its_version(),
            pgtrigger.Protect(name="batch_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="batch_not_without_its_branches",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.status <> 'cancelled' AND NEW.status = 'cancelled'"),
                func="""
                    IF EXISTS (SELECT FROM disbursement_batch b WHERE (b.supplements_id = NEW.id OR b.corrects_id = NEW.id)
                               AND b.status <> 'cancelled') THEN
                        RAISE EXCEPTION '还有补发或更正批次，不能作废原批次' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="branch_of_a_batch_that_stands",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.kind <> 'regular' AND NEW.status <> 'cancelled'"),
                # the original is held, so that it is not taken back meanwhile
                func="""
                    DECLARE standing text;
                    BEGIN
                        SELECT b.status INTO standing FROM disbursement_batch b
                            WHERE b.id = coalesce(NEW.supplements_id, NEW.corrects_id) FOR SHARE;
                        IF standing NOT IN ('issued', 'closed') THEN
                            RAISE EXCEPTION '原批次没有下达或已作废，不能补发、更正' USING ERRCODE = '23514';
                        END IF;
                        RETURN NEW;
                    END;
                """,
            ),
            # claims, amounts and lists are made from these
            fixed(
                "batch_is_fixed",
                [
                    "number",
                    "kind",
                    "policy_id",
                    "version_id",
                    "period",
                    "period_range",
                    "payment_round_id",
                    "component",
                    "title",
                    "corrects_id",
                    "supplements_id",
                    "reason",
                    "attempt",
                    "made_by_id",
                    "county_code",
                    "division_code",
                ],
                "批次建立后不能修改",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def badge(self) -> str:
        return BatchStatus(self.status).badge


class Roster(Scoped):
    """花名册: a township's list in a batch. Its lines live under `revision`; a rework writes a new revision.

    division_code is the township. Submission freezes line_count, total and content_hash (the Merkle root over the
    lines, which is also the verification code of the disclosure).
    """

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="rosters", verbose_name="批次")
    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策")
    revision = models.PositiveSmallIntegerField("版本", default=0)
    status = models.CharField("状态", max_length=20, choices=RosterStatus, default=RosterStatus.ISSUED)
    line_count = models.PositiveIntegerField("笔数", default=0)
    total = models.DecimalField("金额", max_digits=14, decimal_places=2, default=0)
    content_hash = models.CharField("名单指纹", max_length=64, blank=True)
    generated_at = models.DateTimeField("生成时间", null=True)
    submitted_at = models.DateTimeField("送审时间", null=True)

    area = Area.ROSTER
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "花名册"
        ordering = ("batch", "division_code")
        constraints = [
            models.UniqueConstraint(fields=["batch", "division_code"], name="roster_once_per_township"),
        ]
        indexes = [models.Index(fields=["division_code", "status"], name="roster_place")]
        triggers = [
            pgtrigger.FSM(name="roster_steps", field="status", transitions=ROSTER_FLOW.transitions()),
            taken_in_duty(ROSTER_FLOW),
            begins(ROSTER_FLOW),
            pgtrigger.Protect(name="roster_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="roster_frozen_after_submission",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.status <> 'issued'"),
                func="""
                    IF (NEW.revision, NEW.line_count, NEW.total, NEW.content_hash, NEW.generated_at)
                       IS DISTINCT FROM (OLD.revision, OLD.line_count, OLD.total, OLD.content_hash, OLD.generated_at) THEN
                        RAISE EXCEPTION '花名册已送审，名单和金额已锁定' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="roster_is_dated_by_its_steps",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                # a revision is dated when its lines are written, and once; what was known then is judged by that (proofs).
                # A list is dated anew whenever it is submitted. Nobody else says when
                func="""
                    IF TG_OP = 'INSERT' THEN
                        NEW.generated_at := NULL;
                        NEW.submitted_at := NULL;
                        RETURN NEW;
                    END IF;
                    NEW.submitted_at := OLD.submitted_at;
                    IF OLD.status = 'issued' AND NEW.status NOT IN ('issued', 'cancelled') THEN
                        NEW.submitted_at := business_now();
                    END IF;
                    IF NEW.generated_at IS DISTINCT FROM OLD.generated_at THEN
                        IF OLD.generated_at IS NULL THEN
                            NEW.generated_at := business_now();
                        ELSIF NEW.generated_at IS NOT NULL OR NEW.revision = OLD.revision THEN
                            RAISE EXCEPTION '花名册的生成时间不能修改' USING ERRCODE = '23514';
                        END IF;
                    END IF;
                    RETURN NEW;
                """,
            ),
            fixed(
                "roster_is_fixed",
                ["batch_id", "policy_id", "county_code", "division_code"],
                "花名册的批次、政策和乡镇不能修改",
            ),
            pgtrigger.Trigger(
                name="roster_adds_up_at_submission",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "OLD.status = 'issued' AND NEW.status NOT IN ('issued', 'cancelled')"
                ),
                # what is submitted is what the lines say, to the fen and to the letter; every line that is to be paid
                # holds its claim
                func=f"""
                    DECLARE n bigint; s numeric; root text; free bigint;
                    BEGIN
                        SELECT count(*), coalesce(sum(l.amount), 0), {ROOT}, count(*) FILTER (WHERE c.line_id IS NULL
                                AND {NOT_STOPPED})
                            INTO n, s, root, free
                            FROM disbursement_paymentline l LEFT JOIN disbursement_claim c ON c.line_id = l.id
                            WHERE l.roster_id = NEW.id AND l.revision = NEW.revision;
                        IF n = 0 OR (n, s, root) IS DISTINCT FROM (NEW.line_count, NEW.total, NEW.content_hash) THEN
                            RAISE EXCEPTION '花名册合计与明细不符：明细 % 笔 % 元，名单指纹 %', n, s, left(root, 8)
                                USING ERRCODE = '23514';
                        END IF;
                        IF free > 0 THEN
                            RAISE EXCEPTION '花名册有 % 笔没有占用期次，不能送审', free USING ERRCODE = '23514';
                        END IF;
                        RETURN NEW;
                    END;
                """,  # noqa: S608 -- a constant of ours
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}-{self.division_code}"

    @property
    def duty_subject(self) -> str:
        """Who checked one revision has not checked the next, which may hold other people (services.inherited)."""
        return f"{self._meta.label_lower}:{self.pk}#{self.revision}"

    @property
    def badge(self) -> str:
        return RosterStatus(self.status).badge


class RosterOmission(models.Model):
    """没有进花名册的人: who has the entitlement but no line in this revision, and why; written with the lines."""

    class Reason(models.TextChoices):
        NO_ACCOUNT = "no_account", "收款人没有在用的银行账户"
        SUSPENDED = "suspended", "享受资格已暂停"
        RECORD = "record", "人员档案已停用或作废"
        DEAD = "dead", "发放期开始前已登记死亡"
        STOPPED = "stopped", "这一期已停发，没有恢复"
        HOUSE_STOP = "house_stop", "这一户别的人（如原户主）或同一人另一份档案的这一期已停发，没有恢复"
        FAILED = "failed", "这一期银行退回过，走更正发放"
        CLAIMED = "claimed", "这一期已在别的批次发放或申请"
        HEAD = "head", "这一户这一期已发给另一任户主，或正在申请"
        NO_FACTS = "no_facts", "申报的情况不全，算不出金额"
        NOTHING_DUE = "nothing_due", "按标准计算没有应发金额"

    roster = models.ForeignKey(Roster, models.PROTECT, related_name="omissions", verbose_name="花名册")
    revision = models.PositiveSmallIntegerField("版本")
    entitlement_id = models.BigIntegerField("享受资格")
    person_id = models.BigIntegerField("享受人")
    name = models.CharField("享受人姓名", max_length=60)
    division_code = models.CharField("村代码", max_length=12)
    reason = models.CharField("原因", max_length=12, choices=Reason)

    class Meta:
        verbose_name = verbose_name_plural = "没有进花名册的人"
        ordering = ("division_code", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["roster", "revision", "entitlement_id"], name="roster_omission_once"
            )
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.roster_id} {self.name}"
