"""What `prove` finds when somebody with the owner's rights puts other people or other answers under what was checked."""

import pytest
from django.db import DatabaseError

from disbursement import proofs, queries, services
from disbursement.models import PaymentLine, ResultSum
from tests.disbursement import factories as make
from tests.factories import COUNTY


@pytest.fixture
def here(committed_db):
    return make.world(4)


def as_owner(owner, table, sql, *values):
    with owner.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql, values)
    owner.commit()


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("account_number", "账号"),
        ("payee_id_number", "收款人身份证号"),
        ("beneficiary_id_number", "享受人身份证号"),
    ],
)
def test_a_line_with_another_persons_number_is_named(here, owner_connection, column, word):
    make.issued_batch(here)
    victim, thief = PaymentLine.objects.order_by("pk").values_list("pk", flat=True)[:2]
    as_owner(
        owner_connection,
        "disbursement_paymentline",
        f"""UPDATE disbursement_paymentline SET {column} = (
            SELECT {column} FROM disbursement_paymentline WHERE id = %s) WHERE id = %s""",
        thief,
        victim,
    )
    assert proofs.private_values_match_keys() == (4, [f"明细 {victim} 的{word}"])


@pytest.mark.parametrize("column", ["account_key", "payee_key", "account_name", "amount"])
def test_a_bank_file_that_says_another_thing_than_the_line_is_named(here, owner_connection, column):
    make.sent_order(here)
    one, other = PaymentLine.objects.order_by("pk").values_list("pk", flat=True)[:2]
    as_owner(
        owner_connection,
        "disbursement_paymentline",
        f"""UPDATE disbursement_paymentline SET {column} = (
            SELECT {column} FROM disbursement_paymentline WHERE id = %s) WHERE id = %s""",
        other,
        one,
    )
    checked, faults = proofs.bank_files()
    assert (checked, len(faults)) == (4, 1)
    assert all("1 笔的金额、户名、账号或身份证号与明细不同" in fault for fault in faults)


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        (
            """INSERT INTO disbursement_returnline (return_file_id, line_no, payment_line_id, outcome, reason,
                   bank_code, bank_words, question) SELECT %s, 999, %s, 'paid', '', '', '', ''""",
            "原文件 3 笔",
        ),
        (
            """UPDATE disbursement_returnline SET outcome = 'failed' WHERE return_file_id = %s AND %s > 0
               AND line_no = (SELECT max(line_no) FROM disbursement_returnline)""",
            "登记的明细与它不同",
        ),
    ],
)
def test_an_answer_that_the_bank_never_gave_is_named(here, owner_connection, sql, fault):
    order = make.sent_order(here)
    taken = services.accept_return(make.answer(order, leave_out={0}), "r.txt", actor=here["reconciler"])
    told = taken.return_file.lines.values("payment_line_id")
    silent = PaymentLine.objects.exclude(pk__in=told).get()
    assert proofs.return_files() == (3, [])
    as_owner(owner_connection, "disbursement_returnline", sql, taken.return_file.pk, silent.pk)
    (found,) = proofs.return_files()[1]
    assert fault in found


def test_the_days_of_the_ledger_say_what_the_lines_add_up_to(here):
    order = make.sent_order(here)
    make.returned(here, order, fail={0})
    (day,) = queries.days([COUNTY])
    lines = PaymentLine.objects.filter(results__isnull=False)
    assert day.line_failed == lines.get(results__kind="bank_failed").amount
    assert day.line_paid == order.total - day.line_failed
    assert day.agrees
    assert proofs.result_sums() == (2, [])


def test_a_sum_that_no_result_brought_is_refused_and_a_changed_one_named(here, owner_connection):
    make.returned(here, make.sent_order(here))
    one = ResultSum.objects.get()
    with pytest.raises(DatabaseError, match="不能另写"):
        ResultSum.objects.create(
            county_code=COUNTY, business_on=one.business_on, kind="paid", count=1, amount=1
        )
    as_owner(
        owner_connection, "disbursement_resultsum", "UPDATE disbursement_resultsum SET amount = amount + 1"
    )
    assert not queries.days([COUNTY])[0].agrees
    assert proofs.result_sums() == (1, [f"{one.business_on} paid"])
