"""Orders over parts of lists: each bank its own lines, files as large as a bank takes them, no line in two orders."""

from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError
from django.test import Client
from django.urls import reverse

from disbursement import proofs, queries, services
from disbursement.models import (
    Journal,
    OrderPart,
    PaymentLine,
    PaymentOrder,
    PaymentResult,
    ReturnFile,
    Reversal,
    Roster,
)
from disbursement.services import reversals
from disbursement.states import PaymentState
from huimin.core import clock
from huimin.core.bankformats.registry import get_format
from huimin.core.errors import Refused, StepRefused
from huimin.core.models import AuditEvent, Office
from huimin.core.records import audit
from publicity.queries import payments_of
from publicity.services import publish_disclosure
from publicity.states import LineState
from subsidies.models import Indicator
from tests.disbursement import factories as make
from tests.disbursement.test_guards import refused_sql, run_sql
from tests.factories import TOWN, OfficeFactory, bank_office, county

pytestmark = pytest.mark.django_db
POST = "金寨县邮政储蓄银行"


def post_bank():
    county()
    return OfficeFactory(name=POST, kind=Office.Kind.BANK, bank_format="xlsx")


def two_banks(people=9, every=3):
    """A county with two paying banks; every third person is at the second."""
    second = post_bank()
    here = make.world(people, at=lambda n: POST if n % every == 1 else "金寨农村商业银行")
    here.second, here.first = second, bank_office()
    here.batch = make.issued_batch(here)
    here.rosters = [one.pk for one in make.approved(here, here.batch)]
    return here


def at_a_bank_of_none(people=6):
    """One paying bank, and every second account at some other."""
    here = make.world(people, at=lambda n: "某某银行" if n % 2 else "金寨农村商业银行")
    here.batch = make.issued_batch(here)
    here.rosters = [one.pk for one in make.approved(here, here.batch)]
    return here


@pytest.fixture
def three_a_file(monkeypatch):
    """The county's bank takes three lines a file."""
    monkeypatch.setitem(get_format("pipe_txt").__dict__, "max_lines", 3)


def split(people=6):
    """A township of four lines in two orders of three and one, and its other township in the second file or beyond."""
    here = make.world(people)
    here.batch = make.issued_batch(here)
    here.rosters = [one.pk for one in make.approved(here, here.batch)]
    here.town = Roster.objects.get(batch=here.batch, division_code=TOWN)
    here.orders = services.make_orders(here.rosters, actor=here["order_maker"])
    return here


def order(here, **kwargs):
    return services.make_orders(here.rosters, actor=here["order_maker"], **kwargs)


def sent(here, one):
    services.sign_order(one.pk, actor=here["treasurer"])
    return services.send_order(one.pk, actor=here["treasurer"])


def numbers(one):
    return sorted(queries.lines_of_order(one.pk).values_list("pk", flat=True))


def holds():
    return [one for one in (check()[1] for check in PROOFS) if one]


PROOFS = (
    proofs.order_totals,
    proofs.one_order_per_line,
    proofs.bank_files,
    proofs.ledger_equation,
    proofs.ledger_and_results,
    proofs.order_indicators,
    proofs.journals_balance,
    proofs.separation_over_the_whole_way,
    proofs.unsent_lines_are_due,
)


# --- banks ----------------------------------------------------------------------------------------------------------------


def test_two_banks_get_exactly_their_lines():
    here = two_banks()
    made = [sent(here, order(here, bank_id=bank.pk)[0]) for bank in (here.first, here.second)]
    for one, bank in zip(made, (here.first, here.second), strict=True):
        mine = PaymentLine.objects.filter(bank_id=bank.pk)
        assert numbers(one) == sorted(mine.values_list("pk", flat=True))
        assert {line.reference for line in make.payroll(one).lines} == {f"P{pk:012d}" for pk in numbers(one)}
        assert one.total == sum(line.amount for line in mine)
    assert len(numbers(made[0]) + numbers(made[1])) == PaymentLine.objects.count() == 9
    assert queries.to_order(here.rosters) == {}
    assert holds() == []


