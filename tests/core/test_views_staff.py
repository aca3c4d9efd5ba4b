"""People and grants on screen: who may see them, who may change them, and that nobody changes their own."""

import time
from datetime import date, timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from huimin.core import clock
from huimin.core.accounts import auth, services
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput
from huimin.core.models import AuditEvent, CodeDevice, Division, Grant, Office, User
from tests.factories import OTHER_TOWN, TOWN, OfficeFactory, UserFactory, county, id_number
from tests.subsidies.factories import draft

pytestmark = pytest.mark.django_db
LIST = "/desk/staff/"


def signed_in(client, person):
    """With a one-time code just given."""
    client.force_login(person)
    session = client.session
    session[auth.STEP_UP_KEY] = int(time.time())
    session.save()


@pytest.fixture
def security(client):
    person = UserFactory(role=Role.SECURITY_ADMIN)
    signed_in(client, person)
    return person


@pytest.fixture
def system(client):
    person = UserFactory(role=Role.SYSTEM_ADMIN)
    signed_in(client, person)
    return person


@pytest.fixture
def clerk():
    county()
    office = OfficeFactory(name="梅山镇财政所", kind=Office.Kind.TOWNSHIP, division_id=TOWN)
    return UserFactory(office=office, name="汪立新")


def grant_form(**more):
    form = {
        "action_key": str(uuid4()),
        "role": Role.TOWNSHIP_CLERK,
        "division": TOWN,
        "policies": [],
        "first_day": clock.today(),
        "last_day": "",
        "confirmed": "on",
    }
    return form | more


@pytest.mark.parametrize(
    "role", [role for role in Role if role not in {Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN}]
)
def test_business_roles_and_the_audit_administrator_do_not_open_the_list(client, role):
    client.force_login(UserFactory(role=role))
    assert client.get(LIST).status_code == 403


def test_the_list_shows_people_their_grants_and_the_three_posts(client, security, clerk):
    page = client.get(LIST).content.decode()
    assert "汪立新" in page
    assert "三员互相制约" in page
    assert security.name in page


def test_people_out_of_reach_are_not_listed_and_are_the_same_404_as_nobody(client, clerk):
    there = OfficeFactory(name="麻埠镇财政所", kind=Office.Kind.TOWNSHIP, division_id=OTHER_TOWN)
    signed_in(client, UserFactory(role=Role.SECURITY_ADMIN, at=OTHER_TOWN, office=there))
    assert "汪立新" not in client.get(LIST).content.decode()
    hidden, nobody = client.get(f"{LIST}{clerk.pk}/"), client.get(f"{LIST}999999/")
    assert hidden.status_code == nobody.status_code == 404
    assert hidden.content == nobody.content
    assert client.post(f"{LIST}{clerk.pk}/grant/", grant_form(division=OTHER_TOWN)).status_code == 404


def test_the_security_administrator_grants_from_day_to_day(client, security, clerk):
    last = clock.today() + timedelta(days=30)
    chosen = [draft(UserFactory(role=Role.FINANCE_CLERK), version=False).pk for _ in range(2)]
    answer = client.post(f"{LIST}{clerk.pk}/grant/", grant_form(last_day=last, policies=chosen))
    assert answer.status_code == 302
    grant = Grant.objects.get(user=clerk)
    assert (grant.role, grant.division_id, grant.policy_ids) == (Role.TOWNSHIP_CLERK, TOWN, chosen)
    assert grant.valid.upper == last + timedelta(days=1)
    assert grant.granted_by == security
    event = AuditEvent.objects.get(action="grant.give")
    assert (event.division_code, event.detail["role"]) == (TOWN, "township_clerk")


def test_an_untouched_grant_form_gives_nothing(client, security, clerk):
    page = client.get(f"{LIST}{clerk.pk}/")
    form = page.context["form"]
    untouched = {name: form[name].value() or "" for name in form.fields if form[name].value()}
    assert not {"role", "division"} & set(untouched)
    text = client.post(
        f"{LIST}{clerk.pk}/grant/", {**untouched, "action_key": page.context["action_key"]}
    ).content.decode()
    for why in ("请选择角色", "请选择管辖区划", "请先勾选“已照批准文件核对姓名、角色和管辖区划”"):
        assert why in text
    assert not Grant.objects.filter(user=clerk).exists()


def test_a_double_click_grants_once(client, security, clerk):
    form = grant_form()
    client.post(f"{LIST}{clerk.pk}/grant/", form)
    assert "刚才已经提交过" in client.post(f"{LIST}{clerk.pk}/grant/", form).content.decode()
    assert Grant.objects.filter(user=clerk).count() == 1


def test_a_revoked_grant_counts_no_longer_from_the_next_request_on(client, security, clerk):
    client.post(f"{LIST}{clerk.pk}/grant/", grant_form())
    assert User.objects.get(pk=clerk.pk).roles() == {Role.TOWNSHIP_CLERK}
    grant = Grant.objects.get(user=clerk)
    client.post(f"{LIST}grants/{grant.pk}/revoke/", {"note": ""})
    assert User.objects.get(pk=clerk.pk).roles() == {Role.TOWNSHIP_CLERK}
    client.post(f"{LIST}grants/{grant.pk}/revoke/", {"note": "调离"})
    assert User.objects.get(pk=clerk.pk).roles() == set()
    assert AuditEvent.objects.get(action="grant.revoke").note == "调离"


