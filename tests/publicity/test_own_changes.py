"""我的补贴: what somebody reads when a record, a card or the head of the household changed while a list was under way."""

from datetime import date

import pytest

from publicity.queries import changes
from recipients.services import deaths, records, review
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head
from tests.disbursement.test_one_head_is_paid import Village
from tests.publicity.factories import ask
from tests.publicity.test_own_turns import MONTHS, cards, failed_quarter, monthly, page, part
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db


def paused(here, person):
    return records.pause_record(person.pk, reason="联系不上", actor=here["town"])


def kinds(person):
    return [one.kind for one in changes(person.pk)]


# --- records out of use -----------------------------------------------------------------------------------------------


def test_who_is_out_of_use_is_not_told_that_it_is_in_hand(client):
    here = monthly()
    make.issued_batch(here, "2026-02")
    assert "正在办" in cards(client, here.head, "2026年2月")[0]
    pause = paused(here, here.head)
    (card,) = cards(client, here.head, "2026年2月")
    assert "档案停用着，没有发" in card
    assert "恢复以后该发的，会补给您" in card
    assert "笔正在办" not in page(client, here.head)
    records.lift_pause(pause.pk, "lift", actor=here["town_check"], note="联系上了")
    assert "正在办" in cards(client, here.head, "2026年2月")[0]


def test_what_is_at_the_bank_is_on_its_way_also_where_the_record_is_out_of_use(client):
    here = monthly()
    make.sent_order(here, make.issued_batch(here, "2026-02"))
    paused(here, here.head)
    (card,) = cards(client, here.head, "2026年2月")
    assert "银行正在发" in card
    assert "没有发" not in card.split("</ul>")[0]


def test_failed_money_of_a_record_out_of_use_says_so(client):
    here, _ = failed_quarter()
    paused(here, here.head)
    assert "档案停用着，没有发" in cards(client, here.head, "2026年第3季度")[0]
    assert "要您办一下" not in page(client, here.head)


def test_a_book_under_way_says_that_the_record_is_out_of_use(client):
    here = Village("monthly", has_village_notice=True, **MONTHS)
    book = here.book([here.head, here.neighbour], "2026-01")
    review.take_step(book.pk, "submit", actor=here["village"])
    assert "登记的档案停用了" not in page(client, here.head)
    paused(here, here.head)
    assert "登记的档案停用了：审核照常，恢复以前不发" in page(client, here.head)
    assert "登记的档案停用了" not in page(client, here.neighbour)


# --- cards ------------------------------------------------------------------------------------------------------------


def test_a_line_that_was_listed_with_an_earlier_card_names_the_card_it_will_go_to(client):
    here = monthly()
    make.issued_batch(here, "2026-02")
    new = lists.another_account(here.head)
    (card,) = cards(client, here.head, "2026年2月")
    assert "正在办，改发到新卡" in card
    assert f"登记的卡已经换成尾号 {new.tail} 的" in card
    assert "另有 1 笔正在办" in page(client, here.head)


def test_a_line_that_lost_its_card_says_that_one_is_to_be_registered(client):
    here = monthly()
    here.declare([here.neighbour], "2026-01", another=True)
    make.issued_batch(here, "2026-02")
    tail = here.head.accounts.get().tail
    here.head.accounts.update(is_active=False)
    asked = ask(client, name=here.head.name, id_number=here.head.id_number, tail_or_phone=tail)
    assert "没有发，登记里没有收款人的卡" in asked.content.decode()
    assert "正在办" in cards(client, here.neighbour, "2026年2月")[0]


def test_failed_money_of_the_dead_is_told_to_the_family_and_not_sent_to_the_bank(client):
    here, _ = failed_quarter(**MONTHS)
    deaths.record_death(here.head.pk, died_on=date(2026, 8, 10), actor=here["village"])
    change_head(here, here.wife, cause="died", day=None)
    (card,) = cards(client, here.head, "2026年第3季度")
    assert "没有发成功，收款人已去世" in card
    assert "把收这笔钱的卡换成家里人的" in card
    assert "请这样办" not in card
    assert "要您办一下" not in page(client, here.head)
    assert "要您办一下" in page(client, here.neighbour)
    new = lists.another_account(here.head, holder_name=here.wife.name)
    assert f"登记的卡已经换成尾号 {new.tail} 的" in cards(client, here.head, "2026年第3季度")[0]


def test_failed_money_of_the_dead_that_goes_to_a_living_one_s_card_is_put_right_at_the_bank(client):
    here = Village("quarterly", **MONTHS)
    lists.another_account(here.head, holder_name="田山宝")
    here.declare([here.head], "2026Q2")
    make.returned(here, make.sent_order(here, make.issued_batch(here, "2026Q3")), fail=[0])
    deaths.record_death(here.head.pk, died_on=date(2026, 8, 10), actor=here["village"])
    (card,) = cards(client, here.head, "2026年第3季度")
    assert "这张卡不是您的名字，是 田** 的" in card
    assert "请这样办" in card


# --- heads ------------------------------------------------------------------------------------------------------------


def test_a_former_head_of_whom_nothing_passed_reads_that_the_head_changed(client):
    here = Village("monthly", **MONTHS)
    change_head(here, here.wife, day=date(2026, 3, 10))
    assert kinds(here.head) == ["former"]
    shown = part(client, here.head, "changes")
    assert "这一户换了户主" in shown
    assert "没有发成功的照样补发" in shown
    assert here.wife.name not in page(client, here.head)


def test_a_former_head_whose_rights_passed_reads_it_once():
    here = monthly()
    change_head(here, here.wife, day=date(2026, 3, 10))
    assert kinds(here.head) == ["passed"]


def test_who_is_head_again_from_the_same_day_reads_of_no_former_head(client):
    here = Village("monthly", **MONTHS)
    change_head(here, here.wife, day=date(2026, 3, 10))
    change_head(here, here.head, day=date(2026, 3, 10), cause="mistaken")
    assert kinds(here.head) == kinds(here.wife) == []
    assert "您家的户主现在是您" not in page(client, here.head)


def test_rights_that_came_back_by_an_undone_change_are_told_as_back():
    here = monthly()
    change_head(here, here.wife, day=date(2026, 3, 10))
    change_head(here, here.head, day=date(2026, 3, 10), cause="mistaken")
    assert kinds(here.head) == ["returned"]


def test_who_is_head_again_from_a_later_day_reads_from_when():
    here = Village("monthly", **MONTHS)
    change_head(here, here.wife, day=date(2026, 3, 10))
    change_head(here, here.head, day=date(2026, 5, 10))
    assert [(one.kind, one.since) for one in changes(here.head.pk)] == [("head", date(2026, 5, 10))]
    assert [(one.kind, one.since) for one in changes(here.wife.pk)] == [("former", date(2026, 5, 10))]
