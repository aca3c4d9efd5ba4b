"""The telephone is a second factor: no administrator alone, no password alone and no dump of the database stands for it."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP

from huimin.core.accounts import auth, queries, services
from huimin.core.authority.roles import CODE_ROLES, Role
from huimin.core.errors import StepRefused
from huimin.core.models import AuditEvent, CodeDevice, Message, Notification
from huimin.core.work import workflow_docs
from tests.factories import UserFactory

PASSWORD = "Huimin-2026"


def device_of(user, **more):
    return CodeDevice.objects.create(
        **{"user": user, "name": "手机", "confirmed": True, "key": "31" * 20} | more
    )


def code_of(device):
    totp = TOTP(device.bin_key)
    totp.time = time.time()
    return f"{totp.token():06d}"


@pytest.fixture
def treasurer(db):
    return UserFactory(role=Role.TREASURER, password_changed_at=timezone.now(), phone="13900000000")


@pytest.fixture
def first(db):
    return UserFactory(role=Role.SECURITY_ADMIN)


@pytest.fixture
def second(db):
    return UserFactory(role=Role.SECURITY_ADMIN)


def bind(user):
    return services.enrol_device(user, code=code_of(services.begin_device(user)))


# --- one administrator is not somebody else --------------------------------------------------------------------------------


def test_one_administrator_does_not_take_password_and_telephone_of_one_person(treasurer, first, second):
    device_of(treasurer)
    services.reset_password(treasurer, actor=first)
    with pytest.raises(StepRefused, match="另一位安全管理员"):
        services.remove_devices(treasurer, note="手机丢了", actor=first)
    assert services.remove_devices(treasurer, note="手机丢了", actor=second) == 1


def test_the_other_way_round_neither_and_not_with_another_account(treasurer, first):
    device_of(treasurer)
    double = UserFactory(role=Role.SECURITY_ADMIN, id_number=first.id_number)
    services.remove_devices(treasurer, note="手机丢了", actor=first)
    with pytest.raises(StepRefused, match="另一位安全管理员"):
        services.reset_password(treasurer, actor=double)


def test_after_a_reset_a_telephone_is_bound_only_when_a_second_administrator_has_seen_the_person(
    treasurer, first, second
):
    services.reset_password(treasurer, actor=first)
    with pytest.raises(StepRefused, match="以后才能绑定"):
        bind(treasurer)
    with pytest.raises(StepRefused, match="刚由您办过"):
        services.allow_binding(treasurer, note="看过身份证", actor=first)
    services.allow_binding(treasurer, note="看过身份证", actor=second)
    assert bind(treasurer).confirmed


def test_a_new_reset_takes_the_permission_back(treasurer, first, second):
    services.reset_password(treasurer, actor=first)
    services.allow_binding(treasurer, note="看过身份证", actor=second)
    services.reset_password(treasurer, actor=first)
    assert "以后才能绑定" in services.why_not_bind(treasurer)


def test_after_a_day_the_person_binds_without_anybody(treasurer, first, monkeypatch):
    services.reset_password(treasurer, actor=first)
    later = timezone.now() + queries.COOLING + timedelta(minutes=1)
    monkeypatch.setattr(queries.timezone, "now", lambda: later)
    assert services.why_not_bind(treasurer) == ""


@pytest.mark.parametrize("act", ["reset", "remove", "grant"])
def test_the_person_and_the_audit_administrators_are_told(treasurer, first, act):
    watcher = UserFactory(role=Role.AUDIT_ADMIN)
    device_of(treasurer)
    if act == "reset":
        services.reset_password(treasurer, actor=first)
    elif act == "remove":
        services.remove_devices(treasurer, note="手机丢了", actor=first)
    else:
        services.revoke_grant(treasurer.grants.get(), note="调离", actor=first)
    assert Notification.objects.filter(user=treasurer, title__startswith="您的账号").exists()
    assert Notification.objects.filter(user=watcher, title__startswith=treasurer.name).exists()
    assert Message.objects.get(channel="sms").recipient == treasurer.phone


@pytest.mark.parametrize("act", ["password", "devices", "active", "binding", "grant", "revoke"])
def test_the_administrators_acts_ask_for_a_code_first(client, treasurer, first, act):
    device_of(treasurer)
    client.force_login(first)
    path = f"grants/{treasurer.grants.get().pk}/revoke" if act == "revoke" else f"{treasurer.pk}/{act}"
    answer = client.post(f"/desk/staff/{path}/", {"note": "办理", "active": "0"})
    assert answer.url == f"{reverse('core:step-up')}?next=/desk/staff/{treasurer.pk}/"
    treasurer.refresh_from_db()
    assert treasurer.check_password(PASSWORD)
    assert treasurer.is_active
    assert auth.has_device(treasurer)


# --- password alone opens nothing for posts that need codes ---------------------------------------------------------------


@pytest.mark.parametrize("role", sorted(CODE_ROLES))
def test_a_post_that_needs_codes_binds_a_telephone_before_anything_else(client, db, role):
    user = UserFactory(role=role, password_changed_at=timezone.now())
    answer = client.post(reverse("core:login"), {"username": user.username, "password": PASSWORD})
    assert answer.url == reverse("core:enrol")
    assert client.get(reverse("core:workbench")).url == reverse("core:enrol")
    device = services.begin_device(user)
    client.post(reverse("core:enrol"), {"password": PASSWORD, "code": code_of(device)})
    assert client.get(reverse("core:workbench")).status_code == 200


def test_while_the_day_runs_the_page_says_until_when_and_shows_no_secret(client, treasurer, first):
    services.reset_password(treasurer, actor=first)
    treasurer.refresh_from_db()
    client.force_login(treasurer)
    page = client.get(reverse("core:enrol")).content.decode()
    assert "以后才能绑定" in page
    assert "enrol__qr" not in page
    assert not CodeDevice.objects.filter(user=treasurer).exists()


def test_every_role_of_a_step_with_a_code_needs_a_telephone():
    wanted = {
        role for flow in workflow_docs.flows() for one in flow.steps if one.step_up for role in one.roles
    }
    assert wanted <= CODE_ROLES


def test_other_posts_come_in_without_one(client, db):
    user = UserFactory(role=Role.FINANCE_CLERK, password_changed_at=timezone.now())
    answer = client.post(reverse("core:login"), {"username": user.username, "password": PASSWORD})
    assert answer.url == reverse("core:workbench")


# --- the secret ---------------------------------------------------------------------------------------------------------


def test_the_secret_rests_encrypted(treasurer):
    device = services.begin_device(treasurer)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM core_codedevice WHERE id = %s", [device.pk])
        stored = bytes(cursor.fetchone()[0])
    assert device.bin_key not in stored
    assert device.key.encode() not in stored
    assert len(device.bin_key) == 20


def test_a_person_has_one_telephone(treasurer):
    from django.db import IntegrityError

    device_of(treasurer)
    with pytest.raises(IntegrityError, match="code_device_once"):
        device_of(treasurer)


def test_a_wrong_code_slows_the_next_one_down(treasurer):
    device = device_of(treasurer)
    wrong = f"{(int(code_of(device)) + 1) % 1_000_000:06d}"
    assert not auth.check_code(treasurer, wrong)
    assert not auth.check_code(treasurer, code_of(device))


@pytest.mark.parametrize("code", ["１２３４５６", "12345a", ""])
def test_what_is_no_code_is_wrong_and_breaks_nothing(treasurer, code):
    device_of(treasurer)
    assert not auth.check_code(treasurer, code)


def test_one_code_lets_one_of_many_logins_at_once_in(run_in_threads):
    user = UserFactory(role=Role.TREASURER, password_changed_at=timezone.now())
    code = code_of(device_of(user))
    assert sum(run_in_threads(lambda _: auth.check_code(user, code), 8)) == 1
    assert AuditEvent.objects.count() == 0


def test_the_administrators_page_asks_for_the_code_before_the_forms(treasurer, first):
    client = Client()
    client.force_login(first)
    assert "先输动态口令" in client.get(reverse("core:staff-detail", args=[treasurer.pk])).content.decode()
