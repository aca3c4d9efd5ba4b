"""Pages of policies and indicators: who opens them, what they do, how many queries they cost."""

import io
from datetime import date
from uuid import uuid4

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from huimin.core.authority.roles import Role
from huimin.core.desk import menu, todos
from huimin.core.records import proofs
from subsidies import catalogue, services
from subsidies.models import Indicator, Policy, PolicyVersion
from tests.factories import COUNTY, TOWN, DepartmentFactory, DivisionFactory, UserFactory
from tests.subsidies.factories import draft, indicator, people, policy_facts, published, version_facts

pytestmark = pytest.mark.django_db
ELSEWHERE = "341525000000"


@pytest.fixture
def office():
    return people()


def signed_in(client, user):
    client.force_login(user)
    return client


def posted(client, url_name, pk=None, /, **data):
    url = reverse(f"subsidies:{url_name}", args=[pk] if pk else [])
    return client.post(url, {"action_key": str(uuid4()), **data}, follow=True)


def version_data(**changes):
    return {
        "valid_from": "2027-01-01",
        "standard_text": "90.00 元/亩",
        "base": "flat",
        "amount": "90.00",
        "times_quantity": "on",
        "quantity_label": "面积",
        "quantity_unit": "亩",
        "deliberation": "none",
        "has_village_notice": "on",
        "joint_parties": ["department"],
        "has_county_review": "on",
        "notice_days": "7",
        "stop_rule": "next_month",
    } | changes


PAGES = [
    "policy-list",
    "policy-export",
    "policy-create",
    "indicator-list",
    "indicator-export",
    "indicator-register",
]


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_is_sent_to_the_login(client, office, name):
    answer = client.get(reverse(f"subsidies:{name}"))
    assert answer.status_code == 302
    assert "login" in answer.url


@pytest.mark.parametrize("name", PAGES)
def test_a_role_outside_these_records_gets_403(client, office, name):
    signed_in(client, UserFactory(role=Role.AUDIT_ADMIN))
    assert client.get(reverse(f"subsidies:{name}")).status_code == 403


@pytest.mark.parametrize("name", PAGES)
def test_the_finance_clerk_opens_every_page(client, office, name):
    indicator(office[0], office[1], policy=published(*office))
    answer = signed_in(client, office[0]).get(reverse(f"subsidies:{name}"))
    assert answer.status_code == 200
    answer.close()


@pytest.mark.parametrize("name", ["policy-create", "indicator-register"])
def test_who_may_only_look_gets_403_naming_whose_page_it_is(client, office, name):
    answer = signed_in(client, UserFactory(role=Role.SUPERVISOR)).get(reverse(f"subsidies:{name}"))
    assert answer.status_code == 403
    assert "须由" in answer.content.decode()


def test_a_neighbours_rows_and_unknown_ids_are_the_same_404(client, office):
    policy = published(*office)
    row = indicator(*office)
    DivisionFactory(code=ELSEWHERE, name="霍山县")
    signed_in(client, UserFactory(role=Role.FINANCE_CLERK, at=ELSEWHERE))
    for name, pk in (("policy-detail", policy.pk), ("indicator-detail", row.pk)):
        neighbour = client.get(reverse(f"subsidies:{name}", args=[pk]))
        unknown = client.get(reverse(f"subsidies:{name}", args=[10**9]))
        assert neighbour.status_code == unknown.status_code == 404
        assert neighbour.content == unknown.content
    step = client.post(reverse("subsidies:indicator-step", args=[row.pk, "confirm"]))
    assert step.status_code == 404


@pytest.mark.parametrize("rows", [1, 50])
def test_the_policy_list_costs_the_same_for_one_and_for_fifty(
    client, office, django_assert_max_num_queries, rows
):
    for _ in range(rows):
        draft(office[0])
    signed_in(client, office[0])
    with django_assert_max_num_queries(17):
        assert client.get(reverse("subsidies:policy-list")).status_code == 200


