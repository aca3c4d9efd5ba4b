"""Pages: strangers, wrong roles, neighbours and the right people; masks, ceilings, buttons."""

import io
import re
import time
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from huimin.core.accounts import auth
from huimin.core.authority.roles import Role
from huimin.core.desk import places
from huimin.core.desk.history import history
from huimin.core.errors import BadInput
from huimin.core.models import AuditEvent
from huimin.core.records import audit
from huimin.core.sheets.reader import read_rows
from huimin.core.sheets.writer import Column, write_rows
from recipients.files.declaration import TITLES
from recipients.models import Account, AccountChange, Declaration, Person, RegistryImport
from recipients.rules import amounts
from recipients.services import accounts, declarations, notices, objections, registry, review
from recipients.services.accounts import NewAccount
from subsidies.rules import parse_rule
from tests.factories import OTHER_TOWN, TOWN, VILLAGE, UserFactory
from tests.recipients.factories import NOTHING, chain, declaration, household, policy
from tests.recipients.sheets import member, workbook

pytestmark = pytest.mark.django_db
NOTICED = NOTHING | {"has_village_notice": True}


@pytest.fixture
def clerk():
    return UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)


@pytest.fixture
def neighbour():
    return UserFactory(role=Role.TOWNSHIP_CLERK, at=OTHER_TOWN)


def page(client, user, name, *args, **query):
    client.force_login(user)
    answer = client.get(reverse(f"recipients:{name}", args=args), query)
    if answer.streaming:
        answer.body = b"".join(answer.streaming_content)
        getattr(answer, "file_to_stream", None) and answer.file_to_stream.close()
    return answer


def post(client, user, view, *args, **data):
    client.force_login(user)
    return client.post(
        reverse(f"recipients:{view}", args=args), {"action_key": str(uuid4()), **data}, follow=True
    )


def posted(people):
    one = declaration(actor=people["village"], **NOTICED)
    review.take_step(one.pk, "submit", actor=people["village"])
    return one, notices.post_notice(one.pk, place="公开栏", actor=people["village"])


LISTS = ["person-list", "import-list", "change-list", "head-list", "declaration-list", "notice-list", "objection-list", "entitlement-list"]  # fmt: skip
EXPORTS = [
    "person-export",
    "declaration-export",
    "notice-export",
    "objection-export",
    "entitlement-export",
    "head-export",
    "change-export",
]


@pytest.mark.parametrize("name", [*LISTS, *EXPORTS, "declaration-new", "import-template"])
def test_a_stranger_is_sent_to_the_login_and_a_wrong_role_is_refused(client, name):
    url = reverse(f"recipients:{name}")
    assert client.get(url).status_code == 302
    client.force_login(UserFactory(role=Role.SECURITY_ADMIN))
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("name", [*LISTS, *EXPORTS, "declaration-new", "import-template"])
def test_the_right_people_open_every_list_empty_and_full(client, clerk, name):
    assert page(client, clerk, name).status_code == 200
    people = chain()
    one, notice = posted(people)
    objections.file_objection(notice, "多报")
    done = declaration(actor=people["village"], **NOTHING)
    review.take_step(done.pk, "submit", actor=people["village"])
    person = one.lines.first().beneficiary
    accounts.ask_account_change(person.pk, NewAccount("card", person.name, "6217990000000000014", "农商行"), reason="换卡", actor=people["village"])  # fmt: skip
    assert page(client, clerk, name).status_code == 200


def details(people):
    one, notice = posted(people)
    objections.file_objection(notice, "多报")
    line = one.lines.first()
    return [
        ("person-detail", line.beneficiary_id),
        ("person-edit", line.beneficiary_id),
        ("account-ask", line.beneficiary_id),
        ("declaration-detail", one.pk),
        ("declaration-lines-export", one.pk),
        ("declaration-lines-template", one.pk),
        ("line-change", one.pk, line.pk),
        ("notice-detail", notice.pk),
        ("notice-poster", notice.pk),
        ("objection-detail", notice.objections.get().pk),
    ]


