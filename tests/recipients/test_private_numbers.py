"""Numbers that belong to people: behind their mask in lists, shown in full to few, one at a time, with a trace."""

import io
import re
import time
import zipfile
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from huimin.core.accounts import auth
from huimin.core.authority.roles import Area, Role, roles_reading
from huimin.core.errors import FileRefused, StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Job, Notification
from huimin.core.records import audit, files
from huimin.core.work import jobs, messages
from recipients.forms import PersonForm
from recipients.models import RegistryImport
from recipients.services import accounts, notices, objections, registry, registry_import, review
from recipients.states import REVEAL_ROLES, REVEALS_A_DAY
from tests.factories import COUNTY, TOWN, VILLAGE, UserFactory, grant, id_number
from tests.recipients import factories as make
from tests.recipients import sheets

pytestmark = pytest.mark.django_db


def browser(user, *, code=False):
    """Signed in, with a one-time code just given or not."""
    client = Client()
    client.force_login(user)
    if code:
        session = client.session
        session[auth.STEP_UP_KEY] = int(time.time())
        session.save()
    return client


def sheet_of(answer):
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        return archive.read("xl/worksheets/sheet1.xml").decode()


# --- the mask holds ----------------------------------------------------------------------------------------------------


def test_the_export_gives_the_mask_and_the_year_of_birth_but_no_birthday():
    person = make.household(1)[0]
    answer = browser(UserFactory(role=Role.OVERSEER)).get(reverse("recipients:person-export"))
    sheet = sheet_of(answer)
    assert f"{person.id_number[:6]}********{person.id_number[14:]}" in sheet
    assert f"<v>{person.birth_date.year}</v>" in sheet
    assert not re.search(r"\d{4}-\d\d-\d\d", sheet)


def test_list_and_page_show_the_year_of_birth_but_neither_birthday_nor_an_age_that_changes_on_it():
    person = make.household(1)[0]
    client = browser(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    for page in (
        client.get(reverse("recipients:person-list")),
        client.get(reverse("recipients:person-detail", args=[person.pk])),
    ):
        text = page.content.decode()
        assert f'<td class="num">{person.birth_date.year}</td>' in text
        assert "年龄" not in text
        assert f"{person.birth_date:%Y-%m-%d}" not in text


def test_the_list_is_not_sorted_by_birthday():
    make.household(3)
    client = browser(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    page = client.get(reverse("recipients:person-list"), {"sort": "born"})
    assert page.context["sort"] == "name"


def test_taking_the_list_away_leaves_one_event_with_filter_and_row_count():
    make.household(2)
    user = UserFactory(role=Role.OVERSEER)
    assert sheet_of(browser(user).get(reverse("recipients:person-export"), {"status": "normal", "q": ""}))
    told = AuditEvent.objects.get(action="list.export")
    assert (told.actor, told.subject) == (user, "list:recipients:person-export")
    assert told.detail == {"list": "补贴对象", "filter": {"status": "normal"}, "rows": 2}


# --- one number in full -------------------------------------------------------------------------------------------------


@pytest.fixture
def person():
    return make.household(1)[0]


def look(client, person, reason="核对户口本"):
    url = reverse("recipients:person-reveal", args=[person.pk])
    return client.post(url, {"field": "id_number", "reason": reason})


@pytest.mark.parametrize("role", sorted(roles_reading(Area.REGISTRY)))
def test_a_number_in_full_is_for_those_who_answer_for_the_person(person, role):
    client = browser(UserFactory(role=role), code=True)
    assert (person.id_number in look(client, person).content.decode()) is (role in REVEAL_ROLES)
    page = client.get(reverse("recipients:person-detail", args=[person.pk])).content.decode()
    assert ("看一次，留痕" in page) is (role in REVEAL_ROLES)


def test_a_number_in_full_asks_for_a_one_time_code(person):
    answer = look(browser(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)), person)
    assert answer.url.startswith(reverse("core:step-up"))
    assert not AuditEvent.objects.filter(action="reveal").exists()


@pytest.mark.parametrize("reason", ["1234", "........", "看", "1 2 3 4"])
def test_a_reason_has_words(person, reason):
    client = browser(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN), code=True)
    assert "至少 4 个字" in look(client, person, reason).content.decode()