@pytest.mark.parametrize("rows", [1, 50])
def test_the_indicator_list_costs_the_same_for_one_and_for_fifty(
    client, office, django_assert_max_num_queries, rows
):
    policy = published(*office)
    for _ in range(rows):
        indicator(office[0], policy=policy)
    signed_in(client, office[0])
    with django_assert_max_num_queries(17):
        assert client.get(reverse("subsidies:indicator-list") + "?size=50").status_code == 200


def test_the_list_is_filtered_by_words_department_level_and_status(client, office):
    civil = DepartmentFactory(code="CIVIL", name="民政局")
    draft(office[0], name="农村低保", department=civil, level="province")
    published(*office, name="地力补贴")
    signed_in(client, office[0])
    for query, shown in (
        ("q=低保", "农村低保"),
        (f"department={civil.pk}", "农村低保"),
        ("level=province", "农村低保"),
        ("status=published", "地力补贴"),
    ):
        page = client.get(reverse("subsidies:policy-list") + f"?{query}")
        assert [policy.name for policy in page.context["page"]] == [shown]


def test_the_export_holds_what_the_filter_shows(client, office):
    draft(office[0], name="甲补贴")
    published(*office, name="乙补贴")
    answer = signed_in(client, office[0]).get(reverse("subsidies:policy-export") + "?status=published")
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    answer.close()
    text = [str(cell) for row in sheet.iter_rows(values_only=True) for cell in row if cell]
    assert "乙补贴" in text
    assert "甲补贴" not in text


def test_a_policy_is_drafted_versioned_sent_and_published_on_the_pages(client, office):
    clerk, checker = office
    signed_in(client, clerk)
    facts = policy_facts()
    posted(client, "policy-create", **facts | {"department": facts["department"].pk})
    policy = Policy.objects.get()
    posted(client, "version-add", policy.pk, **version_data())
    step = reverse("subsidies:policy-step", args=[policy.pk, "submit"])
    client.post(step, {"action_key": str(uuid4())})
    signed_in(client, checker)
    page = client.get(reverse("subsidies:policy-detail", args=[policy.pk]))
    assert "审批通过，发布" in page.content.decode()
    client.post(reverse("subsidies:policy-step", args=[policy.pk, "publish"]), {"action_key": str(uuid4())})
    policy.refresh_from_db()
    assert policy.status == "published"
    assert PolicyVersion.objects.get().published_at


@pytest.mark.parametrize(
    ("changes", "facts", "amount"),
    [
        ({}, {"quantity": "12.5"}, "1,125.00"),
        (
            {"base": "tiers", "tiers_by": "age", "low_1": "80", "high_1": "90", "pay_1": "30", "low_2": "90",
             "pay_2": "60", "times_quantity": "", "times_months": "on"},
            {"age": "90", "months": "3"},
            "180.00",
        ),
        (
            {"base": "table", "table_by": "残疾等级", "word_1": "一级", "sum_1": "86.00", "word_2": "二级",
             "sum_2": "80", "times_quantity": "", "times_months": "on"},
            {"grade": "二级", "months": "2"},
            "160.00",
        ),
        (
            {"base": "top_up", "amount": "812", "times_quantity": "", "times_months": "on"},
            {"members": "2", "income": "1000", "months": "1"},
            "624.00",
        ),
    ],
    ids=["flat", "tiers", "table", "top_up"],
)  # fmt: skip
def test_a_rule_composed_in_the_form_is_tried_and_edited_again(client, office, changes, facts, amount):
    signed_in(client, office[0])
    policy = draft(office[0], version=False)
    posted(client, "version-add", policy.pk, **version_data(**changes))
    version = policy.versions.get()
    detail = reverse("subsidies:policy-detail", args=[policy.pk])
    page = client.get(detail, {"version": "1", **facts})
    assert f"{amount} 元" in page.content.decode()
    assert "{&quot;op" not in page.content.decode()
    before = version.amount_rule
    form = client.get(reverse("subsidies:version-edit", args=[version.pk])).context["form"]
    initial = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    sent = {name: value for name, value in initial.items() if value not in (None, "", False)}
    posted(client, "version-edit", version.pk, **sent | {"notice_days": "9"})
    version.refresh_from_db()
    assert (version.amount_rule, version.notice_days) == (before, 9)


