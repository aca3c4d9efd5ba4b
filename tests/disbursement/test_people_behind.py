"""No state without its people: raw SQL cannot move what nobody is on record for, and `prove` finds what got there."""

import pytest
from django.db import connection

from disbursement import proofs as ours
from disbursement import services
from disbursement.models import PaymentLine, PaymentOrder, ReturnFile, Reversal, Roster
from disbursement.states import FLOWS
from huimin.core import proofs
from huimin.core.authority.duties import Duty
from huimin.core.work import workflow
from recipients.models import Declaration
from tests.disbursement import factories as make
from tests.disbursement.test_guards import refused_sql, run_sql

CHAIN = (
    "township_check",
    "department_handle",
    "department_check",
    "finance_handle",
    "finance_check",
    "approved",
)
NOBODY = "没有经办人"


def behind(owner, table, *statements):
    """Somebody with the owner's password who switches the table's triggers off first."""
    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for statement in statements:
        owner.execute(statement)
    owner.commit()  # else its foreign keys wait and the table cannot be altered
    owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    owner.commit()


@pytest.mark.django_db
class TestRawSql:
    @pytest.mark.parametrize("reached", range(len(CHAIN)), ids=CHAIN)
    def test_a_roster_is_not_passed_at_any_desk_by_nobody(self, reached):
        here = make.world(2)
        roster = make.issued_batch(here).rosters.first()
        for step, who in make.CHAIN[:reached]:
            services.advance_roster(roster.pk, step, actor=here[who])
        move = "UPDATE disbursement_roster SET status = %s WHERE id = %s"
        refused_sql(move, [CHAIN[reached], roster.pk], match=NOBODY)
        if 0 < reached < len(CHAIN):
            refused_sql(move, ["issued", roster.pk], match=NOBODY)

    def test_who_checked_an_earlier_revision_does_not_stand_behind_the_next(self):
        here = make.world(2)
        roster = make.issued_batch(here).rosters.first()
        for step, who in (("submit", "town"), ("pass_township_check", "town_check")):
            services.advance_roster(roster.pk, step, actor=here[who])
        services.advance_roster(
            roster.pk, "rework_department_handle", actor=here["department_handle"], note="人数不对"
        )
        services.regenerate_roster(roster.pk, actor=here["town"])
        services.advance_roster(roster.pk, "submit", actor=here["town"])
        refused_sql(
            "UPDATE disbursement_roster SET status = 'department_handle' WHERE id = %s",
            [roster.pk],
            match=NOBODY,
        )

    def test_an_order_is_neither_signed_nor_cancelled_nor_sent_by_nobody(self):
        here = make.world(2)
        order = make.ordered(here, make.issued_batch(here))
        signed = "signed_by_id = %s, signed_at = now(), status = 'signed'"
        move = f"UPDATE disbursement_paymentorder SET {signed} WHERE id = %s"
        refused_sql(move, [here["treasurer"].pk, order.pk], match=NOBODY)
        refused_sql("UPDATE disbursement_paymentorder SET status = 'cancelled'", match=NOBODY)

    def test_an_order_is_not_settled_and_a_return_not_confirmed_by_nobody(self):
        here = make.world(2)
        order = make.sent_order(here)
        services.accept_return(make.answer(order), "r.txt", actor=here["reconciler"])
        refused_sql("UPDATE disbursement_paymentorder SET status = 'settled'", match=NOBODY)
        refused_sql(
            "UPDATE disbursement_returnfile SET status = 'confirmed', confirmed_by_id = %s, confirmed_at = now()",
            [here["reconciler2"].pk],
            match=NOBODY,
        )

    @pytest.mark.parametrize("model", [Roster, PaymentOrder, ReturnFile, Reversal, Declaration])
    def test_nothing_is_made_in_a_later_state(self, model):
        here = make.world(2)
        make.returned(here, make.sent_order(here))
        line = make.lines_of(here.policy.batch_set.get()).first()
        services.ask_reversal(
            line.pk,
            kind="late_return",
            returned_on=line.results.get().business_on,
            bank_reference="1",
            reason="账户已销户",
            actor=here["reconciler"],
        )
        last = list(model._meta.get_field("status").choices)[-1][0]
        columns = [one.column for one in model._meta.concrete_fields if one.column != "id"]
        chosen = ["%s" if column == "status" else column for column in columns]
        refused_sql(
            f"""INSERT INTO {model._meta.db_table} ({", ".join(columns)})
                SELECT {", ".join(chosen)} FROM {model._meta.db_table} LIMIT 1""",
            [last],
            match="从头办理",
        )


