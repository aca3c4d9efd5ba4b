"""Money leaves once, for lines that hold their claim, as it was decided; by the services and by raw SQL."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from psycopg.types.range import DateRange

from disbursement import queries, services
from disbursement.models import Claim, PaymentLine, PaymentOrder
from disbursement.services import bankfiles, confirming
from huimin.core import clock
from huimin.core.errors import FileRefused, StepRefused
from huimin.core.models import AuditEvent, Job
from huimin.core.work import jobs
from recipients.models import Death, Person
from recipients.services import records
from tests.disbursement import factories as make
from tests.disbursement.test_guards import refused_sql, run_sql
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return make.world(4)


def columns_of_a_line(**instead):
    """An INSERT of a copy of a payment line, with these columns given anew; %s is the line that is copied."""
    columns = [one.column for one in PaymentLine._meta.concrete_fields if one.column != "id"]
    chosen = ", ".join(str(instead.get(column, column)) for column in columns)
    return (
        f"INSERT INTO disbursement_paymentline ({', '.join(columns)}) "
        f"SELECT {chosen} FROM disbursement_paymentline"
    )


# --- paid once -----------------------------------------------------------------------------------------------------------


def test_a_paid_roster_cannot_leave_its_order_to_be_paid_again(here):
    order = make.sent_order(here)
    make.returned(here, order)
    assert PaymentOrder.objects.get().status == "settled"
    refused_sql("UPDATE disbursement_orderpart SET is_live = false", match="撤销以前不能移出")
    refused_sql("DELETE FROM disbursement_orderpart", match="permission denied")


def test_a_line_that_has_a_result_is_not_payable(here):
    order = make.sent_order(here)
    pks = list(queries.rosters_of(order).values_list("pk", flat=True))
    make.returned(here, order, fail={0})
    assert queries.to_order(pks) == {}
    assert queries.added_up(queries.totals_of(order).values()) == (4, order.total)
    assert list(bankfiles.payroll_lines(order)) == []


# --- only what holds its claim -------------------------------------------------------------------------------------------


def copy_without_claims(roster):
    """A next revision with the same lines, and nothing that claims their periods."""
    run_sql("UPDATE disbursement_roster SET revision = revision + 1 WHERE id = %s", [roster.pk])
    run_sql(
        columns_of_a_line(revision="revision + 1") + " WHERE roster_id = %s AND revision = %s",
        [roster.pk, roster.revision],
    )
    run_sql(
        """DELETE FROM disbursement_claim c USING disbursement_paymentline l
           WHERE l.id = c.line_id AND l.roster_id = %s AND l.revision = %s""",
        [roster.pk, roster.revision],
    )


def test_lines_without_claims_are_not_submitted(here):
    roster = make.issued_batch(here).rosters.first()
    copy_without_claims(roster)
    with pytest.raises(StepRefused, match="没有占用期次"):
        services.advance_roster(roster.pk, "submit", actor=here["town"])
    refused_sql("UPDATE disbursement_roster SET status = 'township_check' WHERE id = %s", [roster.pk])
    services.regenerate_roster(roster.pk, actor=here["town"])
    services.advance_roster(roster.pk, "submit", actor=here["town"])


def test_a_stopped_line_needs_no_claim_to_be_submitted(here):
    line = make.issued_batch(here).rosters.order_by("-line_count").first().lines.first()
    services.stop_line(line.pk, reason="本人放弃", actor=here["town"])
    assert not Claim.objects.filter(line=line).exists()
    assert services.advance_roster(line.roster_id, "submit", actor=here["town"]).status == "township_check"


# --- what was decided stands still ---------------------------------------------------------------------------------------


def test_a_submitted_list_has_the_hash_of_its_lines(here):
    roster = make.issued_batch(here).rosters.first()
    run_sql("UPDATE disbursement_roster SET content_hash = repeat('0', 64) WHERE id = %s", [roster.pk])
    refused_sql(
        "UPDATE disbursement_roster SET status = 'township_check' WHERE id = %s",
        [roster.pk],
        "合计与明细不符",
    )
    with pytest.raises(StepRefused, match="合计与明细不符"):
        services.advance_roster(roster.pk, "submit", actor=here["town"])


@pytest.mark.parametrize(
    "change",
    [
        "disbursement_batch SET period = '2030'",
        "disbursement_batch SET period_range = '[2030-01-01,2031-01-01)'",
        "disbursement_batch SET component = 'again'",
        "disbursement_batch SET version_id = version_id + 1",
        "disbursement_roster SET division_code = '341524199000'",
        "disbursement_returnfile SET paid_count = 99",
        "disbursement_returnfile SET paid_total = 1",
        "disbursement_returnfile SET uploaded_by_id = confirmed_by_id",
        "disbursement_returnfile SET confirmed_by_id = NULL",
        "disbursement_reversal SET kind = 'voluntary_refund'",
        "disbursement_reversal SET line_id = line_id + 1",
        "disbursement_reversal SET asked_by_id = asked_by_id + 1",
    ],
)
def test_what_was_put_down_once_is_not_changed_by_raw_sql(here, change):
    make.returned(here, make.sent_order(here))
    services.ask_reversal(
        PaymentLine.objects.earliest("pk").pk,
        kind="late_return",
        returned_on=clock.today(),
        bank_reference="NS1",
        reason="银行退回",
        actor=here["reconciler"],
    )
    refused_sql(f"UPDATE {change}", match="不能修改")


@pytest.mark.parametrize(
    "instead",
    [{"component": "'again'"}, {"beneficiary_id": "beneficiary_id + 1"}, {"corrects_line_id": "NULL"}],
    ids=lambda one: next(iter(one)),
)
def test_a_correction_pays_the_failed_line_and_nothing_else(here, instead):
    order = make.sent_order(here)
    make.returned(here, order, fail={0, 1})
    failed = [one.pk for one in PaymentLine.objects.filter(results__kind="bank_failed").order_by("pk")]
    batch = make.batch_of(order)
    made = services.make_correction(batch.pk, actor=here["department"], line_ids=failed[:1])
    roster = made.rosters.get()
    faithful = {"roster_id": roster.pk, "revision": 1, "corrects_line_id": "id"}
    take_over = """WITH n AS (SELECT max(id) AS id FROM disbursement_paymentline)
                   INSERT INTO disbursement_correction (failed_line_id, new_line_id) SELECT %s, id FROM n"""
    run_sql(columns_of_a_line(**faithful, line_no=98) + " WHERE id = %s", [failed[1]])
    run_sql("SAVEPOINT before_it")
    run_sql(take_over, [failed[1]])
    run_sql("ROLLBACK TO before_it")
    run_sql(columns_of_a_line(**faithful | instead, line_no=99) + " WHERE id = %s", [failed[1]])
    refused_sql(take_over, [failed[1]], match="须与失败明细一致")


# --- who is due ----------------------------------------------------------------------------------------------------------


def test_a_township_where_nobody_is_due_any_more_gets_no_roster(here):
    """A right of the other town that ends in March, while its only version begins in May."""
    here.policy = make.policy(here["finance"])
    for village, ends, begins in ((make.VILLAGE, None, 1), (make.OTHER_VILLAGE, date(2026, 3, 1), 5)):
        one = make.person(village, by=here["village"].pk)
        make.account(one)
        book = make.declaration(here.policy, village, here["village"])
        right = make.entitle(book, one, valid=DateRange(date(2026, begins, 1), None))
        if ends:
            lists.ended(right, ends)
    batch = make.issued_batch(here)
    assert [roster.line_count for roster in batch.rosters.all()] == [1]


def test_submission_asks_for_the_payees_record_as_the_roster_did():
    here = make.world(0)
    payee = make.person(by=here["village"].pk)
    one = make.person(household=payee.household, by=here["village"].pk)
    make.account(payee)
    make.entitle(here.books[make.VILLAGE], one, payee=payee)
    make.issued_batch(here)
    line = PaymentLine.objects.get()
    pause = records.pause_record(payee.pk, reason="联系不上", actor=here["town"])
    with pytest.raises(FileRefused) as refused:
        services.advance_roster(line.roster_id, "submit", actor=here["town"])
    assert {(found.row, found.column) for found in refused.value.errors} == {(1, "收款人")}
    assert pause.status == "standing"


def test_a_stretch_that_begins_after_a_death_is_left_out_and_not_first_found_at_submission():
    here = make.world(0, rule=make.MONTHLY, frequency="quarterly")
    one = make.person(by=here["village"].pk)
    make.account(one)
    for months in ((1, 3), (3, 7)):
        book = make.declaration(here.policy, make.VILLAGE, here["village"])
        valid = DateRange(*(date(2026, month, 1) for month in months))
        make.entitle(book, one, quantity="1", valid=valid)
    place = {"county_code": one.county_code, "division_code": one.division_code}
    Death.objects.create(person=one, died_on=date(2026, 2, 10), recorded_by=here["town"], **place)
    Person.objects.filter(pk=one.pk).update(died_on=date(2026, 2, 10))
    make.issued_batch(here, "2026Q1")
    line = PaymentLine.objects.get()
    assert line.period_range == DateRange(date(2026, 1, 1), date(2026, 3, 1))
    assert services.advance_roster(line.roster_id, "submit", actor=here["town"]).status == "township_check"


# --- proved where it proves something ------------------------------------------------------------------------------------


def test_a_list_is_recomputed_at_its_submission_its_final_approval_and_its_sending(here):
    batch = make.issued_batch(here)
    with CaptureQueriesContext(connection) as captured:
        order = make.sent_order(here, batch)
    said = [one["sql"] for one in captured]
    recomputed = sum("hm_merkle_root" in sql for sql in said)
    assert recomputed == 2 * queries.rosters_of(order).count(), "the third time is the trigger's"
    added_up = [sql for sql in said if "sum(l.amount)" in sql and "hm_merkle_root" not in sql]
    assert len(added_up) == 1, "by bank when the order is made; the triggers do it at making and at sending"


# --- words ---------------------------------------------------------------------------------------------------------------


def test_the_confirmers_remark_is_kept_when_a_job_does_the_work(here, monkeypatch):
    order = make.sent_order(here)
    taken = services.accept_return(make.answer(order), "r.txt", actor=here["reconciler"])
    monkeypatch.setattr(confirming, "LINES_AT_ONCE", 1)
    services.confirm_return(taken.return_file.pk, actor=here["reconciler2"], note="抽查三户，相符")
    assert jobs.run(Job.objects.latest("pk").pk) == "done"
    assert (
        AuditEvent.objects.get(action="confirm", subject__startswith="disbursement.returnfile").note
        == "抽查三户，相符"
    )
