"""An account named after neither the person nor the head of the household says whose it is, whoever brings it."""

from itertools import product

import pytest
from django.db import DatabaseError, connection, transaction

from huimin.core.authority.roles import Role
from huimin.core.errors import FileRefused
from recipients.files.columns import TITLES
from recipients.models import Account, Person
from recipients.rules import is_strangers, strangers_in_sql
from recipients.services.registry_import import import_now
from tests.factories import TOWN, UserFactory
from tests.recipients.factories import household
from tests.recipients.sheets import member, workbook

NAMES = ("甲", "乙", "丙")


@pytest.fixture
def clerk(db):
    return UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)


def taken(rows, clerk):
    return import_now(workbook(rows), filename="采集表.xlsx", actor=clerk)


@pytest.mark.django_db
def test_sql_and_python_say_the_same_of_every_name():
    with connection.cursor() as cursor:
        for account, own, head in product(NAMES, NAMES, (*NAMES, None)):
            cursor.execute(
                f"SELECT {strangers_in_sql('x.account', 'x.own', 'x.head')}"
                " FROM (VALUES (%s::text, %s::text, %s::text)) AS x(account, own, head)",
                [account, own, head],
            )
            assert cursor.fetchone()[0] is is_strangers(account, own=own, head=head or ""), (
                account,
                own,
                head,
            )


def test_an_import_with_a_strangers_account_is_refused_until_the_remark_says_whose_it_is(clerk):
    rows = [member(1), member(2, holder=1, 账户名称="赵守义")]
    with pytest.raises(FileRefused) as refused:
        taken(rows, clerk)
    (fault,) = refused.value.errors
    assert (fault.row, fault.column) == (3, "账户名称")
    assert "请在备注里写明与本人关系" in fault.message
    assert not Person.objects.filter(household__code="H00001").exists()
    rows[1][TITLES.index("备注")] = "监护人"
    one = taken(rows, clerk)
    relations = set(Account.objects.values_list("holder_name", "holder_relation"))
    assert ("赵守义", "监护人") in relations
    assert [warning["message"] for warning in one.warnings if "赵守义" in warning["message"]] == [
        "账户户名“赵守义”不是本人也不是户主，备注写的是“监护人”，会作为与本人关系登记，请核对。"
    ]


def test_the_head_as_registered_is_no_stranger_and_a_remark_of_others_is_no_relation(clerk):
    holder = member(1)[TITLES.index("户主姓名")]
    taken([member(1, 备注="已核对")], clerk)
    taken([member(2, holder=1)], clerk)
    assert set(Account.objects.values_list("holder_name", "holder_relation")) == {(holder, "")}


@pytest.mark.django_db
def test_sql_writes_no_strangers_account_without_a_relation():
    person = household(1)[0]
    columns = (
        "kind, number, number_key, commit_salt, number_commitment, tail, branch_code, bank_name, is_active"
    )
    other = household(1)[0]
    with connection.cursor() as cursor:
        # a person as the registry takes one in, whose first account comes in the same transaction
        cursor.execute(
            """INSERT INTO recipients_person (county_code, division_code, household_id, is_holder, relation, name, name_key,
                   id_number, id_key, commit_salt, id_commitment, birth_date, sex, is_low_income, is_rural,
                   is_poverty_relief, is_extreme_poverty, note, status, created_by_id)
               SELECT county_code, division_code, household_id, false, '20', '新成员', 'xin', id_number, %s, commit_salt,
                   id_commitment, birth_date, sex, false, true, false, false, '', 'normal', created_by_id
               FROM recipients_person WHERE id = %s RETURNING id""",
            [b"n" * 32, person.pk],
        )
        new = cursor.fetchone()[0]
        write = f"""INSERT INTO recipients_account (person_id, holder_name, holder_relation, {columns})
                    SELECT %s, %s, %s, {columns} FROM recipients_account WHERE person_id = %s"""
        with pytest.raises(DatabaseError, match="要写明与本人关系"), transaction.atomic():
            cursor.execute(write, [new, "赵守义", "", other.pk])
        cursor.execute(write, [new, "赵守义", "监护人", other.pk])
