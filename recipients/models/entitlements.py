from typing import Any

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import User
from huimin.core.models.guards import append_only, begins, fixed, taken_in_duty
from huimin.core.values.periods import REGULAR
from recipients.models.parties import whose_it_is
from recipients.models.registry import Death, Person
from recipients.models.review import DeclarationLine
from recipients.states import ENDING_FLOW, ENTITLEMENT_FLOW, EndingStatus, EntitlementStatus
from subsidies.models import Policy, StopRule


class Entitlement(Scoped):
    """享受资格: a person's standing right under one policy; batches are made from its dated versions."""

    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策")
    beneficiary = models.ForeignKey(
        Person, models.PROTECT, verbose_name="享受人", related_name="entitlements"
    )
    status = models.CharField(
        "状态", max_length=9, choices=EntitlementStatus, default=EntitlementStatus.ACTIVE
    )
    # first day on which nothing more is due: that of the standing ending, written by the database alone
    ends_on = models.DateField("停发日期", null=True)
    created_at = models.DateTimeField("确认时间", db_default=Now())
    # of a policy of households whose it is: the household of the record. Written by the database alone (models.parties)
    house = models.BigIntegerField("享受的农户", null=True, editable=False)

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
        indexes = [
            models.Index(fields=["policy", "division_code"], name="entitlement_place"),
            # both columns, else a planner without statistics may read all rights of the policy
            models.Index(
                fields=["policy", "house"], name="entitlement_house", condition=Q(house__isnull=False)
            ),
        ]
        triggers = [
            whose_it_is(),
            pgtrigger.FSM(
                name="entitlement_steps", field="status", transitions=ENTITLEMENT_FLOW.transitions()
            ),
            begins(ENTITLEMENT_FLOW),
            pgtrigger.Protect(name="entitlement_stays", operation=pgtrigger.Delete),
            # declared in the village in which the person lives, and nobody moves (person_stays_in_the_household)
            fixed(
                "entitlement_is_fixed",
                ["policy_id", "beneficiary_id", "house", "county_code", "division_code", "created_at"],
                "享受资格的政策、享受人、户和所在的村不能改",
            ),
            pgtrigger.Trigger(
                name="ended_by_its_ending",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # an ended right has one standing ending, which gives the day, and nothing left beyond that day; one that
                # goes on is suspended while it has a standing suspension, and no longer
                func="""
                    DECLARE due date;
                    BEGIN
                        due := (SELECT g.ends_on FROM recipients_ending g
                                WHERE g.entitlement_id = NEW.id AND g.status = 'standing');
                        IF due IS NULL AND (NEW.status = 'suspended') <> EXISTS (
                               SELECT FROM recipients_suspension s
                               WHERE s.entitlement_id = NEW.id AND s.status = 'standing') THEN
                            RAISE EXCEPTION '享受资格的暂停、恢复都要有暂停记录' USING ERRCODE = '23514';
                        END IF;
                        IF (NEW.status = 'ended') <> (due IS NOT NULL) THEN
                            RAISE EXCEPTION '享受资格的终止、恢复都要有终止记录' USING ERRCODE = '23514';
                        END IF;
                        IF NEW.ends_on IS DISTINCT FROM OLD.ends_on AND NEW.ends_on IS DISTINCT FROM due THEN
                            RAISE EXCEPTION '停发日期由终止记录定，不能另改' USING ERRCODE = '23514';
                        END IF;
                        IF due IS NOT NULL AND EXISTS (
                                   SELECT FROM recipients_entitlementversion v
                                   WHERE v.entitlement_id = NEW.id AND NOT v.valid <@ daterange(NULL, due)) THEN
                            RAISE EXCEPTION '停发日期以后还有有效期间' USING ERRCODE = '23514';
                        END IF;
                        NEW.ends_on := due;
                        RETURN NEW;
                    END;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.beneficiary} {self.policy}"

    @property
    def badge(self) -> str:
        return EntitlementStatus(self.status).badge


class EntitlementVersion(models.Model):
    """What the right is worth over a range of dates; an amount changes by a new version, never by an edit."""

    entitlement = models.ForeignKey(Entitlement, models.PROTECT, related_name="versions")
    # what it was declared for: regular periods, or one round of a one-off, which alone it is paid in
    component = models.CharField("发放内容", max_length=24, db_default=REGULAR)
    valid = DateRangeField("有效期间")
    payee = models.ForeignKey(Person, models.PROTECT, verbose_name="收款人", related_name="+")
    quantity = models.DecimalField("数量", max_digits=12, decimal_places=4)
    facts: Any = models.JSONField("情况", default=dict)
    # the declared line that was confirmed: of this person, or where the right passed, of the head who had it first
    source_line = models.ForeignKey(
        DeclarationLine, models.PROTECT, verbose_name="来源", related_name="entitlement_versions"
    )
    # whom it succeeds: of a household's right that came with a change of its head
    succession = models.ForeignKey(
        "recipients.Succession",
        models.PROTECT,
        verbose_name="承接",
        null=True,
        db_default=None,
        related_name="versions",
    )
    created_at = models.DateTimeField("时间", db_default=Now())

    class Meta:
        verbose_name = verbose_name_plural = "享受资格版本"
        ordering = ("entitlement", "valid")
        constraints = [
            ExclusionConstraint(
                name="entitlement_versions_never_overlap",
                expressions=[
                    ("entitlement", RangeOperators.EQUAL),
                    ("component", RangeOperators.EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                ],
                violation_error_message="同一享受资格的有效期间不能重叠。",
            ),
            models.CheckConstraint(name="entitlement_quantity_positive", condition=Q(quantity__gt=0)),
            models.UniqueConstraint(
                fields=["source_line"],
                name="line_confirmed_once",
                condition=Q(succession__isnull=True),
                violation_error_message="一行申报只确认一次享受资格。",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="entitlement_version_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="entitlement_version_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # an open-ended version is closed by the next one or by an ending, which may leave nothing of it, and given
                # back what a mistaken ending cut off, up to the day of whichever ended the right after that, but for a
                # death or a change of the head whose ending is over; nothing else changes
                func="""
                    IF to_jsonb(NEW) - 'valid' IS DISTINCT FROM to_jsonb(OLD) - 'valid'
                       OR NOT ((NEW.valid <@ OLD.valid
                                AND (isempty(NEW.valid) OR lower(NEW.valid) IS NOT DISTINCT FROM lower(OLD.valid)))
                               OR EXISTS (
                                  SELECT FROM recipients_endingcut c JOIN recipients_ending g ON g.id = c.ending_id
                                  WHERE c.version_id = OLD.id AND NEW.valid <@ c.valid_before
                                    AND lower(NEW.valid) = lower(c.valid_before) AND g.status = 'corrected'
                                    AND NOT EXISTS (
                                      SELECT FROM recipients_ending h
                                      WHERE h.entitlement_id = OLD.entitlement_id AND h.id > g.id
                                        AND h.status <> 'corrected' AND (h.status = 'standing'
                                             OR h.death_id IS NULL AND h.head_change_id IS NULL)
                                        AND NOT NEW.valid <@ daterange(NULL, h.ends_on)))) THEN
                        RAISE EXCEPTION '享受资格的历史不能修改' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="days_go_for_a_cause",
                operation=pgtrigger.UpdateOf("valid"),
                when=pgtrigger.After,
                condition=pgtrigger.Condition("NOT NEW.valid @> OLD.valid"),
                # the same statement says why: a standing ending cut it to its day and keeps what it was, or a version that
                # was confirmed later begins on the first day that is gone
                func="""
                    IF NOT EXISTS (
                           SELECT FROM recipients_endingcut c JOIN recipients_ending g ON g.id = c.ending_id
                           WHERE c.version_id = NEW.id AND g.status = 'standing' AND c.valid_before = OLD.valid
                             AND NEW.valid = c.valid_before * daterange(NULL, g.ends_on))
                       AND NOT EXISTS (
                           SELECT FROM recipients_entitlementversion n
                           WHERE n.entitlement_id = NEW.entitlement_id AND n.component = NEW.component
                             AND n.id > NEW.id AND lower(n.valid) = upper(NEW.valid)) THEN
                        RAISE EXCEPTION '享受资格的有效期间不能无故缩短' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="version_is_of_its_declaration",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                # who was declared for one round of a one-off has no right in another
                func=f"""
                    IF EXISTS (SELECT FROM added a JOIN recipients_declarationline l ON l.id = a.source_line_id
                               JOIN recipients_declaration d ON d.id = l.declaration_id
                               LEFT JOIN subsidies_paymentround o ON o.id = d.payment_round_id
                               WHERE a.component <> coalesce('#' || o.number, '{REGULAR}')
                                  OR (o.id IS NOT NULL AND NOT a.valid <@ d.period_range)) THEN
                        RAISE EXCEPTION '享受资格与申报的期次不符' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="version_passes_on_what_was_cut",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.succession_id IS NOT NULL"),
                # the same quantity, facts and line as the old head had, for days that the ending took from that right, and
                # the new head's money where it was the old head's own. Both come in one transaction: what became of these
                # days since is not theirs any more
                func="""
                    IF NOT EXISTS (
                        SELECT FROM recipients_succession s JOIN recipients_ending g ON g.id = s.ending_id
                        JOIN recipients_entitlement a ON a.id = s.earlier_id
                        JOIN recipients_entitlement b ON b.id = s.later_id
                        JOIN recipients_endingcut c ON c.ending_id = g.id
                        JOIN recipients_entitlementversion o ON o.id = c.version_id
                        WHERE s.id = NEW.succession_id AND s.later_id = NEW.entitlement_id AND s.created_at = now()
                          AND NEW.payee_id = CASE WHEN o.payee_id = a.beneficiary_id THEN b.beneficiary_id
                                                  ELSE o.payee_id END
                          AND (g.status = 'standing' OR g.status = 'revived' AND g.death_id IS NOT NULL)
                          AND NEW.valid <@ (c.valid_before * daterange(g.ends_on, NULL))
                          AND (o.source_line_id, o.component, o.quantity, o.facts)
                              = (NEW.source_line_id, NEW.component, NEW.quantity, NEW.facts)) THEN
                        RAISE EXCEPTION '承接的享受资格与原户主的不符' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="entitlement_version_within_right",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                # the right is held, so that it does not end meanwhile
                func="""
                    DECLARE due date;
                    BEGIN
                        SELECT e.ends_on INTO due FROM recipients_entitlement e WHERE e.id = NEW.entitlement_id FOR SHARE;
                        IF NOT NEW.valid <@ daterange(NULL, due) THEN
                            RAISE EXCEPTION '有效期间不能超过停发日期' USING ERRCODE = '23514';
                        END IF;
                        RETURN NEW;
                    END;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entitlement_id} {self.valid}"


class Ending(Scoped):
    """终止记录: a right ended, by a person or a death. It stands until the right is confirmed anew, or it is corrected.

    A mistaken one is corrected by a second person; the row stays and tells what happened.
    """

    entitlement = models.ForeignKey(
        Entitlement, models.PROTECT, verbose_name="享受资格", related_name="endings"
    )
    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策", related_name="+")
    death = models.ForeignKey(
        Death, models.PROTECT, verbose_name="死亡登记", null=True, related_name="endings"
    )
    head_change = models.ForeignKey(
        "recipients.HeadChange", models.PROTECT, verbose_name="户主变更", null=True, related_name="endings"
    )
    status = models.CharField("状态", max_length=9, choices=EndingStatus, default=EndingStatus.STANDING)
    happened = models.DateField("原因发生日期")
    rule = models.CharField("停发规则", max_length=12, choices=StopRule)
    ends_on = models.DateField("停发日期")
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name="终止人", related_name="+")
    made_at = models.DateTimeField("终止时间")  # business time, as over_at: rosters are dated by it too
    over_at = models.DateTimeField("恢复时间", null=True, editable=False)  # set by the database
    corrected_by = models.ForeignKey(User, models.PROTECT, verbose_name="更正人", null=True, related_name="+")
    correction_reason = models.CharField("更正原因", max_length=200, blank=True)

    area = Area.REVIEW
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "终止记录"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["entitlement"],
                name="one_standing_ending",
                condition=Q(status="standing"),
                violation_error_message="这项享受资格已经终止。",
            ),
            models.CheckConstraint(
                name="ending_over_when_not_standing",
                condition=Q(status="standing") | Q(over_at__isnull=False),
            ),
            models.CheckConstraint(
                name="ending_correction_complete",
                condition=~Q(status="corrected") | (Q(corrected_by__isnull=False) & ~Q(correction_reason="")),
                violation_error_message="更正要写明原因。",
            ),
            models.CheckConstraint(
                name="ending_correction_needs_second_person",
                condition=Q(corrected_by__isnull=True) | ~Q(corrected_by=F("made_by")),
                violation_error_message="终止享受要由另一个人更正。",
            ),
        ]
        indexes = [
            models.Index(fields=["entitlement", "-id"], name="endings_of_right"),
            models.Index(fields=["over_at"], name="endings_corrected", condition=Q(status="corrected")),
        ]
        triggers = [
            pgtrigger.FSM(name="ending_steps", field="status", transitions=ENDING_FLOW.transitions()),
            taken_in_duty(ENDING_FLOW),
            begins(ENDING_FLOW),
            pgtrigger.Protect(name="ending_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="what_passed_on_stays_cut",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status = 'corrected' AND OLD.status <> 'corrected'"),
                # its days are another head's now: they come back by a further change of the head
                func="""
                    IF NEW.head_change_id IS NOT NULL
                       OR EXISTS (SELECT FROM recipients_succession s WHERE s.ending_id = NEW.id) THEN
                        RAISE EXCEPTION '这项资格已随户主变更，要再办一次户主变更' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="ending_is_dated",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # whoever gives days back stands behind lists until a month after it: nobody says another day
                func="""
                    NEW.over_at := CASE WHEN OLD.status = 'standing' AND NEW.status <> 'standing'
                                        THEN business_now() ELSE OLD.over_at END;
                    RETURN NEW;
                """,
            ),
            fixed(
                "ending_is_fixed",
                [
                    "entitlement_id",
                    "policy_id",
                    "death_id",
                    "head_change_id",
                    "county_code",
                    "division_code",
                    "happened",
                    "rule",
                    "ends_on",
                    "made_by_id",
                    "made_at",
                ],
                "终止记录不能修改，有误的请更正",
                once=["corrected_by_id"],
                told_with={"correction_reason": "corrected_by_id"},
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entitlement_id} {self.ends_on}"

    @property
    def badge(self) -> str:
        return EndingStatus(self.status).badge


class EndingCut(models.Model):
    """A version's range before an ending cut it, or left nothing of it: what a correction gives back."""

    ending = models.ForeignKey(Ending, models.PROTECT, related_name="cuts")
    version = models.ForeignKey(EntitlementVersion, models.PROTECT, related_name="cuts")
    valid_before = DateRangeField("原有效期间")

    class Meta:
        verbose_name = verbose_name_plural = "终止截去的期间"
        constraints = [models.UniqueConstraint(fields=["ending", "version"], name="ending_cut_once")]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="cut_keeps_what_there_was",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # what a correction gives back is what the version had when its right's ending took it, and no more. The
                # statement that writes it cuts the version afterwards
                func="""
                    IF NOT EXISTS (SELECT FROM recipients_ending g
                                   JOIN recipients_entitlementversion v ON v.entitlement_id = g.entitlement_id
                                   WHERE g.id = NEW.ending_id AND g.status = 'standing' AND v.id = NEW.version_id
                                     AND v.valid = NEW.valid_before AND NOT v.valid <@ daterange(NULL, g.ends_on)) THEN
                        RAISE EXCEPTION '终止截去的期间与资格的不符' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ending_id} {self.version_id}"