def test_the_days_looks_are_limited_per_person_and_the_audit_administrators_are_told(person):
    watcher = UserFactory(role=Role.AUDIT_ADMIN)
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    double = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN, id_number=clerk.id_number)
    for _ in range(REVEALS_A_DAY - 1):
        registry.reveal(person.pk, "id_number", reason="核对户口本", actor=clerk)
    assert not Notification.objects.filter(user=watcher).exists()
    registry.reveal(person.pk, "id_number", reason="核对户口本", actor=double)
    assert "已到上限" in Notification.objects.get(user=watcher).title
    for account in (clerk, double):
        with pytest.raises(StepRefused, match="到上限了"):
            registry.reveal(person.pk, "id_number", reason="核对户口本", actor=account)
    neighbour = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    assert registry.reveal(person.pk, "id_number", reason="核对户口本", actor=neighbour) == person.id_number


def test_a_grant_of_one_policy_shows_whole_numbers_of_its_own_people_only(person):
    other = make.household(1)[0]
    listed = make.declaration(lines=[make.line(person)])
    clerk = UserFactory()
    grant(clerk, Role.DEPARTMENT_CLERK, policies=[listed.policy_id])
    assert registry.reveal(person.pk, "id_number", reason="核对申报册", actor=clerk) == person.id_number
    with pytest.raises(StepForbidden):
        registry.reveal(other.pk, "id_number", reason="核对申报册", actor=clerk)


def test_the_faulty_rows_of_an_import_go_to_those_who_import_alone():
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    bad = sheets.workbook([sheets.member(1, 联系电话="12")])
    with pytest.raises(FileRefused):
        registry_import.import_now(bad, filename="a.xlsx", actor=clerk)
    one = RegistryImport.objects.get()
    files_url = reverse("recipients:import-errors", args=[one.pk])
    page_url = reverse("recipients:import-detail", args=[one.pk])
    for role, status in ((Role.TOWNSHIP_CLERK, 200), (Role.OVERSEER, 403), (Role.FINANCE_CLERK, 403)):
        client = browser(UserFactory(role=role))
        answer = client.get(files_url)
        assert answer.status_code == status, role
        assert (files_url in client.get(page_url).content.decode()) is (status == 200)
        if status == 200:
            assert b"".join(answer.streaming_content)


# --- numbers typed where they do not belong -----------------------------------------------------------------------------

PHONE, CARD = "13987654321", "6230919876543210983"
NUMBER = sheets.person_id(7)


def test_the_trail_keeps_no_number_in_label_note_or_detail(person):
    event = audit.record(
        person,
        action="test",
        actor=None,
        label=f"导入{NUMBER}.xlsx",
        note=f"电话{PHONE}",
        detail={"note": [f"卡{CARD}", {"deep": NUMBER}], "count": 3, "sha256": "a1" * 32},
    )
    event.refresh_from_db()
    kept = f"{event.label}{event.note}{event.detail}"
    assert not any(number in kept for number in (PHONE, CARD, NUMBER))
    assert (event.detail["count"], event.detail["sha256"]) == (3, "a1" * 32)


def test_a_note_and_a_reason_are_stored_without_the_number(person):
    clerk = UserFactory(role=Role.VILLAGE_CLERK, at=VILLAGE)
    plain = ("name", "is_low_income", "is_rural", "is_poverty_relief", "is_extreme_poverty", "status")
    changes = {name: getattr(person, name) for name in plain}
    changes |= {"group_name": "一组", "phone": "19912345678", "note": f"儿子电话{PHONE}，卡{CARD}"}
    registry.edit_person(person.pk, changes, actor=clerk)
    person.refresh_from_db()
    assert "手机号已隐去" in person.note
    new = accounts.NewAccount("card", person.name, CARD, "银行")
    asked = accounts.ask_account_change(person.pk, new, reason=f"打{PHONE}", actor=clerk)
    assert PHONE not in asked.reason + person.note
    assert CARD not in str(list(AuditEvent.objects.values_list("detail", "note")))