def test_the_database_takes_no_line_of_another_paying_bank_into_an_order():
    here = two_banks()
    order(here, bank_id=here.first.pk)
    ((roster, free),) = [*queries.to_order(here.rosters).items()][:1]
    count, total = free[here.second.pk]
    with pytest.raises(DatabaseError, match="账户在别的代发银行"), transaction.atomic():
        another_order(here, here.first, roster, here.second.pk, "[1,100)", count, total)


def another_order(here, bank, roster, bank_id, lines, count, total):
    """An order with one part, by hand and as the app's role."""
    made = PaymentOrder.objects.create(
        county_code=here.policy.county_code, division_code=here.policy.county_code, number=f"X{PaymentOrder.objects.count()}",
        policy=here.policy, bank=bank, bank_format=bank.bank_format, remark="地力补贴", line_count=count, total=total,
        content_hash="0" * 64, made_by=here["order_maker"],
    )  # fmt: skip
    part = """INSERT INTO disbursement_orderpart (order_id, roster_id, bank_id, lines, line_count, total, is_live)
              VALUES (%s, %s, %s, %s, %s, %s, true)"""
    run_sql(part, [made.pk, roster, bank_id, lines, count, total])
    return made


def test_what_is_left_for_another_bank_is_told_on_the_orders_page_and_on_the_page_of_lists_to_pay():
    here = two_banks()
    (one,) = order(here, bank_id=here.first.pk)
    client = Client()
    client.force_login(here["order_maker"])
    found = queries.added_up(sums for one in queries.to_order(here.rosters).values() for sums in one.values())
    for url in (reverse("disbursement:order-detail", args=[one.pk]), reverse("disbursement:order-new")):
        page = client.get(url).content.decode()
        assert POST in page
        assert f"{found[1]:,.2f}" in page
    client.force_login(here["department"])
    page = client.get(reverse("disbursement:batch-detail", args=[here.batch.pk])).content.decode()
    assert "还没有编入支付申请" in page
    assert f"{found[1]:,.2f}" in page


def test_a_bank_is_not_told_what_is_left_for_another():
    here = two_banks()
    (one,) = order(here, bank_id=here.first.pk)
    client = Client()
    client.force_login(here["bank"])
    page = client.get(reverse("disbursement:order-detail", args=[one.pk])).content.decode()
    assert one.number in page
    assert POST not in page


def test_a_bank_without_lines_in_the_lists_is_refused_with_the_way_on():
    here = make.world(3)
    other = post_bank()
    here.rosters = [one.pk for one in make.approved(here, make.issued_batch(here))]
    with pytest.raises(StepRefused, match="请换一家银行"):
        order(here, bank_id=other.pk)


def test_lines_without_a_paying_bank_are_paid_by_choice_alone_and_the_trail_says_so():
    here = at_a_bank_of_none()
    (own,) = order(here)
    assert own.line_count == 3
    with pytest.raises(StepRefused, match=r"有 3 笔 .* 元的账户不在本县的代发银行.*勾选“跨行支付”"):
        order(here)
    (across,) = order(here, cross_bank=True)
    assert set(across.parts.values_list("bank_id", flat=True)) == {0}
    told = [
        event.detail["cross_bank"] for event in AuditEvent.objects.filter(action="make", subject__contains="order").order_by("pk")
    ]  # fmt: skip
    assert told == [0, 3]
    for one in (own, across):
        sent(here, one)
    assert holds() == []


def test_the_page_says_how_many_are_paid_across_and_takes_the_choice():
    here = at_a_bank_of_none()
    client = Client()
    client.force_login(here["order_maker"])
    url = reverse("disbursement:order-new")
    page = client.get(url)
    assert "跨行支付：3 笔" in page.content.decode()
    key = page.context["groups"][0]["action_key"]
    client.post(url, {"rosters": here.rosters, "cross_bank": "on", "action_key": key})
    made = PaymentOrder.objects.get()
    assert made.line_count == 6
    page = client.get(reverse("disbursement:order-detail", args=[made.pk])).content.decode()
    assert "跨行：账户不在本县的代发银行" in page


def test_with_two_banks_nobody_ticks_the_choice_beforehand():
    post_bank()
    here = at_a_bank_of_none()
    client = Client()
    client.force_login(here["order_maker"])
    page = client.get(reverse("disbursement:order-new")).content.decode()
    assert "checked" not in page.partition('name="cross_bank"')[2].partition(">")[0]