def test_details_open_for_the_right_people_and_are_not_there_for_neighbours(client, clerk, neighbour):
    for name, *args in details(chain()):
        assert page(client, clerk, name, *args).status_code == 200, name
        foreign = page(client, neighbour, name, *args)
        assert foreign.status_code == 404, name
        nobody = page(client, neighbour, name, *[10**9 for _ in args])
        assert nobody.content == foreign.content, name


def test_lists_show_masked_numbers_only_and_exports_too(client, clerk):
    person = household(1)[0]
    text = page(client, clerk, "person-list").content.decode()
    assert person.id_number not in text
    assert f"{person.id_number[:6]}********{person.id_number[-4:]}" in text
    export = page(client, clerk, "person-export")
    rows = list(read_rows(io.BytesIO(export.body), "a.xlsx").rows)
    assert person.name in rows[0][1]
    assert person.id_number not in str(rows)


@pytest.mark.parametrize("words", ["name", "initials", "code", "beginning"])
def test_people_are_found_by_name_pinyin_and_household_code(client, clerk, words):
    wanted, other = household(1, name="单秀英")[0], household(1, name="李大明")[0]
    query = {"name": "单秀英", "initials": "sxy", "code": wanted.household.code, "beginning": "单"}[words]
    text = page(client, clerk, "person-list", q=query).content.decode()
    assert wanted.name in text
    assert other.name not in text


def test_a_whole_number_is_searched_by_post_and_opens_the_person(client, clerk, neighbour):
    person = household(1)[0]
    answer = post(client, clerk, "person-list", q=person.id_number)
    assert answer.redirect_chain[-1][0] == reverse("recipients:person-detail", args=[person.pk])
    assert "没有找到" in post(client, neighbour, "person-list", q=person.id_number).content.decode()


def test_a_private_field_is_shown_once_with_a_reason_and_leaves_a_trace(client, clerk):
    person = household(1)[0]
    url = reverse("recipients:person-reveal", args=[person.pk])
    client.force_login(clerk)
    session = client.session
    session[auth.STEP_UP_KEY] = int(time.time())
    session.save()
    assert client.get(url).status_code == 405
    assert person.id_number not in client.post(url, {"field": "id_number", "reason": "看"}).content.decode()
    answer = client.post(url, {"field": "id_number", "reason": "核对户口本"})
    assert person.id_number in answer.content.decode()
    assert person.id_number not in page(client, clerk, "person-detail", person.pk).content.decode()
    event = AuditEvent.objects.get(action="reveal")
    assert (event.actor, event.detail, event.note) == (clerk, {"field": "id_number"}, "核对户口本")


def test_an_edit_keeps_before_and_after_without_the_telephone(client, clerk):
    person = household(1)[0]
    answer = post(
        client, clerk, "person-edit", person.pk, name="王新名", phone="19900001111", group_name="二组",
        is_rural="on", status="normal", note="", seen=registry.state_of(person),
    )  # fmt: skip
    assert "已保存" in answer.content.decode()
    person.refresh_from_db()
    assert (person.name, person.phone, person.household.group_name) == ("王新名", "19900001111", "二组")
    detail = AuditEvent.objects.get(action="edit").detail
    assert detail["phone"] == "已变更"
    assert detail["name"][1] == "王新名"
    assert "1990000" not in str(detail)