def test_the_system_administrator_cannot_grant(client, system, clerk):
    page = client.post(f"{LIST}{clerk.pk}/grant/", grant_form(), follow=True).content.decode()
    assert "须由安全管理员办理" in page
    assert not Grant.objects.filter(user=clerk).exists()


@pytest.mark.parametrize("act", ["grant", "password", "devices", "active"])
def test_nobody_changes_their_own_account(client, security, act):
    before = security.password
    form = grant_form(role=Role.AUDIT_ADMIN, division="341524000000", note="我自己", active="0")
    page = client.post(f"{LIST}{security.pk}/{act}/", form, follow=True).content.decode()
    assert "不能办理自己的账号" in page
    security.refresh_from_db()
    assert security.password == before
    assert security.is_active
    assert Grant.objects.filter(user=security).count() == 1


def test_a_second_account_of_the_same_person_is_their_own_too(client, security):
    double = UserFactory(id_number=security.id_number, office=security.office)
    page = client.post(
        f"{LIST}{double.pk}/grant/", grant_form(division="341524000000"), follow=True
    ).content.decode()
    assert "不能办理自己的账号" in page
    assert not Grant.objects.filter(user=double).exists()


def test_the_three_administrators_exclude_one_another_on_screen_too(client, security):
    other = UserFactory(role=Role.SYSTEM_ADMIN)
    page = client.post(
        f"{LIST}{other.pk}/grant/", grant_form(role=Role.FINANCE_CLERK, division="341524000000")
    ).content.decode()
    assert "不能兼任业务岗位" in page
    assert Grant.objects.filter(user=other).count() == 1


def test_a_grant_beyond_the_offices_place_is_refused(client, security, clerk):
    page = client.post(f"{LIST}{clerk.pk}/grant/", grant_form(division=OTHER_TOWN)).content.decode()
    assert "管辖区划选的这一项不在名单里" in page
    assert not Grant.objects.filter(user=clerk).exists()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"last_day": date(2020, 1, 1)}, "截止日期不能早于起始日期"),
        ({"policies": ["一"]}, "限定政策选的这一项不在名单里"),
        ({"first_day": "明天"}, "从哪天起要写成"),
    ],
)
def test_a_bad_grant_is_told_at_its_field(client, security, clerk, more, why):
    assert why in client.post(f"{LIST}{clerk.pk}/grant/", grant_form(**more)).content.decode()
    assert not Grant.objects.filter(user=clerk).exists()


def new_account(office, **more):
    more = {key.removesuffix("_pk"): value for key, value in more.items()}
    form = {
        "username": "fang",
        "name": "方明",
        "office": office.pk,
        "id_number": id_number(born="19800101"),
        "phone": "13900000000",
    }
    return form | more


def test_the_system_administrator_makes_an_account_whose_first_password_is_shown_once(client, system):
    answer = client.post(f"{LIST}new/", new_account(system.office))
    user = User.objects.get(username="fang")
    first = answer.context["first_password"]
    assert user.check_password(first)
    assert user.password_changed_at is None
    assert first not in client.get(f"{LIST}{user.pk}/").content.decode()
    told = AuditEvent.objects.get(action="account.create")
    assert user.id_number not in str(told.detail) + told.note


def test_the_security_administrator_cannot_make_accounts(client, security):
    assert client.post(f"{LIST}new/", new_account(security.office)).status_code == 403
    assert not User.objects.filter(username="fang").exists()


def test_the_system_administrator_makes_no_second_account_for_themselves(client, system):
    page = client.post(f"{LIST}new/", new_account(system.office, id_number=system.id_number))
    assert "不能办理自己的账号" in page.content.decode()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"id_number": "990000198001010010"}, "校验位不对"),
        ({"username": "方明"}, "小写字母"),
        ({"phone": "123"}, "联系电话"),
        ({"office_pk": 999999}, "不在名单里"),
    ],
)
def test_a_bad_account_is_told_at_its_field(client, system, more, why):
    assert why in client.post(f"{LIST}new/", new_account(system.office, **more)).content.decode()
    assert not User.objects.filter(name="方明").exists()


def test_a_taken_user_name_is_told(client, system):
    UserFactory(username="fang")
    assert "已经有人用了" in client.post(f"{LIST}new/", new_account(system.office)).content.decode()


def test_a_reset_password_is_shown_once_and_ends_the_old_one(client, security, clerk):
    first = client.post(f"{LIST}{clerk.pk}/password/").context["first_password"]
    clerk.refresh_from_db()
    assert clerk.check_password(first)
    assert not clerk.check_password("Huimin-2026")


