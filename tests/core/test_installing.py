"""A production county from nothing: two first administrators, then pages alone."""

import io
import json
from datetime import date
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from huimin.core.accounts import services
from huimin.core.authority.roles import CODE_ROLES, Role
from huimin.core.desk import menu
from huimin.core.models import AuditEvent, Department, Grant, Office, User
from tests.core.test_second_factor import code_of
from tests.factories import COUNTY, TOWN, county, id_number

# the back office is drawn by Django's own templates, which ask for variables that are not always there
pytestmark = pytest.mark.ignore_template_errors
FIRST, NEW = "Yi-ci-xing-2026", "Xin-de-mi-ma-2026"


def people(**changes):
    two = {
        "system_admin": {"username": "he.jian", "name": "何健", "id_number": id_number(), "password": FIRST},
        "security_admin": {
            "username": "luo.wei",
            "name": "罗维",
            "id_number": id_number(),
            "password": FIRST,
        },
    }
    two["security_admin"] |= changes
    return two


def install(monkeypatch, given, *options):
    """What the command prints; SystemExit when it refuses."""
    text = given if isinstance(given, str) else json.dumps(given)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    out = io.StringIO()
    try:
        call_command("first_administrators", "--stdin", *options, stdout=out, stderr=out)
    except SystemExit:
        return f"REFUSED {out.getvalue()}"
    return out.getvalue()


@pytest.mark.django_db
def test_the_two_come_with_an_office_a_trail_and_passwords_that_must_be_changed(monkeypatch):
    county()
    assert "何健（he.jian）" in install(monkeypatch, people())
    system, security = User.objects.order_by("pk")
    assert (system.roles(), security.roles()) == ({Role.SYSTEM_ADMIN}, {Role.SECURITY_ADMIN})
    assert system.office == security.office == Office.objects.get(name="金寨县财政局信息中心")
    for person in (system, security):
        assert person.check_password(FIRST)
        assert person.password_changed_at is None
        assert person.grants.get().valid.upper is None
    events = AuditEvent.objects.order_by("pk")
    assert [one.action for one in events] == ["office.create", *["account.create", "grant.give"] * 2]
    assert all((one.actor, one.county_code) == (None, COUNTY) for one in events)


@pytest.mark.django_db
def test_a_second_run_is_refused_and_names_who_is_there(monkeypatch):
    county()
    install(monkeypatch, people())
    told = install(monkeypatch, people(username="other"))
    assert told.startswith("REFUSED")
    assert "何健（系统管理员）、罗维（安全管理员）" in told
    assert User.objects.count() == 2


def test_two_at_once_make_one_pair(run_in_threads):
    from huimin.core.installing import FIRST_POSTS, FirstPerson, first_administrators

    county()

    def begin(index):
        two = {
            role: FirstPerson(f"admin{index}{place}", "某人", id_number(900 + index * 2 + place), FIRST)
            for place, role in enumerate(FIRST_POSTS)
        }
        return first_administrators(COUNTY, two)

    results = run_in_threads(begin, 4)
    assert sum(isinstance(one, list) for one in results) == 1
    assert (User.objects.count(), Grant.objects.count(), Office.objects.count()) == (2, 2, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"password": "short"}, "密码"),
        ({"password": "alllowercaseletters"}, "三种"),
        ({"username": "罗"}, "用户名要用"),
        ({"username": "he.jian"}, "已经有人用了"),
        ({"id_number": "123"}, "身份证号"),
        ({"name": ""}, "姓名"),
    ],
)
def test_what_is_typed_wrong_leaves_nothing_behind(monkeypatch, changes, why):
    county()
    told = install(monkeypatch, people(**changes))
    assert told.startswith("REFUSED")
    assert why in told
    assert not User.objects.exists()
    assert not Office.objects.exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_one_person_cannot_be_both(monkeypatch):
    county()
    same = people()
    same["security_admin"]["id_number"] = same["system_admin"]["id_number"]
    assert "三员互斥" in install(monkeypatch, same)
    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["", "{", "[]", '{"system_admin": {"password": "Secret-9917"}}'])
def test_broken_input_is_refused_without_repeating_it(monkeypatch, text):
    county()
    told = install(monkeypatch, text)
    assert "标准输入应为 JSON" in told
    assert "9917" not in told


@pytest.mark.django_db
def test_without_divisions_it_says_what_comes_first(monkeypatch):
    assert "import_divisions" in install(monkeypatch, people())


