"""What became of a payment has one home: plain SQL, Django, the filter and the public site read the same code."""

import pytest
from django.db import connection

from disbursement import queries, services
from disbursement.models import PaymentLine
from disbursement.models.sql import STATE
from disbursement.states import PaymentState
from huimin.core import clock
from publicity.rules import PUBLIC_STATES
from tests.disbursement import factories as make
from tests.factories import OTHER_TOWN, TOWN

pytestmark = pytest.mark.django_db


def reversed_(here, line, kind):
    asked = services.ask_reversal(
        line.pk,
        kind=kind,
        returned_on=clock.today(),
        bank_reference="NS1",
        reason="银行退回",
        actor=here["reconciler"],
    )
    services.advance_reversal(asked.pk, "approve", actor=here["reconciler2"])


@pytest.fixture
def lines():
    """A line in every state there is: state -> its line."""
    here = make.world(12)
    batch = make.issued_batch(here)
    towns = {code: batch.rosters.get(division_code=code) for code in (TOWN, OTHER_TOWN)}
    services.regenerate_roster(towns[TOWN].pk, actor=here["town"])
    stopped = make.lines_of(batch).filter(roster=towns[OTHER_TOWN]).order_by("-line_no").first()
    services.stop_line(stopped.pk, reason="外出务工失联", actor=here["department"])
    order = make.sent_order(here, batch)
    sent = list(make.lines_of(batch).exclude(pk=stopped.pk).order_by("division_code", "line_no"))
    town, other = sent[:8], sent[8:]
    make.returned(here, order, fail={0, 1, 8}, leave_out={10})
    correction = services.make_correction(
        batch.pk, actor=here["department"], line_ids=[town[0].pk, other[0].pk]
    )
    reversed_(here, town[2], "late_return")
    reversed_(here, town[3], "voluntary_refund")
    again = make.approve(here, correction.rosters.get(division_code=TOWN))
    make.make_order([again.pk], actor=here["order_maker"])
    return {
        PaymentState.VOID: PaymentLine.objects.filter(roster=towns[TOWN], revision=1).first(),
        PaymentState.STOPPED: stopped,
        PaymentState.TAKEN_OVER: town[0],
        PaymentState.BANK_FAILED: town[1],
        PaymentState.LATE_RETURN: town[2],
        PaymentState.VOLUNTARY_REFUND: town[3],
        PaymentState.PAID: town[4],
        PaymentState.AT_BANK: other[2],
        PaymentState.ORDERED: PaymentLine.objects.get(corrects_line_id=town[0].pk),
        PaymentState.WAITING: PaymentLine.objects.get(corrects_line_id=other[0].pk),
    }


def in_sql():
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT l.id, {STATE} FROM disbursement_paymentline l JOIN disbursement_roster r ON r.id = l.roster_id"""
        )
        return dict(cursor.fetchall())


def test_every_home_says_the_same_of_a_line_in_every_state(lines):
    rows = queries.shown_lines(PaymentLine.objects.all())
    by_django = {line.pk: line.payment_state for line in rows}
    assert by_django == in_sql()
    assert {state: by_django[line.pk] for state, line in lines.items()} == {one: one for one in PaymentState}
    for state, line in lines.items():
        assert rows.filter(payment_state=state, pk=line.pk).exists()


def test_a_line_knows_the_word_and_the_badge_of_its_state(lines):
    line = queries.shown_lines(PaymentLine.objects.filter(pk=lines[PaymentState.LATE_RETURN].pk)).get()
    assert (line.payment_state.label, line.payment_state.badge) == ("退汇", "bad")


def test_totals_name_the_live_states_in_their_order(lines):
    found = queries.state_totals("true", [])
    assert [one.state for one in found] == [one for one in PaymentState if one != PaymentState.VOID]
    live = queries.live_lines()
    assert sum(one.count for one in found) == live.count()


def test_the_public_has_a_word_for_every_state():
    assert set(PUBLIC_STATES) == set(PaymentState)