class TestProofs:
    @pytest.fixture
    def here(self, committed_db):
        return make.world(2)

    def test_real_work_to_the_settled_order_leaves_nothing_to_say(self, here):
        make.returned(here, make.sent_order(here), fail={0})
        batch = here.policy.batch_set.get()
        correction = services.make_correction(batch.pk, actor=here["department"])
        make.approved(here, correction)
        kinds = {flow.title for flow in FLOWS}
        told = [*proofs.states_have_their_people()[1], *proofs.states_are_on_the_trail()[1]]
        assert [fault for fault in told if fault.split()[0] in kinds] == []
        assert ours.separation_over_the_whole_way()[1] == []
        assert ours.nobody_paid_twice()[1] == []
        assert ours.lines_belong_to_their_batch()[1] == []

    def test_a_roster_walked_to_its_end_by_the_owner_is_named(self, here, owner_connection):
        roster = make.issued_batch(here).rosters.first()
        walk = [
            f"UPDATE disbursement_roster SET status = '{status}' WHERE id = {roster.pk}" for status in CHAIN
        ]
        behind(owner_connection, "disbursement_roster", *walk)
        told = proofs.states_have_their_people()[1]
        wanted = {
            "花名册编制",
            "乡镇审核花名册",
            "部门经办花名册",
            "部门审核花名册",
            "财政初审花名册",
            "财政复核花名册",
        }
        named = {word for word in wanted if f"花名册 {roster.pk}（已终审）没有人办过“{word}”" in told}
        assert named == wanted
        assert f"花名册 {roster.pk}（已终审）留痕里没有这一步" in proofs.states_are_on_the_trail()[1]

    def test_an_order_signed_and_a_return_confirmed_by_the_owner_are_named(self, here, owner_connection):
        order = make.ordered(here, make.issued_batch(here))
        behind(
            owner_connection,
            "disbursement_paymentorder",
            f"""UPDATE disbursement_paymentorder SET status = 'signed', signed_at = now(),
                    signed_by_id = {here["treasurer"].pk}""",
        )
        assert (
            f"支付申请 {order.pk}（待送银行）没有人办过“支付申请签章”" in proofs.states_have_their_people()[1]
        )
        assert f"支付申请 {order.pk}（待送银行）留痕里没有这一步" in proofs.states_are_on_the_trail()[1]

    def test_a_maker_of_the_list_who_checks_the_roster_is_named_though_nothing_was_inherited(
        self, here, owner_connection
    ):
        roster = make.issued_batch(here).rosters.first()
        services.advance_roster(roster.pk, "submit", actor=here["town"])
        roster.refresh_from_db()
        behind(
            owner_connection,
            "core_involvement",
            f"DELETE FROM core_involvement WHERE subject = '{roster.duty_subject}' AND inherited",
        )
        workflow.take_duty(roster, Duty.ROSTER_TOWNSHIP_CHECK, actor=here["village"])
        run_sql("UPDATE disbursement_roster SET status = 'department_handle' WHERE id = %s", [roster.pk])
        assert proofs.separation()[1] == []
        (fault,) = ours.separation_over_the_whole_way()[1]
        assert here["village"].name in fault
        assert "declaration.make，又办 roster.township" in fault

    def test_one_person_under_two_accounts_is_named_though_the_rows_say_two(self, here, owner_connection):
        first = here["order_maker"]
        second = make.UserFactory(id_number=first.id_number)
        key, other = (f"decode('{n:02x}', 'hex')" for n in (1, 2))
        behind(
            owner_connection,
            "core_involvement",
            f"""INSERT INTO core_involvement (subject, duty, user_id, inherited, person_key, conflicts) VALUES
                ('disbursement.paymentorder:9', 'order.make', {first.pk}, false, {key}, '{{}}'),
                ('disbursement.paymentorder:9', 'order.sign', {second.pk}, false, {other}, '{{}}')""",
        )
        assert proofs.separation()[1] == ["disbursement.paymentorder:9：order.make 与 order.sign"]

    @pytest.mark.parametrize(
        ("change", "proof"),
        [
            ("component = 'regular2'", ours.lines_belong_to_their_batch),
            ("policy_id = policy_id + 1", ours.lines_belong_to_their_batch),
            ("period_range = '[2026-01-01,2027-06-01)'", ours.lines_belong_to_their_batch),
            (
                "beneficiary_id = (SELECT beneficiary_id FROM disbursement_paymentline ORDER BY beneficiary_key DESC LIMIT 1)",
                ours.nobody_paid_twice,
            ),
        ],
    )
    def test_a_line_that_would_be_a_second_payment_is_named(self, here, owner_connection, change, proof):
        make.issued_batch(here)
        assert proof()[1] == []
        behind(
            owner_connection,
            "disbursement_paymentline",
            f"""UPDATE disbursement_paymentline SET {change}
                WHERE beneficiary_key < (SELECT max(beneficiary_key) FROM disbursement_paymentline)""",
        )
        assert len(proof()[1]) == 1

    def test_a_stop_that_was_taken_back_by_nobody_on_record_is_named(self, here, owner_connection):
        make.issued_batch(here)
        line = PaymentLine.objects.first()
        services.stop_line(line.pk, reason="已换卡", actor=here["town"])
        lift = f"({line.pk}, '误停', {here['finance'].pk})"
        told = f"INSERT INTO disbursement_stoplift (line_id, reason, actor_id) VALUES {lift}"
        behind(owner_connection, "disbursement_stoplift", told)
        assert ours.stops_are_lifted_in_duty() == (1, [f"明细 {line.pk}"])


@pytest.mark.django_db
def test_a_journal_stays_balanced_after_its_deferred_check_was_brought_forward():
    here = make.world(2)
    make.ordered(here, make.issued_batch(here))
    copy = """INSERT INTO disbursement_posting (journal_id, account, indicator_id, batch_id, amount)
              SELECT journal_id, account, indicator_id, batch_id, 1000000 FROM disbursement_posting
              ORDER BY id DESC LIMIT 1"""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    refused_sql(copy, match="借贷不平")
