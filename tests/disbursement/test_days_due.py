"""A right that ends, or whose worth changes, inside the period of a list already made is not paid as the list says."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from psycopg.types.range import DateRange

from disbursement import proofs, services
from disbursement.models import Correction, PaymentLine
from disbursement.queries.stale import stale_lines, to_be_ordered
from huimin.core.errors import FileRefused, StepRefused
from recipients.models import EntitlementVersion, Person
from recipients.services import deaths, entitlements
from tests.disbursement import factories as make

pytestmark = pytest.mark.django_db
ONE = {"rule": make.MONTHLY, "frequency": "quarterly", "quantity": lambda _: "1.0000"}


@pytest.fixture
def here():
    return make.world(3, **ONE)


def end(here, line):
    entitlements.take_step(
        line.entitlement_id, "end", actor=here["department"], note="迁出", happened=date(2026, 7, 10)
    )


def die(here, line):
    deaths.record_death(line.beneficiary_id, died_on=date(2026, 7, 10), actor=here["town"])


def change(here, line):
    """Another quantity from August on, as a later declaration gives it."""
    version = EntitlementVersion.objects.get(pk=line.entitlement_version_id)
    version.valid = DateRange(date(2026, 1, 1), date(2026, 8, 1))
    version.save(update_fields=["valid"])
    person = Person.objects.get(pk=line.beneficiary_id)
    autumn = DateRange(date(2026, 8, 1), date(2027, 1, 1))
    book = make.declaration(here.policy, person.division_code, here["village"])
    make.entitle(book, person, quantity="2.0000", valid=autumn)


CHANGES = [end, die, change]
by_change = pytest.mark.parametrize("happens", CHANGES, ids=lambda one: one.__name__)


def first_line(batch):
    return make.lines_of(batch).order_by("pk").first()


@by_change
def test_a_list_made_before_is_not_submitted_and_comes_out_right_when_made_anew(here, happens):
    batch = make.issued_batch(here, "2026Q3")
    line = first_line(batch)
    happens(here, line)
    with pytest.raises(FileRefused) as refused:
        make.approve(here, line.roster, until="submit")
    assert [one.message for one in refused.value.errors] == [
        f"第 {line.line_no} 行应发期间已变，资格在这一期内终止、停发或变更过。"
    ]
    services.regenerate_roster(line.roster_id, actor=here["town"])
    now = make.lines_of(batch).filter(entitlement_id=line.entitlement_id).order_by("period_range")
    paid = {end: ["120.00"], die: ["120.00"], change: ["120.00", "480.00"]}[happens]
    assert [str(one.amount) for one in now] == paid
    make.approve(here, line.roster, until="submit")


@by_change
@pytest.mark.parametrize("until", ["approved", "ordered", "signed"])
def test_an_approved_list_is_not_paid_whole(here, happens, until):
    batch = make.issued_batch(here, "2026Q3")
    line = first_line(batch)
    lists = make.approved(here, batch)
    order = None
    if until != "approved":
        order = make.make_order([one.pk for one in lists], actor=here["order_maker"])
    if until == "signed":
        services.sign_order(order.pk, actor=here["treasurer"])
    happens(here, line)
    with pytest.raises(StepRefused, match=rf"第 {line.line_no} 行{line.beneficiary_name}（应发期间已变"):
        go_on(here, until, lists, order)


def go_on(here, until, lists, order):
    if until == "approved":
        make.make_order([one.pk for one in lists], actor=here["order_maker"])
    else:
        step = {"ordered": "sign", "signed": "send"}[until]
        services.advance_order(order.pk, step, actor=here["treasurer"])


def test_a_rule_that_pays_once_pays_by_the_latest_version():
    here = make.world(2, frequency="quarterly", quantity=lambda _: "1.0000")
    batch = make.issued_batch(here, "2026Q3")
    line = first_line(batch)
    assert stale_lines(to_be_ordered([line.roster_id])) == []
    change(here, line)
    assert [one.line for one in stale_lines(to_be_ordered([line.roster_id]))] == [line.pk]


def test_an_amount_that_comes_out_otherwise_is_a_fault(here):
    """Written beside the services: another revision whose lines say ten times as much."""
    line = first_line(make.issued_batch(here, "2026Q3"))
    names = [one.column for one in PaymentLine._meta.concrete_fields if one.column != "id"]
    tenfold = {"revision": "revision + 1", "amount": "amount * 10"}
    values = ", ".join(tenfold.get(name, name) for name in names)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE disbursement_roster SET revision = 2 WHERE id = %s", [line.roster_id])
        cursor.execute(
            f"INSERT INTO disbursement_paymentline ({', '.join(names)}) SELECT {values} "
            "FROM disbursement_paymentline WHERE id = %s",
            [line.pk],
        )
    (one,) = stale_lines(to_be_ordered([line.roster_id]))
    assert one.words == "应发金额已变，与按现在的资格算出的不同"
    (said,) = proofs.unsent_lines_are_due()[1]
    assert said == f"花名册 {line.roster_id} 第 {line.line_no} 行"


@by_change
def test_a_correction_pays_failed_money_for_the_days_that_are_due_now(here, happens):
    order = make.sent_order(here, make.issued_batch(here, "2026Q3"))
    make.returned(here, order, fail={0, 1, 2})
    line = PaymentLine.objects.order_by("pk").first()
    batch = make.batch_of(order)
    happens(here, line)
    services.make_correction(batch.pk, actor=here["department"])
    new = PaymentLine.objects.get(corrects_line_id=line.pk)
    assert (str(new.amount), new.period_range) == (
        "120.00",
        DateRange(date(2026, 7, 1), date(2026, 8, 1)),
    )
    assert PaymentLine.objects.exclude(corrects_line_id=None).exclude(pk=new.pk).first().amount == Decimal(
        360
    )
    assert Correction.objects.count() == 3
    assert stale_lines(to_be_ordered([new.roster_id])) == []


def test_a_correction_that_was_made_before_the_end_names_the_line_and_is_made_anew(here):
    order = make.sent_order(here, make.issued_batch(here, "2026Q3"))
    make.returned(here, order, fail={0, 1, 2})
    services.make_correction(make.batch_of(order).pk, actor=here["department"])
    line = PaymentLine.objects.exclude(corrects_line_id=None).order_by("pk").first()
    end(here, line)
    assert [one.row for one in services.roster_errors(line.roster)] == [line.line_no]
    services.regenerate_roster(line.roster_id, actor=here["town"])
    line.roster.refresh_from_db()
    assert services.roster_errors(line.roster) == []


def test_days_that_a_shorter_correction_leaves_are_paid_by_a_supplement(here):
    order = make.sent_order(here, make.issued_batch(here, "2026Q3"))
    make.returned(here, order, fail={0, 1, 2})
    line, batch = PaymentLine.objects.order_by("pk").first(), make.batch_of(order)
    change(here, line)
    services.make_correction(batch.pk, actor=here["department"])
    assert services.unpaid_totals(batch) == (1, Decimal("480.00"))


def test_prove_is_silent_of_a_line_whose_right_changed_after_the_list(here):
    line = first_line(make.issued_batch(here, "2026Q3"))
    end(here, line)
    assert proofs.unsent_lines_are_due()[1] == []
