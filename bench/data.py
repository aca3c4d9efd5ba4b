"""An invented town for the measurements: places, staff, policy, people with cards, entitlements; the same every time.

Loaded by COPY as the owner with the tables' own triggers off, since what is measured begins afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from psycopg.types.range import DateRange

from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.models import BankBranch, Department, Division, Grant, Level, Office, User
from huimin.core.values.identity import account_tail, check_digit
from huimin.core.values.pinyin import sort_key
from huimin.demo import people
from recipients.models import Declaration
from subsidies.models import Indicator, IndicatorPolicy, Policy, PolicyVersion

COUNTY, TOWN = "341524000000", "341524100000"
VILLAGES = 40
RATE = Decimal("131.07")  # 元/亩; odd, so that rounding to the 分 takes place
PERIOD, YEAR = "2026", DateRange(date(2026, 1, 1), date(2027, 1, 1))
SEED = 20_260_101
TODAY = date(2026, 1, 1)


def village_code(number: int) -> str:
    return f"341524100{number:03d}"


def villages() -> list[people.Village]:
    return [people.Village(village_code(number), f"第{number}村委会") for number in range(1, VILLAGES + 1)]


def households(members: int) -> Iterator[people.HouseholdData]:
    """Whole households until there are at least this many members."""
    count = 0
    for house in people.generate_households(SEED, villages(), members):
        yield house
        count += len(house.members)
        if count >= members:
            return


def places() -> None:
    """County, town, villages, and the branches of the banks."""
    county = Division.objects.create(code=COUNTY, name="金寨县", level=Level.COUNTY)
    town = Division.objects.create(code=TOWN, name="梅山镇", level=Level.TOWN, parent=county)
    Division.objects.bulk_create(
        Division(code=one.code, name=one.name, level=Level.VILLAGE, parent=town) for one in villages()
    )
    BankBranch.objects.bulk_create(
        BankBranch(code=code, name=name, bank=name[:8]) for code, name in people.BRANCHES
    )


def staff() -> dict[str, User]:
    """One person for every role, over the whole county."""
    Office.objects.create(name="金寨县财政局", kind=Office.Kind.FINANCE, division_id=COUNTY)
    Office.objects.create(
        name="金寨县农村商业银行", kind=Office.Kind.BANK, division_id=COUNTY, bank_format="pipe_txt"
    )
    return {role: person(f"bench_{role}", role, serial) for serial, role in enumerate(Role)}


def person(name: str, role: Role, serial: int) -> User:
    """A member of staff with one role; nobody is two of them."""
    office = Office.objects.get(kind=Office.Kind.BANK if role == Role.BANK else Office.Kind.FINANCE)
    first = f"99000119700101{serial:03d}"
    number = first + check_digit(first)
    key = crypto.blind_index("id_number", number)
    found = User.objects.create(
        username=name, name=role.label, office=office, id_number=number, person_key=key
    )
    Grant.objects.create(
        user=found,
        role=role,
        office=office,
        division_id=COUNTY,
        valid=DateRange(date(2020, 1, 1), None),
        role_class=0,
        person_key=key,
    )
    return found


def user(role: str) -> User:
    return User.objects.get(username=f"bench_{role}")


def policy(object_type: Policy.ObjectType) -> PolicyVersion:
    """耕地地力保护: area × rate, every line rounded to the 分; money enough."""
    maker = user(Role.DEPARTMENT_CLERK)
    department = Department.objects.create(code="AGRI", name="农业农村局")
    found = Policy.objects.create(
        county_code=COUNTY,
        division_code=COUNTY,
        code="B0001",
        name="耕地地力保护补贴",
        short_name="地力补贴",
        level=Policy.GovernmentLevel.CENTRAL,
        department=department,
        object_type=object_type,
        unit="亩",
        frequency="yearly",
        basis="测量用",
        payment_remark="地力补贴",
        status="published",
        made_by=maker,
    )
    version = PolicyVersion.objects.create(
        policy=found,
        number=1,
        valid=DateRange(date(2020, 1, 1), None),
        amount_rule=rule(),
        standard_text=f"{RATE} 元/亩",
        quantity_label="面积",
        joint_parties=["department", "finance", "supervision"],
        made_by=maker,
        status="published",
        published_at="2025-12-01T00:00:00+08:00",
    )
    money = Decimal("900000000.00")
    indicator = Indicator.objects.create(
        county_code=COUNTY,
        division_code=COUNTY,
        document_number="财农〔2026〕1号",
        name="地力补贴",
        source=Indicator.Source.EARMARKED,
        year=2026,
        issued=money,
        available=money,
        status="confirmed",
        registered_by=user(Role.FINANCE_CLERK),
    )
    IndicatorPolicy.objects.create(indicator=indicator, policy=found)
    return version


def rule() -> dict[str, Any]:
    fact = {"op": "fact", "name": "quantity", "label": "面积", "unit": "亩"}
    return {"op": "mul", "args": [fact, {"op": "const", "value": str(RATE), "unit": "元/亩"}]}


class Member(NamedTuple):
    """A person with what the tables need; `holder` is the id of the household's holder."""

    id: int
    household: int
    holder: int
    person: people.MemberData
    house: people.HouseholdData