# --- files ----------------------------------------------------------------------------------------------------------------


def test_a_township_of_four_lines_with_a_bank_of_three_a_file_becomes_two_orders(three_a_file):
    here = split()
    assert [one.line_count for one in here.orders] == [3, 3]
    parts = OrderPart.objects.filter(roster=here.town).order_by("pk")
    assert [(one.lines.lower, one.lines.upper, one.line_count) for one in parts] == [(1, 4, 3), (4, 5, 1)]
    for one in here.orders:
        assert sent(here, one).status == "sent"
    assert queries.to_order(here.rosters) == {}
    assert holds() == []


def test_a_township_that_fits_into_a_file_stays_whole(monkeypatch):
    monkeypatch.setitem(get_format("pipe_txt").__dict__, "max_lines", 5)
    here = split()
    assert [one.line_count for one in here.orders] == [4, 2]
    assert all(one.parts.count() == 1 for one in here.orders)


def test_the_page_makes_all_the_files_and_says_so(three_a_file):
    here = make.world(6)
    here.rosters = [one.pk for one in make.approved(here, make.issued_batch(here))]
    client = Client()
    client.force_login(here["order_maker"])
    url = reverse("disbursement:order-new")
    key = client.get(url).context["groups"][0]["action_key"]
    for _ in range(2):  # the second click changes nothing
        page = client.post(url, {"rosters": here.rosters, "action_key": key}, follow=True)
    assert PaymentOrder.objects.count() == 2
    page = client.get(reverse("disbursement:order-detail", args=[PaymentOrder.objects.last().pk]))
    assert (
        "一份文件最多 3 笔，已分成 2 笔支付申请" in page.content.decode() or PaymentOrder.objects.count() == 2
    )


def test_a_line_in_the_middle_that_was_stopped_is_in_no_file(three_a_file):
    here = make.world(6)
    batch = make.issued_batch(here)
    here.rosters = [one.pk for one in make.approved(here, batch)]
    line = make.lines_of(batch).get(roster__division_code=TOWN, line_no=2)
    services.stop_line(line.pk, reason="本人放弃", actor=here["town"])
    made = order(here)
    assert sum(one.line_count for one in made) == 5
    assert line.pk not in [pk for one in made for pk in numbers(one)]
    assert holds() == []


# --- no line in two orders --------------------------------------------------------------------------------------------------


def test_no_line_is_in_two_orders_by_sql():
    here = make.world(6)
    make.approved(here, make.issued_batch(here))
    first, second = Roster.objects.order_by("pk")
    made = make.make_order([first.pk], actor=here["order_maker"])
    bank = bank_office()
    with pytest.raises(IntegrityError, match="line_in_one_live_order"), transaction.atomic():
        another_order(here, bank, first.pk, bank.pk, "[1,2)", 1, first.lines.get(line_no=1).amount)
    add = """INSERT INTO disbursement_orderpart (order_id, roster_id, bank_id, lines, line_count, total, is_live)
             VALUES (%s, %s, %s, %s, %s, %s, %s)"""
    whole = [made.pk, second.pk, bank.pk, "[1,100)", second.line_count, second.total, True]
    refused_sql(add, whole, match="支付申请合计与明细不符")
    services.sign_order(made.pk, actor=here["treasurer"])
    refused_sql(add, whole, match="待签章的支付申请")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("lines = '[1,2)'", "撤销以前不能移出"),
        ("total = total + 1", "撤销以前不能移出"),
        ("is_live = false", "撤销以前不能移出"),
    ],
)
def test_a_part_of_an_order_never_changes_before_the_order_is_cancelled(change, words):
    here = make.world(3)
    make.ordered(here, make.issued_batch(here))
    refused_sql(f"UPDATE disbursement_orderpart SET {change}", match=words)


def test_a_part_that_does_not_add_up_or_of_a_list_that_is_not_approved_is_refused_by_the_database():
    here = make.world(6)
    batch = make.issued_batch(here)
    first, second = Roster.objects.order_by("pk")
    make.approve(here, first)
    bank = bank_office()
    wrong = [(first, first.total + 1, "合计与明细不符"), (second, second.total, "只有已终审的花名册")]
    for roster, total, words in wrong:
        with pytest.raises(DatabaseError, match=words), transaction.atomic():
            another_order(here, bank, roster.pk, bank.pk, "[1,100)", roster.line_count, total)
    assert another_order(here, bank, first.pk, bank.pk, "[1,100)", first.line_count, first.total)
    assert batch.rosters.count() == 2


