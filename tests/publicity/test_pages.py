"""What villagers see: nothing private, light pages, no scripts needed; and the desk behind it."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from disbursement.models import PaymentLine, PaymentResult
from huimin.core import clock
from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.desk import todos
from huimin.core.models import ActionKey, AuditEvent
from huimin.core.work import workflow
from publicity import rules, services
from publicity.models import Disclosure
from recipients.models import Account, Objection, Person
from recipients.services import objections
from recipients.services.objections import answer_objection
from subsidies.services import advance_change, ask_change
from tests.factories import COUNTY, OTHER_TOWN, OTHER_VILLAGE, TOWN, VILLAGE, UserFactory, grant
from tests.publicity.factories import (
    disclosure_at,
    notice,
    paid_world,
    published_world,
    roster_at,
    solve,
)

pytestmark = pytest.mark.django_db


def public_addresses(here):
    one = disclosure_at(here)
    running = notice(here)
    return [
        reverse("publicity:home"),
        reverse("publicity:policies"),
        reverse("publicity:policy", args=[here.policy.code]),
        reverse("publicity:notices"),
        reverse("publicity:notice", args=[running.pk]),
        reverse("publicity:objection", args=[running.pk]),
        reverse("publicity:objection-ask"),
        reverse("publicity:villages"),
        reverse("publicity:place", args=[VILLAGE]),
        reverse("publicity:place", args=[TOWN]),
        reverse("publicity:disclosure", args=[VILLAGE, one.pk]),
        reverse("publicity:disclosure", args=[TOWN, one.pk]),
        reverse("publicity:verify"),
        reverse("publicity:verify-code", args=[one.code]),
        reverse("publicity:query"),
        reverse("publicity:query-window"),
        reverse("publicity:query-cleared"),
        reverse("publicity:open-list", args=[one.pk, "csv"]),
        reverse("publicity:open-list", args=[one.pk, "json"]),
    ]


def body(response):
    return (b"".join(response.streaming_content) if response.streaming else response.content).decode()


def private_values():
    """Every number of every person of the county, as digits and as the bytes that stand in the database."""
    for person in Person.objects.all():
        yield from (person.id_number, person.id_number[:14], person.phone, person.id_key.hex())
        yield bytes(person.id_commitment).hex()
    for account in Account.objects.all():
        yield from (account.number, account.number_key.hex(), bytes(account.number_commitment).hex())


@pytest.mark.parametrize("protected", [False, True])
def test_no_private_value_stands_on_any_public_page_or_file(client, protected):
    here = published_world(6, protected=protected)
    pages = {address: client.get(address) for address in public_addresses(here)}
    assert {page.status_code for page in pages.values()} == {200}
    texts = {address: body(page) for address, page in pages.items()}
    names = [person.name for person in Person.objects.all()] if protected else []
    for private in [value for value in private_values() if value] + names:
        for address, text in texts.items():
            assert private not in text, address


def test_no_private_value_is_set_on_the_poster(client, monkeypatch):
    """The paper is made from these data alone; the PDF's own text is in subset fonts."""
    here = published_world(6, protected=True)
    given = []
    from publicity.views import papers

    real = papers.render_pdf
    monkeypatch.setattr(papers, "render_pdf", lambda name, data: given.append(data) or real(name, data))
    page = client.get(reverse("publicity:poster", args=[VILLAGE, disclosure_at(here).pk]))
    assert page.status_code == 200
    assert page.content.startswith(b"%PDF")
    told = str(given)
    for private in [value for value in private_values() if value] + [
        person.name for person in Person.objects.all()
    ]:
        assert private not in told
        assert private.encode() not in page.content


def test_the_tables_of_the_public_site_have_no_private_columns():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_name LIKE 'publicity_%'"
            " AND data_type = 'bytea' ORDER BY 1"
        )
        assert [row[0] for row in cursor.fetchall()] == [
            "publicity_disclosureline.commitment",
            "publicity_querylog.address_key",
            "publicity_querylog.person_key",
            "publicity_querymiss.key",
            "publicity_spentchallenge.nonce",
        ]


def test_pages_are_light_and_load_nothing_from_elsewhere(client):
    here = published_world(6)
    for address in public_addresses(here)[:-2]:
        page = client.get(address)
        text = body(page)
        assert len(text.encode()) < 60_000, address
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text), address
        assert "htmx" not in text
        assert not re.search(r"<script(?! src=)", text)
        assert " on" + "click=" not in text
        assert text.count("<h1") == 1, address
        assert "Content-Security-Policy" in page.headers


