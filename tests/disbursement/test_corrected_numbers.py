"""A corrected ID number carries everything: payments, stops, suspensions, cards, 我的补贴; and what was listed is not set aside."""

from datetime import date

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from disbursement import proofs, services
from disbursement.models import PaymentLine
from huimin.core.errors import FileRefused, Refused, StepRefused
from publicity.queries import payments_of, person_by_key
from recipients import proofs as of_people
from recipients.models import Entitlement, Person
from recipients.services import deaths, declarations, records, review
from recipients.services.numbers import check_number_change
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head
from tests.disbursement.test_one_head_is_paid import Village, supplement
from tests.disbursement.test_people_behind import behind
from tests.disbursement.test_plain_sql import refused, sql
from tests.factories import VILLAGE
from tests.recipients import factories as lists
from tests.recipients.sheets import person_id
from tests.recipients.test_numbers import RIGHT, approve, asked, corrected, key

SET_ASIDE = "UPDATE recipients_person SET status = 'void', voided_by_id = %s WHERE id = %s"


def paid(here, **more):
    batch = make.issued_batch(here, **more)
    make.returned(here, make.sent_order(here, batch))
    return batch


def paid_but(here, *, fail):
    batch = make.issued_batch(here)
    make.returned(here, make.sent_order(here, batch), fail=fail)
    return batch


@pytest.fixture
def here(db):
    found = Village(object_type="person")
    found.declare([found.head, found.neighbour])
    return found


def ended(here, person, day=date(2026, 1, 5)):
    lists.ended(Entitlement.objects.get(beneficiary=person), day)


def test_what_was_paid_under_the_wrong_number_is_not_paid_again_under_the_right_one_and_is_found_by_it(here):
    batch = paid(here)
    corrected(here.head)
    assert services.unpaid_totals(batch) == (0, 0)
    one = person_by_key(key(RIGHT))
    assert one.pk == here.head.pk
    assert [line.amount for line in payments_of(one.pk)] == [
        line.amount for line in make.lines_of(batch).filter(beneficiary_id=here.head.pk)
    ]
    assert person_by_key(bytes(here.head.id_key)).pk is None or not person_by_key(bytes(here.head.id_key)).pk
    assert proofs.nobody_paid_twice()[1] == proofs.households_are_paid_once()[1] == []


def test_neighbours_who_bore_each_other_s_numbers_read_their_own_payments_after_the_exchange(here):
    batch = paid(here)
    corrected(here.head, here.neighbour.id_number, exchange=True)
    for one, number in ((here.head, here.neighbour.id_number), (here.neighbour, here.head.id_number)):
        assert person_by_key(key(number)).pk == one.pk
        (line,) = make.lines_of(batch).filter(beneficiary_id=one.pk)
        assert [found.account_tail for found in payments_of(one.pk)] == [line.account_tail]
    assert services.unpaid_totals(batch) == (0, 0)


def test_who_bore_another_s_number_and_the_one_whose_it_is_are_both_paid(here):
    """The number's owner is registered for the first time after the correction."""
    batch = paid(here)
    owner_s = here.head.id_number
    corrected(here.head)
    owner = here.person(number=owner_s)
    here.declare([owner], another=True)
    assert services.unpaid_totals(batch)[0] == 1
    assert [line.beneficiary_id for line in make.lines_of(supplement(here, batch))] == [owner.pk]


def test_a_list_that_was_not_handed_in_is_refused_and_made_anew_with_the_right_number(here):
    batch = make.issued_batch(here)
    corrected(here.head)
    roster = batch.rosters.get(line_count__gt=0)
    with pytest.raises(FileRefused) as fault:
        services.advance_roster(roster.pk, "submit", actor=here["town"])
    assert "身份证号与补贴对象库不一致，请重新生成花名册" in fault.value.errors[0].message
    services.regenerate_roster(roster.pk, actor=here["town"])
    assert key(RIGHT) in {bytes(line.beneficiary_key) for line in make.lines_of(batch)}
    make.returned(here, make.sent_order(here, batch))


