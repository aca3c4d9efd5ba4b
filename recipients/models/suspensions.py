from datetime import date

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import User
from huimin.core.models.guards import begins, fixed, no_truncate, taken_in_duty
from recipients.models.entitlements import Entitlement
from recipients.states import SUSPENSION_FLOW, SuspensionStatus
from subsidies.models import Policy, StopRule


class Suspension(Scoped):
    """暂停记录: a right pauses from a day on, until somebody lifts it with its last day.

    Withheld: nothing of the right is paid while it stands, and all of it afterwards. Forfeited: the days from
    `forfeits_from` to the last one are never due. A mistaken one is corrected by a second person; the row stays.
    """

    class Kind(models.TextChoices):
        WITHHELD = "withheld", "暂缓（恢复以后补发）"
        FORFEITED = "forfeited", "停发（停发期间不补）"

    entitlement = models.ForeignKey(
        Entitlement, models.PROTECT, verbose_name="享受资格", related_name="suspensions"
    )
    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策", related_name="+")
    kind = models.CharField("种类", max_length=9, choices=Kind)
    status = models.CharField(
        "状态", max_length=9, choices=SuspensionStatus, default=SuspensionStatus.STANDING
    )
    first_day = models.DateField("首日")
    last_day = models.DateField("末日", null=True)  # itself within; none while it stands
    rule = models.CharField("停发规则", max_length=12, choices=StopRule)
    # what the stop rule makes of the first day, as of an ending; of a withheld one nothing is lost
    forfeits_from = models.DateField("停发起日", null=True)
    reason = models.CharField("原因", max_length=200)
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name="暂停人", related_name="+")
    made_at = models.DateTimeField("暂停时间")  # business time, as the others: lists are dated by it too
    lifted_by = models.ForeignKey(User, models.PROTECT, verbose_name="恢复人", null=True, related_name="+")
    lifted_at = models.DateTimeField("恢复时间", null=True, editable=False)  # set by the database
    lift_reason = models.CharField("恢复原因", max_length=200, blank=True)
    corrected_by = models.ForeignKey(User, models.PROTECT, verbose_name="更正人", null=True, related_name="+")
    corrected_at = models.DateTimeField("更正时间", null=True, editable=False)  # set by the database
    correction_reason = models.CharField("更正原因", max_length=200, blank=True)

    area = Area.REVIEW
    policy_field = "policy_id"

    class Meta:
        verbose_name = verbose_name_plural = "暂停记录"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["entitlement"],
                name="one_standing_suspension",
                condition=Q(status="standing"),
                violation_error_message="这项享受资格已经暂停。",
            ),
            models.CheckConstraint(name="suspension_has_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="suspension_forfeits_by_its_kind",
                condition=Q(kind="withheld", forfeits_from__isnull=True)
                | Q(kind="forfeited", forfeits_from__isnull=False),
            ),
            models.CheckConstraint(
                name="suspension_lifted_whole",
                condition=Q(last_day=None, lifted_by=None, lifted_at=None) & ~Q(status="lifted")
                | Q(last_day__isnull=False, lifted_by__isnull=False, lifted_at__isnull=False)
                & ~Q(status="standing")
                & ~Q(lift_reason=""),
            ),
            models.CheckConstraint(
                name="suspension_days_in_order",
                condition=Q(last_day=None) | Q(last_day__gte=F("first_day")),
                violation_error_message="末日不能早于首日。",
            ),
            models.CheckConstraint(
                name="forfeited_days_end_by_second_person",
                condition=Q(kind="withheld") | Q(lifted_by=None) | ~Q(lifted_by=F("made_by")),
                violation_error_message="停发要由另一个人恢复。",
            ),
            models.CheckConstraint(
                name="suspension_correction_complete",
                condition=Q(corrected_by=None, corrected_at=None) & ~Q(status="corrected")
                | Q(status="corrected", corrected_by__isnull=False, corrected_at__isnull=False)
                & ~Q(correction_reason=""),
                violation_error_message="更正要写明原因。",
            ),
            models.CheckConstraint(
                name="suspension_correction_needs_second_person",
                condition=Q(corrected_by=None) | ~Q(corrected_by=F("made_by")),
                violation_error_message="暂停享受要由另一个人更正。",
            ),
        ]
        indexes = [
            models.Index(fields=["entitlement", "-id"], name="suspensions_of_right"),
            models.Index(
                Coalesce("corrected_at", "lifted_at"),
                name="suspensions_over",
                condition=~Q(status="standing"),
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="suspension_steps", field="status", transitions=SUSPENSION_FLOW.transitions()),
            taken_in_duty(SUSPENSION_FLOW),
            begins(SUSPENSION_FLOW),
            pgtrigger.Protect(name="suspension_stays", operation=pgtrigger.Delete),
            no_truncate(),
            pgtrigger.Trigger(
                name="suspends_what_is_paid",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # the right is held, so that it does not end meanwhile
                func="""
                    DECLARE now_it_is text; of_policy bigint;
                    BEGIN
                        SELECT e.status, e.policy_id INTO now_it_is, of_policy FROM recipients_entitlement e
                            WHERE e.id = NEW.entitlement_id FOR SHARE;
                        IF now_it_is <> 'active' OR of_policy <> NEW.policy_id THEN
                            RAISE EXCEPTION '只有享受中的资格可以暂停' USING ERRCODE = '23514';
                        END IF;
                        RETURN NEW;
                    END;
                """,
            ),
            pgtrigger.Trigger(
                name="suspension_is_dated",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # whoever gives days back stands behind lists until a month after it: nobody says another day
                func="""
                    NEW.lifted_at := CASE WHEN OLD.status = 'standing' AND NEW.status = 'lifted'
                                          THEN business_now() ELSE OLD.lifted_at END;
                    NEW.corrected_at := CASE WHEN OLD.status <> 'corrected' AND NEW.status = 'corrected'
                                             THEN business_now() ELSE OLD.corrected_at END;
                    RETURN NEW;
                """,
            ),
            fixed(
                "suspension_is_fixed",
                [
                    "entitlement_id",
                    "policy_id",
                    "county_code",
                    "division_code",
                    "kind",
                    "first_day",
                    "rule",
                    "forfeits_from",
                    "reason",
                    "made_by_id",
                    "made_at",
                ],
                "暂停记录不能修改，有误的请更正",
                once=["last_day", "lifted_by_id", "corrected_by_id"],
                told_with={"lift_reason": "lifted_by_id", "correction_reason": "corrected_by_id"},
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entitlement_id} {self.first_day}"

    @property
    def badge(self) -> str:
        return SuspensionStatus(self.status).badge

    @property
    def lift_step(self) -> str:
        """The step of SUSPENSION_FLOW that lifts one of this kind."""
        return "lift" if self.kind == self.Kind.WITHHELD else "release"

    @property
    def told_from(self) -> date:
        """The first day whose payments it concerns."""
        return self.forfeits_from or self.first_day

    @property
    def nothing_lost(self) -> bool:
        """Whether it was lifted before anything of it was lost."""
        return (
            self.forfeits_from is not None
            and self.last_day is not None
            and self.last_day < self.forfeits_from
        )