def test_the_form_says_that_a_note_holds_a_number():
    form = PersonForm({"name": "王小明", "group_name": "一组", "note": f"电话{PHONE}"}, masked_phone="")
    assert "备注里像有手机号" in form.errors["note"][0]


def test_a_reason_on_a_button_with_a_number_is_refused(person):
    clerk = UserFactory(role=Role.VILLAGE_CLERK, at=VILLAGE)
    change = accounts.ask_account_change(
        person.pk, accounts.NewAccount("card", person.name, CARD, "银行"), reason="旧卡丢了", actor=clerk
    )
    client = browser(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN))
    url = reverse("recipients:change-step", args=[change.pk, "refuse"])
    page = client.post(url, {"note": f"打{PHONE}"}, follow=True).content.decode()
    assert "里像有手机号" in page
    change.refresh_from_db()
    assert change.status == "asked"


def test_file_names_job_titles_and_notifications_keep_no_number(person):
    user = UserFactory()
    stored = files.store(b"x", name=f"{NUMBER}.csv", purpose="test", content_type="text/csv", actor=user)
    title = f"导入采集表 {NUMBER}.csv"
    job = jobs.submit(
        "core.prove", title=title, key="k", actor=user, division_code=COUNTY, county_code=COUNTY
    )
    messages.notify([user], title=title, body=f"请打{PHONE}")
    told = Notification.objects.get(user=user)
    assert NUMBER not in stored.name + Job.objects.get(pk=job.pk).title + told.title
    assert PHONE not in told.body


# --- who objected ------------------------------------------------------------------------------------------------------

PHONE = "13800001234"


def objected():
    people = make.chain()
    one = make.declaration(actor=people["village"], **make.NOTHING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=people["village"])
    notice = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    objections.file_objection(notice, "多报了面积", PHONE)
    return notice.objections.get(), people


def ask_contact(client, found, reason="打电话核实面积"):
    return client.post(reverse("recipients:objection-contact", args=[found.pk]), {"reason": reason})


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("village", False),
        ("finance", False),
        ("supervisor", False),
        ("clerk", True),
        ("township", True),
        ("department", True),
    ],
)
def test_the_objectors_telephone_is_masked_and_shown_to_those_who_verify_alone(who, sees):
    found, people = objected()
    client = browser(people[who], code=True)
    page = client.get(reverse("recipients:objection-detail", args=[found.pk])).content.decode()
    assert "138****1234" in page
    assert PHONE not in page
    assert ("看一次，留痕" in page) is sees
    assert (PHONE in ask_contact(client, found).content.decode()) is sees
    assert AuditEvent.objects.filter(action="reveal").count() == sees
    assert PHONE not in str(AuditEvent.objects.filter(action="reveal").values())


def test_a_township_clerk_who_made_the_list_does_not_see_who_objects_to_it():
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    one = make.declaration(actor=clerk, **make.NOTHING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=clerk)
    notice = notices.post_notice(one.pk, place="公开栏", actor=clerk)
    objections.file_objection(notice, "多报了面积", PHONE)
    client = browser(clerk, code=True)
    assert PHONE not in ask_contact(client, notice.objections.get()).content.decode()


def test_the_objectors_telephone_asks_for_code_and_reason_and_counts_among_the_days_looks():
    found, people = objected()
    assert ask_contact(browser(people["clerk"]), found).url.startswith(reverse("core:step-up"))
    client = browser(people["clerk"], code=True)
    assert PHONE not in ask_contact(client, found, reason="看").content.decode()
    for _ in range(REVEALS_A_DAY):
        audit.record(found, action="reveal", actor=people["clerk"], label="查看")
    assert "到上限了" in ask_contact(client, found).content.decode()


def test_an_objection_holds_nobodys_number():
    found, people = objected()
    number = id_number()
    objections.file_objection(found.notice, f"他的证号是{number}")
    assert number not in found.notice.objections.order_by("pk").last().text
    client = browser(people["village"])
    given = {"text": f"他的证号是{number}", "contact": "", "action_key": str(uuid4())}
    answer = client.post(reverse("recipients:objection-file", args=[found.notice_id]), given)
    assert "里像有身份证号" in answer.content.decode()