def members(count: int) -> Iterator[Member]:
    """The first `count` people, numbered from 1."""
    number = 0
    for household, house in enumerate(households(count), 1):
        holder = number + 1
        for person in house.members:
            number += 1
            if number > count:
                return
            yield Member(number, household, holder, person, house)


@contextmanager
def quietly(*tables: str) -> Iterator[None]:
    """The tables' own triggers off, and all in one transaction; needs the owner."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def copy(table: str, columns: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Binary COPY."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as out,
    ):
        out.set_types(types)
        for row in rows:
            out.write_row(row)


def number_on(*tables: str) -> None:
    """After rows came with their ids: the sequences go on behind the highest; needs the owner."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")


def salt_of(number: int) -> UUID:
    return UUID(int=number)


def commitment(salt: UUID, text: str) -> bytes:
    return sha256(salt.bytes + text.encode()).digest()


def registry(count: int, maker: User) -> None:
    """Households, people and the holders' accounts."""
    everybody = list(members(count))
    holders = [one for one in everybody if one.id == one.holder]
    with quietly("recipients_household", "recipients_person", "recipients_account"):
        copy(
            "recipients_household",
            "id, county_code, division_code, code, group_name, status",
            ["int8", "varchar", "varchar", "varchar", "varchar", "varchar"],
            (
                (
                    one.household,
                    COUNTY,
                    one.house.village.code,
                    one.house.code,
                    one.house.group,
                    "normal",
                )
                for one in holders
            ),
        )
        _copy_people(everybody, maker)
        _copy_accounts(holders)
        number_on("recipients_household", "recipients_person", "recipients_account")


def _copy_people(everybody: Sequence[Member], maker: User) -> None:
    numbers = [one.person.id_number for one in everybody]
    sealed = crypto.encrypt_many("id_number", numbers)
    keys = crypto.blind_index_many("id_number", numbers)
    phones = crypto.encrypt_many("phone", [one.person.phone for one in everybody])
    copy(
        "recipients_person",
        "id, county_code, division_code, household_id, is_holder, relation, name, name_key, id_number, id_key, commit_salt, "
        "id_commitment, birth_date, sex, phone, is_low_income, is_rural, is_poverty_relief, is_extreme_poverty, note, status, "
        "created_by_id",
        ["int8", "varchar", "varchar", "int8", "bool", "varchar", "varchar", "varchar", "bytea", "bytea", "uuid", "bytea",
         "date", "varchar", "bytea", "bool", "bool", "bool", "bool", "varchar", "varchar", "int8"],
        (
            (one.id, COUNTY, one.house.village.code, one.household, one.id == one.holder, one.person.relation, one.person.name,
             sort_key(one.person.name), number, key, salt_of(one.id), commitment(salt_of(one.id), one.person.id_number),
             one.person.birth_date, one.person.sex, phone if one.person.phone else None, False, True, False, False, "", "normal",
             maker.pk)
            for one, number, key, phone in zip(everybody, sealed, keys, phones, strict=True)
        ),
    )  # fmt: skip