def test_an_account_is_changed_by_two_people(client, clerk):
    person = household(1)[0]
    first = person.accounts.get()
    number = "6217990000000000014"
    asking = {"kind": "card", "holder_name": person.name, "number": number, "bank_name": "农商行", "reason": "旧卡丢了"}  # fmt: skip
    assert "复核后生效" in post(client, clerk, "account-ask", person.pk, **asking).content.decode()
    change = AccountChange.objects.get()
    assert (
        "换一位同事"
        in post(client, clerk, "change-step", change.pk, "approve", number_again=number).content.decode()
    )
    assert person.accounts.get(is_active=True) == first
    twin = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN, id_number=clerk.id_number)
    assert (
        "换一位同事"
        in post(client, twin, "change-step", change.pk, "approve", number_again=number).content.decode()
    )
    second = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN)
    assert (
        "已生效"
        in post(client, second, "change-step", change.pk, "approve", number_again=number).content.decode()
    )
    assert person.accounts.get(is_active=True).tail == "0014"
    assert Account.objects.filter(person=person, is_active=False).get() == first


def test_a_death_is_registered_on_the_persons_page(client, clerk):
    person = household(1)[0]
    assert (
        "已登记死亡" in post(client, clerk, "person-death", person.pk, died_on="2026-01-05").content.decode()
    )
    assert Person.objects.get(pk=person.pk).died_on == date(2026, 1, 5)


def test_the_import_page_takes_a_workbook_and_says_when_it_was_taken_before(client, clerk, monkeypatch):
    content = workbook([member(1), member(2, holder=1)])
    answer = post(client, clerk, "import-list", file=SimpleUploadedFile("a.xlsx", content))
    one = RegistryImport.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("recipients:import-detail", args=[one.pk])
    from huimin.core.models import Job
    from huimin.core.work import jobs

    jobs.run(Job.objects.get().pk)
    assert "已导入 1 户、2 人" in page(client, clerk, "import-detail", one.pk).content.decode()
    again = post(client, clerk, "import-list", file=SimpleUploadedFile("b.xlsx", content))
    assert "本次没有重复写入" in again.content.decode()


def test_a_refused_import_lists_its_faults_by_kind_and_gives_the_rows_back(client, clerk, neighbour):
    from huimin.core.errors import FileRefused
    from recipients.services import registry_import

    with pytest.raises(FileRefused):
        registry_import.import_now(workbook([member(1, 联系电话="12")]), filename="a.xlsx", actor=clerk)
    one = RegistryImport.objects.get()
    text = page(client, clerk, "import-detail", one.pk).content.decode()
    assert "联系电话" in text
    assert "下载要改的行" in text
    assert page(client, clerk, "import-errors", one.pk).status_code == 200
    assert page(client, neighbour, "import-errors", one.pk).status_code == 404


def test_a_refused_import_says_one_fault_of_many_rows_once_and_names_who_is_in_them(client, clerk):
    from huimin.core.errors import FileRefused
    from recipients.services import registry_import

    rows = [member(serial, house=serial, 联系电话="12") for serial in range(1, 31)]
    rows.append(["" if n else "合计" for n in range(24)])
    with pytest.raises(FileRefused):
        registry_import.import_now(workbook(rows), filename="a.xlsx", actor=clerk)
    text = page(client, clerk, "import-detail", RegistryImport.objects.get().pk).content.decode()
    assert text.count("11位手机号") == 1
    assert "第2—31行（王二春、王三春、王四春等30人）" in text
    assert "像是合计行" in text


def test_people_who_are_registered_already_are_told_with_their_names(client, clerk):
    from huimin.core.errors import FileRefused
    from recipients.services import registry_import

    family = [member(1), member(2, holder=1)]
    registry_import.import_now(workbook(family), filename="a.xlsx", actor=clerk)
    with pytest.raises(FileRefused):
        registry_import.import_now(workbook([*family, member(3, holder=1)]), filename="b.xlsx", actor=clerk)
    one = RegistryImport.objects.get(status="refused")
    text = page(client, clerk, "import-detail", one.pk).content.decode()
    assert "第2—3行（王二春、王三春）" in text


def test_something_else_than_a_workbook_is_refused_at_the_form(client, clerk):
    answer = post(client, clerk, "import-list", file=SimpleUploadedFile("a.xlsx", b"hello"))
    assert "这不是有效的Excel" in answer.content.decode()
    assert not RegistryImport.objects.exists()


