"""What the app's role could write by plain SQL, without a word on the trail, is refused."""

import pytest

from disbursement import services
from disbursement.models import PaymentLine
from disbursement.services import supplements
from huimin.core import clock
from huimin.core.records import audit
from tests.disbursement import factories as make
from tests.disbursement.test_guards import refused_sql, run_sql

pytestmark = pytest.mark.django_db
STOP = """INSERT INTO disbursement_paymentresult (line_id, kind, reason, note, actor_id, business_on)
          VALUES (%s, 'stopped', '', '停', %s, %s)"""
LIFT = "INSERT INTO disbursement_stoplift (line_id, reason, actor_id) VALUES (%s, '误停', %s)"


@pytest.fixture
def here():
    return make.world(3)


@pytest.fixture
def line(here):
    make.issued_batch(here)
    return PaymentLine.objects.order_by("line_no")[0]


def test_a_stop_that_the_trail_was_not_told_of_is_refused(here, line):
    refused_sql(STOP, [line.pk, here["department"].pk, clock.today()], match="停发要有留痕")


@pytest.mark.parametrize("wrong", ["actor", "line"])
def test_a_stop_told_of_another_line_or_by_another_person_is_refused(here, line, wrong):
    told = line.pk + (wrong == "line")
    actor = here["finance" if wrong == "actor" else "department"]
    audit.record(line.roster, action="stop_line", actor=actor, detail={"line": told})

    refused_sql(STOP, [line.pk, here["department"].pk, clock.today()], match="停发要有留痕")


def test_a_lift_that_the_trail_was_not_told_of_is_refused_and_one_by_the_service_is_taken(here, line):
    services.stop_line(line.pk, reason="本人放弃", actor=here["department"])
    refused_sql(LIFT, [line.pk, here["department"].pk], match="恢复发放要有留痕")

    assert supplements.lift_stop(line.pk, reason="误停", actor=here["department"]).line_id == line.pk


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("recipients_person", "division_code = '341524101001'", "村和户不能改"),
        ("recipients_person", "household_id = household_id + 1", "村和户不能改|户主要经过户主变更"),
        ("recipients_household", "division_code = '341524101001'", "编码、村和状态不能改"),
        ("recipients_household", "code = 'X'", "编码、村和状态不能改"),
        ("recipients_entitlement", "division_code = '341524101001'", "所在的村不能改"),
        ("recipients_entitlement", "policy_id = policy_id + 1", "所在的村不能改"),
    ],
)
def test_nobody_and_no_right_is_moved_by_sql(here, line, table, change, words):
    refused_sql(f"UPDATE {table} SET {change}", [], match=words)


def test_the_same_values_written_again_are_no_move(here, line):
    run_sql("UPDATE recipients_entitlement SET division_code = division_code", [])

    assert run_sql("UPDATE recipients_person SET household_id = household_id", []) is None
