"""Coming in: lock-out, one-time codes, first passwords, and going where one was going."""

import re
import time

import pytest
from axes.models import AccessAttempt
from django.conf import settings as plain_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP

from huimin.core.accounts import auth
from huimin.core.authority.roles import Role
from huimin.core.models import AuditEvent, CodeDevice, User
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "Huimin-2026"
LOGIN = "/desk/login/"


@pytest.fixture
def person():
    return UserFactory(role=Role.FINANCE_CLERK, password_changed_at=timezone.now())


@pytest.fixture
def device(person):
    return CodeDevice.objects.create(user=person, name="手机", confirmed=True, key="31" * 20)


def code_of(device, drift=0):
    totp = TOTP(device.bin_key)
    totp.time = time.time() + drift * 30
    return f"{totp.token():06d}"


def sign_in(client, user, password=PASSWORD, **more):
    return client.post(LOGIN, {"username": user.username, "password": password, **more})


def signed_in(client):
    return "_auth_user_id" in client.session


def test_the_right_password_leads_to_the_workbench(client, person):
    assert sign_in(client, person).url == reverse("core:workbench")
    assert client.get(reverse("core:workbench")).status_code == 200


@pytest.mark.parametrize("username", [None, "nobody"])
def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(client, person, username):
    answer = client.post(LOGIN, {"username": username or person.username, "password": "wrong"})
    assert "用户名或密码不对" in answer.content.decode()
    assert not signed_in(client)


def test_a_suspended_account_gets_the_answer_of_a_wrong_password(client, person):
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert "用户名或密码不对" in sign_in(client, person).content.decode()


def test_five_wrong_passwords_lock_the_account_even_for_the_right_one(client, person):
    for _ in range(4):
        assert sign_in(client, person, "wrong").status_code == 200
    assert sign_in(client, person, "wrong").status_code == 429
    assert sign_in(client, person).status_code == 429
    assert not signed_in(client)


def test_many_misses_from_one_address_slow_it_down_and_lock_nobody_out(client, person, monkeypatch):
    monkeypatch.setattr(auth, "MISSES_BEFORE_PAUSE", 3)
    others = UserFactory.create_batch(3)
    for other in others:
        assert sign_in(client, other, "wrong").status_code == 200
    assert "10 秒" in sign_in(client, person).content.decode()
    assert sign_in(Client(REMOTE_ADDR="10.1.2.3"), person).status_code == 302
    AccessAttempt.objects.update(attempt_time=timezone.now() - auth.PAUSE)
    assert sign_in(client, person).status_code == 302


def test_a_locked_account_does_not_lock_its_neighbour(client, person):
    for _ in range(5):
        sign_in(client, person, "wrong")
    assert sign_in(client, UserFactory(password_changed_at=timezone.now())).status_code == 302


def test_an_id_number_typed_as_user_name_does_not_rest_where_misses_are_counted(client, person):
    for _ in range(2):
        client.post(LOGIN, {"username": "990001197001010078", "password": "wrong"})
    kept = AccessAttempt.objects.get()
    assert "990001197001010078" not in f"{kept.username}{kept.post_data}"
    assert kept.failures_since_start == 2


def test_login_goes_on_to_the_page_that_was_asked_for(client, person):
    assert client.get(reverse("core:jobs")).url == f"{LOGIN}?next=/desk/jobs/"
    assert sign_in(client, person, next="/desk/jobs/").url == "/desk/jobs/"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "desk"]
)
def test_login_never_leads_away_from_the_site(client, person, target):
    assert sign_in(client, person, next=target).url == reverse("core:workbench")


def test_a_bound_telephone_is_asked_for_before_the_session_begins(client, person, device):
    assert sign_in(client, person, next="/desk/jobs/").url == reverse("core:login-code")
    assert not signed_in(client)
    assert client.get(reverse("core:workbench")).status_code == 302
    answer = client.post(reverse("core:login-code"), {"code": code_of(device)})
    assert answer.url == "/desk/jobs/"
    assert signed_in(client)


def test_a_wrong_code_lets_nobody_in(client, person, device):
    sign_in(client, person)
    wrong = f"{(int(code_of(device)) + 1) % 1_000_000:06d}"
    answer = client.post(reverse("core:login-code"), {"code": wrong})
    assert "动态口令不对" in answer.content.decode()
    assert not signed_in(client)


def test_the_code_page_alone_leads_back_to_the_password(client, device):
    assert client.post(reverse("core:login-code"), {"code": code_of(device)}).url == LOGIN


def test_the_second_half_of_the_login_closes_after_five_minutes(client, person, device, monkeypatch):
    sign_in(client, person)
    later = time.time() + 301
    monkeypatch.setattr("huimin.core.views.sign_in.time.time", lambda: later)
    assert client.post(reverse("core:login-code"), {"code": code_of(device)}).url == LOGIN


def test_a_first_password_must_be_changed_before_anything_else(client):
    person = UserFactory(role=Role.FINANCE_CLERK)
    assert sign_in(client, person).url == reverse("core:password")
    assert client.get(reverse("core:workbench")).url == reverse("core:password")
    client.post(
        reverse("core:password"),
        {"current": PASSWORD, "password": "Xin-Mima-88", "again": "Xin-Mima-88"},
    )
    assert client.get(reverse("core:workbench")).status_code == 200
    assert AuditEvent.objects.filter(action="account.change_password", actor=person).exists()


