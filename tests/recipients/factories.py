"""Households, policies and declarations for tests; people are invented."""

import re
from datetime import date
from decimal import Decimal
from itertools import count
from uuid import uuid4

from django.db import transaction
from django.utils import timezone
from psycopg.types.range import DateRange

from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.records import audit
from huimin.core.values.pinyin import sort_key
from huimin.core.work import workflow
from recipients.files.declaration import LineInput
from recipients.models import Account, AccountChange, Household, Person
from recipients.rules import commit
from recipients.services import declarations, endings, entitlements, registry, suspensions
from recipients.services.banks import bank_at
from recipients.states import ACCOUNT_FLOW
from subsidies.models import PolicyVersion, StopRule
from subsidies.services.versions import required
from tests.factories import COUNTY, TOWN, VILLAGE, UserFactory, county, id_number
from tests.subsidies.factories import people, published, version_facts

_serials = count(1)
_NAMES = "国建德明长永先家世正传开光维道立成福根军平山宝银海林胜友新荣"


@transaction.atomic  # the first account comes with the registration
def person(household, *, holder=False, name=None, village=VILLAGE, born="19700101", **more):
    number = id_number(born=born)
    salt = uuid4()
    serial = next(_serials)
    name = name or f"王{_NAMES[serial % 30]}{_NAMES[serial // 30 % 30]}"
    made = Person.objects.create(
        household=household,
        is_holder=holder,
        relation="02" if holder else "97",
        name=name,
        name_key=sort_key(name),
        id_number=number,
        id_key=crypto.blind_index("id_number", number),
        commit_salt=salt,
        id_commitment=commit(salt, number),
        birth_date=date(int(born[:4]), int(born[4:6]), int(born[6:])),
        sex="1" if int(number[16]) % 2 else "2",
        phone="19912345678",
        county_code=COUNTY,
        division_code=village,
        **{"created_by": registrar()} | more,
    )
    account(made)
    return made


def registrar():
    from huimin.core.models import User

    return User.objects.filter(username="registrar").first() or UserFactory(username="registrar")


def account(owner, number=None):
    number = number or f"1000{next(_serials):012d}7"
    salt = uuid4()
    return Account.objects.create(
        person=owner,
        kind="passbook",
        holder_name=owner.name,
        number=number,
        number_key=crypto.blind_index("account", number),
        commit_salt=salt,
        number_commitment=commit(salt, number),
        tail=number[-4:],
        bank_name="县农村商业银行",
    )


def approved_change(owner, *, holder_name=None, relation="亲属", number=None, bank_name="县农村商业银行"):
    """Asked for by one and approved by another, and nothing made of it yet; any name, also one that no form would take."""
    clerk, checker = (UserFactory(role=role) for role in (Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER))
    number = number or f"1000{next(_serials):012d}7"
    bank = {"kind": "passbook", "bank_name": bank_name, "holder_name": holder_name or owner.name}
    bank |= {"number": number, "number_key": crypto.blind_index("account", number), "tail": number[-4:]}
    bank["holder_relation"] = relation
    place = {"county_code": owner.county_code, "division_code": owner.division_code}
    change = AccountChange.objects.create(person=owner, reason="换卡", asked_by=clerk, **bank, **place)
    workflow.take_duty(change, ACCOUNT_FLOW["ask"].duty, actor=clerk)
    workflow.take_duty(change, ACCOUNT_FLOW["approve"].duty, actor=checker)
    AccountChange.objects.filter(pk=change.pk).update(status="approved", checked_by=checker)
    change.refresh_from_db()
    return change


def another_account(owner, **wanted):
    """The account of today, by an approved change."""
    change = approved_change(owner, **wanted)
    at = bank_at(owner.county_code, branch_code=change.branch_code, bank_name=change.bank_name)
    return account_of(change, bank_id=at)


def account_of(change, *, bank_id):
    """In the place of the account before."""
    Account.objects.filter(person=change.person_id, is_active=True).update(is_active=False)
    salt = uuid4()
    copied = ("kind", "bank_name", "holder_name", "holder_relation", "number", "number_key", "tail")
    return Account.objects.create(
        person_id=change.person_id,
        change=change,
        commit_salt=salt,
        bank_id=bank_id,
        number_commitment=commit(salt, change.number),
        **{name: getattr(change, name) for name in copied},
    )


def household(members=1, village=VILLAGE, **more):
    """A household's people, the holder first."""
    county()
    house = Household.objects.create(
        code=f"F{next(_serials):06d}", group_name="一组", county_code=COUNTY, division_code=village
    )
    return [person(house, holder=n == 0, village=village, **more) for n in range(members)]