@pytest.mark.django_db
def test_at_a_terminal_what_is_private_is_typed_unseen(monkeypatch):
    county()
    two = people()
    shown = iter([two[post][name] for post in two for name in ("username", "name")])
    unseen = iter([two[post][name] for post in two for name in ("id_number", "password", "password")])
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("builtins.input", lambda _: next(shown))
    monkeypatch.setattr(
        "huimin.core.management.commands.first_administrators.getpass", lambda _: next(unseen)
    )
    call_command("first_administrators", "--office", "县数据局", stdout=io.StringIO())
    assert set(User.objects.values_list("username", "office__name")) == {
        ("he.jian", "县数据局"),
        ("luo.wei", "县数据局"),
    }


# --- from there on, pages alone -----------------------------------------------------------------------------------------


def enters(username, password=FIRST):
    """A browser that came in with a first password, changed it, and bound a telephone where the post needs one."""
    client = Client()
    login = client.post(reverse("core:login"), {"username": username, "password": password})
    assert login.url == reverse("core:password")
    assert client.get(reverse("core:staff")).url == reverse("core:password"), "nothing else opens before"
    client.post(reverse("core:password"), {"current": password, "password": NEW, "again": NEW})
    user = User.objects.get(username=username)
    if CODE_ROLES & user.roles():
        assert client.get(reverse("core:workbench")).url == reverse("core:enrol")
        code = code_of(services.begin_device(user))
        client.post(reverse("core:enrol"), {"password": NEW, "code": code})
    assert client.get(reverse("core:workbench")).status_code == 200
    return client


def account(system, username, name, office):
    """Made on the page; gives the first password that the page shows once."""
    facts = {"username": username, "name": name, "office": office.pk, "id_number": id_number(), "phone": ""}
    answer = system.post(reverse("core:staff-create"), facts)
    assert answer.status_code == 200, answer.content.decode()
    return answer.context["first_password"]


def granted(security, username, role, division):
    user = User.objects.get(username=username)
    facts = {
        "role": role,
        "division": division,
        "policies": [],
        "first_day": date(2026, 1, 1),
        "last_day": "",
        "confirmed": "on",
    }
    security.post(reverse("core:grant-give", args=[user.pk]), facts | {"action_key": uuid4()})
    assert user.grants.get().role == role


@pytest.mark.django_db
def test_from_there_offices_people_and_grants_are_made_by_pages(monkeypatch):
    county()
    install(monkeypatch, people())
    system, security = enters("he.jian"), enters("luo.wei")
    office_page = "/back-office/core/office/add/"
    system.post("/back-office/core/department/add/", {"code": "FINANCE", "name": "财政局", "phone": ""})
    finance = Department.objects.get()
    for name, kind, place, department in (
        ("县财政局业务股", "finance", COUNTY, finance.pk),
        ("梅山镇财政所", "township", TOWN, ""),
    ):
        facts = {"name": name, "kind": kind, "division": place, "department": department, "phone": ""}
        assert system.post(office_page, facts).status_code == 302
    hall, town = Office.objects.get(kind="finance"), Office.objects.get(kind="township")
    first = {
        "zhao": account(system, "zhao", "赵立新", hall),
        "wang": account(system, "wang", "汪立新", town),
        "ma": account(system, "ma.ming", "马明", Office.objects.get(kind="administration")),
    }
    granted(security, "zhao", Role.FINANCE_CLERK, COUNTY)
    granted(security, "wang", Role.TOWNSHIP_CLERK, TOWN)
    granted(security, "ma.ming", Role.AUDIT_ADMIN, COUNTY)
    clerk = enters("zhao", first["zhao"])
    assert clerk.get(reverse("subsidies:policy-create")).status_code == 200
    assert enters("wang", first["wang"]).get(reverse("recipients:person-list")).status_code == 200
    assert enters("ma.ming", first["ma"]).get(reverse("core:audit")).status_code == 200


@pytest.mark.django_db
def test_neither_of_the_two_can_do_the_others_half_or_their_own(monkeypatch):
    county()
    install(monkeypatch, people())
    system, security = enters("he.jian"), enters("luo.wei")
    both = {user.username: user for user in User.objects.all()}
    assert security.get(reverse("core:staff-create")).status_code == 403
    facts = {
        "role": Role.FINANCE_CLERK,
        "division": COUNTY,
        "policies": [],
        "first_day": "2026-01-01",
        "last_day": "",
        "confirmed": "on",
    }
    for client, about in ((system, "luo.wei"), (security, "luo.wei")):
        client.post(reverse("core:grant-give", args=[both[about].pk]), facts | {"action_key": uuid4()})
    assert Grant.objects.count() == 2


@pytest.mark.django_db
def test_the_menu_leads_the_system_administrator_to_the_reference_tables(monkeypatch):
    county()
    install(monkeypatch, people())
    labels = [
        {item["url"] for group in menu.for_user(user, "/") for item in group["items"]}
        for user in User.objects.order_by("pk")
    ]
    assert ["/back-office/" in one for one in labels] == [True, False]
