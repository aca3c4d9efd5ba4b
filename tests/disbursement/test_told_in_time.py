"""What happened meanwhile is told before somebody clicks, and to whoever can do something about it."""

from datetime import date

import pytest
from django.urls import reverse

from disbursement import queries, services
from huimin.core.desk import todos
from huimin.core.errors import StepRefused
from huimin.core.models import Notification
from recipients.services import deaths, records
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head
from tests.disbursement.test_one_head_is_paid import Village, supplement
from tests.disbursement.test_pages import page_of
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db
MONTHS = {"is_open_ended": True, "amount_rule": make.MONTHLY}


def monthly():
    here = Village("monthly", **MONTHS)
    here.declare([here.head, here.neighbour], "2026-01")
    return here


def text_of(user, name, *args):
    return page_of(user).get(reverse(f"disbursement:{name}", args=args)).content.decode()


def paused(here, person):
    return records.pause_record(person.pk, reason="联系不上", actor=here["town"])


# --- what an order would not pay ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("desk", make.CHAIN[1:], ids=[step for step, _ in make.CHAIN[1:]])
def test_every_desk_is_told_who_on_the_list_no_order_would_pay(desk):
    here = monthly()
    batch = make.issued_batch(here, "2026-02")
    (roster,) = batch.rosters.all()
    before = make.CHAIN[make.CHAIN.index(desk) - 1][0]
    make.approve(here, roster, until=before)
    assert "送审以后变了" not in text_of(here[desk[1]], "roster-detail", roster.pk)
    pause = paused(here, here.head)
    text = text_of(here[desk[1]], "roster-detail", roster.pk)
    assert "送审以后变了 1 笔，不能照旧支付" in text
    assert "享受人人员档案已停用或作废" in text
    assert "退回乡镇重编，或者停发这些行" in text
    assert "送审以后变了" not in text_of(here["town"], "roster-detail", roster.pk)  # it is not on their desk
    records.lift_pause(pause.pk, "lift", actor=here["department"], note="联系上了")
    assert "送审以后变了" not in text_of(here[desk[1]], "roster-detail", roster.pk)


def test_an_order_that_cannot_be_signed_says_so_instead_of_asking_for_the_amount():
    here = monthly()
    order = make.ordered(here, make.issued_batch(here, "2026-02"))
    text = text_of(here["treasurer"], "order-detail", order.pk)
    assert 'name="whole_yuan"' in text
    lists.another_account(here.head)
    page = page_of(here["treasurer"]).get(reverse("disbursement:order-detail", args=[order.pk]))
    text, acts = page.content.decode(), {one.label: one.refused for one in page.context["panel"].acts}
    assert 'name="whole_yuan"' not in text
    assert "收款人已换卡" in acts["签章，同意支付"]
    with pytest.raises(StepRefused) as refused:
        services.sign_order(order.pk, actor=here["treasurer"])
    assert acts["签章，同意支付"] == str(refused.value)
    assert acts["退回，撤销支付申请"] == ""


def test_a_signed_order_that_cannot_be_sent_says_so_before_the_click():
    here = monthly()
    order = make.ordered(here, make.issued_batch(here, "2026-02"))
    services.sign_order(order.pk, actor=here["treasurer"], whole_yuan=str(int(order.total)))
    paused(here, here.head)
    page = page_of(here["treasurer"]).get(reverse("disbursement:order-detail", args=[order.pk]))
    acts = {one.label: bool(one.refused) for one in page.context["panel"].acts}
    assert acts == {"退回，撤销支付申请": False, "生成代发文件，送银行": True}


def test_whoever_makes_orders_learns_why_one_came_back():
    here = monthly()
    order = make.ordered(here, make.issued_batch(here, "2026-02"))
    services.cancel_order(order.pk, actor=here["treasurer"], note="银行选错了")
    (told,) = Notification.objects.filter(user=here["order_maker"], title__contains=order.number)
    assert "银行选错了" in told.body
    assert told.url == reverse("disbursement:order-detail", args=[order.pk])
    assert not Notification.objects.filter(user=here["treasurer"]).exists()


@pytest.mark.parametrize(("name", "theirs"), [("batch-new", "department"), ("return-upload", "reconciler")])
def test_who_makes_no_batches_or_brings_no_returns_is_told_whose_the_form_is(name, theirs):
    here = monthly()
    url = reverse(f"disbursement:{name}")
    answer = page_of(here["finance_check"]).get(url)
    assert answer.status_code == 403
    assert "不归您的岗位办理，须由" in answer.content.decode()
    assert page_of(here[theirs]).get(url).status_code == 200


