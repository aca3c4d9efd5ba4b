"""Who approves a change of the head sees what the household was paid already, and what is in truth left to pay."""

from datetime import date
from itertools import product

import pytest
from django.urls import reverse

from disbursement import proofs, services
from disbursement.models import PaymentLine
from huimin.core.authority.roles import Role
from recipients.models import Person
from recipients.services import heads
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import PHOTO, change_head, households, listed
from tests.disbursement.test_one_head_is_paid import Village
from tests.factories import ANYTHING, OTHER_TOWN, TOWN, UserFactory

pytestmark = pytest.mark.django_db


def asked(new, day):
    others = heads.members_of(new.household_id).exclude(pk=new.pk)
    wanted = heads.NewHead("agreed", "户口本已变更", day, {one.pk: "11" for one in others}, PHOTO, ANYTHING)
    return heads.ask_head_change(new.pk, wanted, actor=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))


def panel(client, change):
    client.force_login(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN))
    url = reverse("disbursement:head-payments", args=[change.pk])
    assert url in client.get(reverse("recipients:head-detail", args=[change.pk])).content.decode()
    return " ".join(client.get(url).content.decode().split())


def test_a_year_that_was_paid_is_not_shown_as_passing_money(client):
    here, head, wife = households("yearly", make.FLAT, make.YEAR)
    make.returned(here, make.sent_order(here, make.issued_batch(here)))
    text = panel(client, asked(wife, date(2026, 3, 10)))
    line = PaymentLine.objects.get(beneficiary_id=head.pk)
    assert f"已到账 {line.amount:,.2f} 元，不再发给新户主" in text
    assert "没有，转的期间都已经发给这一户" in text


def test_months_that_were_paid_are_taken_off_what_is_left(client):
    here, _, wife = households()
    make.returned(here, make.sent_order(here, make.issued_batch(here, period="2026-06")))
    text = panel(client, asked(wife, date(2026, 3, 10)))
    assert "2026年4月1日起，2026年6月1日前" in text
    assert "2026年7月1日起" in text


def test_a_line_on_nobodys_way_to_the_bank_is_shown_as_made_anew(client):
    here, _, wife = households()
    make.issued_batch(here, period="2026-06")
    text = panel(client, asked(wife, date(2026, 3, 10)))
    assert "要重新生成，改发新户主" in text
    assert "2026年4月1日起" in text


def test_a_line_in_an_order_that_is_not_sent_is_still_due_to_the_new_head(client):
    here, _, wife = households("yearly", make.FLAT, make.YEAR)
    make.ordered(here, make.issued_batch(here))
    text = panel(client, asked(wife, date(2026, 3, 10)))
    assert "已申请" in text
    assert "再补发给新户主" in text
    assert "没有，转的期间都已经发给这一户" not in text


def declared(stop="same_month"):
    here = Village("monthly", is_open_ended=True, amount_rule=make.MONTHLY, stop_rule=stop)
    here.declare([here.head, here.neighbour], "2026-01")
    return here


def test_a_month_that_is_stopped_is_told_apart_from_what_is_due(client):
    here = declared()
    batch = make.issued_batch(here, period="2026-03")
    make.approved(here, batch)
    line = make.lines_of(batch).get(beneficiary_id=here.head.pk)
    services.stop_line(line.pk, reason="核实", actor=here["department"])
    text = panel(client, asked(here.wife, date(2026, 3, 1)))
    due, _, stopped = text.partition("停发没有恢复，现在不发")
    assert "2026年4月1日起" in due.partition("真正还要发")[2]
    assert "2026年3月1日起" not in due.partition("真正还要发")[2]
    assert "2026年3月1日起，2026年4月1日前" in stopped


def test_who_may_not_see_the_change_finds_no_panel(client):
    wife = households()[2]
    change = asked(wife, date(2026, 3, 10))
    client.force_login(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=OTHER_TOWN))
    assert client.get(reverse("disbursement:head-payments", args=[change.pk])).status_code == 404


@pytest.mark.parametrize("days", list(product((3, 7), repeat=3)))
def test_after_any_three_changes_every_month_is_listed_for_one_head(days):
    here, head, wife = households()
    expected = [head.pk] * 12
    for to, month in zip((wife, head, wife), days, strict=True):
        change_head(here, Person.objects.get(pk=to.pk), cause="mistaken", day=date(2026, month, 10))
        expected[month:] = [to.pk] * (12 - month)
    for month in (3, 4, 7, 8):
        batch = make.issued_batch(here, period=f"2026-{month:02}")
        assert listed(batch, head, wife) == [
            int(expected[month - 1] == head.pk),
            int(expected[month - 1] == wife.pk),
        ]
        assert services.unpaid_totals(batch)[0] == 0
    assert proofs.households_are_paid_once()[1] == []
    assert proofs.lines_lie_in_their_rights()[1] == []