def test_a_book_for_a_year_nobody_is_near_is_refused(client):
    village = chain()["village"]
    made = policy(**NOTHING)
    with pytest.raises(BadInput, match="还太早"):
        declarations.make_declaration(made, period="2062", division_code=VILLAGE, actor=village)


def test_the_whole_draft_is_made_on_the_pages(client):
    people = chain()
    chosen, person = policy(**NOTICED), household(1)[0]
    post(
        client,
        people["village"],
        "declaration-new",
        policy=chosen.pk,
        period="2026",
        division=person.division_code,
    )
    one = Declaration.objects.get()
    text = post(
        client, people["village"], "line-add", one.pk, name=person.name, id_number=person.id_number, payee_name="",
        quantity="3.5",
    ).content.decode()  # fmt: skip
    assert "304.15" in text
    assert person.id_number not in text
    line = one.lines.get()
    post(client, people["village"], "line-change", one.pk, line.pk, quantity="2")
    text = post(client, people["village"], "declaration-step", one.pk, "submit").content.decode()
    assert "登记张贴" in text
    text = post(
        client, people["village"], "notice-post", one.pk, place="公开栏", starts_on=str(notices.clock.today())
    ).content.decode()
    assert "名单和金额已锁定" in text
    text = post(client, people["village"], "declaration-step", one.pk, "end_village_notice").content.decode()
    assert "次日才能进入下一步" in text


def test_a_step_of_another_post_is_refused_with_its_reason(client):
    people = chain()
    one = declaration(actor=people["village"], **NOTHING | {"has_township_review": True})
    post(client, people["village"], "declaration-step", one.pk, "submit")
    text = post(client, people["village"], "declaration-step", one.pk, "approve_township").content.decode()
    assert "须由乡镇审核办理" in text
    assert client.post(reverse("recipients:declaration-step", args=[one.pk, "fly"])).status_code == 404


def test_the_rule_of_a_declaration_is_read_once_for_the_page_and_every_line_shows_its_working(
    client, monkeypatch
):
    one = declaration(lines=[household(1)[0] for _ in range(5)])
    read = []

    def counting(source):
        read.append(source)
        return parse_rule(source)

    monkeypatch.setattr(amounts, "parse_rule", counting)
    shown = page(client, one.made_by, "declaration-detail", one.pk).content.decode()
    assert shown.count("2.0000 亩 × 86.90 元＝173.80 元") == 5
    assert len(read) == 1


def uploaded(client, one, *rows):
    """The page that answers a workbook of a declaration."""
    out = io.BytesIO()
    write_rows(out, [Column(title) for title in TITLES], rows)
    upload = SimpleUploadedFile("a.xlsx", out.getvalue())
    return post(client, one.made_by, "declaration-lines-import", one.pk, file=upload).content.decode()


def test_faults_of_reading_and_of_the_registry_are_counted_and_listed_together(client):
    one = declaration(lines=[])
    stranger, good = household(1, village="341524101001")[0], household(1)[0]
    text = uploaded(
        client,
        one,
        [stranger.name, stranger.id_number, "", "2"],
        [good.name, good.id_number, "", "很多"],
        ["另一个人", good.id_number, "", "2"],
    )
    assert "有 3 处错误" in text
    assert "不在本村" in text
    assert "姓名与系统登记的不同" in text
    assert not one.lines.exists()


def test_a_fact_that_is_missing_is_named(client):
    fact = {"op": "fact", "name": "members", "label": "保障人口", "unit": "人"}
    one = declaration(lines=[], amount_rule={"op": "mul", "args": [fact, {"op": "const", "value": "86.90"}]})
    person = household(1)[0]
    given = {"name": person.name, "id_number": person.id_number, "quantity": "1"}
    text = post(client, one.made_by, "line-add", one.pk, **given).content.decode()
    assert "请填写保障人口" in text


