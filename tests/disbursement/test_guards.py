"""What nobody may do, by the services and by raw SQL."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from disbursement import queries, services
from disbursement.models import Claim, PaymentLine, PaymentOrder, PaymentResult, Roster, RosterOmission
from disbursement.services.ledger import allocate
from huimin.core import clock
from huimin.core.errors import BadInput, FileRefused, Refused, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from recipients.models import Account, Death, Person
from tests.disbursement import factories as make
from tests.factories import UserFactory
from tests.recipients import factories as lists
from tests.recipients.factories import another_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return make.world(4)


def run_sql(sql, params=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def refused_sql(sql, params=(), match=None):
    def run():
        with transaction.atomic():
            run_sql(sql, params)
            run_sql("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(DatabaseError, match=match):
        run()


def test_a_second_batch_for_the_period_is_refused(here):
    services.make_batch(here.policy, "2026", actor=here["department"])
    with pytest.raises(StepRefused, match="已经有了"):
        services.make_batch(here.policy, "2026", actor=here["department"])


def test_a_period_of_another_kind_is_refused(here):
    with pytest.raises(BadInput, match="期次“2026Q1”不对"):
        services.make_batch(here.policy, "2026Q1", actor=here["department"])


def test_a_period_that_has_not_begun_is_paid_early_only_with_a_reason_which_stays(here):
    after = str(clock.today().year + 1)
    with pytest.raises(BadInput, match=f"{after}年还没有开始"):
        services.make_batch(here.policy, after, actor=here["department"])
    batch = services.make_batch(here.policy, after, actor=here["department"], early="春耕前发到")
    assert batch.reason == "春耕前发到"
    assert (
        AuditEvent.objects.get(action="make", subject=f"disbursement.batch:{batch.pk}").note == "春耕前发到"
    )


def test_an_issued_batch_is_taken_back_while_no_roster_has_been_sent_on(here):
    batch = make.issued_batch(here)
    with pytest.raises(StepRefused, match="写明原因"):
        services.advance_batch(batch.pk, "take_back", actor=here["department"])
    services.advance_batch(batch.pk, "take_back", actor=here["department"], note="期次选错")
    batch.refresh_from_db()
    assert batch.status == "cancelled"
    assert set(batch.rosters.values_list("status", flat=True)) == {"cancelled"}
    assert not Claim.objects.exists()
    assert make.lines_of(make.issued_batch(here)).count() == 4


def test_a_batch_of_which_a_roster_was_sent_on_is_not_taken_back(here):
    batch = make.issued_batch(here)
    roster = batch.rosters.order_by("pk").first()
    services.advance_roster(roster.pk, "submit", actor=here["town"])
    with pytest.raises(StepRefused, match="已有乡镇送审"):
        services.advance_batch(batch.pk, "take_back", actor=here["department"], note="期次选错")
    assert Roster.objects.filter(status="cancelled").count() == 0


@pytest.mark.parametrize("who", ["town", "finance", "treasurer", "bank"])
def test_only_the_department_makes_batches(here, who):
    with pytest.raises(StepForbidden):
        services.make_batch(here.policy, "2026", actor=here[who])


def test_numbers_follow_one_another(here):
    first = services.make_batch(here.policy, "2026", actor=here["department"])
    second = services.make_batch(make.policy(here["finance"]), "2026", actor=here["department"])
    assert (first.number, second.number) == ("PF341524-2026-000001", "PF341524-2026-000002")


def test_who_is_left_out_is_listed_with_the_reason(here):
    nobody, dead, gone = here.people[:3]
    Account.objects.filter(person=nobody).update(is_active=False)
    # registered without what deaths.record_death ends, so that the roster has to see it by itself
    place = {"county_code": dead.county_code, "division_code": dead.division_code}
    Death.objects.create(person=dead, died_on=date(2025, 12, 31), recorded_by=here["town"], **place)
    Person.objects.filter(pk=dead.pk).update(died_on=date(2025, 12, 31))
    lists.suspended(gone.entitlements.get())
    batch = make.issued_batch(here)
    assert make.lines_of(batch).count() == 1
    reasons = dict(RosterOmission.objects.values_list("person_id", "reason"))
    assert reasons == {nobody.pk: "no_account", dead.pk: "dead", gone.pk: "suspended"}


def test_a_second_claim_is_refused_by_the_database_even_by_raw_sql(here):
    make.issued_batch(here)
    claim = Claim.objects.first()
    other = PaymentLine.objects.exclude(pk=claim.pk).first()
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    refused_sql(
        """INSERT INTO disbursement_claim (line_id, entitlement_id, component, period_range)
           SELECT %s, entitlement_id, component, '[2026-03-01,2026-04-01)' FROM disbursement_claim WHERE line_id = %s""",
        [other.pk, claim.pk],
    )


def test_a_live_claim_cannot_be_released(here):
    make.issued_batch(here)
    refused_sql("DELETE FROM disbursement_claim", match="仍然有效")


def test_lines_and_results_cannot_be_changed(here):
    order = make.sent_order(here)
    make.returned(here, order)
    for table in ("paymentline", "paymentresult", "posting", "journal", "returnline", "bankfile"):
        refused_sql(f"UPDATE disbursement_{table} SET id = id")
        refused_sql(f"DELETE FROM disbursement_{table}")


def test_a_line_paid_once_is_not_paid_again_by_raw_sql(here):
    order = make.sent_order(here)
    make.returned(here, order, fail={0})
    paid = PaymentResult.objects.filter(kind="paid").first()
    failed = PaymentResult.objects.get(kind="bank_failed")
    for line in (paid.line_id, failed.line_id):
        refused_sql(
            """INSERT INTO disbursement_paymentresult (line_id, kind, reason, note, actor_id, business_on)
               VALUES (%s, 'paid', '', '', %s, '2026-01-01')""",
            [line, here["bank"].pk],
        )


def test_no_line_joins_a_submitted_roster(here):
    batch = make.issued_batch(here)
    roster = Roster.objects.filter(batch=batch).first()
    make.approve(here, roster, until="submit")
    columns = [f.column for f in PaymentLine._meta.concrete_fields if f.column not in {"id", "line_no"}]
    names = ", ".join(columns)
    refused_sql(
        f"INSERT INTO disbursement_paymentline (line_no, {names}) SELECT 9999, {names} FROM disbursement_paymentline WHERE roster_id = %s LIMIT 1",
        [roster.pk],
        match="不能再加明细",
    )
    refused_sql("UPDATE disbursement_roster SET total = total + 1 WHERE id = %s", [roster.pk], match="已锁定")
    with pytest.raises(StepRefused, match="名单已锁定"):
        services.regenerate_roster(roster.pk, actor=here["town"])


def test_each_desk_is_another_person_and_the_township_clerk_checks_nothing(here):
    batch = make.issued_batch(here)
    roster = Roster.objects.filter(batch=batch).first()
    from huimin.core.authority.roles import Role
    from tests.factories import grant

    grant(here["town"], Role.TOWNSHIP_REVIEWER)
    services.advance_roster(roster.pk, "submit", actor=here["town"])
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_roster(roster.pk, "pass_township_check", actor=here["town"])
    grant(here["village"], Role.TOWNSHIP_REVIEWER)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_roster(roster.pk, "pass_township_check", actor=here["village"])


def test_another_list_than_the_checker_saw_is_refused(here):
    batch = make.issued_batch(here)
    roster = Roster.objects.filter(batch=batch).first()
    services.advance_roster(roster.pk, "submit", actor=here["town"])
    with pytest.raises(StepRefused, match="变过"):
        services.advance_roster(
            roster.pk, "pass_township_check", actor=here["town_check"], content_hash="0" * 64
        )


def test_submission_names_every_line_that_differs_from_the_registry(here):
    batch = make.issued_batch(here)
    line = PaymentLine.objects.first()
    Account.objects.filter(person=line.beneficiary_id).update(is_active=False)
    with pytest.raises(FileRefused) as error:
        services.advance_roster(line.roster_id, "submit", actor=here["town"])
    assert [(one.row, one.column) for one in error.value.errors] == [(line.line_no, "银行账号")]
    assert batch.rosters.get(pk=line.roster_id).status == "issued"


def test_a_stopped_line_is_not_paid_and_stays_out_when_the_roster_is_made_anew(here):
    batch = make.issued_batch(here)
    line = PaymentLine.objects.first()
    with pytest.raises(BadInput, match="原因"):
        services.stop_line(line.pk, reason=" ", actor=here["town"])
    services.stop_line(line.pk, reason="本人放弃", actor=here["town"])
    with pytest.raises(StepRefused, match="已经停发"):
        services.stop_line(line.pk, reason="再停", actor=here["town"])
    services.regenerate_roster(line.roster_id, actor=here["town"])
    roster = Roster.objects.get(pk=line.roster_id)
    assert roster.omissions.get(revision=roster.revision).reason == "stopped"
    assert not make.lines_of(batch).filter(entitlement_id=line.entitlement_id).exists()


def test_an_ordered_line_cannot_be_stopped(here):
    order = make.ordered(here, make.issued_batch(here))
    line = PaymentLine.objects.first()
    with pytest.raises(StepRefused, match="已编入支付申请"):
        services.stop_line(line.pk, reason="死亡", actor=here["finance"])
    assert order.line_count == 4


def test_a_roster_made_anew_releases_the_old_claims(here):
    make.issued_batch(here)
    for roster in Roster.objects.all():
        services.regenerate_roster(roster.pk, actor=here["town"])
    assert Claim.objects.count() == 4
    assert PaymentLine.objects.count() == 8
    assert queries.live_lines().count() == 4


def test_an_order_wants_approved_rosters_of_one_policy_once(here):
    batch = make.issued_batch(here)
    rosters = list(batch.rosters.all())
    with pytest.raises(StepRefused, match="没有终审"):
        make.make_order([rosters[0].pk], actor=here["order_maker"])
    for roster in rosters:
        make.approve(here, roster)
    make.make_order([rosters[0].pk], actor=here["order_maker"])
    with pytest.raises(StepRefused, match="已编入支付申请"):
        make.make_order([rosters[0].pk], actor=here["order_maker"])
    with pytest.raises(StepForbidden):
        make.make_order([rosters[1].pk], actor=here["treasurer"])
    both = make.make_order([one.pk for one in rosters], actor=here["order_maker"])
    assert list(queries.rosters_of(both)) == [rosters[1]], "of the other one nothing is left"


def test_a_shortage_names_the_missing_yuan_and_freezes_nothing():
    here = make.world(3, issued="100.00")
    batch = make.issued_batch(here)
    make.approved(here, batch)
    with pytest.raises(Refused, match="元"):
        make.make_order(list(batch.rosters.values_list("pk", flat=True)), actor=here["order_maker"])
    here.indicators[0].refresh_from_db()
    assert here.indicators[0].frozen == 0
    assert not PaymentOrder.objects.exists()


def test_signing_wants_another_person_and_the_right_amount(here):
    order = make.ordered(here, make.issued_batch(here))
    with pytest.raises(StepForbidden):
        services.sign_order(order.pk, actor=here["order_maker"])
    with pytest.raises(BadInput, match="整数部分"):
        services.sign_order(order.pk, actor=here["treasurer"], whole_yuan="1")
    from huimin.core.authority.roles import Role
    from tests.factories import grant

    grant(here["order_maker"], Role.TREASURER)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.sign_order(order.pk, actor=here["order_maker"])
    with pytest.raises(StepRefused):
        services.send_order(order.pk, actor=here["treasurer"])
    order.refresh_from_db()
    assert order.status == "draft"


@pytest.mark.parametrize("signed", [False, True])
def test_a_cancelled_order_gives_back_money_and_rosters(here, signed):
    batch = make.issued_batch(here)
    order = make.ordered(here, batch)
    if signed:
        services.sign_order(order.pk, actor=here["treasurer"])
    services.cancel_order(order.pk, actor=here["treasurer"], note="金额要重核")
    indicator = here.indicators[0]
    indicator.refresh_from_db()
    assert (indicator.frozen, indicator.available) == (0, indicator.issued)
    again = make.make_order(list(batch.rosters.values_list("pk", flat=True)), actor=here["order_maker"])
    assert again.total == order.total


def test_a_sent_order_cannot_be_cancelled_or_sent_again(here):
    order = make.sent_order(here)
    with pytest.raises(StepRefused):
        services.cancel_order(order.pk, actor=here["treasurer"], note="后悔")
    with pytest.raises(StepRefused):
        services.send_order(order.pk, actor=here["treasurer"])
    refused_sql("UPDATE disbursement_paymentorder SET total = total + 1", match="不能修改")


def test_a_name_no_bank_can_write_is_found_before_money_is_frozen(here):
    another_account(here.people[0], holder_name="李\ue863")
    batch = make.issued_batch(here)
    roster = PaymentLine.objects.get(beneficiary_id=here.people[0].pk).roster
    with pytest.raises(FileRefused, match="送审校验"):
        services.advance_roster(roster.pk, "submit", actor=here["town"])
    assert batch.status == "issued"


def test_a_batch_closes_when_every_line_has_an_outcome(here):
    batch = make.issued_batch(here)
    with pytest.raises(StepRefused, match="没有终审"):
        services.advance_batch(batch.pk, "close", actor=here["finance"])
    order = make.sent_order(here, batch)
    with pytest.raises(StepRefused, match="没有结果"):
        services.advance_batch(batch.pk, "close", actor=here["finance"])
    make.returned(here, order, fail={0})
    assert services.advance_batch(batch.pk, "close", actor=here["finance"]).status == "closed"


def test_a_failed_line_is_taken_over_once(here):
    order = make.sent_order(here)
    make.returned(here, order, fail={0})
    batch = make.batch_of(order)
    services.make_correction(batch.pk, actor=here["department"])
    with pytest.raises(StepRefused, match="没有可以更正"):
        services.make_correction(batch.pk, actor=here["department"])
    failed = PaymentResult.objects.get(kind="bank_failed").line_id
    with pytest.raises(StepRefused, match="已在别的更正批次"):
        services.make_correction(batch.pk, actor=here["department"], line_ids=[failed])


def test_a_correction_roster_made_anew_takes_the_card_of_today(here):
    order = make.sent_order(here)
    make.returned(here, order, fail={0})
    correction = services.make_correction(make.batch_of(order).pk, actor=here["department"])
    line = PaymentLine.objects.get(roster__batch=correction)
    new = another_account(Person.objects.get(pk=line.beneficiary_id))
    services.regenerate_roster(line.roster_id, actor=here["town"])
    again = make.lines_of(correction).get()
    assert (again.account_tail, again.corrects_line_id) == (new.tail, line.corrects_line_id)


amounts = st.decimals(min_value="0.01", max_value="99999.99", places=2)


@settings(max_examples=200, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=12), st.data())
def test_money_is_shared_out_to_the_fen(wanted, data):
    total = sum(wanted)
    cuts = sorted(data.draw(st.lists(st.integers(1, int(total * 100)), max_size=4)))
    edges = [0, *dict.fromkeys(cuts), int(total * 100)]
    sources = [(place, Decimal(b - a) / 100) for place, (a, b) in enumerate(pairwise(edges)) if b > a]
    rosters = [Roster(pk=place) for place in range(len(wanted))]
    shares = allocate(list(zip(rosters, wanted, strict=True)), sources)
    for roster, amount in zip(rosters, wanted, strict=True):
        assert sum(one.amount for one in shares if one.roster == roster) == amount
    for indicator, amount in sources:
        assert sum(one.amount for one in shares if one.indicator_id == indicator) == amount
    assert all(one.amount > 0 for one in shares)


def test_stranger_reaches_nothing(here):
    batch = make.issued_batch(here)
    stranger = UserFactory()
    from django.core.exceptions import ObjectDoesNotExist

    with pytest.raises(ObjectDoesNotExist):
        services.advance_roster(batch.rosters.first().pk, "submit", actor=stranger)


def test_an_act_of_the_step_table_moves_nothing_as_a_step(here):
    """Making, regenerating, stopping have services of their own; as a step they would lead to no state."""
    batch = make.issued_batch(here)
    roster = batch.rosters.first()
    for name in ("regenerate", "stop_line", "lift_stop"):
        with pytest.raises(BadInput, match="没有"):
            services.advance_roster(roster.pk, name, actor=here["town"])
    with pytest.raises(BadInput, match="没有"):
        services.advance_batch(batch.pk, "pay_again", actor=here["department"])
    roster.refresh_from_db()
    assert roster.status == "issued"