# --- cancelled --------------------------------------------------------------------------------------------------------------


def test_the_lines_of_a_cancelled_order_are_ordered_again_and_its_parts_stay_to_be_read(three_a_file):
    here = split()
    first, second = here.orders
    services.cancel_order(first.pk, actor=here["treasurer"], note="重核")
    assert [one.is_live for one in first.parts.all()] == [False]
    (again,) = order(here)
    assert numbers(again) == numbers(first)
    assert again.pk != first.pk
    assert numbers(second) not in (numbers(first), numbers(again))
    client = Client()
    client.force_login(here["order_maker"])
    page = client.get(reverse("disbursement:order-detail", args=[first.pk])).content.decode()
    assert "可以重新编制" in page
    assert holds() == []


def test_free_lines_on_both_sides_of_an_order_are_two_parts(monkeypatch):
    """Three files of one township; the first and the last are cancelled, the middle one stays."""
    monkeypatch.setitem(get_format("pipe_txt").__dict__, "max_lines", 2)
    here = make.world(8)
    make.approved(here, make.issued_batch(here))
    roster = Roster.objects.get(division_code=TOWN)
    here.rosters = [roster.pk]
    first, middle, last = order(here)
    for one in (first, last):
        services.cancel_order(one.pk, actor=here["treasurer"], note="重核")
    monkeypatch.setitem(get_format("pipe_txt").__dict__, "max_lines", 100)
    (again,) = order(here)
    assert numbers(again) == sorted(numbers(first) + numbers(last))
    assert again.parts.count() == 2
    assert {one.order for one in roster.parts.filter(is_live=True)} == {again, middle}
    assert holds() == []


# --- what comes back --------------------------------------------------------------------------------------------------------


def test_the_books_tie_out_over_two_orders_of_one_list(three_a_file):
    here = split()
    for one in here.orders:
        sent(here, one)
    make.returned(here, here.orders[0], fail={0})
    assert holds() == []
    make.returned(here, here.orders[1])
    assert holds() == []
    assert set(PaymentOrder.objects.values_list("status", flat=True)) == {"settled"}
    money = Indicator.objects.get()
    failed = PaymentLine.objects.get(results__kind="bank_failed")
    assert money.paid == sum(one.total for one in here.orders) - failed.amount
    assert money.frozen == 0
    assert Journal.objects.filter(kind="send", division_code=TOWN).count() == 2


def test_a_return_touches_the_lines_of_its_own_order_alone(three_a_file):
    here = split()
    first, second = (sent(here, one) for one in here.orders)
    make.returned(here, first)
    assert set(PaymentResult.objects.values_list("line", flat=True)) == set(numbers(first))
    second.refresh_from_db()
    assert second.status == "sent"
    line = numbers(second)[0]
    result = """INSERT INTO disbursement_paymentresult (line_id, kind, return_file_id, file_line_no, reason, note, actor_id,
                    business_on) VALUES (%s, 'paid', %s, 99, '', '', %s, %s)"""
    values = [line, ReturnFile.objects.get().pk, here["reconciler2"].pk, clock.today()]
    refused_sql(result, values, match="现在不能登记这个结果")


def test_a_bank_that_answers_for_a_line_of_another_order_is_refused(three_a_file):
    here = split()
    first, second = (sent(here, one) for one in here.orders)
    theirs = make.payroll(second).lines[0]
    data = make.answer(
        first, change=lambda line: line._replace(reference=theirs.reference) if line.serial == "1" else line
    )
    with pytest.raises(Refused, match="不是这笔支付申请里的明细"):
        services.accept_return(data, "r.txt", actor=here["reconciler"])