def sent_as_it_is(form):
    """What a browser posts when nobody changes anything."""
    initial = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return {name: value for name, value in initial.items() if value not in (None, "", False)}


@pytest.mark.parametrize("code", catalogue.demo_codes())
def test_next_years_version_of_a_published_policy_begins_as_this_years(client, office, code):
    terms = catalogue._shipped()["versions"][code]
    policy = published(*office, version=terms | {"valid_from": date(2026, 1, 1)})
    signed_in(client, office[0])
    form = client.get(reverse("subsidies:version-add", args=[policy.pk])).context["form"]
    assert form.kept_rule is None
    posted(client, "version-add", policy.pk, **sent_as_it_is(form) | {"valid_from": "2027-01-01"})
    added = policy.versions.get(number=2)
    assert added.amount_rule == terms["amount_rule"]
    assert added.quantity_label == terms["quantity_label"]


EIGHT_TIERS = [{"from": str(n), "to": str(n + 1), "then": {"op": "const", "value": "1.00"}} for n in range(8)]


@pytest.mark.parametrize(
    "rule",
    [
        {"op": "tiers", "by": {"name": "age"}, "bands": EIGHT_TIERS},
        {"op": "const", "value": "0.125", "unit": "元/斤"},
        {"op": "min", "args": [version_facts()["amount_rule"], {"op": "const", "value": "500.00"}]},
    ],
    ids=["more tiers than lines", "finer than a fen", "a ceiling"],
)
def test_a_rule_that_the_form_has_no_room_for_is_kept_as_it_is(client, office, rule):
    version = {"amount_rule": rule, "quantity_label": "面积（亩）", "valid_from": date(2026, 1, 1)}
    policy = published(*office, version=version)
    signed_in(client, office[0])
    form = client.get(reverse("subsidies:version-add", args=[policy.pk])).context["form"]
    assert form.kept_rule == rule
    posted(client, "version-add", policy.pk, **sent_as_it_is(form) | {"valid_from": "2027-01-01"})
    added = policy.versions.get(number=2)
    assert (added.amount_rule, added.quantity_label) == (rule, "面积（亩）")


def test_a_table_keeps_the_name_that_its_words_are_declared_under(client, office):
    rows = [{"is": "一级", "then": {"op": "const", "value": "80.00", "unit": "元"}}]
    rule = {"op": "table", "by": {"name": "disability", "label": "残疾等级"}, "rows": rows}
    policy = published(*office, version={"amount_rule": rule, "valid_from": date(2026, 1, 1)})
    signed_in(client, office[0])
    form = client.get(reverse("subsidies:version-add", args=[policy.pk])).context["form"]
    changed = {"valid_from": "2027-01-01", "sum_1": "90.00"}
    posted(client, "version-add", policy.pk, **sent_as_it_is(form) | changed)
    added = policy.versions.get(number=2).amount_rule
    assert added["by"] == rule["by"]
    assert added["rows"][0]["then"] == {"op": "const", "value": "90.00", "unit": "元"}


@pytest.mark.parametrize("income", ["-5000", "100.12345", "3，5"])
def test_a_trial_refuses_what_a_declaration_would(client, office, income):
    top_up = {"op": "top_up", "standard": {"op": "const", "value": "700.00"}}
    policy = published(*office, version={"amount_rule": top_up})
    signed_in(client, office[0])
    asked = {"version": "1", "members": "3", "income": income}
    page = client.get(reverse("subsidies:policy-detail", args=[policy.pk]), asked)
    assert "income" in page.context["try_form"].errors
    assert page.context["worked"] is None


def test_a_faulty_table_of_tiers_comes_back_with_the_reason(client, office):
    signed_in(client, office[0])
    policy = draft(office[0], version=False)
    data = version_data(base="tiers", tiers_by="age", low_1="90", high_1="80", pay_1="30", times_quantity="")
    page = posted(client, "version-add", policy.pk, **data)
    assert "各档要从小到大" in page.content.decode()
    assert not policy.versions.exists()


