"""What `prove` says of records that are out of use or set aside beside what the services wrote."""

from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from huimin.core.records import proofs
from recipients.services import accounts, records
from recipients.services.accounts import NewAccount
from tests.factories import ANYTHING, TOWN, UserFactory
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


def test_a_card_asked_for_while_the_record_is_set_aside_is_refused_or_keeps_it_from_that(run_in_threads):
    clerk, second = (
        UserFactory(role=role, at=TOWN) for role in (Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER)
    )
    for (one,) in (make.household(1) for _ in range(4)):
        new = NewAccount("passbook", one.name, "10009900000000001", "县农村商业银行")

        def act(index, one=one, new=new):
            if index:
                return records.void_person(one.pk, reason="建错了", actor=second)
            return accounts.ask_account_change(
                one.pk, new, reason="旧卡丢了", actor=clerk, acknowledged=ANYTHING
            )

        done = run_in_threads(act, 2)
        assert sorted(isinstance(found, StepRefused) for found in done) == [False, True], done
    assert faults(ASIDE) == []


def test_of_two_who_put_a_record_out_of_use_or_back_at_once_one_does(run_in_threads):
    makers = [UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN) for _ in range(2)]
    lifters = [UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN) for _ in range(2)]
    (one,) = make.household(1)
    done = run_in_threads(lambda n: records.pause_record(one.pk, reason="核对", actor=makers[n]), 2)
    assert sorted(isinstance(found, StepRefused) for found in done) == [False, True], done
    pause = one.pauses.get()
    done = run_in_threads(lambda n: records.lift_pause(pause.pk, "lift", note="核对过", actor=lifters[n]), 2)
    assert sorted(isinstance(found, StepRefused) for found in done) == [False, True], done
    assert faults(USE) == []
