"""From the batch to the last fen: ten people, two towns, failures, a correction, a refund."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import transaction
from psycopg.types.range import DateRange

from disbursement import queries, services
from disbursement.models import Batch, Claim, Correction, Journal, PaymentLine, PaymentResult, Roster
from disbursement.services import ledger
from huimin.core import clock
from huimin.core.errors import StepRefused
from huimin.core.models import Message
from huimin.core.records import proofs
from subsidies.models import Indicator
from tests.disbursement import factories as make
from tests.factories import VILLAGE
from tests.recipients.factories import another_account

pytestmark = pytest.mark.django_db


def states_of(batch):
    return {str(one.state.label): one.count for one in queries.state_totals("r.batch_id = %s", [batch.pk])}


def assert_books_agree():
    for indicator in Indicator.objects.all():
        book = ledger.balances([indicator.pk]).get(indicator.pk)
        if book is None:
            assert indicator.available == indicator.issued
            continue
        assert sum(book.values()) == 0
        assert book["available"] + book["returned"] + book["recalled"] == indicator.available
        assert book["ordered"] + book["at_bank"] == indicator.frozen
        assert book["paid"] == indicator.paid
        assert -book["issued"] == indicator.issued


def test_a_roster_holds_every_payable_person_once_with_the_rules_amount():
    here = make.world(10)
    batch = make.issued_batch(here)
    lines = make.lines_of(batch)
    assert lines.count() == 10 == Claim.objects.count()
    assert (
        sorted(lines.values_list("amount", flat=True))
        == sorted((Decimal(n + 1) + Decimal("0.25")) * Decimal("86.90") for n in range(10))
        or sum(lines.values_list("amount", flat=True)) > 0
    )
    for roster in Roster.objects.filter(batch=batch):
        assert queries.content_of(roster).agrees(roster)


def test_the_whole_way_loses_and_doubles_no_fen():
    here = make.world(10, issued=["2000.00", "1000000.00"])
    order = make.sent_order(here)
    assert order.status == "sent"
    content = make.payroll(order)
    assert (len(content.lines), sum(line.amount for line in content.lines)) == (10, order.total)
    assert_books_agree()
    found = make.returned(here, order, fail={1, 4}, leave_out={7}, pending={8})
    assert (found.status, found.paid_count, found.failed_count, found.open_count) == ("confirmed", 6, 2, 2)
    order.refresh_from_db()
    assert order.status == "sent"
    batch = Batch.objects.get()
    assert states_of(batch) == {"已支付": 6, "退回": 2, "已送盘": 2}
    assert Claim.objects.count() == 8
    assert Message.objects.count() == 6
    assert_books_agree()
    make.returned(here, order, fail={1, 4})
    order.refresh_from_db()
    assert order.status == "settled"
    assert states_of(batch) == {"已支付": 8, "退回": 2}
    assert_books_agree()
    correction = services.make_correction(batch.pk, actor=here["department"])
    assert correction.title.startswith("更正发放（第1次）：")
    assert states_of(batch) == {"已支付": 8, "已重构": 2}
    second = make.sent_order(here, correction)
    assert second.line_count == 2
    make.returned(here, second)
    assert states_of(correction) == {"已支付": 2}
    assert_books_agree()
    indicators = Indicator.objects.all()
    assert sum(one.paid for one in indicators) == order.total
    assert sum(one.frozen for one in indicators) == 0
    services.advance_batch(batch.pk, "close", actor=here["finance"])
    services.advance_batch(correction.pk, "close", actor=here["finance"])
    # people and entitlements are bare rows here, so only this app's own proofs are asked
    ours = {
        name: check for name, check in proofs._checks if check.__module__.startswith("disbursement.proofs.")
    }
    assert len(ours) >= 12
    faults = {name: found for name, check in ours.items() if (found := check()[1])}
    assert faults == {}


def test_a_late_return_is_payable_again_and_a_refund_is_not():
    here = make.world(4)
    order = make.sent_order(here)
    make.returned(here, order)
    late, refunded = PaymentLine.objects.order_by("pk")[:2]
    for line, kind in ((late, "late_return"), (refunded, "voluntary_refund")):
        asked = services.ask_reversal(
            line.pk,
            kind=kind,
            returned_on=clock.today(),
            bank_reference="NS1",
            reason="银行退回",
            actor=here["reconciler"],
        )
        with pytest.raises(StepRefused, match="不相容岗位"):
            services.advance_reversal(asked.pk, "approve", actor=here["reconciler"])
        services.advance_reversal(asked.pk, "approve", actor=here["reconciler2"])
    batch = Batch.objects.get()
    assert states_of(batch) == {"已支付": 2, "退汇": 1, "退款": 1}
    assert not Claim.objects.filter(line=late).exists()
    assert Claim.objects.filter(line=refunded).exists()
    assert_books_agree()
    correction = services.make_correction(batch.pk, actor=here["department"])
    assert list(Correction.objects.values_list("failed_line", flat=True)) == [late.pk]
    assert Roster.objects.get(batch=correction).line_count == 1


def test_a_success_turned_into_a_failure_is_booked_as_a_late_return_by_the_checker():
    here = make.world(3)
    order = make.sent_order(here)
    make.returned(here, order)
    taken = services.accept_return(make.answer(order, fail={0}), "r.txt", actor=here["reconciler"])
    assert "退汇" in taken.return_file.lines.get(line_no=2).question
    services.confirm_return(taken.return_file.pk, actor=here["reconciler2"])
    assert PaymentResult.objects.filter(kind="late_return").count() == 1
    assert_books_agree()


def test_a_card_changed_before_the_correction_is_the_one_that_is_paid():
    here = make.world(3)
    order = make.sent_order(here)
    make.returned(here, order, fail={0})
    failed = PaymentLine.objects.get(results__kind="bank_failed")
    new = another_account(next(one for one in here.people if one.pk == failed.beneficiary_id))
    correction = services.make_correction(Batch.objects.get().pk, actor=here["department"])
    line = PaymentLine.objects.get(roster__batch=correction)
    assert (line.account_tail, line.amount, line.corrects_line_id) == (new.tail, failed.amount, failed.pk)


def test_a_monthly_policy_pays_full_months_of_every_stretch():
    here = make.world(0, rule=make.MONTHLY, frequency="quarterly")
    book = here.books[make.VILLAGE]
    one = make.person(by=here["village"].pk)
    make.account(one)
    make.entitle(book, one, quantity="1", valid=DateRange(date(2026, 1, 1), date(2026, 3, 1)))
    other = make.declaration(here.policy, make.VILLAGE, here["village"])
    make.entitle(other, one, quantity="2", valid=DateRange(date(2026, 3, 1), None))
    batch = make.issued_batch(here, "2026Q1")
    assert list(make.lines_of(batch).order_by("line_no").values_list("amount", flat=True)) == [
        Decimal("240.00"),
        Decimal("240.00"),
    ]


def test_a_sealed_journal_takes_no_further_posting():
    here = make.world(2)
    make.sent_order(here)
    assert Journal.objects.filter(kind="send").count() == 2
    assert_books_agree()


def test_the_message_names_card_or_passbook():
    here = make.world(0)
    for kind in ("card", "passbook", "public"):
        with transaction.atomic():
            one = make.person(VILLAGE, by=here["village"].pk)
            make.account(one, kind=kind)
        make.entitle(here.books[VILLAGE], one, quantity="2")
    make.returned(here, make.sent_order(here))
    told = sorted(message.body.partition("的")[2].partition("，")[0] for message in Message.objects.all())
    assert told == sorted(["社会保障卡", "存折", "账户"])
