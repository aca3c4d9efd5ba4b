"""The demo's people: one for every post, at real places, with invented names and ID numbers of the prefix 99.

All have one password, and those whose posts ask for one-time codes have devices with one secret, because the demo prints both.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from huimin.core.accounts import services
from huimin.core.authority.roles import CODE_ROLES, Role
from huimin.core.errors import Refused
from huimin.core.models import CodeDevice, Department, Division, Grant, Level, Office, User
from huimin.core.values.identity import check_digit

PASSWORD = "Huimin-2026"  # noqa: S105 -- the demo prints it
SECRET_HEX = "4875696d696e2d5a686964612d4a696e7a686169"  # noqa: S105 -- printed as well
FIRST_DAY = date(2026, 1, 1)
_ID_AREA = "990524"  # no division has a code that begins with 99


@dataclass(frozen=True, slots=True)
class Body:
    """An office; `place` is the town or village by the end of its code, empty for the county itself."""

    name: str
    kind: str
    place: str = ""
    department: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A person with a role at an office; departments' people see their own department's policies only."""

    username: str
    name: str
    role: str
    office: Body


_VILLAGE = Body("梅山镇梅山村委会", Office.Kind.VILLAGE, "100200")
_VILLAGE_2 = Body("梅山镇徐冲村委会", Office.Kind.VILLAGE, "100205")
_OTHER_VILLAGE = Body("古碑镇响塘村委会", Office.Kind.VILLAGE, "105200")
_TOWN = Body("梅山镇财政所", Office.Kind.TOWNSHIP, "100000")
_OTHER_TOWN = Body("古碑镇财政所", Office.Kind.TOWNSHIP, "105000")
_CENTER = Body("梅山镇为民服务中心", Office.Kind.TOWNSHIP, "100000")
_BUSINESS = Body("县财政局业务股", Office.Kind.FINANCE)
_TREASURY = Body("县财政局国库股", Office.Kind.FINANCE)
_BANK = Body("县农村商业银行", Office.Kind.BANK)
_SUPERVISION = Body("县纪委监委", Office.Kind.SUPERVISION)
_CITY = Body("市财政局监督科", Office.Kind.SUPERVISION)
_ADMINISTRATION = Body("县财政局信息中心", Office.Kind.ADMINISTRATION)
_DEPARTMENTS = (
    ("CIVIL", "civil", "吴敏", "罗先友"),
    ("AGRI", "farm", "丁磊", "钱志远"),
    ("FOREST", "forest", "汪小松", "程林"),
    ("WATER", "water", "江涛", "陈渠"),
    ("HEALTH", "health", "余康", "方宁"),
)

_FIXED = (
    Post("village1", "桂明霞", Role.VILLAGE_CLERK, _VILLAGE),
    Post("village2", "徐远山", Role.VILLAGE_CLERK, _VILLAGE_2),
    Post("village3", "余长青", Role.VILLAGE_CLERK, _OTHER_VILLAGE),
    Post("town1", "汪立新", Role.TOWNSHIP_CLERK, _TOWN),
    Post("town1-review", "胡建国", Role.TOWNSHIP_REVIEWER, _TOWN),
    Post("town2", "李红梅", Role.TOWNSHIP_CLERK, _OTHER_TOWN),
    Post("town2-review", "张守田", Role.TOWNSHIP_REVIEWER, _OTHER_TOWN),
    Post("window", "吴晓琴", Role.WINDOW_CLERK, _CENTER),
    Post("director", "洪波", Role.CENTER_DIRECTOR, _CENTER),
    Post("finance", "赵立新", Role.FINANCE_CLERK, _BUSINESS),
    Post("finance-check", "周敏", Role.FINANCE_CHECKER, _BUSINESS),
    Post("treasury1", "陶静", Role.TREASURER, _TREASURY),
    Post("treasury2", "王建华", Role.TREASURER, _TREASURY),
    Post("reconcile1", "孙立", Role.RECONCILER, _TREASURY),
    Post("reconcile2", "许文", Role.RECONCILER, _TREASURY),
    Post("bank", "何晓燕", Role.BANK, _BANK),
    Post("supervisor", "郑公正", Role.SUPERVISOR, _SUPERVISION),
    Post("overseer", "宋远", Role.OVERSEER, _CITY),
    Post("system-admin", "何健", Role.SYSTEM_ADMIN, _ADMINISTRATION),
    Post("security-admin", "罗维", Role.SECURITY_ADMIN, _ADMINISTRATION),
    Post("audit-admin", "马明", Role.AUDIT_ADMIN, _ADMINISTRATION),
)