def test_a_list_that_was_approved_goes_on_and_what_fails_is_corrected_with_the_right_number(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    corrected(here.head)
    rosters = list(batch.rosters.filter(line_count__gt=0))
    order = make.make_order([one.pk for one in rosters], actor=here["order_maker"])
    services.sign_order(order.pk, actor=here["treasurer"], whole_yuan=str(int(order.total)))
    services.send_order(order.pk, actor=here["treasurer"])
    order.refresh_from_db()
    make.returned(here, order, fail={0, 1})
    again = services.make_correction(batch.pk, actor=here["department"])
    line = make.lines_of(again).get(beneficiary_id=here.head.pk)
    assert (bytes(line.beneficiary_key), bytes(line.payee_key)) == (key(RIGHT), key(RIGHT))
    assert (line.beneficiary_id_number, line.payee_id_number) == (RIGHT, RIGHT)
    make.returned(here, make.sent_order(here, again))


def test_what_failed_for_a_wrong_name_is_corrected_by_the_right_one_and_passes(here):
    batch = paid_but(here, fail={0, 1})
    lists.renamed(here.head, "林明诚", by=here["town"])
    again = services.make_correction(batch.pk, actor=here["department"])
    line = make.lines_of(again).get(beneficiary_id=here.head.pk)
    assert (line.beneficiary_name, line.public_name, line.payee_name) == ("林明诚", "林明诚", "林明诚")
    make.returned(here, make.sent_order(here, again))
    assert services.unpaid_totals(batch) == (0, 0)


AGED = {
    "op": "tiers",
    "by": {"name": "age", "label": "年龄", "unit": "岁"},
    "bands": [
        {"from": None, "to": "80", "then": {"op": "const", "value": "30.00"}},
        {"from": "80", "to": None, "then": {"op": "const", "value": "300.00"}},
    ],
}


@pytest.mark.django_db
def test_who_asked_for_a_number_passes_no_list_whose_amount_follows_from_the_age():
    here = Village("monthly", object_type="person", is_open_ended=True, amount_rule=AGED)
    here.declare([here.head, here.neighbour], "2026-01")
    corrected(here.head, person_id(79, born="19300101"), actor=here["town_check"])
    batch = make.issued_batch(here, "2026-07")
    assert make.lines_of(batch).get(beneficiary_id=here.head.pk).amount == 300
    with pytest.raises(Refused, match="更正身份证号申请"):
        make.approved(here, batch)


def test_who_asked_for_a_number_passes_lists_that_ask_no_age(here):
    corrected(here.head, person_id(79, born="19300101"), actor=here["town_check"])
    paid(here)
    assert proofs.separation_over_the_whole_way()[1] == []


def test_a_suspension_stands_for_the_record_under_its_right_number_too(here):
    lists.suspended(Entitlement.objects.get(beneficiary=here.head), "withheld", date(2026, 1, 1))
    corrected(here.head)
    batch = make.issued_batch(here)
    assert here.head.pk not in make.lines_of(batch).values_list("beneficiary_id", flat=True)


def test_a_stop_stands_for_the_record_under_its_right_number_too(here):
    batch = make.issued_batch(here)
    make.approved(here, batch)
    line = make.lines_of(batch).get(beneficiary_id=here.head.pk)
    services.stop_line(line.pk, reason="在外地领过", actor=here["department"])
    corrected(here.head)
    assert services.unpaid_totals(batch) == (0, 0)


# --- what was listed is not set aside -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["listed", "paid", "made anew without"])
def test_a_record_under_which_money_was_listed_is_not_set_aside_also_by_sql(here, state):
    batch = make.issued_batch(here) if state != "paid" else paid(here)
    ended(here, here.neighbour, date(2025, 12, 1))
    if state == "made anew without":
        services.regenerate_roster(batch.rosters.get(line_count__gt=0).pk, actor=here["town"])
        assert not make.lines_of(batch).filter(beneficiary_id=here.neighbour.pk).exists()
    with pytest.raises(StepRefused, match=r"花名册.*更正身份证号.*改为户主.*迁移"):
        records.void_person(here.neighbour.pk, reason="身份证号错", actor=here["town_check"])
    with pytest.raises(DatabaseError, match="列入过花名册"), transaction.atomic():
        lists.set_aside(here.neighbour)
    client = Client()
    client.force_login(here["town_check"])
    page = client.get(reverse("recipients:person-detail", args=[here.neighbour.pk])).content.decode()
    assert "列入过花名册" in page


@pytest.mark.django_db
def test_a_former_head_to_whose_card_a_child_s_money_went_is_not_set_aside_also_by_sql():
    here = Village("monthly", object_type="person", is_open_ended=True, amount_rule=make.MONTHLY)
    book = declarations.make_declaration(
        here.policy, period="2026-01", division_code=VILLAGE, actor=here["village"]
    )
    child = lists.line(here.wife, "2", 1, payee=here.head.name)
    declarations.load_lines(book.pk, [child], actor=here["village"])
    review.take_step(book.pk, "submit", actor=here["village"])
    make.issued_batch(here, "2026-07")
    change_head(here, here.wife, day=date(2026, 7, 10))
    with pytest.raises(StepRefused, match="列入过花名册"):
        records.void_person(here.head.pk, reason="建错了", actor=here["town_check"])
    with pytest.raises(DatabaseError, match="列入过花名册"), transaction.atomic():
        lists.set_aside(here.head)


def test_a_dead_record_is_not_set_aside_before_the_death_is_corrected_also_by_sql(here):
    deaths.record_death(here.wife.pk, died_on=date(2026, 1, 5), actor=here["village"])
    with pytest.raises(StepRefused, match="死亡"):
        records.void_person(here.wife.pk, reason="建重了", actor=here["town_check"])
    refused("死亡", SET_ASIDE, here["town_check"].pk, here.wife.pk)
    deaths.correct_death(here.wife.deaths.get().pk, "correct", actor=here["town_check"], note="登记错了人")
    assert records.void_person(here.wife.pk, reason="建重了", actor=here["town_check"]).status == "void"


@pytest.mark.parametrize("kind", ["withheld", "forfeited"])
def test_a_suspended_record_is_not_set_aside_also_by_sql(here, kind):
    lists.suspended(Entitlement.objects.get(beneficiary=here.neighbour), kind, date(2026, 1, 2))
    ended(here, here.neighbour)
    with pytest.raises(StepRefused, match="停发"):
        records.void_person(here.neighbour.pk, reason="建重了", actor=here["town_check"])
    refused("停发过", SET_ASIDE, here["town_check"].pk, here.neighbour.pk)


@pytest.mark.django_db
def test_a_head_who_took_the_household_s_right_over_does_not_leave_with_it_also_by_sql():
    here = Village()
    son = here.person(household=here.head.household)
    here.declare([here.head, here.neighbour])
    paid(here)
    change_head(here, here.wife, day=date(2026, 3, 10))
    ended_ = Entitlement.objects.filter(beneficiary=here.wife).exclude(status="ended")
    for right in ended_:
        lists.ended(right, date(2026, 4, 1))
    with pytest.raises(StepRefused, match="家里另一个人改为户主"):
        records.void_person(here.wife.pk, reason="建错了", actor=here["town_check"])
    refused("家里还有别人", SET_ASIDE, here["town_check"].pk, here.wife.pk)
    change_head(here, son, day=date(2026, 4, 10))
    assert records.void_person(here.wife.pk, reason="建错了", actor=here["town_check"]).status == "void"


def test_a_daughter_registered_in_the_wrong_household_with_nothing_paid_is_registered_in_her_own(here):
    records.void_person(here.wife.pk, reason="不是这一户的", actor=here["town_check"])
    own = here.person(number=here.wife.id_number)
    here.declare([own], another=True)
    assert own.pk in make.lines_of(make.issued_batch(here)).values_list("beneficiary_id", flat=True)


LINE = """INSERT INTO disbursement_paymentline ({names}) SELECT {values} FROM disbursement_paymentline l WHERE l.id = {line}"""
CLAIM = """INSERT INTO disbursement_claim (line_id, entitlement_id, component, period_range)
    SELECT id, entitlement_id, component, period_range FROM disbursement_paymentline WHERE beneficiary_id = %s"""


def test_nothing_is_listed_of_a_record_that_was_set_aside_by_sql_either(here):
    gone = here.person()
    here.declare([gone], another=True)
    ended(here, gone)
    right = Entitlement.objects.get(beneficiary=gone)
    lists.set_aside(gone)
    line = make.lines_of(make.issued_batch(here)).get(beneficiary_id=here.head.pk)
    other = {"line_no": 9999, "beneficiary_id": gone.pk, "entitlement_id": right.pk}
    names = [one.column for one in PaymentLine._meta.concrete_fields if not one.primary_key]
    values = ", ".join(str(other.get(name, f"l.{name}")) for name in names)
    sql(LINE.format(names=", ".join(names), values=values, line=line.pk))
    refused("nothing_listed_of_void_records", CLAIM, gone.pk)


HOUSE = "UPDATE recipients_entitlement SET house = %s WHERE beneficiary_id = %s"


@pytest.mark.django_db
def test_by_sql_nobody_says_whose_a_right_is():
    here = Village()
    here.declare([here.head, here.neighbour])
    for house in (None, here.neighbour.household_id):
        refused("不能改", HOUSE, house, here.head.pk)


def test_the_proof_finds_a_right_of_another_household(committed_db, owner_connection):
    here = Village()
    here.declare([here.head, here.neighbour])
    assert of_people.rights_are_of_their_recipients()[1] == []
    move = HOUSE % (here.neighbour.household_id, here.head.pk)
    behind(owner_connection, "recipients_entitlement", move)
    assert len(of_people.rights_are_of_their_recipients()[1]) == 1


def test_the_proof_finds_a_number_that_was_changed_behind_its_correction(committed_db, owner_connection):
    here = Village()
    corrected(here.head)
    corrected(here.wife, here.neighbour.id_number, exchange=True)
    assert of_people.numbers_are_as_corrected() == (2, [])
    for one in (here.head, here.neighbour):
        change = f"UPDATE recipients_person SET id_key = sha256('{one.pk}') WHERE id = {one.pk}"
        behind(owner_connection, "recipients_person", change)
    assert len(of_people.numbers_are_as_corrected()[1]) == 2


def test_of_who_lists_and_who_sets_the_record_aside_at_once_one_does(committed_db, run_in_threads):
    for serial in range(3):
        here = Village(object_type="person")
        here.declare([here.head, here.neighbour])
        batch = make.issued_batch(here)
        roster = batch.rosters.get(line_count__gt=0)
        new = here.person()
        here.declare([new], another=True)

        def act(index, here=here, roster=roster, new=new):
            if index:
                lists.set_aside(Person.objects.get(pk=new.pk))
                return "void"
            return services.regenerate_roster(roster.pk, actor=here["town"])

        run_in_threads(act, 2)
        listed = PaymentLine.objects.filter(beneficiary_id=new.pk, claim__isnull=False).exists()
        assert not (listed and Person.objects.get(pk=new.pk).status == "void"), serial


def test_two_changes_for_one_number_do_not_both_come_about(committed_db, run_in_threads):
    here = Village(object_type="person")
    changes = [asked(here.head), asked(here.neighbour)]

    def act(index):
        return approve(changes[index])

    done = run_in_threads(act, 2)
    assert sorted(isinstance(found, Exception) for found in done) == [False, True], done
    left = next(one for one in changes if Person.objects.get(pk=one.person_id).id_number != RIGHT)
    check_number_change(left.pk, "refuse", actor=here["town_check"], note="重办")