def test_lists_with_names_are_not_indexed_and_forms_are_kept_nowhere(client):
    here = published_world(6)
    for address in public_addresses(here):
        page = client.get(address)
        names = any(
            part in address
            for part in ("/lists/", f"/villages/{VILLAGE}/{disclosure_at(here).pk}", "/notices/1")
        )
        if names:
            assert "noindex" in page.headers["X-Robots-Tag"], address
        if any(part in address for part in ("query", "objection")):
            assert page.headers["Cache-Control"] == "no-store", address


def test_a_page_that_may_be_kept_varies_by_the_reading_aids(client):
    page = client.get("/policies/")
    assert "public" in page.headers["Cache-Control"]
    assert "Cookie" in page.headers["Vary"]


def test_the_reading_aids_reach_every_page(client):
    client.cookies["size"], client.cookies["contrast"] = "large", "high"
    text = client.get("/").content.decode()
    assert 'data-size="large"' in text
    assert 'data-contrast="high"' in text


def test_a_sample_standard_is_marked(client):
    here = paid_world(3)
    asked = ask_change(here.policy, reason="未核文件", actor=here["finance"], is_sample=True)
    advance_change(asked.pk, "approve", actor=UserFactory(role=Role.FINANCE_CHECKER))
    assert "示例" in client.get(reverse("publicity:policy", args=[here.policy.code])).content.decode()
    assert "示例" in client.get(reverse("publicity:policies")).content.decode()


def test_drafts_are_not_public(client):
    here = paid_world(3)
    draft = type(here.policy).objects.create(
        **{
            field.name: getattr(here.policy, field.name)
            for field in here.policy._meta.fields
            if field.name not in {"id", "code", "status", "created_at"}
        },
        code="DRAFT1",
        status="draft",
    )
    assert client.get(reverse("publicity:policy", args=[draft.code])).status_code == 404


def test_a_village_page_shows_its_own_lines_and_sums(client):
    here = published_world(9)
    one = disclosure_at(here, OTHER_TOWN)
    page = client.get(reverse("publicity:disclosure", args=[OTHER_VILLAGE, one.pk]))
    text = page.content.decode()
    for line in one.lines.all():
        assert line.shown_name in text
    assert f"{one.total:,.2f} 元" in text
    assert client.get(reverse("publicity:disclosure", args=[VILLAGE, one.pk])).status_code == 404


def test_one_household_is_found_by_name(client):
    here = published_world(9)
    one = disclosure_at(here)
    first, second = one.lines.all()[:2]
    text = client.get(
        reverse("publicity:disclosure", args=[VILLAGE, one.pk]), {"name": first.shown_name}
    ).content.decode()
    cells = " ".join(text.split())
    assert f'class="who"> {first.shown_name} <small' in cells
    assert f'class="who"> {second.shown_name} <small' not in cells


@pytest.mark.parametrize("code", ["341525100001", "999999999999", "341524999999", "340000000000", COUNTY])
def test_places_outside_and_unknown_are_the_same_404(client, code):
    published_world(3)
    page = client.get(f"/villages/{code}/")
    assert page.status_code == 404


def test_withdrawn_lists_leave_the_site(client):
    here = published_world(6)
    one = disclosure_at(here)
    services.withdraw_disclosure(one.pk, actor=here["department"], note="标题写错了")
    for name, args in (
        ("disclosure", [VILLAGE, one.pk]),
        ("open-list", [one.pk, "csv"]),
        ("poster", [VILLAGE, one.pk]),
    ):
        assert client.get(reverse(f"publicity:{name}", args=args)).status_code == 404
    assert one.title not in client.get(reverse("publicity:place", args=[VILLAGE])).content.decode()


def test_printing_has_a_limit(client):
    here = published_world(3)
    address = reverse("publicity:poster", args=[VILLAGE, disclosure_at(here).pk])
    for _ in range(60):
        services.count_use("paper", "127.0.0.1")
    assert client.get(address).status_code == 429


# --- notices and objections ------------------------------------------------------------------------------------------


def test_a_notice_that_was_taken_down_leaves_the_site(client):
    here = paid_world(3)
    running = notice(here)
    address = reverse("publicity:notice", args=[running.pk])
    assert "张三" in client.get(address).content.decode()
    workflow.take_duty(running, Duty.NOTICE_WITHDRAW, actor=UserFactory())
    running.withdrawn_at, running.withdrawn_reason = running.posted_at, "登记错了"
    running.save()
    assert client.get(address).status_code == 404
    assert client.get(reverse("publicity:objection", args=[running.pk])).status_code == 404