# who takes which step of the payment that README walks through; one person cannot take two that exclude each other
ONE_PAYMENT = (
    ("finance-check", "复核花名册（终审）"),
    ("finance", "编制支付申请，冻结指标"),
    ("treasury2", "签章，送银行"),
    ("reconcile1", "上传银行回盘"),
    ("reconcile2", "由另一人确认入账"),
    ("forest", "公开名单"),
)


def posts() -> list[Post]:
    """Every account of the demo, the way of the money from village to bank, then those who watch and administer."""
    return [*_FIXED[:9], *_department_posts(), *_FIXED[9:]]


def _department_posts() -> Iterator[Post]:
    names = dict(Department.objects.values_list("code", "name"))
    for code, username, clerk, reviewer in _DEPARTMENTS:
        body = Body(f"县{names[code]}", Office.Kind.DEPARTMENT, department=code)
        yield Post(username, clerk, Role.DEPARTMENT_CLERK, body)
        yield Post(f"{username}-review", reviewer, Role.DEPARTMENT_REVIEWER, body)


@transaction.atomic
def make_accounts(county_code: str) -> list[User]:
    """Offices, people, grants and devices of the county; a second call adds only what is missing.

    A department's people are granted its policies, so theirs come at the first call after the policies were drafted.
    """
    if settings.ENVIRONMENT == "production":
        raise Refused("正式环境不建演示账号。")
    county = Division.objects.get(pk=county_code, level=Level.COUNTY)
    people = []
    for number, post in enumerate(posts(), start=1):
        user = User.objects.filter(username=post.username).first() or _person(post, number, county)
        _grant(post, user, county)
        if post.role in CODE_ROLES and not CodeDevice.objects.filter(user=user).exists():
            CodeDevice.objects.create(user=user, name="演示手机", key=SECRET_HEX, confirmed=True)
        people.append(user)
    return people


@cache
def _hashed() -> str:
    """One hash for all demo accounts, salt included, because all have the same printed password.

    Argon2 is slow on purpose and would cost the seed seconds for 31 equal passwords. Real accounts never share one.
    """
    return make_password(PASSWORD)


def _person(post: Post, number: int, county: Division) -> User:
    user, _ = services.create_account(
        post.username,
        name=post.name,
        office=_office(post.office, county),
        id_number=_id_number(number),
        actor=None,
        hashed=_hashed(),
    )
    # known to everybody and never to be changed, unlike a first password
    User.objects.filter(pk=user.pk).update(password_changed_at=timezone.now())
    user.refresh_from_db()
    return user


def _id_number(number: int) -> str:
    first = f"{_ID_AREA}{1968 + number % 30}{number % 12 + 1:02d}{number % 28 + 1:02d}{number:03d}"
    return first + check_digit(first)


def _office(body: Body, county: Division) -> Office:
    place = _place(body, county)
    department = Department.objects.get(code=body.department, county=None) if body.department else None
    above = county.parent if body.name.startswith("市") and county.parent else county
    name = body.name if body.place else f"{above.name}{body.name.lstrip('市县')}"
    found, _ = Office.objects.get_or_create(
        name=name,
        defaults={
            "kind": body.kind,
            "division": place,
            "department": department,
            "bank_format": "pipe_txt" if body.kind == Office.Kind.BANK else "",
            "bank_names": body.name if body.kind == Office.Kind.BANK else "",
        },
    )
    return found


def _place(body: Body, county: Division) -> Division:
    """The city's people watch over the city, everybody else is at home in the county or below it."""
    if body.place:
        return Division.objects.get(pk=county.pk[:6] + body.place)
    return county.parent if body.name.startswith("市") and county.parent else county


def _grant(post: Post, user: User, county: Division) -> None:
    if Grant.objects.filter(user=user, revoked_at__isnull=True).exists() or user.office is None:
        return
    if post.office.department and not _has_policies(post.office.department, county.pk):
        return
    services.grant_role(
        user,
        post.role,
        office=user.office,
        division=_place(post.office, county),
        first_day=FIRST_DAY,
        department=user.office.department,
        actor=None,
    )


def _has_policies(department: str, county_code: str) -> bool:
    policies = apps.get_model("subsidies.policy")._default_manager
    return bool(policies.filter(county_code=county_code, department__code=department).exists())


def shown_secret() -> str:
    """The secret as an app for one-time codes takes it."""
    return base64.b32encode(bytes.fromhex(SECRET_HEX)).decode().rstrip("=")


def find(username: str) -> User:
    """A person of the demo, with office, ready to act."""
    return User.objects.select_related("office").get(username=username)