def _copy_accounts(holders: Sequence[Member]) -> None:
    numbers = [one.house.account for one in holders]
    sealed = crypto.encrypt_many("account", numbers)
    keys = crypto.blind_index_many("account", numbers)
    copy(
        "recipients_account",
        "id, person_id, kind, holder_name, number, number_key, commit_salt, number_commitment, tail, branch_code, bank_name, "
        "is_active",
        ["int8", "int8", "varchar", "varchar", "bytea", "bytea", "uuid", "bytea", "varchar", "varchar", "varchar", "bool"],
        (
            (one.id, one.id, "card" if one.house.account_is_card else "passbook", one.person.name, number, key, salt_of(one.id),
             commitment(salt_of(one.id), one.house.account), account_tail(one.house.account), one.house.branch_code,
             one.house.branch_name, True)
            for one, number, key in zip(holders, sealed, keys, strict=True)
        ),
    )  # fmt: skip


def entitlements(version: PolicyVersion, maker: User) -> None:
    """A confirmed declaration per village, and from each of its lines an entitlement that runs on.

    Of everybody, or of the head of every household.
    """
    heads = " WHERE p.is_holder" if version.policy.object_type == Policy.ObjectType.HOUSEHOLD else ""
    with (
        connection.cursor() as cursor,
        quietly(
            "recipients_declaration",
            "recipients_declarationline",
            "recipients_entitlement",
            "recipients_entitlementversion",
        ),
    ):
        Declaration.objects.bulk_create(
            Declaration(
                county_code=COUNTY,
                division_code=one.code,
                policy_id=version.policy_id,
                version=version,
                period=PERIOD,
                period_range=YEAR,
                status="confirmed",
                made_by=maker,
            )
            for one in villages()
        )
        cursor.execute(
            f"""INSERT INTO recipients_declarationline (declaration_id, line_no, beneficiary_id, payee_id, quantity, facts,
                   amount, excluded_at_level, excluded_reason)
               SELECT d.id, row_number() OVER (PARTITION BY d.id ORDER BY p.id), p.id, h.id, 1 + (p.id %% 977) / 100.0000,
                   '{{}}', 1, '', ''
               FROM recipients_person p JOIN recipients_declaration d ON d.division_code = p.division_code
               JOIN recipients_person h ON h.household_id = p.household_id AND h.is_holder{heads}""",
            [],
        )
        cursor.execute(
            """UPDATE recipients_declarationline SET amount = round(quantity * %s, 2),
                   facts = jsonb_build_object('quantity', quantity::text)""",
            [RATE],
        )
        cursor.execute(
            f"""INSERT INTO recipients_entitlement (county_code, division_code, policy_id, beneficiary_id, status, house)
               SELECT p.county_code, p.division_code, y.id, p.id, 'active',
                      CASE y.object_type WHEN 'household' THEN p.household_id END
               FROM recipients_person p JOIN subsidies_policy y ON y.id = %s{heads}
               ORDER BY p.id""",
            [version.policy_id],
        )
        cursor.execute(
            """INSERT INTO recipients_entitlementversion (entitlement_id, valid, payee_id, quantity, facts, source_line_id)
               SELECT e.id, daterange('2026-01-01', NULL), l.payee_id, l.quantity, l.facts, l.id
               FROM recipients_entitlement e JOIN recipients_declarationline l ON l.beneficiary_id = e.beneficiary_id"""
        )


def town(count: int, object_type: Policy.ObjectType = Policy.ObjectType.PERSON) -> PolicyVersion:
    """Everything up to the entitlements of `count` people, or of their households."""
    places()
    maker = staff()[Role.TOWNSHIP_CLERK]
    version = policy(object_type)
    registry(count, maker)
    entitlements(version, maker)
    return version


def first_rows(count: int) -> list[list[str]]:
    """`count` rows of a registry workbook, cut between households where that is possible."""
    return list(islice(people.registry_rows(households(count), on=TODAY), count))


def write_json(path: Any, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
