"""What the owner of the database changes with the triggers off is found before money leaves."""

import pytest

from disbursement import proofs, services
from disbursement.models import Roster
from disbursement.proofs import roster_contents
from huimin.core.errors import StepRefused
from huimin.core.models import StoredFile
from tests.disbursement import factories as make

LINES, CLAIMS, PARTS = "disbursement_paymentline", "disbursement_claim", "disbursement_orderpart"


@pytest.fixture
def here(committed_db):
    return make.world(3)


@pytest.fixture
def behind(owner_connection):
    """Change rows of a table as its owner, with its triggers off."""

    def act(table, sql):
        owner_connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner_connection.execute(sql)
        owner_connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        owner_connection.commit()

    return act


def test_an_amount_changed_after_submission_is_found_at_the_final_approval(here, behind):
    roster = make.issued_batch(here).rosters.first()
    make.approve(here, roster, until="pass_finance_handle")
    behind(LINES, "UPDATE disbursement_paymentline SET amount = amount + 0.01 WHERE line_no = 1")
    with pytest.raises(StepRefused, match="指纹不一致"):
        services.advance_roster(roster.pk, "pass_finance_check", actor=here["finance_check"])
    assert roster_contents()[1]


def signed(here):
    order = make.ordered(here, make.issued_batch(here))
    return services.sign_order(order.pk, actor=here["treasurer"])


def refused_at_the_bank(here, order, match):
    with pytest.raises(StepRefused, match=match):
        services.send_order(order.pk, actor=here["treasurer"])
    order.refresh_from_db()
    assert order.status == "signed"
    assert not StoredFile.objects.filter(purpose="bank_file").exists()


def test_a_name_changed_after_the_signature_is_found_before_the_file_is_written(here, behind):
    order = signed(here)
    behind(LINES, "UPDATE disbursement_paymentline SET public_name = '王五' WHERE line_no = 1")
    refused_at_the_bank(here, order, "指纹不一致")


def test_lines_whose_claims_are_gone_do_not_reach_the_bank(here, behind):
    order = signed(here)
    behind(CLAIMS, "DELETE FROM disbursement_claim")
    refused_at_the_bank(here, order, "没有占用期次")


def test_a_part_taken_out_of_a_signed_order_is_missed_before_the_file_is_written(here, behind):
    order = signed(here)
    behind(
        PARTS,
        "UPDATE disbursement_orderpart SET is_live = false WHERE id = (SELECT min(id) FROM disbursement_orderpart)",
    )
    refused_at_the_bank(here, order, "合计与明细不符")


def test_a_part_that_was_written_anew_is_not_what_was_signed(here, behind):
    order = signed(here)
    behind(PARTS, "UPDATE disbursement_orderpart SET lines = int4range(lower(lines), upper(lines) + 1)")
    refused_at_the_bank(here, order, "指纹不一致")


def test_paid_lines_are_not_ordered_again_even_where_they_came_loose(here, behind):
    make.returned(here, make.sent_order(here))
    behind(PARTS, "UPDATE disbursement_orderpart SET is_live = false")
    with pytest.raises(StepRefused, match="没有要支付的钱"):
        make.make_order(list(Roster.objects.values_list("pk", flat=True)), actor=here["order_maker"])
    assert proofs.one_order_per_line()[1]


def test_shares_of_an_indicator_that_do_not_follow_the_results_are_found_by_the_proof(here, behind):
    order = make.ordered(here, make.issued_batch(here))
    services.sign_order(order.pk, actor=here["treasurer"])
    services.send_order(order.pk, actor=here["treasurer"])
    make.returned(here, order)
    assert proofs.order_indicators()[1] == []

    behind("disbursement_orderindicator", "UPDATE disbursement_orderindicator SET released = paid, paid = 0")

    assert [order.number in fault for fault in proofs.order_indicators()[1]] == [True]