def test_trying_without_a_fact_says_what_is_missing(client, office):
    policy = published(*office)
    signed_in(client, office[0])
    page = client.get(reverse("subsidies:policy-detail", args=[policy.pk]), {"version": "1"})
    assert "请填写面积" in page.content.decode()


def test_the_second_click_on_register_registers_nothing_more(client, office):
    signed_in(client, office[0])
    data = {
        "document_number": "皖财农〔2026〕318号",
        "name": "地力补贴",
        "source": "earmarked",
        "year": "2026",
        "issued": "40,000,000.00",
    }
    key = str(uuid4())
    url = reverse("subsidies:indicator-register")
    first = client.post(url, {**data, "action_key": key})
    second = client.post(url, {**data, "name": "另一笔", "action_key": key})
    assert (first.status_code, second.status_code) == (302, 200)
    assert "没有重复办理" in second.content.decode()
    assert Indicator.objects.get().issued == 40_000_000


def test_a_step_of_another_role_is_403_and_changes_nothing(client, office):
    row = indicator(office[0])
    signed_in(client, UserFactory(role=Role.SUPERVISOR))
    url = reverse("subsidies:indicator-step", args=[row.pk, "confirm"])
    answer = client.post(url, {"action_key": str(uuid4())})
    assert answer.status_code == 403
    row.refresh_from_db()
    assert row.status == "registered"


def test_an_indicator_is_confirmed_and_attached_on_the_pages(client, office):
    clerk, checker = office
    policy = published(clerk, checker)
    row = indicator(clerk)
    signed_in(client, checker)
    client.post(reverse("subsidies:indicator-step", args=[row.pk, "confirm"]), {"action_key": str(uuid4())})
    signed_in(client, clerk)
    page = posted(client, "indicator-attach", row.pk, policy=policy.pk, priority="1")
    assert "已挂接到" in page.content.decode()
    row.refresh_from_db()
    assert row.status == "confirmed"
    assert row.policies.get() == policy


def test_a_new_version_of_a_public_policy_is_published_on_its_page(client, office):
    clerk, checker = office
    policy = published(clerk, checker)
    version = services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2027, 1, 1)))
    detail, step = reverse("subsidies:policy-detail", args=[policy.pk]), "subsidies:version-step"

    def press(user, name, note=""):
        signed_in(client, user)
        shown = client.get(detail).content.decode()
        data = {"action_key": str(uuid4()), "note": note}
        return shown, client.post(reverse(step, args=[version.pk, name]), data, follow=True).content.decode()

    assert "发布第 2 版" not in signed_in(client, checker).get(detail).content.decode()
    assert {todo.title for todo in todos.for_user(clerk)} >= {"拟好的新标准还没送审"}
    shown, done = press(clerk, "submit")
    assert "送审第 2 版" in shown
    assert "放弃第 2 版" in shown
    assert "第 2 版已送审" in done
    assert {todo.title for todo in todos.for_user(checker)} >= {"新标准待审批"}
    shown, done = press(checker, "rework", note="日期写错")
    assert "退回修改第 2 版" in shown
    assert "日期写错" in done
    press(clerk, "submit")
    shown, done = press(checker, "publish")
    assert "发布第 2 版" in shown
    assert "第 2 版已发布" in done


def test_a_draft_of_a_later_version_is_given_up_on_the_page_and_stays_on_the_trail(client, office):
    policy = published(*office)
    version = services.add_version(policy, actor=office[0], **version_facts(valid_from=date(2027, 1, 1)))
    signed_in(client, office[0])
    url = reverse("subsidies:version-step", args=[version.pk, "discard_version"])
    page = client.post(url, {"action_key": str(uuid4()), "note": "文件未到"}, follow=True).content.decode()
    assert "第 2 版已放弃" in page
    assert "文件未到" in page
    assert policy.versions.count() == 1


