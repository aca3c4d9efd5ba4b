from typing import Any

import pgtrigger
from django.contrib.postgres.fields import DateRangeField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import StoredFile, User
from huimin.core.models.guards import append_only, begins, fixed, taken_in_duty
from huimin.core.values.periods import Period
from recipients.models.registry import Person
from recipients.models.sums import lines_are_added_up, sums_come_from_lines
from recipients.rules import MEMBERS_AT_LEAST
from recipients.states import DECLARATION_FLOW, NOTICE_STATES, POSTS, REVIEW_ORDER, DeclarationStatus
from subsidies.models import JointParty, PaymentRound, Policy, PolicyVersion, of_its_round, of_its_version
from subsidies.rules.levels import levels_in_sql

_LEVELS = ", ".join(f"'{state}'" for state in (DeclarationStatus.DRAFT, *REVIEW_ORDER))
_WANTED = levels_in_sql(
    "v",
    objected="""EXISTS (SELECT FROM recipients_objection o JOIN recipients_notice n ON n.id = o.notice_id
                                WHERE n.declaration_id = OLD.id AND o.status = 'upheld')""",
)
_OFFICES = ", ".join(f"('{party}', '{duty}')" for _, party, duty in POSTS if party)


class Declaration(Scoped):
    """申报册: one policy, one period, one village; a single applicant is a declaration of one line.

    `revision` grows each time it is returned, so signatures and notices of an earlier revision do not count.
    """

    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策")
    version = models.ForeignKey(PolicyVersion, models.PROTECT, verbose_name="政策版本")
    period = models.CharField("期次", max_length=12)
    period_range = DateRangeField("期间")
    payment_round = models.ForeignKey(
        PaymentRound, models.PROTECT, verbose_name="一次性发放", null=True, related_name="+"
    )
    serial = models.PositiveSmallIntegerField("册号", default=1)
    revision = models.PositiveSmallIntegerField("轮次", default=1)
    status = models.CharField(
        "状态", max_length=16, choices=DeclarationStatus, default=DeclarationStatus.DRAFT
    )
    source_file = models.ForeignKey(
        StoredFile, models.PROTECT, verbose_name="来源文件", null=True, related_name="+"
    )
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name="编制人", related_name="+")
    # what the sending system calls it; sent again under the same name, it is the same declaration
    reference = models.CharField("来文编号", max_length=60, blank=True)
    # of the lines that are not excluded, in 元; kept by triggers (models.sums)
    people = models.PositiveIntegerField("人数", default=0)
    total = models.DecimalField("金额", max_digits=14, decimal_places=2, default=0)
    created_at = models.DateTimeField("编制时间", db_default=Now())
    # of the present revision, written by a trigger: before that day nobody can have deliberated on this list
    submitted_at = models.DateTimeField("送审时间", null=True, editable=False)

    area = Area.REVIEW
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "申报册"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "period", "division_code", "serial"],
                name="declaration_once",
                condition=~Q(status="withdrawn"),
                violation_error_message="这个村这一期的申报册已经有了。",
            ),
            models.UniqueConstraint(
                fields=["made_by", "reference"], name="declaration_reference_once", condition=~Q(reference="")
            ),
        ]
        indexes = [models.Index(fields=["division_code", "status"], name="declaration_place")]
        triggers = [
            pgtrigger.FSM(
                name="declaration_steps", field="status", transitions=DECLARATION_FLOW.transitions()
            ),
            taken_in_duty(DECLARATION_FLOW),
            begins(DECLARATION_FLOW),
            sums_come_from_lines(),
            of_its_round(),
            of_its_version(),
            # what was declared, under which rules and where, does not change under those who review it
            fixed(
                "declaration_is_fixed",
                [
                    "policy_id",
                    "version_id",
                    "period",
                    "period_range",
                    "payment_round_id",
                    "serial",
                    "reference",
                    "made_by_id",
                    "created_at",
                    "county_code",
                    "division_code",
                ],
                "申报册建立后，政策、版本、期次和村不能修改",
            ),
            pgtrigger.Protect(name="declaration_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="notice_must_have_run",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    f"OLD.status IN ({', '.join(repr(str(state)) for state in NOTICE_STATES)}) AND NEW.status NOT IN (OLD.status, 'draft')"
                ),
                # the days of the policy have passed by the business clock, and no objection waits for an answer
                func="""
                    IF NOT EXISTS (SELECT FROM recipients_notice n
                                   WHERE n.declaration_id = OLD.id AND n.revision = OLD.revision
                                     AND n.level || '_notice' = OLD.status AND n.withdrawn_at IS NULL
                                     AND n.ends_on < (business_now() AT TIME ZONE 'Asia/Shanghai')::date) THEN
                        RAISE EXCEPTION '公示没有期满，不能进入下一步' USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM recipients_objection o JOIN recipients_notice n ON n.id = o.notice_id
                               WHERE n.declaration_id = OLD.id AND n.revision = OLD.revision AND o.status = 'open') THEN
                        RAISE EXCEPTION '还有异议没有答复，不能进入下一步' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="no_level_is_jumped",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "NEW.status <> OLD.status AND NEW.status NOT IN ('draft', 'withdrawn')"
                ),
                # forward over levels that the policy does not ask for, and over no other
                func=f"""
                    DECLARE
                        missing text;
                        levels text[] := ARRAY[{_LEVELS}];
                    BEGIN
                        SELECT wanted.level INTO missing FROM subsidies_policyversion v
                        CROSS JOIN LATERAL ({_WANTED}) AS wanted(level, asked)
                        WHERE v.id = OLD.version_id AND wanted.asked
                          AND array_position(levels, wanted.level) > array_position(levels, OLD.status::text)
                          AND array_position(levels, wanted.level) < array_position(levels, NEW.status::text) LIMIT 1;
                        IF missing IS NOT NULL THEN
                            RAISE EXCEPTION '政策要求的环节 % 不能跳过', missing USING ERRCODE = '23514';
                        END IF;
                        RETURN NEW;
                    END;
                """,  # noqa: S608 -- constants of the step table
            ),
            pgtrigger.Trigger(
                name="deliberation_must_have_passed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "OLD.status = 'deliberation' AND NEW.status NOT IN (OLD.status, 'draft')"
                ),
                func="""
                    IF NOT EXISTS (SELECT FROM recipients_deliberationrecord r WHERE r.declaration_id = OLD.id
                                   AND r.revision = OLD.revision AND r.passed) THEN
                        RAISE EXCEPTION '民主评议没有通过，不能进入下一步' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="submission_is_dated",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    NEW.submitted_at := OLD.submitted_at;
                    IF OLD.status = 'draft' AND NEW.status NOT IN ('draft', 'withdrawn') THEN
                        NEW.submitted_at := business_now();
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="return_begins_a_new_revision",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status = 'draft' AND OLD.status <> 'draft'"),
                # notices and signatures of the revision that failed must not count for the next one
                func="NEW.revision := OLD.revision + 1; RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="revision_grows_by_return_alone",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.revision <> OLD.revision AND NEW.status = OLD.status"),
                func="RAISE EXCEPTION '轮次只在退回时增加' USING ERRCODE = '23514';",
            ),
            pgtrigger.Trigger(
                name="joint_signatures_complete",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "OLD.status = 'county_review' AND NEW.status IN ('county_notice', 'confirmed')"
                ),
                func="""
                    IF EXISTS (SELECT FROM subsidies_policyversion v, unnest(v.joint_parties) AS wanted(party)
                               WHERE v.id = OLD.version_id AND v.has_county_review AND NOT EXISTS (
                                   SELECT FROM recipients_jointsignature s WHERE s.declaration_id = OLD.id
                                   AND s.revision = OLD.revision AND s.party = wanted.party)) THEN
                        RAISE EXCEPTION '县级联审还有部门没有会签' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    @property
    def when(self) -> Period:
        """Its period; of a one-off on the day of its round."""
        return Period.parse(self.period).on(self.period_range.lower)

    @property
    def period_words(self) -> str:
        """2026年第1季度, or with what happened: 2026年第2次（7月洪灾救助）."""
        label = self.when.label
        return f"{label}（{self.payment_round.title}）" if self.payment_round else label

    def __str__(self) -> str:
        return f"{self.policy} {self.period}"

    @property
    def badge(self) -> str:
        return DeclarationStatus(self.status).badge


class DeclarationLine(models.Model):
    """One beneficiary on a declaration. Editable while the declaration is a draft; excluded with a reason later."""

    declaration = models.ForeignKey(Declaration, models.PROTECT, related_name="lines")
    line_no = models.PositiveIntegerField("序号")
    beneficiary = models.ForeignKey(Person, models.PROTECT, verbose_name="享受人", related_name="+")
    payee = models.ForeignKey(Person, models.PROTECT, verbose_name="收款人", related_name="+")
    quantity = models.DecimalField("数量", max_digits=12, decimal_places=4)
    # other facts that the amount rule reads, as text: {"grade": "一级"}
    facts: Any = models.JSONField("情况", default=dict)
    # what the rule gives for the declared period, shown on notices; rosters compute anew with the same rule
    amount = models.DecimalField("金额", max_digits=14, decimal_places=2)
    excluded_at_level = models.CharField("剔除环节", max_length=16, blank=True)
    excluded_reason = models.CharField("剔除原因", max_length=200, blank=True)
    excluded_by = models.ForeignKey(User, models.PROTECT, verbose_name="剔除人", null=True, related_name="+")

    class Meta:
        verbose_name = verbose_name_plural = "申报明细"
        ordering = ("declaration", "line_no")
        constraints = [
            models.UniqueConstraint(fields=["declaration", "line_no"], name="declaration_line_no_once"),
            models.UniqueConstraint(
                fields=["declaration", "beneficiary"],
                name="declaration_beneficiary_once",
                violation_error_message="同一册里一个享受人只能有一行。",
            ),
            models.CheckConstraint(
                name="declaration_line_positive",
                condition=Q(quantity__gt=0, amount__gt=0),
                violation_error_message="数量和金额应大于 0。",
            ),
            models.CheckConstraint(
                name="exclusion_has_reason",
                condition=Q(excluded_at_level="", excluded_reason="", excluded_by__isnull=True)
                | (~Q(excluded_at_level="") & ~Q(excluded_reason="") & Q(excluded_by__isnull=False)),
                violation_error_message="剔除要写明原因。",
            ),
        ]
        triggers = [
            *lines_are_added_up(),
            pgtrigger.Trigger(
                name="payee_is_beneficiary_or_holder",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("payee_id", "beneficiary_id"),
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.payee_id <> NEW.beneficiary_id"),
                func="""
                    IF NOT EXISTS (SELECT FROM recipients_person b JOIN recipients_person h
                                   ON h.household_id = b.household_id AND h.is_holder AND h.status <> 'void'
                                   WHERE b.id = NEW.beneficiary_id AND h.id = NEW.payee_id) THEN
                        RAISE EXCEPTION '收款人只能是享受人本人或本户户主' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="declaration_line_frozen",
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                when=pgtrigger.Before,
                # after submission a line is only excluded, at the level where the list is and before an office has signed for
                # what is on it, never changed and never taken
                # back in, since the notices hang without it; the row lock closes the race with submit
                func="""
                    DECLARE state text;
                    BEGIN
                        SELECT status INTO state FROM recipients_declaration
                            WHERE id = coalesce(NEW.declaration_id, OLD.declaration_id) FOR SHARE;
                        IF state = 'draft' THEN
                            RETURN coalesce(NEW, OLD);
                        END IF;
                        IF TG_OP = 'UPDATE' AND state NOT IN ('confirmed', 'withdrawn')
                           AND OLD.excluded_at_level = '' AND NEW.excluded_at_level = state
                           AND NOT EXISTS (SELECT FROM recipients_jointsignature s JOIN recipients_declaration d
                                   ON d.id = s.declaration_id AND d.revision = s.revision
                                   WHERE state = 'county_review' AND d.id = NEW.declaration_id) AND
                           to_jsonb(NEW) - ARRAY['excluded_at_level', 'excluded_reason', 'excluded_by_id'] =
                           to_jsonb(OLD) - ARRAY['excluded_at_level', 'excluded_reason', 'excluded_by_id'] THEN
                            RETURN NEW;
                        END IF;
                        RAISE EXCEPTION '申报册已送审，明细不能再改' USING ERRCODE = '23514';
                    END;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.declaration_id}-{self.line_no}"


class DeliberationRecord(models.Model):
    """民主评议: who came and how they voted, passed or not.

    It is held on the list as submitted, with at least two thirds of its members, of whom two thirds are villagers'
    representatives, and passes with at least two thirds of those present (rules.meeting_faults, rules.vote_passes). The
    list goes on with one that passed. One that failed stays on record for ever, and another meeting is held on a later
    day, for a reason (docs/decisions/0013).
    """

    declaration = models.ForeignKey(Declaration, models.PROTECT, related_name="deliberations")
    revision = models.PositiveSmallIntegerField("轮次")
    held_on = models.DateField("评议日期")
    place = models.CharField("地点", max_length=80)
    host = models.CharField("主持人", max_length=40)
    members = models.PositiveSmallIntegerField("应到人数")
    representatives = models.PositiveSmallIntegerField("应到中村（居）民代表")
    excused = models.CharField("回避人员", max_length=200, blank=True)
    present = models.PositiveSmallIntegerField("实到人数")
    agreed = models.PositiveSmallIntegerField("同意票")
    against = models.PositiveSmallIntegerField("不同意票")
    abstained = models.PositiveSmallIntegerField("弃权票")
    passed = models.BooleanField("通过")
    conclusion = models.TextField("结论", blank=True)
    again_because = models.CharField("再次评议的原因", max_length=200, blank=True)
    recorded_by = models.ForeignKey(User, models.PROTECT, verbose_name="登记人", related_name="+")
    recorded_at = models.DateTimeField("登记时间", db_default=Now())

    class Meta:
        verbose_name = verbose_name_plural = "民主评议"
        constraints = [
            models.CheckConstraint(
                name="deliberation_votes_add_up",
                condition=Q(present=F("agreed") + F("against") + F("abstained"))
                & Q(present__lte=F("members")),
                violation_error_message="同意、不同意、弃权票数之和应等于实到人数。",
            ),
            models.CheckConstraint(
                name="deliberation_has_quorum",
                condition=Q(members__lte=F("present") * 3 / 2),
                violation_error_message="实到人数不足应到的三分之二，评议无效。",
            ),
            models.CheckConstraint(
                name="deliberation_has_a_group",
                condition=Q(members__gte=MEMBERS_AT_LEAST),
                violation_error_message=f"评议小组不能少于 {MEMBERS_AT_LEAST} 人。",
            ),
            models.CheckConstraint(
                name="deliberation_is_the_villagers",
                condition=Q(members__lte=F("representatives") * 3 / 2, representatives__lte=F("members")),
                violation_error_message="村（居）民代表不足应到的三分之二，评议无效。",
            ),
            models.CheckConstraint(
                name="deliberation_passes_by_two_thirds",
                condition=Q(passed=True, agreed__gt=0, present__lte=F("agreed") * 3 / 2)
                | (Q(passed=False) & (Q(agreed=0) | Q(present__gt=F("agreed") * 3 / 2))),
                violation_error_message="实到人数三分之二以上同意才算通过。",
            ),
            models.UniqueConstraint(
                fields=["declaration", "revision"],
                name="deliberation_passes_once_per_revision",
                condition=Q(passed=True),
            ),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="meeting_is_in_its_time",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # on the list that was submitted, and after a failed vote on a later day and for a reason, in whatever revision
                func="""
                    DECLARE book record; failed date;
                    BEGIN
                        SELECT d.status, d.revision, (d.submitted_at AT TIME ZONE 'Asia/Shanghai')::date AS since INTO book
                            FROM recipients_declaration d WHERE d.id = NEW.declaration_id FOR SHARE;
                        IF book.status <> 'deliberation' OR book.revision <> NEW.revision THEN
                            RAISE EXCEPTION '申报册不在评议环节，不能登记评议' USING ERRCODE = '23514';
                        END IF;
                        IF NEW.held_on < book.since
                           OR NEW.held_on > (business_now() AT TIME ZONE 'Asia/Shanghai')::date THEN
                            RAISE EXCEPTION '评议日期应在送审以后、今天以前' USING ERRCODE = '23514';
                        END IF;
                        SELECT max(r.held_on) INTO failed FROM recipients_deliberationrecord r
                            WHERE r.declaration_id = NEW.declaration_id AND NOT r.passed;
                        IF failed IS NOT NULL AND (NEW.held_on <= failed OR NEW.again_because = '') THEN
                            RAISE EXCEPTION '没有通过以后再评议，要在以后的日子，并写明原因' USING ERRCODE = '23514';
                        END IF;
                        RETURN NEW;
                    END;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.held_on} 评议"


