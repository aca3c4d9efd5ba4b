"""Every page: stranger to the login, wrong role 403, neighbour 404, the right person sees it; query ceilings."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from disbursement import queries, services
from disbursement.models import Batch, PaymentLine, PaymentOrder, Roster
from disbursement.services import papers
from huimin.core.accounts import auth
from huimin.core.accounts.services import issue_credential
from huimin.core.authority.roles import Role
from huimin.core.desk import menu, searching, todos
from huimin.core.errors import BadInput, StepForbidden
from huimin.core.models import Notification, User
from tests.disbursement import factories as make
from tests.factories import COUNTY, OTHER_TOWN, TOWN, VILLAGE, UserFactory, grant
from tests.subsidies import factories as subsidies

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return make.world(8)


def page_of(user):
    client = Client()
    client.force_login(user)
    session = client.session
    session["seen_at"] = 2**33
    session.save()
    return client


def stepped_up(client):
    import time

    session = client.session
    session[auth.STEP_UP_KEY] = int(time.time())
    session.save()


def all_pages(here):
    """One of every page, with rows behind them."""
    order = make.sent_order(here)
    found = make.returned(here, order, fail={0, 1})
    batch = make.batch_of(order)
    roster = batch.rosters.first()
    line = PaymentLine.objects.filter(results__kind="paid").first()
    from huimin.core import clock

    asked = services.ask_reversal(
        line.pk,
        kind="late_return",
        returned_on=clock.today(),
        bank_reference="NS1",
        reason="退回",
        actor=here["reconciler"],
    )
    return {
        "batch-list": [],
        "batch-export": [],
        "batch-new": [],
        "batch-detail": [batch.pk],
        "roster-list": [],
        "roster-list-export": [],
        "roster-detail": [roster.pk],
        "roster-export": [roster.pk],
        "roster-print": [roster.pk],
        "roster-left-out": [roster.pk],
        "roster-check": [roster.pk],
        "line-detail": [line.pk],
        "person-payments": [line.beneficiary_id],
        "policy-unfinished": [here.policy.pk],
        "failed-list": [],
        "failed-export": [],
        "order-list": [],
        "order-export": [],
        "order-paper": [order.pk],
        "order-new": [],
        "order-detail": [order.pk],
        "order-file": [order.pk],
        "return-list": [],
        "return-export": [],
        "return-upload": [],
        "return-detail": [found.pk],
        "return-file": [found.pk],
        "reversal-list": [],
        "reversal-detail": [asked.pk],
        "correction-list": [],
        "correction-export": [],
        "ledger": [],
        "ledger-export": [],
    }


def test_every_page_opens_for_its_people_and_for_nobody_else(here):
    pages = all_pages(here)
    # files with numbers in full: test_files.py
    taken = {"order-file": page_of(here["treasurer"]), "return-file": page_of(here["reconciler"])}
    makers = {"batch-new": page_of(here["department"]), "return-upload": page_of(here["reconciler"])}
    for client in taken.values():
        stepped_up(client)
    finance = page_of(here["finance"])
    wrong = page_of(UserFactory(role=Role.SYSTEM_ADMIN))
    for name, args in pages.items():
        url = reverse(f"disbursement:{name}", args=args)
        assert Client().get(url).status_code == 302, name
        assert wrong.get(url).status_code == 403, name
        answer = (taken | makers).get(name, finance).get(url)
        assert answer.status_code == 200, name
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        for person in here.people:
            assert person.id_number.encode() not in body or name in {"order-file", "return-file"}, name


def test_a_neighbour_gets_the_same_404_as_for_nothing(here):
    batch = make.issued_batch(here)
    neighbour = page_of(UserFactory(role=Role.TOWNSHIP_CLERK, at=OTHER_TOWN))
    roster = batch.rosters.get(division_code=TOWN)
    line = PaymentLine.objects.filter(roster=roster).first()
    for name, pk in (("roster-detail", roster.pk), ("line-detail", line.pk), ("roster-export", roster.pk)):
        answer = neighbour.get(reverse(f"disbursement:{name}", args=[pk]))
        assert answer.status_code == 404
        assert answer.content == neighbour.get(reverse(f"disbursement:{name}", args=[10**9])).content
    names = PaymentLine.objects.filter(roster=roster).values_list("beneficiary_name", flat=True)
    seen = neighbour.get(reverse("disbursement:batch-detail", args=[batch.pk])).content.decode()
    assert "麻埠镇" in seen
    assert "梅山镇" not in seen
    assert not any(name in seen for name in names)


def test_the_township_submits_by_the_button_once(here):
    batch = make.issued_batch(here)
    roster = batch.rosters.first()
    client = page_of(here["town"])
    key = str(uuid4())
    url = reverse("disbursement:roster-step", args=[roster.pk, "submit"])
    form = {"action_key": key, "content_hash": roster.content_hash}
    assert "已办" in client.post(url, form, follow=True).content.decode()
    assert "已经提交过" in client.post(url, form, follow=True).content.decode()
    roster.refresh_from_db()
    assert roster.status == "township_check"


def test_signing_asks_for_the_code_and_the_amount(here):
    order = make.ordered(here, make.issued_batch(here))
    client = page_of(here["treasurer"])
    url = reverse("disbursement:order-step", args=[order.pk, "sign"])
    assert "step-up" in client.post(url, {"action_key": str(uuid4()), "whole_yuan": ""}).url
    stepped_up(client)
    wrong = client.post(url, {"action_key": str(uuid4()), "whole_yuan": "7"}, follow=True)
    assert "整数部分" in wrong.content.decode()
    client.post(url, {"action_key": str(uuid4()), "whole_yuan": str(int(order.total))})
    order.refresh_from_db()
    assert order.status == "signed"


def test_a_correction_is_made_from_the_page(here):
    order = make.sent_order(here)
    make.returned(here, order, fail={0, 1})
    failed = list(PaymentLine.objects.filter(results__kind="bank_failed").values_list("pk", flat=True))
    client = page_of(here["department"])
    page = client.get(reverse("disbursement:correction-list")).content.decode()
    assert "卡注销了" in page
    client.post(reverse("disbursement:correction-make"), {"action_key": str(uuid4()), "lines": failed})
    assert Batch.objects.get(kind="correction").rosters.count() >= 1


def test_an_order_is_made_from_the_page(here):
    rosters = make.approved(here, make.issued_batch(here))
    client = page_of(here["order_maker"])
    page = client.get(reverse("disbursement:order-new")).content.decode()
    assert "要冻结" in page
    form = {"action_key": str(uuid4()), "rosters": [one.pk for one in rosters]}
    client.post(reverse("disbursement:order-new"), form)
    assert PaymentOrder.objects.get().line_count == 8


def test_a_bad_return_lists_its_faults_on_the_page(here):
    from django.core.files.uploadedfile import SimpleUploadedFile

    order = make.sent_order(here)
    data = make.answer(order).replace(b"P0000", b"P9999")
    client = page_of(here["reconciler"])
    answer = client.post(reverse("disbursement:return-upload"), {"file": SimpleUploadedFile("r.txt", data)})
    assert "不是这笔支付申请里的明细" in answer.content.decode()


@pytest.mark.parametrize("people", [2, 50])
def test_lists_ask_the_same_number_of_queries_for_many(people, django_assert_max_num_queries):
    here = make.world(people)
    order = make.sent_order(here)
    found = make.returned(here, order, fail={0})
    roster = Roster.objects.order_by("-line_count").first()
    client = page_of(here["finance"])
    ceilings = {
        reverse("disbursement:batch-list"): 14,
        reverse("disbursement:batch-detail", args=[roster.batch_id]): 23,
        reverse("disbursement:roster-list"): 14,
        reverse("disbursement:roster-detail", args=[roster.pk]): 26,
        reverse("disbursement:order-list"): 14,
        reverse("disbursement:order-detail", args=[order.pk]): 26,
        reverse("disbursement:return-list"): 14,
        reverse("disbursement:return-detail", args=[found.pk]): 24,
        reverse("disbursement:correction-list"): 18,
        reverse("disbursement:failed-list"): 18,
        reverse("disbursement:ledger"): 18,
    }
    for url, ceiling in ceilings.items():
        with django_assert_max_num_queries(ceiling):
            assert client.get(url).status_code == 200


def test_the_bank_fetches_its_files_and_hands_in_the_answer(here):
    order = make.sent_order(here)
    credential, secret = issue_credential(here["bank"], scopes=["payment_file", "return_file"], actor=None)
    head = {"HTTP_AUTHORIZATION": f"Huimin {credential.key_id}:{secret}"}
    client = Client()
    assert client.get("/api/v1/payment-files/").status_code in {401, 403}
    listed = client.get("/api/v1/payment-files/", **head).json()
    (text,) = listed
    assert text["format"] == "pipe_txt"
    fetched = client.get(f"/api/v1/payment-files/{text['id']}/", **head)
    import hashlib

    assert hashlib.sha256(fetched.content).hexdigest() == text["sha256"]
    from django.core.files.uploadedfile import SimpleUploadedFile

    def hand_in(data):
        return client.post("/api/v1/return-files/", {"file": SimpleUploadedFile("r.txt", data)}, **head)

    bad = hand_in(make.answer(order)[:-20])
    assert bad.status_code == 422
    assert hand_in(make.answer(order)).status_code == 201
    assert hand_in(make.answer(order)).status_code == 200
    found = order.return_files.get()
    assert found.uploaded_by == here["bank"]
    services.confirm_return(found.pk, actor=here["reconciler"])


def test_a_credential_without_the_scope_is_refused(here):
    order = make.sent_order(here)
    credential, secret = issue_credential(here["bank"], scopes=["payment_file"], actor=None)
    from django.core.files.uploadedfile import SimpleUploadedFile

    answer = Client().post(
        "/api/v1/return-files/",
        {"file": SimpleUploadedFile("r.txt", make.answer(order))},
        HTTP_AUTHORIZATION=f"Huimin {credential.key_id}:{secret}",
    )
    assert answer.status_code == 403
    assert not order.return_files.exists()


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/desk/disbursement/lines/4/", "花名册"),
        ("/desk/disbursement/reversals/", "回盘对账"),
        ("/desk/disbursement/people/4/payments/", "家庭与个人"),
        ("/desk/disbursement/batches/new/", "发放批次"),
    ],
)
def test_the_menu_marks_the_entry_that_a_page_belongs_to(here, path, entry):
    user = UserFactory(role=Role.FINANCE_CLERK, at=COUNTY)
    marked = [
        item["label"] for group in menu.for_user(user, path) for item in group["items"] if item["current"]
    ]
    assert marked == [entry]


def todos_of(user):
    return {todo.title: todo for todo in todos.for_user(User.objects.get(pk=user.pk))}


def inbox_of(user):
    return list(Notification.objects.filter(user=user).values_list("title", "url"))


def test_failed_money_waits_for_department_township_and_village_each_with_its_own(here):
    make.returned(here, make.sent_order(here), fail={0, 1})
    failed = list(queries.failed_lines())
    village = UserFactory(role=Role.VILLAGE_CLERK, at=failed[0].division_code)
    elsewhere = UserFactory(role=Role.VILLAGE_CLERK, at=OTHER_TOWN)
    mine = sum(1 for line in failed if line.division_code == failed[0].division_code)
    assert todos_of(village)["钱没发成功，去告诉本人"].count == mine
    assert todos_of(here["town"])["钱没发成功，等本人换卡"].count == 2
    assert todos_of(here["department"])["钱没发成功，等更正发放"].count == 2
    assert not any("没发成功" in title for title in todos_of(elsewhere))


def test_a_return_with_failed_money_tells_village_township_and_department(here):
    stranger = UserFactory(role=Role.VILLAGE_CLERK, at=OTHER_TOWN)
    make.returned(here, make.sent_order(here), fail={0, 1})
    for who in ("village", "town", "department"):
        ((title, url),) = [line for line in inbox_of(here[who]) if "没发成功" in line[0]]
        assert "有 2 笔没发成功" in title
        assert url == reverse("disbursement:failed-list")
    assert inbox_of(here["finance"]) == inbox_of(stranger) == []


def test_the_village_reads_why_the_money_did_not_come_and_how_to_tell_without_a_number(here):
    make.returned(here, make.sent_order(here), fail={0})
    line = queries.failed_lines().get()
    client = page_of(UserFactory(role=Role.VILLAGE_CLERK, at=line.division_code))
    html = client.get(reverse("disbursement:failed-list")).content.decode()
    assert line.payee_name in html
    assert "卡注销了" in html
    assert "带身份证到银行办一张社会保障卡" in html
    assert line.payee_id_number not in html
    assert line.account_number not in html
    assert client.get(reverse("disbursement:correction-list")).status_code == 403
    window = page_of(UserFactory(role=Role.WINDOW_CLERK, at=TOWN))
    assert line.payee_name in window.get(reverse("disbursement:failed-list")).content.decode()
    other = page_of(UserFactory(role=Role.VILLAGE_CLERK, at=OTHER_TOWN))
    assert line.payee_name not in other.get(reverse("disbursement:failed-list")).content.decode()


def test_the_bank_is_told_of_a_file_and_has_it_on_its_desk_until_its_answer(here):
    title = "有代发文件，等发放和回盘"
    assert title not in todos_of(here["bank"])
    order = make.sent_order(here)
    assert todos_of(here["bank"])[title].count == 1
    ((told, url),) = inbox_of(here["bank"])
    assert order.number in told
    assert url == reverse("disbursement:order-detail", args=[order.pk])
    services.accept_return(make.answer(order), "return.txt", actor=here["bank"])
    assert title not in todos_of(here["bank"])


def test_an_order_is_printed_and_its_lists_are_linked_for_the_signer(here):
    order = make.ordered(here, make.issued_batch(here))
    client = page_of(here["treasurer"])
    html = client.get(reverse("disbursement:order-detail", args=[order.pk])).content.decode()
    paper = reverse("disbursement:order-paper", args=[order.pk])
    assert f'href="{paper}"' in html
    for roster in queries.rosters_of(order).all():
        assert f'href="{reverse("disbursement:roster-detail", args=[roster.pk])}"' in html
    label = html.partition("应付金额的整数部分")[2].partition("<input")[0]
    assert "签章必填" in label
    assert "可不填" not in label
    answer = client.get(paper)
    assert b"".join(answer.streaming_content).startswith(b"%PDF")
    assert "attachment" in answer["Content-Disposition"]


def test_the_paper_of_an_order_says_what_the_system_knows_of_it(here, monkeypatch):
    given = {}
    monkeypatch.setattr(papers, "render_pdf", lambda name, data: given.update(data, name=name) or b"%PDF")
    order = make.ordered(here, make.issued_batch(here))
    papers.order_paper(order, url="https://x/")
    assert (given["name"], given["number"], given["count"]) == ("payment_order", order.number, "8")
    assert sum(int(town["count"]) for town in given["rosters"]) == 8
    assert given["note"] == "系统内还没有签章。"
    services.cancel_order(order.pk, actor=here["treasurer"], note="重编")
    order.refresh_from_db()
    papers.order_paper(order, url="https://x/")
    assert given["note"] == "本申请已作废，不得支付。"


@pytest.mark.parametrize(("typed", "said"), [("", "签章要填"), ("58.50", "不要写小数"), ("59", "不符")])
def test_the_sum_a_signer_types_is_refused_with_what_is_wrong_with_it(here, typed, said):
    order = make.ordered(here, make.issued_batch(here))
    with pytest.raises(BadInput, match=said):
        services.sign_order(order.pk, actor=here["treasurer"], whole_yuan=typed)


def drawn_on(client, url):
    return re.search(r'name="drawn" value="([^"]+)"', client.get(url).content.decode())[1]


def test_a_form_from_before_the_signature_does_not_cancel_the_signed_order(here):
    order = make.ordered(here, make.issued_batch(here))
    client = page_of(here["treasurer"])
    old = drawn_on(client, reverse("disbursement:order-detail", args=[order.pk]))
    services.sign_order(order.pk, actor=here["treasurer"])
    cancel = reverse("disbursement:order-step", args=[order.pk, "cancel"])
    typed = {"note": "金额要重核", "drawn": old}
    html = client.post(cancel, typed | {"action_key": str(uuid4())}).content.decode()
    assert "现在是“待送银行”" in html
    assert ">\n金额要重核</textarea>" in html
    order.refresh_from_db()
    assert order.status == "signed"
    fresh = re.search(r'name="drawn" value="([^"]+)"', html)[1]
    client.post(cancel, typed | {"drawn": fresh, "action_key": str(uuid4())})
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_a_form_from_before_the_list_was_made_anew_does_not_send_it_on(here):
    roster = make.issued_batch(here).rosters.order_by("-line_count").first()
    client = page_of(here["town"])
    old = drawn_on(client, reverse("disbursement:roster-detail", args=[roster.pk]))
    services.regenerate_roster(roster.pk, actor=here["town"])
    url = reverse("disbursement:roster-step", args=[roster.pk, "submit"])
    assert "重新编过" in client.post(url, {"drawn": old, "action_key": str(uuid4())}).content.decode()
    roster.refresh_from_db()
    assert roster.status == "issued"


def test_the_search_box_finds_the_batch_that_a_township_sees_on_its_list(here):
    batch = make.issued_batch(here)
    found = {hit.note for one in searching.search(here["town"], batch.number) for hit in one.hits}
    assert batch.number in found
    assert batch.number in page_of(here["town"]).get(f"/desk/search/?q={batch.number}").content.decode()


def test_the_search_box_finds_no_batch_of_another_township(here):
    stranger = UserFactory(role=Role.TOWNSHIP_CLERK, at=OTHER_TOWN)
    batch = make.issued_batch(here)
    Roster.objects.filter(division_code=OTHER_TOWN).update(status="cancelled")
    assert searching.search(stranger, batch.number) == []


def test_a_period_that_has_its_batch_leads_to_that_batch(here):
    batch = make.issued_batch(here)
    page = page_of(here["department"]).post(
        reverse("disbursement:batch-new"),
        {"action_key": str(uuid4()), "policy": here.policy.pk, "period": "2026"},
    )
    text = page.content.decode()
    assert "不能再建一个" in text
    assert "建补发批次" in text
    assert f'href="{reverse("disbursement:batch-detail", args=[batch.pk])}"' in text


def test_a_batch_is_offered_for_ones_own_policies_and_refused_in_true_words(here):
    other = subsidies.published(*subsidies.people(), name="高龄津贴")
    clerk = UserFactory()
    grant(clerk, Role.DEPARTMENT_CLERK, policies=[other.pk])
    page = page_of(clerk).get(reverse("disbursement:batch-new"))
    assert list(page.context["form"].fields["policy"].queryset) == [other]
    with pytest.raises(StepForbidden, match="您的授权里没有这项政策"):
        services.make_batch(here.policy, "2026", actor=clerk)


def test_the_lines_of_a_roster_are_chosen_by_the_villages_name(here):
    roster = Roster.objects.get(batch=make.issued_batch(here), division_code=TOWN)
    address = reverse("disbursement:roster-detail", args=[roster.pk])
    client = page_of(here["town"])
    assert f'<option value="{VILLAGE}">梅山村</option>' in client.get(address).content.decode()
    assert "共 0 笔" not in client.get(address, {"village": VILLAGE}).content.decode()