@pytest.mark.parametrize("step", ["revise_version", "fly"])
def test_what_has_no_button_is_no_address(client, office, step):
    version = published(*office).versions.get()
    signed_in(client, office[0])
    url = reverse("subsidies:version-step", args=[version.pk, step])
    assert client.post(url, {"action_key": str(uuid4())}).status_code == 404


def test_what_waits_stands_on_the_workbench(office):
    clerk, checker = office
    services.advance_policy(draft(clerk).pk, "submit", actor=clerk)
    indicator(clerk)
    assert {todo.title for todo in todos.for_user(checker)} >= {"政策待审批", "指标待确认"}


def test_the_menu_shows_indicators_only_to_those_who_may_look(office):
    def labels(user):
        return {item["label"] for group in menu.for_user(user, "/") for item in group["items"]}

    assert {"政策清单", "指标与资金"} <= labels(office[0])
    town = labels(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    assert "政策清单" in town
    assert "指标与资金" not in town


def test_every_proof_of_this_room_holds_after_real_work(office):
    clerk, checker = office
    policy = published(clerk, checker)
    row = indicator(clerk, checker, policy=policy)
    services.freeze_for(policy, 700, subject="x:1", actor=clerk)
    services.pay_frozen(row.pk, 600, subject="x:1", actor=clerk)
    services.release_frozen(row.pk, 100, subject="x:1", actor=clerk)
    services.reopen_paid(row.pk, 50, subject="x:1", actor=clerk)
    names = {name for name, check in proofs._checks if check.__module__ == "subsidies.proofs"}
    ours = [one for one in proofs.run_all() if one.name in names]
    assert len(ours) == 7
    assert [one.name for one in ours if not one.holds] == []


def test_a_move_without_its_figure_is_found_by_the_proof(office):
    row = indicator(*office)
    row.moves.create(kind="freeze", amount=1, subject="x:1", actor=office[0], business_at=row.created_at)
    found = {one.name: one.faults for one in proofs.run_all()}
    assert found["每笔指标的四个数与其变动记录逐笔相加相符"] == [f"{row.document_number} {row.name}"]


def test_anyone_reads_the_public_list_and_only_what_is_public(client, office):
    shown = published(*office, name="地力补贴")
    draft(office[0], name="草稿补贴")
    answer = client.get("/api/v1/policies/").json()
    assert [row["name"] for row in answer["results"]] == ["地力补贴"]
    one = client.get(f"/api/v1/policies/{shown.code}/").json()
    assert one["in_force"]["standard_text"] == "86.90 元/亩"
    assert "面积 × 86.90 元" in one["in_force"]["rule"]


def test_the_public_list_is_filtered_and_paged(client, office):
    civil = DepartmentFactory(code="CIVIL", name="民政局")
    for serial in range(3):
        published(*office, name=f"农业{serial}")
    published(*office, name="低保", department=civil, level="province")
    assert client.get("/api/v1/policies/?department=民政局").json()["count"] == 1
    assert client.get("/api/v1/policies/?level=province").json()["results"][0]["name"] == "低保"
    page = client.get("/api/v1/policies/?limit=2").json()
    assert (page["count"], len(page["results"])) == (4, 2)


def test_drafts_and_unknown_codes_are_not_in_the_api(client, office):
    hidden = draft(office[0])
    assert client.get(f"/api/v1/policies/{hidden.code}/").status_code == 404
    assert client.get("/api/v1/policies/ZZ99/").status_code == 404
    assert client.post("/api/v1/policies/", {}).status_code == 405


@pytest.mark.parametrize("rows", [1, 20])
def test_the_public_list_costs_the_same_for_one_and_for_many(
    client, office, django_assert_max_num_queries, rows
):
    for _ in range(rows):
        published(*office)
    with django_assert_max_num_queries(5):
        assert len(client.get("/api/v1/policies/").json()["results"]) == rows


def test_the_schema_describes_the_policy_list(client, office):
    text = client.get("/api/v1/schema/").content.decode()
    assert "/api/v1/policies/{code}/" in text
    assert COUNTY not in text