class JointSignature(models.Model):
    """An office's consent at the county's joint review; all parties of the policy must sign in one revision."""

    declaration = models.ForeignKey(Declaration, models.PROTECT, related_name="signatures")
    revision = models.PositiveSmallIntegerField("轮次")
    party = models.CharField("会签部门", max_length=12, choices=JointParty)
    signed_by = models.ForeignKey(User, models.PROTECT, verbose_name="签署人", related_name="+")
    note = models.CharField("意见", max_length=200, blank=True)
    signed_at = models.DateTimeField("时间", db_default=Now())

    class Meta:
        verbose_name = verbose_name_plural = "联审会签"
        constraints = [
            models.UniqueConstraint(fields=["declaration", "revision", "party"], name="joint_signature_once"),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="signed_in_duty",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # the duty is what keeps one person from signing for two offices
                func=f"""
                    IF NOT EXISTS (SELECT FROM (VALUES {_OFFICES}) AS post(party, duty)
                                   JOIN core_user u ON u.id = NEW.signed_by_id
                                   JOIN core_involvement i ON i.duty = post.duty AND i.person_key = u.person_key
                                        AND i.subject = '{DECLARATION_FLOW.kind}:' || NEW.declaration_id
                                   WHERE post.party = NEW.party) THEN
                        RAISE EXCEPTION '会签要由会签部门的经办人办理' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.get_party_display()