def file_objection(client, running, **changes):
    address = reverse("publicity:objection", args=[running.pk])
    given = {"kind": "amount", "household": "张三", "text": "他家只有 2 块地", "contact": ""}
    return client.post(address, given | solve(client.get(address).content.decode()) | changes, follow=True)


def test_an_objection_gets_a_code_that_leads_to_its_answer(client):
    here = paid_world(3)
    page = file_objection(client, notice(here), contact="13800000000")
    filed = Objection.objects.get()
    text = page.content.decode()
    assert "已经收到您的异议" in text
    assert filed.code in text
    assert filed.text == "面积、金额不对（张三）：他家只有 2 块地"
    asked = client.post(
        reverse("publicity:objection-ask"), {"code": filed.code.lower()}, follow=True
    ).content.decode()
    assert "等待核实" in asked
    assert "13800000000" not in asked
    assert "2 块地" not in asked
    answer_objection(filed.pk, upheld=False, answer="重新量过，3 块", actor=here["town_check"])
    assert (
        "重新量过" in client.get(reverse("publicity:objection-progress", args=[filed.code])).content.decode()
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": ""}, "请填写说说怎么不对"),
        ({"text": "他的电话 13800000001"}, "里像有手机号"),
        ({"answer": "99"}, "请再算一次"),
        ({"kind": "x"}, "请重新选"),
    ],
)
def test_a_wrong_objection_is_not_filed_and_says_why(client, change, said):
    here = paid_world(3)
    assert said in file_objection(client, notice(here), **change).content.decode()
    assert not Objection.objects.exists()


@pytest.mark.parametrize("change", [{"text": ""}, {"answer": "99"}])
def test_a_refused_objection_comes_back_with_a_new_sum_that_can_be_answered(client, change):
    running = notice(paid_world(3))
    refused = file_objection(client, running, **change).content.decode()
    given = {"kind": "amount", "household": "张三", "text": "他家只有 2 块地", "contact": ""}
    client.post(reverse("publicity:objection", args=[running.pk]), given | solve(refused))
    assert Objection.objects.exists()


def test_objections_from_one_address_are_limited(client):
    here = paid_world(3)
    running = notice(here)
    for _ in range(10):
        services.count_use("objection", "127.0.0.1")
    assert "提得太多了" in file_objection(client, running).content.decode()
    assert not Objection.objects.exists()


def test_unknown_codes_are_told_so(client):
    paid_world(3)
    assert (
        "没有这个查询号"
        in client.post(reverse("publicity:objection-ask"), {"code": "YY-26-XXXX"}).content.decode()
    )
    assert client.get(reverse("publicity:objection-progress", args=["YY-26-XXXX"])).status_code == 404


# --- the desk -----------------------------------------------------------------------------------------------------------


def desk(name, *args):
    return reverse(f"publicity:desk-{name}", args=args)


def test_the_clerk_previews_publishes_and_withdraws_by_buttons(client):
    here = paid_world(6)
    client.force_login(here["department"])
    roster = roster_at(here)
    assert str(roster.batch.title) in client.get(desk("list")).content.decode()
    preview = client.get(desk("preview", roster.pk)).content.decode()
    assert "公开这份名单" in preview
    key = re.search(r'name="action_key" value="([^"]+)"', preview)[1]
    for _ in range(2):
        client.post(desk("publish", roster.pk), {"action_key": key})
    made = Disclosure.objects.get()
    assert ActionKey.objects.filter(key=key).count() == 1
    detail = client.get(desk("detail", made.pk)).content.decode()
    key = re.search(r'name="action_key" value="([^"]+)"', detail)[1]
    client.post(desk("withdraw", made.pk), {"action_key": key, "note": "标题写错了"})
    made.refresh_from_db()
    assert (made.status, made.withdrawn_reason) == ("withdrawn", "标题写错了")
    assert AuditEvent.objects.filter(subject=f"publicity.disclosure:{made.pk}").count() == 2
    assert "标题写错了" in client.get(desk("detail", made.pk)).content.decode()


def test_desk_pages_need_a_login(client):
    here = published_world(3)
    for address in (
        desk("list"),
        desk("export"),
        desk("preview", here.rosters[0].pk),
        desk("detail", here.disclosures[0].pk),
    ):
        assert client.get(address).status_code == 302


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.BANK])
def test_roles_without_notices_get_403(client, role):
    client.force_login(UserFactory(role=role))
    assert client.get(desk("list")).status_code == 403