# --- stops that were taken back ----------------------------------------------------------------------------------------


def lifted(here, period="2026-02"):
    batch = make.issued_batch(here, period)
    make.approved(here, batch)
    line = make.lines_of(batch).get(beneficiary_id=here.head.pk)
    services.stop_line(line.pk, reason="查", actor=here["department"])
    return batch, line


def waits(user):
    return [(one.count, one.url) for one in todos.for_user(user) if one.title == "停发恢复了，等补发"]


def test_a_stop_that_was_lifted_waits_on_the_department_s_desk_until_a_supplement_lists_it():
    here = monthly()
    batch, line = lifted(here)
    page = reverse("disbursement:batch-detail", args=[batch.pk])
    assert waits(here["department"]) == []
    services.lift_stop(line.pk, reason="查清了", actor=here["department"])
    assert waits(here["department"]) == [(1, page)]
    assert waits(here["finance"]) == waits(here["town"]) == []
    assert "停发恢复了、还没有补发的 1 笔，240.00 元" in text_of(here["department"], "batch-detail", batch.pk)
    more = supplement(here, batch)
    assert waits(here["department"]) == []
    assert "停发恢复了" not in text_of(here["department"], "batch-detail", batch.pk)
    again = make.lines_of(more).get()
    make.approve(here, again.roster, until="pass_township_check")
    services.stop_line(again.pk, reason="又查", actor=here["department"])
    assert waits(here["department"]) == []  # it is stopped once more
    services.lift_stop(again.pk, reason="查清了", actor=here["department"])
    assert waits(here["department"]) == [(1, page)]


def test_a_stop_that_was_lifted_for_the_new_head_waits_as_well():
    here = monthly()
    batch, line = lifted(here)
    change_head(here, here.wife, day=date(2026, 1, 10))
    services.lift_stop(line.pk, reason="查清了", actor=here["department"])
    assert [one[0] for one in waits(here["department"])] == [1]
    supplement(here, batch)
    assert waits(here["department"]) == []


def test_a_stop_that_was_lifted_of_days_that_nobody_is_due_waits_for_nobody():
    here = monthly()
    _, line = lifted(here)
    lists.ended(here.head.entitlements.get(), date(2026, 2, 1))
    services.lift_stop(line.pk, reason="查清了", actor=here["department"])
    assert waits(here["department"]) == []


# --- failed money of the dead ------------------------------------------------------------------------------------------


def card_of(here):
    client = page_of(here["department"])
    (line,) = client.get(reverse("disbursement:correction-list")).context["rows"]
    return line.card


def told(here):
    client = page_of(here["department"])
    (line,) = client.get(reverse("disbursement:failed-list")).context["rows"]
    return " ".join((line.words, *line.steps))


def test_failed_money_of_a_dead_head_asks_for_the_head_first_and_then_for_the_card():
    here = monthly()
    batch = make.issued_batch(here, "2026-02")
    place = make.lines_of(batch).get(beneficiary_id=here.head.pk).line_no - 1
    make.returned(here, make.sent_order(here, batch), fail=[place])
    deaths.record_death(here.head.pk, died_on=date(2026, 2, 10), actor=here["village"])
    assert "还是户主：家里有人的先办“改为户主”" in card_of(here)
    change_head(here, here.wife, cause="died", day=None)
    assert "改为户主" not in card_of(here)
    assert "已去世，由家里人申请换卡" in card_of(here)
    assert "申请换卡" in told(here)
    assert "激活" not in told(here)
    lists.another_account(here.head, holder_name=here.wife.name)
    assert "卡已换好，可以补发" in card_of(here)
    made = services.make_correction(batch.pk, actor=here["department"])
    assert make.lines_of(made).get().account_name == here.wife.name
    assert not queries.failed_for(here["department"]).exists()


def test_failed_money_of_the_dead_that_goes_to_a_living_one_s_card_is_put_right_at_the_bank():
    here = monthly()
    lists.another_account(here.head, holder_name=here.wife.name)
    batch = make.issued_batch(here, "2026-02")
    place = make.lines_of(batch).get(beneficiary_id=here.head.pk).line_no - 1
    make.returned(here, make.sent_order(here, batch), fail=[place])
    before = told(here)
    deaths.record_death(here.head.pk, died_on=date(2026, 2, 10), actor=here["village"])
    change_head(here, here.wife, cause="died", day=None)
    assert f"卡是{here.wife.name}的" in card_of(here)
    assert told(here) == before