def test_a_changed_password_ends_the_other_sessions(client, person):
    elsewhere = Client()
    sign_in(client, person)
    sign_in(elsewhere, person)
    client.post(
        reverse("core:password"), {"current": PASSWORD, "password": "Xin-Mima-88", "again": "Xin-Mima-88"}
    )
    assert client.get(reverse("core:workbench")).status_code == 200
    assert elsewhere.get(reverse("core:workbench")).status_code == 302


@pytest.mark.parametrize(
    ("current", "password", "again", "why"),
    [
        ("wrong", "Xin-Mima-88", "Xin-Mima-88", "现在的密码不对"),
        (PASSWORD, "Xin-Mima-88", "Xin-Mima-89", "两次输入的新密码不一样"),
        (PASSWORD, "xinmimaxinmima", "xinmimaxinmima", "至少三种"),
        (PASSWORD, "Xm-8", "Xm-8", "10"),
        (PASSWORD, PASSWORD, PASSWORD, "不能和现在的一样"),
    ],
)
def test_a_new_password_that_breaks_a_rule_is_refused(client, person, current, password, again, why):
    client.force_login(person)
    answer = client.post(reverse("core:password"), {"current": current, "password": password, "again": again})
    assert why in answer.content.decode()
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_logout_takes_a_post(client, person):
    client.force_login(person)
    assert client.get(reverse("core:logout")).status_code == 405
    assert client.post(reverse("core:logout")).url == LOGIN
    assert not signed_in(client)


def test_step_up_opens_ten_minutes_and_goes_back(client, person, device):
    client.force_login(person)
    answer = client.post(reverse("core:step-up"), {"code": code_of(device), "next": "/desk/jobs/"})
    assert answer.url == "/desk/jobs/"
    request = type("Request", (), {"session": client.session})
    assert auth.is_stepped_up(request)


def test_a_code_is_good_once(client, person, device):
    client.force_login(person)
    code = code_of(device)
    client.post(reverse("core:step-up"), {"code": code})
    again = client.post(reverse("core:step-up"), {"code": code})
    assert "动态口令不对" in again.content.decode()


def test_step_up_without_a_telephone_leads_to_binding_one(client, person):
    client.force_login(person)
    assert client.get(reverse("core:step-up") + "?next=/desk/jobs/").url == "/desk/enrol/?next=/desk/jobs/"
    page = client.get("/desk/enrol/")
    assert "<svg" in page.content.decode()
    device = CodeDevice.objects.get(user=person)
    assert not device.confirmed
    answer = client.post(
        "/desk/enrol/", {"password": PASSWORD, "code": code_of(device), "next": "/desk/jobs/"}
    )
    assert answer.url == "/desk/jobs/"
    device.refresh_from_db()
    assert device.confirmed
    assert AuditEvent.objects.filter(action="device.enrol", actor=person).exists()


def test_binding_asks_for_the_password(client, person):
    client.force_login(person)
    client.get("/desk/enrol/")
    device = CodeDevice.objects.get(user=person)
    client.post("/desk/enrol/", {"password": "wrong", "code": code_of(device)})
    device.refresh_from_db()
    assert not device.confirmed


def test_a_second_telephone_is_not_bound_over_the_first(client, person, device):
    client.force_login(person)
    assert client.get("/desk/enrol/").url.startswith("/desk/step-up/")


def test_an_idle_session_ends(client, person, settings, monkeypatch):
    client.force_login(person)
    client.get(reverse("core:workbench"))
    later = time.time() + settings.SESSION_IDLE_SECONDS + 1
    monkeypatch.setattr("huimin.core.desk.middleware.time.time", lambda: later)
    assert client.get(reverse("core:workbench")).status_code == 302


def test_a_busy_session_ends_too_twelve_hours_after_it_began(client, person, settings, monkeypatch):
    client.force_login(person)
    now = time.time()
    step = settings.SESSION_IDLE_SECONDS - 60
    for begun in range(0, settings.SESSION_MOST_SECONDS, step):
        monkeypatch.setattr("huimin.core.desk.middleware.time.time", lambda at=now + begun: at)
        assert client.get(reverse("core:workbench")).status_code == 200
    monkeypatch.setattr(
        "huimin.core.desk.middleware.time.time", lambda: now + settings.SESSION_MOST_SECONDS + 1
    )
    assert client.get(reverse("core:workbench")).status_code == 302


def test_scripts_read_neither_cookie_and_a_form_sent_by_one_takes_the_token_of_the_page(person):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    page = client.get(reverse("core:workbench")).content.decode()
    assert client.cookies["csrftoken"]["httponly"]
    assert client.cookies[plain_settings.SESSION_COOKIE_NAME]["httponly"]
    token = re.search(r'"X-CSRFToken": "(\w+)"', page)[1]
    logout = reverse("core:logout")
    assert client.post(logout, headers={"hx-request": "true"}).status_code == 403
    assert client.post(logout, headers={"hx-request": "true", "x-csrftoken": token}).status_code == 302


def test_signed_in_pages_stay_out_of_caches(client, person):
    client.force_login(person)
    assert client.get(reverse("core:workbench")).headers["Cache-Control"] == "no-store"