def test_another_townships_list_is_the_same_404_as_none(client):
    here = published_world(6)
    user = UserFactory()
    grant(user, Role.TOWNSHIP_CLERK, at=OTHER_TOWN)
    client.force_login(user)
    foreign = client.get(desk("detail", disclosure_at(here, TOWN).pk))
    missing = client.get(desk("detail", 999_999))
    assert (
        (foreign.status_code, foreign.content)
        == (missing.status_code, missing.content)
        == (404, foreign.content)
    )
    assert client.get(desk("detail", disclosure_at(here, OTHER_TOWN).pk)).status_code == 200
    assert client.get(desk("preview", roster_at(here, TOWN).pk)).status_code == 404


def test_a_township_sees_the_button_with_the_reason_why_not(client):
    here = paid_world(6)
    client.force_login(here["town"])
    text = client.get(desk("preview", roster_at(here).pk)).content.decode()
    assert "须由部门经办办理" in text
    client.post(desk("publish", roster_at(here).pk), {"action_key": "b7f5d7f0-0000-4000-8000-000000000001"})
    assert not Disclosure.objects.exists()


def test_the_export_holds_the_list(client):
    here = published_world(6)
    client.force_login(here["department"])
    page = client.get(desk("export"))
    assert page.status_code == 200
    assert b"".join(page.streaming_content).startswith(b"PK")


def test_waiting_rosters_are_a_todo_of_the_clerk_alone():
    here = paid_world(6)
    assert [one.count for one in todos.for_user(here["department"]) if "公开" in one.title] == [2]
    assert not [one for one in todos.for_user(here["finance"]) if "公开" in one.title]


def cost(client, address):
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


def test_public_and_desk_lists_do_not_cost_more_with_more_rows(client):
    few, many = published_world(2), published_world(40)
    one, other = disclosure_at(few), disclosure_at(many)
    for name in ("disclosure",):
        small = cost(client, reverse(f"publicity:{name}", args=[VILLAGE, one.pk]))
        assert small == cost(client, reverse(f"publicity:{name}", args=[VILLAGE, other.pk])) <= 14
    assert cost(client, reverse("publicity:home")) <= 12
    assert cost(client, reverse("publicity:villages")) <= 6
    assert cost(client, reverse("publicity:place", args=[VILLAGE])) <= 10
    client.force_login(many["department"])
    client.get(desk("list"))
    assert cost(client, desk("list")) <= 20


def test_codes_of_objections_are_not_walked_through(client, db):
    most = rules.LIMITS["progress"].most
    for n in range(most):
        assert (
            client.get(reverse("publicity:objection-progress", args=[f"YY-26-AAAA{n:04d}"])).status_code
            == 404
        )
    assert client.get(reverse("publicity:objection-progress", args=["YY-26-AAAA9999"])).status_code == 429
    page = client.post(reverse("publicity:objection-ask"), {"code": "YY-26-AAAA9999"})
    assert "查得太多了" in page.content.decode()


def test_a_right_code_is_asked_as_often_as_one_likes_but_not_found_by_trying(client, db):
    code = objections.file_objection(notice(paid_world(4)), text="他家多写了一块地", contact="")
    url = reverse("publicity:objection-progress", args=[code])
    for _ in range(rules.LIMITS["progress"].most + 5):
        assert client.get(url).status_code == 200
    for n in range(rules.LIMITS["progress"].most):
        client.post(reverse("publicity:objection-ask"), {"code": f"YY-26-AAAA{n:04d}"})
    assert client.get(url).status_code == 429
    assert "查得太多了" in client.post(reverse("publicity:objection-ask"), {"code": code}).content.decode()


def test_a_list_that_tells_paid_of_money_that_came_back_is_a_todo_until_it_is_published_anew(client):
    here = published_world(6)
    shown = disclosure_at(here)
    title = "公开的名单写着已到账，钱后来退回了"
    assert title not in [one.title for one in todos.for_user(here["department"]) if one.count]
    line = PaymentLine.objects.filter(roster=shown.roster, results__kind="paid").first()
    PaymentResult.objects.create(
        line=line,
        kind="voluntary_refund",
        note="多报了一亩",
        actor=here["department"],
        business_on=clock.today(),
        at=timezone.now() + timedelta(seconds=1),
    )
    assert [one.count for one in todos.for_user(here["department"]) if one.title == title] == [1]
    client.force_login(here["department"])
    text = client.get(f"{reverse('publicity:desk-list')}?overtaken=yes").content.decode()
    assert shown.title in text
    services.withdraw_disclosure(shown.pk, note="有人退款", actor=here["department"])
    assert title not in [one.title for one in todos.for_user(here["department"]) if one.count]