def test_a_suspended_account_is_let_in_again_with_a_reason(client, security, clerk):
    client.post(f"{LIST}{clerk.pk}/active/", {"active": "0", "note": "借调"})
    clerk.refresh_from_db()
    assert not clerk.is_active
    client.post(f"{LIST}{clerk.pk}/active/", {"active": "1", "note": ""})
    clerk.refresh_from_db()
    assert not clerk.is_active
    client.post(f"{LIST}{clerk.pk}/active/", {"active": "1", "note": "回来了"})
    clerk.refresh_from_db()
    assert clerk.is_active


def test_a_lost_telephone_is_unbound(client, security, clerk):
    CodeDevice.objects.create(user=clerk, name="手机", confirmed=True, key="31" * 20)
    client.post(f"{LIST}{clerk.pk}/devices/", {"note": "手机丢了"})
    assert not CodeDevice.objects.filter(user=clerk).exists()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=汪", True),
        ("q=nobody", False),
        ("role=township_clerk", True),
        ("role=bank", False),
        ("state=bare", False),
        ("state=ending", True),
        ("state=off", False),
        ("office=梅山", True),
    ],
)
def test_the_list_is_filtered(client, security, clerk, query, found):
    last = clock.today() + timedelta(days=5)
    client.post(f"{LIST}{clerk.pk}/grant/", grant_form(last_day=last))
    client.get(LIST)
    assert ("汪立新" in client.get(f"{LIST}?{query}").content.decode()) is found


def test_the_export_holds_the_filtered_people(client, security, clerk):
    answer = client.get(f"{reverse('core:staff-export')}?q=汪")
    content = b"".join(answer.streaming_content)
    import openpyxl

    rows = list(openpyxl.load_workbook(BytesIO(content)).active.values)
    assert [row[0] for row in rows[1:]] == ["汪立新"]
    assert clerk.id_number not in str(rows)


@pytest.mark.parametrize("people", [1, 50])
def test_the_list_costs_the_same_for_one_and_for_fifty(
    client, security, people, django_assert_max_num_queries
):
    UserFactory.create_batch(people, office=security.office, role=Role.FINANCE_CLERK)
    with django_assert_max_num_queries(18):
        assert client.get(f"{LIST}?size=50").status_code == 200


def test_grants_count_on_their_days_only(clerk):
    today = clock.today()
    from psycopg.types.range import DateRange

    for first, end, counts in (
        (today + timedelta(days=1), None, False),
        (today - timedelta(days=9), today, False),
        (today, today + timedelta(days=1), True),
    ):
        Grant.objects.update(revoked_at=timezone.now())
        Grant.objects.create(
            user=clerk,
            role=Role.BANK,
            role_class=0,
            office=clerk.office,
            division_id=TOWN,
            person_key=b"0" * 16,
            valid=DateRange(first, end),
        )
        assert bool(User.objects.get(pk=clerk.pk).active_grants) is counts, (first, end)
    assert timezone.localdate() == today


def test_policies_are_chosen_by_name_and_unknown_ones_are_refused(client, security, clerk):
    known = draft(UserFactory(role=Role.FINANCE_CLERK), version=False)
    page = client.get(f"{LIST}{clerk.pk}/").content.decode()
    assert f"{known}（{known.department}）" in page
    for wrong in ("999999", "，1", "1,2"):
        answer = client.post(f"{LIST}{clerk.pk}/grant/", grant_form(policies=[known.pk, wrong]))
        assert "不在名单里" in answer.content.decode()
    with pytest.raises(BadInput, match="没有编号为 999999 的政策"):
        services.grant_role(
            clerk,
            Role.TOWNSHIP_CLERK,
            office=clerk.office,
            division=Division.objects.get(pk=TOWN),
            first_day=clock.today(),
            policy_ids=[known.pk, 999999],
            actor=security,
        )
    assert not Grant.objects.filter(user=clerk).exists()


def test_a_grant_is_limited_by_department_or_by_policies_and_says_so(client, security, clerk):
    known = draft(UserFactory(role=Role.FINANCE_CLERK), version=False)
    both = grant_form(policies=[known.pk], department=known.department_id)
    assert "只能选一种" in client.post(f"{LIST}{clerk.pk}/grant/", both).content.decode()
    url = f"{LIST}{clerk.pk}/grant/"
    assert client.post(url, grant_form(department=known.department_id)).status_code == 302
    shown = client.post(url, grant_form(policies=[known.pk]))
    assert "与这一条有重叠" in shown.content.decode()
    odd = [code for code, _ in shown.context["form"].fields["acknowledged"].choices]
    named = grant_form(policies=[known.pk], acknowledged=odd)
    assert client.post(url, named).status_code == 302
    page = client.get(f"{LIST}{clerk.pk}/").content.decode()
    assert f"{known.department}的政策（含以后新增的）" in page
    assert f"<td>{known}</td>" in page
    assert f"{known.department}的政策" in client.get(LIST).content.decode()
    with pytest.raises(IntegrityError, match="limited_in_one_way"), transaction.atomic():
        Grant.objects.filter(user=clerk, department=known.department).update(named_policies=[known.pk])
