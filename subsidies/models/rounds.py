"""The rounds of one-off policies (一次性发放的第N次)."""

from typing import Any, ClassVar, Self

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import ExtractYear

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped, ScopedQuerySet
from huimin.core.models import User
from huimin.core.models.guards import never_deleted, told_on_the_trail
from huimin.core.values.periods import Period
from subsidies.models.policies import Policy


class PaymentRoundQuerySet(ScopedQuerySet):
    def open(self) -> Self:
        """Those that nobody gave up: whatever is declared or listed anew is of one of these."""
        return self.filter(given_up_at__isnull=True)


def _told_of_round(action: str) -> str:
    """The event of an act on round NEW, on the policy's trail."""
    return f"""e.subject = 'subsidies.policy:' || NEW.policy_id AND e.action = '{action}'
        AND e.detail ->> 'round' = NEW.year || '#' || NEW.number AND e.detail ->> 'day' = NEW.day::text"""


class PaymentRound(Scoped):
    """一次性发放的一次: what happened, and the day that decides standard, age and who lives (decisions/0017).

    Its period reads 2026#3; declarations and batches of that period name it. Opened by mistake, it is given up and stays
    to be read, with its number; nobody is declared or listed under it any more.
    """

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="rounds", verbose_name="政策")
    year = models.PositiveSmallIntegerField("年度")
    number = models.PositiveIntegerField("第几次")  # of the year, given by the service
    title = models.CharField("事由", max_length=40)
    day = models.DateField("基准日")
    opened_by = models.ForeignKey(User, models.PROTECT, verbose_name="开设人", related_name="+")
    opened_at = models.DateTimeField("开设时间")  # business time, as given_up_at
    given_up_by = models.ForeignKey(User, models.PROTECT, verbose_name="放弃人", null=True, related_name="+")
    given_up_at = models.DateTimeField("放弃时间", null=True)
    given_up_reason = models.CharField("放弃的原因", max_length=200, blank=True)

    area = Area.POLICY
    policy_field = "policy_id"
    objects: ClassVar[Any] = PaymentRoundQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "一次性发放"
        ordering = ("-year", "-number")
        constraints = [
            models.UniqueConstraint(fields=["policy", "year", "number"], name="round_number_once"),
            models.UniqueConstraint(
                fields=["policy", "year", "title"],
                name="round_title_once",
                condition=Q(given_up_at__isnull=True),
                violation_error_message="这项政策这一年已经开过同名的一次。",
            ),
            models.CheckConstraint(name="round_day_in_its_year", condition=Q(year=ExtractYear("day"))),
            models.CheckConstraint(
                name="round_is_told", condition=Q(number__gte=1, number__lte=999_999) & ~Q(title="")
            ),
            models.CheckConstraint(
                name="round_given_up_by_somebody_for_a_reason",
                condition=Q(given_up_at__isnull=True, given_up_by__isnull=True, given_up_reason="")
                | (Q(given_up_at__isnull=False, given_up_by__isnull=False) & ~Q(given_up_reason="")),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="round_of_a_one_off",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func="""
                    IF NEW.given_up_at IS NOT NULL OR NOT EXISTS (SELECT FROM subsidies_policy p WHERE p.id = NEW.policy_id
                                   AND p.frequency = 'one_off' AND p.county_code = NEW.county_code) THEN
                        RAISE EXCEPTION '只有一次性的政策按次发放' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            told_on_the_trail(
                "round_is_opened_on_the_trail",
                event=_told_of_round("open_round"),
                actor="opened_by_id",
                message="开一次发放要有留痕",
            ),
            told_on_the_trail(
                "round_is_given_up_on_the_trail",
                event=_told_of_round("discard_round"),
                operation=pgtrigger.Update,
                condition="OLD.given_up_at IS NULL AND NEW.given_up_at IS NOT NULL",
                actor="given_up_by_id",
                message="放弃一次发放要有留痕",
            ),
            pgtrigger.Trigger(
                name="round_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF OLD.given_up_at IS NOT NULL OR NEW.given_up_at IS NULL
                       OR to_jsonb(NEW) - ARRAY['given_up_at', 'given_up_by_id', 'given_up_reason'] IS DISTINCT FROM
                          to_jsonb(OLD) - ARRAY['given_up_at', 'given_up_by_id', 'given_up_reason'] THEN
                        RAISE EXCEPTION '开过的一次不能修改，只能放弃' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            *never_deleted("round_stays"),
        ]

    def __str__(self) -> str:
        return f"{self.period.label}：{self.title}"

    @property
    def period(self) -> Period:
        return Period.parse(f"{self.year}#{self.number}").on(self.day)


def of_its_round() -> pgtrigger.Trigger:
    """For tables with policy, period, period_range and payment_round: a one-off names its round, that nobody gave up, and has
    its day. The round is held, so that it is not given up meanwhile."""
    return pgtrigger.Trigger(
        name="of_its_round",
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        condition=pgtrigger.Condition("NEW.period LIKE '%#%' OR NEW.payment_round_id IS NOT NULL"),
        func="""
            PERFORM FROM subsidies_paymentround o WHERE o.id = NEW.payment_round_id
                AND o.policy_id = NEW.policy_id AND o.year || '#' || o.number = NEW.period
                AND daterange(o.day, o.day + 1) = NEW.period_range AND o.given_up_at IS NULL FOR SHARE;
            IF NOT FOUND THEN
                RAISE EXCEPTION '一次性的期次没有开过，或与那一次不符' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        """,
    )