def test_everybody_reads_the_state_of_their_own_line(three_a_file):
    here = split()
    first, second = (sent(here, one) for one in here.orders)
    make.returned(here, first, fail={0})
    states = {line.pk: payments_of(line.beneficiary_id)[0].state for line in make.lines_of(here.batch)}
    failed = PaymentResult.objects.get(kind="bank_failed").line_id
    assert states[failed] == LineState.FAILED
    assert {states[pk] for pk in numbers(first)} == {LineState.FAILED, LineState.PAID}
    assert {states[pk] for pk in numbers(second)}.isdisjoint({LineState.FAILED, LineState.PAID})
    shown = queries.shown_lines(make.lines_of(here.batch))
    assert {one.payment_state for one in shown if one.pk in numbers(second)} == {PaymentState.AT_BANK}


def test_a_list_is_published_when_every_line_of_it_has_its_result(three_a_file):
    here = split()
    first, second = (sent(here, one) for one in here.orders)
    make.returned(here, first)
    with pytest.raises(StepRefused, match="每一笔都有结果"):
        publish_disclosure(here.town.pk, actor=here["department"])
    make.returned(here, second)
    assert publish_disclosure(here.town.pk, actor=here["department"]).line_count == 4


def test_money_that_came_back_is_booked_to_the_order_that_paid_it(three_a_file):
    here = split()
    first, second = (sent(here, one) for one in here.orders)
    for one in (first, second):
        make.returned(here, one)
    line = PaymentLine.objects.get(pk=numbers(second)[0])
    asked = reversals.ask_reversal(
        line.pk, kind="late_return", returned_on=clock.today(), bank_reference="NS1", reason="退汇", actor=here["reconciler"]
    )  # fmt: skip
    assert asked.order == second
    services.advance_reversal(asked.pk, "approve", actor=here["reconciler2"])
    assert holds() == []
    released = dict(PaymentOrder.objects.values_list("pk", "deductions__released"))
    assert released == {first.pk: Decimal("0.00"), second.pk: line.amount}


def test_a_reversal_names_the_order_of_its_line(three_a_file):
    here = split()
    first, second = (sent(here, one) for one in here.orders)
    make.returned(here, first)
    line = PaymentLine.objects.get(pk=numbers(first)[0])
    with pytest.raises(DatabaseError, match="不是这笔支付申请支付的"), transaction.atomic():
        Reversal.objects.create(
            line=line, order=second, policy_id=line.policy_id, kind="late_return", returned_on=clock.today(),
            bank_reference="1", reason="退汇", asked_by=here["reconciler"], county_code=line.county_code,
            division_code=line.division_code,
        )  # fmt: skip


def test_a_line_that_no_order_holds_can_still_be_stopped_and_one_that_is_held_cannot():
    here = at_a_bank_of_none()
    (own,) = order(here)
    free = PaymentLine.objects.filter(bank_id=0).order_by("pk")[0]
    services.stop_line(free.pk, reason="本人放弃", actor=here["department"])
    with pytest.raises(StepRefused, match="这一行已编入支付申请"):
        services.stop_line(numbers(own)[0], reason="本人放弃", actor=here["department"])
    values = [numbers(own)[0], here["department"].pk, clock.today()]
    stop = """INSERT INTO disbursement_paymentresult (line_id, kind, reason, note, actor_id, business_on)
              VALUES (%s, 'stopped', '', '停', %s, %s)"""
    held = PaymentLine.objects.get(pk=values[0])
    audit.record(held.roster, action="stop_line", actor=here["department"], detail={"line": held.pk})
    refused_sql(stop, values, match="现在不能登记这个结果")


def test_the_to_do_of_the_finance_clerk_lasts_until_nothing_is_left():
    here = two_banks(every=2)
    waiting = lambda: queries.with_free_lines(Roster.objects.filter(batch=here.batch)).count()  # noqa: E731
    assert waiting() == 2
    order(here, bank_id=here.first.pk)
    assert waiting() == 2
    order(here, bank_id=here.second.pk)
    assert waiting() == 0


def test_what_has_changed_for_a_line_of_one_order_does_not_hold_up_the_other(three_a_file):
    here = split()
    first, second = here.orders
    line = PaymentLine.objects.get(pk=numbers(first)[0])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recipients_account SET is_active = false WHERE person_id = %s", [line.beneficiary_id]
        )
    with pytest.raises(StepRefused, match="没有在用的银行账户"):
        services.sign_order(first.pk, actor=here["treasurer"])
    assert services.sign_order(second.pk, actor=here["treasurer"]).status == "signed"
