"""What a corrected ending gives back is what it took: nobody writes by SQL that it took more."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from recipients.models import EndingCut, Entitlement, EntitlementVersion
from recipients.services import corrections, entitlements
from tests.disbursement import factories as make
from tests.disbursement.test_one_head_is_paid import Village

pytestmark = pytest.mark.django_db
CUT = "INSERT INTO recipients_endingcut (ending_id, version_id, valid_before) VALUES (%s, %s, %s::daterange)"
REFUSED = "终止截去的期间与资格的不符"


@pytest.fixture
def ended():
    """A right of the year 2026 (whole), ended, and another one that goes on."""
    here = Village("monthly", object_type="person", amount_rule=make.MONTHLY, is_open_ended=True)
    here.declare([here.head, here.neighbour], "2026-01")
    here.right = Entitlement.objects.get(beneficiary=here.head)
    here.version = EntitlementVersion.objects.get(entitlement=here.right)
    here.end = lambda day: entitlements.take_step(
        here.right.pk, "end", actor=here["department"], note="查无", happened=day
    )
    return here


def cut(ending, version, days):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CUT, [ending.pk, version.pk, days])


@pytest.mark.parametrize("days", ["[2026-01-01,)", "[2025-01-01,2026-03-01)", "[2026-01-01,2030-01-01)"])
def test_of_a_corrected_ending_no_days_are_added(ended, days):
    ended.end(date(2026, 2, 2))
    ending = ended.right.endings.get()
    corrections.correct_ending(ending.pk, "correct", actor=ended["department_check"], note="查错了")
    other = EntitlementVersion.objects.get(entitlement__beneficiary=ended.neighbour)
    for version in (ended.version, other):
        with pytest.raises(DatabaseError, match=REFUSED):
            cut(ending, version, days)


def test_of_a_standing_ending_no_days_are_added_to_another_right_or_to_what_is_left(ended):
    ended.end(date(2026, 2, 2))
    ending = ended.right.endings.get()
    other = EntitlementVersion.objects.get(entitlement__beneficiary=ended.neighbour)
    for version, days in ((other, "[2026-01-01,)"), (ended.version, "[2026-01-01,2030-01-01)")):
        with pytest.raises(DatabaseError, match=REFUSED):
            cut(ending, version, days)


def test_an_ending_keeps_what_it_took_and_gives_it_back(ended):
    before = ended.version.valid
    ended.end(date(2026, 2, 2))
    ending = ended.right.endings.get()
    assert EndingCut.objects.get(ending=ending).valid_before == before
    corrections.correct_ending(ending.pk, "correct", actor=ended["department_check"], note="查错了")
    ended.version.refresh_from_db()
    assert ended.version.valid == before