def test_bad_lines_of_a_workbook_are_listed_on_the_page(client):
    one = declaration(lines=[])
    stranger = household(1, village="341524101001")[0]
    text = uploaded(client, one, [stranger.name, stranger.id_number, "", "2"])
    assert "第2行" in text
    assert "这个人不在本村的补贴对象里" in text
    assert text.count("有 1 处") == 1


def test_the_foot_of_a_book_adds_up_what_its_card_does(client):
    one = declaration(lines=[household(1)[0] for _ in range(3)])
    one.lines.filter(line_no=1).update(
        excluded_at_level="township_review", excluded_reason="重复", excluded_by=one.made_by
    )
    text = page(client, one.made_by, "declaration-detail", one.pk).content.decode()
    foot = text.split("<tfoot>")[1].split("</tfoot>")[0]
    assert "在册合计（剔除的不算）" in foot
    assert "347.60" in foot
    assert "347.60" in text.split("<tfoot>")[0]


@pytest.mark.parametrize("view", ["line-change", "line-remove"])
def test_a_line_that_another_tab_deleted_leads_back_to_the_book(client, view):
    one = declaration(lines=[household(1)[0]])
    line = one.lines.get()
    post(client, one.made_by, "line-remove", one.pk, line.pk)
    answer = post(client, one.made_by, view, one.pk, line.pk, quantity="3")
    assert answer.redirect_chain[-1][0] == reverse("recipients:declaration-detail", args=[one.pk])
    assert "这一行已经删去" in answer.content.decode()


def test_one_fault_of_many_lines_is_said_once_with_their_names(client):
    one = declaration(lines=[])
    people = household(3)
    rows = [[person.name, person.id_number, "", ""] for person in people]
    text = uploaded(client, one, *rows)
    assert text.count("数量为空") == 1
    assert f"第2—4行（{'、'.join(dict.fromkeys(person.name for person in people))}）" in text


def test_a_name_that_is_a_number_is_not_told(client):
    one = declaration(lines=[])
    person = household(1)[0]
    text = uploaded(client, one, [person.id_number, person.name, "", "2"])
    assert person.id_number not in text


def test_the_total_row_of_a_sheet_is_told_as_one(client):
    one = declaration(lines=[])
    person = household(1)[0]
    text = uploaded(client, one, [person.name, person.id_number, "", "2"], ["合计", "", "", "2"])
    assert "第3行：像是合计行，请从表里删去。" in text
    assert "身份证号为空" not in text
    assert not one.lines.exists()


def test_objections_are_answered_on_their_page(client, clerk):
    people = chain()
    one, notice = posted(people)
    post(client, people["village"], "objection-file", notice.pk, text="多报了面积", contact="")
    found = notice.objections.get()
    own = page(client, people["village"], "objection-detail", found.pk).content.decode()
    assert "核实、答复" not in own
    off = one.lines.first()
    text = post(
        client,
        clerk,
        "objection-detail",
        found.pk,
        verdict="exclude",
        exclude=[str(off.pk)],
        answer="经查属实",
    ).content.decode()
    assert "已答复" in text
    off.refresh_from_db()
    assert off.excluded_at_level == "village_notice"


