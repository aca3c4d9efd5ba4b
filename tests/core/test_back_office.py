import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from huimin.core.accounts import auth
from huimin.core.authority.roles import Role
from huimin.core.models import AuditEvent, BankBranch, CalendarDay, Department
from tests.factories import OTHER_TOWN, TOWN, OfficeFactory, UserFactory, county

# the library's own templates ask for variables that are not always there
pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]
ROOT = "/back-office/"
TABLES = ("division", "department", "office", "bankbranch", "calendarday")


@pytest.fixture
def admin(client):
    person = UserFactory(role=Role.SYSTEM_ADMIN)
    client.force_login(person)
    give_code(client)
    return person


def give_code(client):
    """A one-time code was given just now."""
    session = client.session
    session[auth.STEP_UP_KEY] = int(time.time())
    session.save()


@pytest.mark.parametrize("role", [role for role in Role if role != Role.SYSTEM_ADMIN])
def test_only_system_administrators_come_in(client, role):
    client.force_login(UserFactory(role=role))
    assert client.get(ROOT).url == f"{ROOT}login/?next={ROOT}"
    assert client.get(f"{ROOT}login/").url == "/desk/"


def test_a_one_time_code_is_asked_first(client):
    client.force_login(UserFactory(role=Role.SYSTEM_ADMIN))
    assert client.get(ROOT).url == f"{ROOT}login/?next={ROOT}"
    assert client.get(f"{ROOT}login/").url == f"{reverse('core:step-up')}?next={ROOT}"


def test_a_townships_system_administrator_changes_no_table_of_the_county(client):
    county()
    office = OfficeFactory(name="金寨县财政局")
    client.force_login(UserFactory(role=Role.SYSTEM_ADMIN, at=TOWN))
    give_code(client)
    changed = {"name": "假财政局", "kind": office.kind, "division": OTHER_TOWN, "department": "", "phone": ""}
    assert client.post(f"{ROOT}core/office/{office.pk}/change/", changed).status_code == 302
    assert client.get(ROOT).status_code == 302
    assert client.get(f"{ROOT}login/").url == "/desk/"
    assert "基础表" not in client.get("/desk/").content.decode()
    office.refresh_from_db()
    assert office.name == "金寨县财政局"


def test_a_stranger_is_led_to_the_house_login(client):
    assert client.get(ROOT, follow=True).redirect_chain[-1][0] == f"/desk/login/?next={ROOT}"


@pytest.mark.parametrize("table", TABLES)
def test_every_table_lists_adds_imports_and_exports(client, admin, table):
    county()
    for page in ("", "add/", "import/", "export/"):
        assert client.get(f"{ROOT}core/{table}/{page}").status_code == 200


@pytest.mark.parametrize("model", ["user", "grant", "auditevent", "job"])
def test_other_tables_are_not_there(client, admin, model):
    assert client.get(f"{ROOT}core/{model}/").status_code == 404


def test_a_change_writes_an_audit_event(client, admin):
    client.post(f"{ROOT}core/department/add/", {"code": "MZ", "name": "民政局", "phone": ""})
    department = Department.objects.get(code="MZ")
    client.post(
        f"{ROOT}core/department/{department.pk}/change/", {"code": "MZ", "name": "县民政局", "phone": ""}
    )
    client.post(f"{ROOT}core/department/{department.pk}/delete/", {"post": "yes"})
    told = AuditEvent.objects.filter(actor=admin, action__startswith="reference.").order_by("id")
    assert [event.action for event in told] == ["reference.add", "reference.change", "reference.delete"]
    assert not Department.objects.filter(code="MZ").exists()


@pytest.mark.parametrize("by_list", [False, True])
def test_a_row_that_something_stands_on_is_kept_and_what_stands_on_it_is_counted(client, admin, by_list):
    office = OfficeFactory(name="县农商行", kind="bank", division=county())
    clerks = [UserFactory(office=office) for _ in range(3)]
    row = f"{ROOT}core/office/"
    if by_list:
        page = client.post(row, {"action": "delete_selected", "_selected_action": [office.pk]})
    else:
        page = client.get(f"{row}{office.pk}/delete/")
    text = page.content.decode()
    assert "县农商行：工作人员 3 条" in text
    assert not any(clerk.name in text for clerk in clerks if clerk.name)
    client.post(f"{row}{office.pk}/delete/", {"post": "yes"})
    office.refresh_from_db()


def upload(client, content):
    page = client.post(
        f"{ROOT}core/bankbranch/import/",
        {"import_file": SimpleUploadedFile("branches.csv", content.encode(), "text/csv"), "format": "0"},
    )
    form = page.context.get("confirm_form")
    return page, client.post(f"{ROOT}core/bankbranch/process_import/", form.initial) if form else None


def test_an_import_is_traced_with_its_counts(client, admin):
    upload(
        client,
        "code,name,bank\n402376100010,金寨农商行梅山支行,农商行\n402376100028,金寨农商行古碑支行,农商行\n",
    )
    assert BankBranch.objects.count() == 2
    event = AuditEvent.objects.get(action="reference.import")
    assert event.detail == {"new": 2}
    assert event.actor == admin


def calendar(client, content):
    page = client.post(
        f"{ROOT}core/calendarday/import/",
        {"import_file": SimpleUploadedFile("days.csv", content.encode(), "text/csv"), "format": "0"},
    )
    form = page.context.get("confirm_form")
    if form:
        client.post(f"{ROOT}core/calendarday/process_import/", form.initial)
    return page.content.decode()


def test_a_calendar_understands_yes_and_no(client, admin):
    calendar(client, "day,is_workday,name\n2027-10-09,是,国庆调休\n2027-10-01,否,国庆节\n2027-10-08,1,上班\n")
    found = dict(CalendarDay.objects.values_list("name", "is_workday"))
    assert found == {"国庆调休": True, "国庆节": False, "上班": True}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("day,is_workday,name\n2027-10-09,上班,国庆调休\n", "“上班”应为 1（是）或 0（否）"),
        ("day,is_workday,name\n2027/13/09,1,国庆调休\n", "应写成 2026-10-01"),
        ("day,name\n2027-10-09,国庆调休\n", "缺 is_workday"),
        ("日期,上班,说明\n2027-10-09,1,国庆调休\n", "缺 day、is_workday、name"),
    ],
)
def test_a_faulty_calendar_is_refused_in_our_words_and_shows_no_traceback(client, admin, content, words):
    text = calendar(client, content)
    assert words in text
    assert "Traceback" not in text
    assert "site-packages" not in text
    assert not CalendarDay.objects.exists()


def test_the_back_office_speaks_chinese(client, admin):
    text = client.get(ROOT).content.decode()
    for word in ("Model name", "Add link", "Change or view", admin.username):
        assert word not in text
    assert admin.name in text


def test_an_import_with_a_bad_row_changes_nothing(client, admin):
    upload(client, "code,name,bank\n402376100010,金寨农商行梅山支行,农商行\n12,短代码,农商行\n")
    assert BankBranch.objects.count() == 0
    assert not AuditEvent.objects.filter(action="reference.import").exists()
