"""Where an account comes from: with the registration, or by an approved change; by no other way, and it never changes."""

import pytest
from django.db import DatabaseError, connection, transaction

from huimin.core.records import proofs
from recipients.models import Account, Person
from tests.recipients.factories import another_account, approved_change, household

COPIED = "number, number_key, commit_salt, number_commitment, tail, branch_code, bank_name, holder_name, holder_relation"
MESSAGE = "要经过换卡申请和复核"
SOURCE = "每个在用账户都随建档登记，或者来自一次复核通过的换卡"
KEYS = "身份证号、账号的索引和承诺值可由原值重新算出"


def run(sql, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.fixture
def two(committed_db):
    return [household(1)[0] for _ in range(2)]


def others_account(person, other, change="NULL"):
    run(
        f"""INSERT INTO recipients_account (person_id, change_id, kind, is_active, {COPIED})
            SELECT %s, {change}, kind, true, {COPIED} FROM recipients_account WHERE person_id = %s""",
        person.pk,
        other.pk,
    )


def closed(person):
    Account.objects.filter(person=person, is_active=True).update(is_active=False)


def test_an_account_is_not_turned_into_another(two):
    with pytest.raises(DatabaseError, match="只能停用"):
        run(
            f"""UPDATE recipients_account a SET ({COPIED}) = (SELECT {COPIED} FROM recipients_account WHERE person_id = %s)
                WHERE a.person_id = %s""",
            two[1].pk,
            two[0].pk,
        )


def test_a_closed_account_is_not_opened_again(two):
    closed(two[0])
    with pytest.raises(DatabaseError, match="只能停用"):
        Account.objects.filter(person=two[0]).update(is_active=True)


def test_a_second_account_does_not_come_without_a_change(two):
    closed(two[0])
    with pytest.raises(DatabaseError, match=MESSAGE):
        others_account(*two)


def test_a_first_account_does_not_come_after_the_registration(two):
    bare = Person.objects.get(pk=two[0].pk)
    bare.pk, bare.id_number, bare.is_holder = None, two[0].id_number[:-1] + "0", False
    bare.id_key, bare.name = bytes(16), "没有账户的人"
    bare.save()
    with pytest.raises(DatabaseError, match=MESSAGE):
        others_account(bare, two[1])


def test_a_change_brings_the_number_that_was_approved_and_to_whom(two):
    change = approved_change(two[0]).pk
    for one in two:
        closed(one)
        with pytest.raises(DatabaseError, match=MESSAGE):
            others_account(one, two[1], change=str(change))


def test_a_persons_number_is_not_turned_into_another(two):
    with pytest.raises(DatabaseError, match="只由复核通过的“更正身份证号”改变"):
        run(
            """UPDATE recipients_person a SET (id_number, commit_salt, id_commitment) =
                (SELECT id_number, commit_salt, id_commitment FROM recipients_person WHERE id = %s) WHERE a.id = %s""",
            two[1].pk,
            two[0].pk,
        )


def test_the_proofs_name_an_account_that_came_by_itself_and_one_under_anothers_key(two, owner_connection):
    changed = another_account(two[0])
    assert not any(one.faults for one in proofs.run_all() if one.name in (SOURCE, KEYS))
    owner_connection.execute("ALTER TABLE recipients_account DISABLE TRIGGER USER")
    owner_connection.execute("ALTER TABLE recipients_person DISABLE TRIGGER USER")
    owner_connection.execute(
        "UPDATE recipients_person SET id_commitment = sha256('x') WHERE id = %s", [two[0].pk]
    )
    owner_connection.execute("UPDATE recipients_account SET change_id = NULL WHERE id = %s", [changed.pk])
    owner_connection.execute(
        "UPDATE recipients_account SET number_key = sha256('x') WHERE person_id = %s", [two[1].pk]
    )
    owner_connection.commit()
    found = {one.name: one.faults for one in proofs.run_all()}
    assert found[SOURCE] == [f"账户 {changed.pk}"]
    assert found[KEYS] == [f"人员 {two[0].pk}", f"账户 {two[1].accounts.get().pk}"]
