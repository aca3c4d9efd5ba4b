"""The first two administrators of a county: the one act that nobody of the county can do, because nobody is there.

From then on each needs the other: the system administrator makes accounts and cannot grant, the security administrator
grants and cannot make accounts, and neither may touch their own (services.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from huimin.core import clock
from huimin.core.account_forms import AccountForm
from huimin.core.accounts import queries, services
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Division, Level, Office, User
from huimin.core.records import audit

FIRST_POSTS = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN)


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """As typed at the terminal; what is private stays out of repr()."""

    username: str
    name: str
    id_number: str = field(repr=False)
    password: str = field(repr=False)


@transaction.atomic
def first_administrators(
    county_code: str, people: Mapping[Role, FirstPerson], *, office_name: str = ""
) -> list[User]:
    """Office, accounts and open-ended grants of a system and a security administrator, all or nothing.

    Both must change the password that was typed for them at their first login. StepRefused while the county has an
    administrator in force, and for one person in both posts; BadInput for what was typed wrong.
    """
    # two who run it at once meet at the county's row
    county = Division.objects.select_for_update().filter(pk=county_code, level=Level.COUNTY).first()
    if county is None:
        raise BadInput(f"区划里没有县“{county_code}”。请先运行 import_divisions，或核对 HUIMIN_COUNTY。")
    held = queries.administrators(county_code)
    there = [f"{person}（{role.label}）" for role in FIRST_POSTS for person in held.get(role, [])]
    if there:
        raise StepRefused(f"本县已有管理员：{'、'.join(there)}。新的账号和授权请由他们在“人员与授权”里办理。")
    office = _office(office_name or f"{county.name}财政局信息中心", county)
    return [_administrator(role, people[role], office, county) for role in FIRST_POSTS]


def _office(name: str, county: Division) -> Office:
    office, is_new = Office.objects.get_or_create(
        name=name, defaults={"kind": Office.Kind.ADMINISTRATION, "division": county}
    )
    if office.division_id != county.pk:
        raise BadInput(f"机构“{name}”不在{county}，请换一个名称。")
    if is_new:
        audit.record(
            office,
            action="office.create",
            actor=None,
            label="建机构",
            detail={"name": name},
            division_code=county.pk,
        )
    return office


def _administrator(role: Role, typed: FirstPerson, office: Office, county: Division) -> User:
    username = _username(typed.username)
    try:
        validate_password(typed.password, User(username=username, name=typed.name))
    except ValidationError as error:
        raise BadInput(f"{role.label}：{''.join(error.messages)}", field="password") from error
    user, _ = services.create_account(
        username,
        name=typed.name,
        office=office,
        id_number=typed.id_number,
        actor=None,
        hashed=make_password(typed.password),
    )
    services.grant_role(user, role, office=office, division=county, first_day=clock.today(), actor=None)
    return user


def _username(text: str) -> str:
    """By the rule of the page for new accounts."""
    try:
        return str(AccountForm.base_fields["username"].clean(text.strip()))
    except ValidationError as error:
        raise BadInput(f"{''.join(error.messages)}。", field="username") from error
