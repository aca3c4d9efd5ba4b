"""What `prove` says of records that are out of use or set aside beside what the services wrote."""

from huimin.core.authority.roles import Role
from huimin.core.records import proofs
from recipients.services import records
from tests.factories import TOWN, UserFactory
from tests.recipients import factories as make

USE = "每一份停用的档案都有一条没有恢复的停用记录，恢复由另一个人办"
ASIDE = "作废的档案没有在用账户，也没有待复核的换卡"


def faults(name):
    (found,) = (one.faults for one in proofs.run_all() if one.name == name)
    return sorted(found)


def by_the_owner(connection, table, sql, *values):
    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    connection.execute(sql, values)
    connection.commit()


def test_the_proof_names_records_that_are_in_or_out_of_use_by_themselves(committed_db, owner_connection):
    (one,), (other,) = make.household(1), make.household(1)
    records.pause_record(other.pk, reason="核对", actor=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    assert faults(USE) == []
    swapped = "UPDATE recipients_person SET status = CASE id WHEN %s THEN 'suspended' ELSE 'normal' END"
    by_the_owner(owner_connection, "recipients_person", swapped, one.pk)
    assert faults(USE) == sorted([f"人员 {one.pk}", f"人员 {other.pk}"])


def test_the_proof_names_a_record_put_back_by_who_put_it_out_of_use(committed_db, owner_connection):
    (one,) = make.household(1)
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    pause = records.pause_record(one.pk, reason="核对", actor=clerk)
    lifted = (
        "UPDATE recipients_recordpause SET status = 'lifted', lifted_by_id = made_by_id, lift_reason = 'x'"
    )
    by_the_owner(owner_connection, "recipients_recordpause", lifted)
    assert f"停用记录 {pause.pk}" in faults(USE)


def test_the_proof_names_a_record_set_aside_whose_account_is_in_use(committed_db, owner_connection):
    (one,) = make.household(1)
    make.set_aside(one)
    one.accounts.update(is_active=False)
    assert faults(ASIDE) == []
    in_use = "UPDATE recipients_account SET is_active = true WHERE person_id = %s"
    by_the_owner(owner_connection, "recipients_account", in_use, one.pk)
    assert faults(ASIDE) == [f"人员 {one.pk}"]