def test_photographs_are_stored_and_shown(client):
    people = chain()
    _, notice = posted(people)
    jpeg = b"\xff\xd8\xff\xe0" + b"0" * 50 + b"\xff\xd9"
    upload = SimpleUploadedFile("x.php", jpeg)
    day = str(notices.clock.today())
    text = post(
        client, people["village"], "photo-add", notice.pk, photo=upload, taken_on=day, caption=""
    ).content.decode()
    assert "照片已存档" in text
    shown = page(client, people["village"], "photo", notice.pk, notice.photos.get().pk)
    assert (shown.content, shown["Content-Type"]) == (jpeg, "image/jpeg")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_fifty_costs_as_many_queries_as_a_list_of_one(
    client, clerk, name, django_assert_max_num_queries
):
    people = chain()
    for _ in range(6):
        one = declaration(actor=people["village"], lines=[household(1)[0]], **NOTICED)
        review.take_step(one.pk, "submit", actor=people["village"])
        notice = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
        objections.file_objection(notice, "多报")
    for _ in range(50):
        household(1)
    client.force_login(clerk)
    with django_assert_max_num_queries(26):
        assert client.get(reverse(f"recipients:{name}"), {"size": "50"}).status_code == 200


def test_the_workbench_names_what_waits(client):
    people = chain()
    _, notice = posted(people)
    objections.file_objection(notice, "多报")
    declaration(actor=people["village"], **NOTHING)
    from huimin.core.desk import todos

    def titles(who):
        who.__dict__.pop("active_grants", None)
        return [todo.title for todo in todos.for_user(who)]

    assert "申报册草稿待送审" in titles(people["village"])
    assert "异议待核实答复" in titles(people["clerk"])
    assert not titles(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=OTHER_TOWN))


# --- once per form, and what lists say -----------------------------------------------------------------------------------


def test_a_double_click_files_one_objection(client):
    people = chain()
    _, notice = posted(people)
    given = {"action_key": str(uuid4()), "text": "多报了面积", "contact": ""}
    post(client, people["village"], "objection-file", notice.pk, **given)
    text = post(client, people["village"], "objection-file", notice.pk, **given).content.decode()
    assert "刚才已经提交过" in text
    assert notice.objections.count() == 1


def buttons_of(client, user):
    """Every small button of this app with what it wants, before anything was pressed."""
    people = chain()
    one = declaration(actor=people["village"], **NOTHING)
    line, person = one.lines.first(), household(1)[0]
    return [
        (people["village"], "line-add", (one.pk,), {"name": person.name, "id_number": person.id_number, "quantity": "1"}),
        (people["village"], "line-change", (one.pk, line.pk), {"quantity": "7"}),
        (people["village"], "line-remove", (one.pk, line.pk), {}),
        (people["village"], "declaration-lines-prefill", (one.pk,), {}),
        (user, "person-death", (person.pk,), {"died_on": "2026-01-05"}),
        (user, "person-edit", (person.pk,), {"name": "新名字", "group_name": "一组", "seen": registry.state_of(person)}),
    ]  # fmt: skip


def test_no_button_acts_without_its_action_key(client, clerk):
    for who, name, args, given in buttons_of(client, clerk):
        text = post(client, who, name, *args, **given, action_key="").content.decode()
        assert "页面已过期" in text, name


def test_the_forms_on_every_page_carry_the_key(client, clerk):
    people = chain()
    one, notice = posted(people)
    draft = declaration(actor=people["village"], **NOTHING)
    person = household(1)[0]
    accounts.ask_account_change(
        person.pk, NewAccount("card", person.name, "6217990000000000014", "农商行"), reason="换卡", actor=people["village"]
    )  # fmt: skip
    for who, name, args in (
        (people["village"], "declaration-detail", (draft.pk,)),
        (people["village"], "declaration-detail", (one.pk,)),
        (people["village"], "declaration-new", ()),
        (people["village"], "line-change", (draft.pk, draft.lines.first().pk)),
        (people["village"], "notice-detail", (notice.pk,)),
        (clerk, "change-detail", (AccountChange.objects.get().pk,)),
        (clerk, "import-list", ()),
        (clerk, "person-detail", (person.pk,)),
        (clerk, "person-edit", (person.pk,)),
        (clerk, "account-ask", (person.pk,)),
    ):
        text = page(client, who, name, *args).content.decode()
        forms = re.findall(r'<form[^>]*method="post"[^>]*>.*?</form>', text, re.DOTALL)
        acting = [form for form in forms if "/reveal/" not in form and "logout" not in form]
        assert acting, name
        for form in acting:
            assert re.search(r'name="action_key"\s+value="[0-9a-f-]{36}"', form), (name, form[:200])


