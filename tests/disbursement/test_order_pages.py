"""The pages of payment orders: which bank, what became of a cancelled one, the way on for treasury, bank and reconciler."""

import re
from uuid import uuid4

import pytest
from django.urls import reverse

from disbursement import services
from huimin.core.models import Office
from tests.disbursement import factories as make
from tests.disbursement.test_pages import page_of
from tests.disbursement.test_parts import order, two_banks

pytestmark = pytest.mark.django_db


def text_of(user, name, *args, **query):
    return page_of(user).get(reverse(f"disbursement:{name}", args=args), query).content.decode()


def test_the_list_of_orders_names_their_bank_and_is_filtered_by_it():
    here = two_banks()
    first, second = (order(here, bank_id=bank.pk)[0] for bank in (here.first, here.second))
    text = text_of(here["finance"], "order-list")
    assert text.count(f"<td>{here.second}</td>") == 1
    only = text_of(here["finance"], "order-list", bank=here.second.pk)
    assert second.number in only
    assert first.number not in only
    assert text_of(here["bank"], "order-list").count("<option") < text.count("<option"), "another bank's name"


def test_a_cancelled_order_says_in_words_what_became_of_its_lines_and_leads_to_making_another():
    here = two_banks()
    (one,) = order(here, bank_id=here.first.pk)
    services.cancel_order(one.pk, actor=here["treasurer"], note="选错银行")
    text = text_of(here["order_maker"], "order-detail", one.pk)
    assert "都已放开" in text
    assert "没有生成代发文件" in text
    assert "签章以后送银行时生成" not in text
    assert f"{reverse('disbursement:order-new')}#policy-{here.policy.pk}" in text
    assert "去编制支付申请" not in text_of(here["treasurer"], "order-detail", one.pk)


def test_what_is_left_leads_to_the_form_of_its_policy():
    here = two_banks()
    (one,) = order(here, bank_id=here.first.pk)
    form = f'id="policy-{here.policy.pk}"'
    assert form in text_of(here["order_maker"], "order-new")
    for name, pk in (("order-detail", one.pk), ("batch-detail", here.batch.pk)):
        assert f"#policy-{here.policy.pk}" in text_of(here["order_maker"], name, pk)
        assert f"#policy-{here.policy.pk}" not in text_of(here["finance_check"], name, pk)


def test_the_bank_finds_the_way_to_hand_in_its_answer_on_the_orders_page():
    here = make.world(3)
    one = make.sent_order(here)
    upload = f'href="{reverse("disbursement:return-upload")}"'
    main = text_of(here["bank"], "order-detail", one.pk).partition("<main")[2]
    assert upload in main
    assert "现在没有要您办的事" not in main
    assert upload in text_of(here["reconciler"], "order-detail", one.pk).partition("<main")[2]
    assert upload not in text_of(here["treasurer"], "order-detail", one.pk)
    make.returned(here, one)
    assert upload not in text_of(here["bank"], "order-detail", one.pk).partition("<main")[2]


def test_a_refused_order_keeps_what_was_typed_in_the_form_of_its_policy():
    here = two_banks()
    other = make.policy(here["finance"])
    book = make.declaration(other, here.people[0].division_code, here["village"])
    make.entitle(book, here.people[0])
    mine, here.policy = here.policy, other
    make.approved(here, make.issued_batch(here))
    client, url = page_of(here["order_maker"]), reverse("disbursement:order-new")
    third = Office.objects.create(name="别处银行", kind="bank", division=here.second.division)
    sent = {"form": other.code, "bank": third.pk, "cross_bank": "on", "action_key": uuid4()}
    text = client.post(url, sent).content.decode()
    first, second = (
        text.partition(f'id="policy-{one.pk}"')[2].partition("</form>")[0] for one in (mine, other)
    )
    assert "请选择要支付的花名册" in text
    assert first.count(" checked") == len(here.rosters)
    assert " checked" not in second.partition("rosters")[2].partition(">")[0]


def test_an_order_asked_for_from_an_older_page_reads_which_orders_were_made_since():
    here = two_banks()
    client, url = page_of(here["order_maker"]), reverse("disbursement:order-new")
    drawn = re.search(r'name="newest" value="(\d+)"', client.get(url).content.decode())[1]
    (made,) = order(here, bank_id=here.first.pk)
    sent = {
        "form": here.policy.code,
        "rosters": here.rosters,
        "bank": here.second.pk,
        "newest": drawn,
        "action_key": uuid4(),
    }
    answer = client.post(url, sent)
    text = answer.content.decode()
    assert f"编入了支付申请 {made.number}（{made.line_count:,} 笔 {made.total:,.2f} 元）" in text
    assert "跨行支付”" not in text.partition("编入了支付申请")[2].partition("<form")[0]
    fresh = re.search(r'name="newest" value="(\d+)"', text)[1]
    assert fresh != drawn
    assert client.post(url, sent | {"newest": fresh, "action_key": uuid4()}).status_code == 302