NOTHING = {
    "has_village_notice": False,
    "has_township_review": False,
    "has_township_notice": False,
    "has_county_review": False,
    "has_county_notice": False,
    "joint_parties": [],
}


def policy(*, object_type="person", **version):
    """A published policy paying 86.90 元 per unit; `version` changes review levels and the like."""
    clerk, checker = people()
    changes = {key: version.pop(key) for key in ("is_protected", "frequency", "name") if key in version}
    if version.get("has_township_review", True) or version.get("has_county_review", True):
        return published(clerk, checker, version=version or True, object_type=object_type, **changes)
    past = {"valid_from": date(2000, 1, 1), "valid_to": date(2000, 12, 31)}
    made = published(clerk, checker, version=past, object_type=object_type, **changes)
    _undecided(made, clerk, version)
    return made


def _undecided(made, clerk, terms):
    """A version in which nobody but the maker of a list decides: no longer published, but rows may be there."""
    facts = version_facts(**terms)
    rule = facts["amount_rule"]
    PolicyVersion.objects.create(
        policy=made,
        number=2,
        valid=DateRange(facts.pop("valid_from"), None),
        required_facts=required(rule),
        made_by=clerk,
        status="published",
        published_at=timezone.now(),
        **facts,
    )


def clerk_at(village=VILLAGE):
    return UserFactory(role=Role.VILLAGE_CLERK, at=village)


def line(one, quantity="2", row=1, payee="", **facts):
    return LineInput(row, one.name, bytes(one.id_key), payee, Decimal(quantity), facts)


def declaration(
    chosen=None, *, actor=None, lines=None, village=VILLAGE, period="2026", another=False, **version
):
    """A draft with a line for each person of `lines` (by default two new ones)."""
    actor = actor or clerk_at(village)
    chosen = chosen or policy(**version)
    made = declarations.make_declaration(
        chosen, period=period, division_code=village, actor=actor, another=another
    )
    lines = [household(1, village)[0], household(1, village)[0]] if lines is None else lines
    if lines:
        rows = [line(one, row=n) for n, one in enumerate(lines, 1)]
        declarations.load_lines(made.pk, rows, actor=actor)
    return made


def ended(right, ends_on):
    """The right as an ending of that day leaves it, whoever ended it and why."""
    endings.cut_off(right, endings.Stop(ends_on, StopRule.SAME_MONTH, ends_on, None), by=registrar())
    type(right).objects.filter(pk=right.pk).update(status="ended")


def set_aside(person):
    """The record 作废 by another person, its rights ended some day to come; its accounts stay as they are."""
    for right in person.entitlements.exclude(status="ended"):
        ended(right, date(2099, 1, 1))
    by = UserFactory(role=Role.TOWNSHIP_REVIEWER)
    with transaction.atomic():
        audit.record(person, action="void", actor=by, before=person.status, after="void")
        type(person).objects.filter(pk=person.pk).update(status="void", voided_by=by)


def renamed(person, name, *, by):
    """The name corrected in the record, and the account's holder with it, as the card says."""
    marks = {mark: getattr(person, mark) for mark in type(person).MARKS}
    given = marks | {"name": name, "group_name": person.household.group_name or "一组", "note": person.note}
    return registry.edit_person(person.pk, given, actor=by)


def suspended(right, kind="withheld", first_day=None, *, by=None):
    """The right suspended by a keeper; returns the suspension."""
    by = by or UserFactory(role=Role.DEPARTMENT_REVIEWER)
    entitlements.take_step(right.pk, "suspend", actor=by, note="逾期未认证", kind=kind, first_day=first_day)
    return right.suspensions.get(status="standing")


def lifted(pause, last_day=None, *, by=None):
    """Lifted by another keeper, from the day after `last_day` on."""
    by = by or UserFactory(role=Role.DEPARTMENT_REVIEWER)
    return suspensions.take_step(pause.pk, pause.lift_step, actor=by, note="已办好", last_day=last_day)


def seen_on(response):
    """What a page carries of what it shows, for the button on it."""
    return re.search(r'name="seen"\s+value="([0-9a-f]+)"', response.content.decode()).group(1)


def chain():
    """Everyone along the way of a declaration, each another person."""
    return {
        "village": clerk_at(),
        "clerk": UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN),
        "township": UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN),
        "department": UserFactory(role=Role.DEPARTMENT_REVIEWER),
        "department_clerk": UserFactory(role=Role.DEPARTMENT_CLERK),
        "finance": UserFactory(role=Role.FINANCE_CHECKER),
        "supervisor": UserFactory(role=Role.SUPERVISOR),
    }