def test_a_refused_service_leaves_the_key_for_another_try(client, clerk):
    """Key and service are one transaction: what was refused may be sent again from the same page."""
    people = chain()
    _, notice = posted(people)
    objections.file_objection(notice, "多报")
    found = notice.objections.get()
    key = str(uuid4())
    given = {"verdict": "exclude", "answer": "经查属实", "action_key": key}
    text = post(client, clerk, "objection-detail", found.pk, **given).content.decode()
    assert "二者选一" in text
    given |= {"verdict": "rejected"}
    text = post(client, clerk, "objection-detail", found.pk, **given).content.decode()
    assert "已答复：不属实，公示照常" in text
    assert "已撤下" not in text


def test_the_export_of_objections_has_the_county_day(client, clerk, owner_connection):
    people = chain()
    _, notice = posted(people)
    objections.file_objection(notice, "多报")
    # half past seven in the morning of 2 March, still 1 March in UTC
    notice.objections.update(filed_at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    body = page(client, clerk, "objection-export").body
    rows = list(read_rows(io.BytesIO(body), "a.xlsx").rows)
    assert "2026-03-02" in str(rows)


def test_the_history_shows_a_withdrawal_and_a_failed_meeting_as_ways_back():
    people = chain()
    one = declaration(actor=people["village"], **NOTHING)
    audit.record(one, action="deliberate.failed", actor=people["village"], label="评议没有通过")
    review.take_step(one.pk, "withdraw", actor=people["village"], note="重复编制")
    shown = [(entry.text, entry.state) for entry in history(one)]
    assert shown[:2] == [("作废", "back"), ("评议没有通过", "back")]
    assert shown[-1] == ("编制申报册", "")


def test_an_export_is_read_in_blocks_and_leaves_nobody_out(client, clerk, monkeypatch):
    monkeypatch.setattr(places, "BLOCK", 2)
    for _ in range(7):
        household(1)
    body = page(client, clerk, "person-export").body
    people = Person.objects.count()
    assert people >= 7
    rows = list(read_rows(io.BytesIO(body), "a.xlsx").rows)
    assert len(rows) == people
    assert all("梅山镇 梅山村" in str(row) for row in rows)


def test_an_export_holds_one_block_of_people_at_a_time(clerk, monkeypatch):
    """200,000 people do not stand in memory together: the next ones are read when the first were written."""
    import gc

    from recipients import queries

    monkeypatch.setattr(places, "BLOCK", 10)
    for _ in range(60):
        household(1)
    most = 0
    for number, _ in enumerate(queries.in_places(queries.people_for(clerk).order_by("pk"))):
        if number % 25:
            continue
        gc.collect()
        most = max(most, sum(type(one) is Person for one in gc.get_objects()))
    # a block of people, the holders of their households, and the blocks before and behind while they are read
    assert most < 60


def test_who_comes_off_is_ticked_by_name_and_only_for_the_conclusion_that_takes_off(client, clerk):
    people = chain()
    one, notice = posted(people)
    objections.file_objection(notice, "多报")
    found = notice.objections.get()
    first = one.lines.first()
    text = page(client, clerk, "objection-detail", found.pk).content.decode()
    box = re.search(rf'<input type="checkbox" name="exclude" value="{first.pk}"[^>]*>', text)
    assert box
    assert f"{first.line_no} {first.beneficiary}（{first.beneficiary.household.group_name}）" in text
    given = {"verdict": "rejected", "exclude": [str(first.pk)], "answer": "不属实"}
    assert "这个结论不剔除人" in post(client, clerk, "objection-detail", found.pk, **given).content.decode()
    found.refresh_from_db()
    assert found.status == "open"
