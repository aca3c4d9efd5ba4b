"""Books, changes of the head, deaths and their corrections in any order: no day of two members, none lost."""

from contextlib import suppress
from datetime import date
from itertools import combinations
from random import Random

import pytest
from django.db import transaction

from huimin.core.errors import Refused
from huimin.core.values.ranges import overlap
from recipients import proofs
from recipients.models import EntitlementVersion, Person
from recipients.services import deaths, review
from recipients.states import DeathStatus
from tests.recipients.factories import NOTHING, declaration, household, policy
from tests.recipients.test_heads import changed, clerk, faults, reviewer


class Family:
    """Three members and what may happen to them; what the services refuse leaves everything as it was."""

    def __init__(self, dice):
        self.dice, self.books = dice, []
        self.pks = [one.pk for one in household(3)]
        terms = NOTHING | {"is_open_ended": dice.random() < 0.6}
        if dice.random() < 0.3:
            terms["stop_rule"] = "next_quarter"
        self.policy = policy(object_type="household", frequency="quarterly", **terms)
        self.declare()
        self.confirm()

    def anybody(self):
        return Person.objects.get(pk=self.dice.choice(self.pks))

    def head(self):
        return Person.objects.get(pk__in=self.pks, is_holder=True)

    def declare(self):
        period = self.dice.choice(["2026Q1", "2026Q2", "2026Q3", "2026Q4"])
        self.books.append(declaration(self.policy, lines=[self.head()], period=period, another=True))

    def confirm(self):
        if self.books:
            book = self.books.pop(self.dice.randrange(len(self.books)))
            review.take_step(book.pk, "submit", actor=book.made_by)

    def change(self):
        day = date(2026, self.dice.choice([2, 3, 5, 8]), 10)
        told = {"cause": "died", "day": None} if self.head().died_on else {"cause": "mistaken", "day": day}
        living = Person.objects.filter(pk__in=self.pks, is_holder=False, died_on=None).order_by("pk")
        if living:
            changed(self.dice.choice(list(living)), **told)

    def die(self):
        day = date(2026, self.dice.choice([2, 4, 6]), 20)
        deaths.record_death(self.anybody().pk, died_on=day, actor=clerk())

    def live_after_all(self):
        death = self.anybody().deaths.filter(status=DeathStatus.STANDING).first()
        if death:
            deaths.correct_death(death.pk, "correct", actor=reviewer(), note="登记错了人")


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(16))
def test_no_day_is_two_members_and_none_is_lost(seed):
    dice = Random(seed)
    family = Family(dice)
    acts = [family.declare, family.confirm, family.change, family.die, family.live_after_all]
    for _ in range(16):
        with suppress(Refused), transaction.atomic():
            dice.choices(acts, weights=[2, 2, 4, 1, 1])[0]()
        assert faults() == []
        assert proofs.ended_rights_have_their_ending()[1] == []
        ranges = EntitlementVersion.objects.filter(valid__isempty=False).values_list("valid", flat=True)
        assert not [pair for pair in combinations(ranges, 2) if overlap(pair[0], pair[1:])]
