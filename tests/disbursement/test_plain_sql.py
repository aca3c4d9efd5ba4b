"""What plain SQL as the app's role can no longer do unseen: days, payees, records and dates behind a list."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from disbursement import services
from disbursement.proofs import one_order_per_line
from huimin.core.authority.roles import Role
from recipients import proofs as of_people
from recipients.models import Account, Entitlement, Person, Succession
from recipients.services import corrections, deaths, entitlements, records
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head
from tests.disbursement.test_one_head_is_paid import Village
from tests.disbursement.test_parts import order, post_bank
from tests.disbursement.test_proofs import as_owner
from tests.factories import UserFactory
from tests.recipients import factories as lists

JULY = date(2026, 7, 10)


def quarterly():
    here = Village("quarterly", is_open_ended=True, amount_rule=make.MONTHLY)
    here.declare([here.head, here.neighbour], "2026Q1")
    return here


def sql(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def refused(words, statement, *values):
    with pytest.raises(DatabaseError, match=words):
        sql(statement, *values)


REGROW = "UPDATE recipients_entitlementversion SET valid = '[2026-01-01,2026-10-01)' WHERE id = %s"


def ended_again(here):
    """A right ended by mistake and corrected, ended for good from July, and declared anew for the fourth quarter."""
    right = Entitlement.objects.get(beneficiary=here.head)
    entitlements.take_step(right.pk, "end", actor=here["department"], note="错", happened=date(2026, 2, 5))
    another = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    corrections.correct_ending(right.endings.get().pk, "correct", actor=another, note="没有")
    entitlements.take_step(
        right.pk, "end", actor=here["department"], note="不再符合", happened=date(2026, 6, 5)
    )
    here.declare([here.head], "2026Q4", another=True)
    return right.versions.order_by("pk").first()


@pytest.mark.django_db
def test_days_that_a_later_ending_took_do_not_come_back_by_an_older_correction():
    here = quarterly()
    version = ended_again(here)
    refused("享受资格的历史不能修改", REGROW, version.pk)
    batch = make.issued_batch(here, "2026Q3")
    make.returned(here, make.sent_order(here, batch))
    assert services.unpaid_totals(batch) == (0, 0)


def test_the_proof_finds_days_that_came_back_behind_an_ending(committed_db, owner_connection):
    version = ended_again(quarterly())
    assert of_people.ended_days_stay_ended()[1] == []
    as_owner(owner_connection, "recipients_entitlementversion", REGROW, version.pk)
    assert len(of_people.ended_days_stay_ended()[1]) == 1


PASS_ON = """INSERT INTO recipients_entitlementversion
        (entitlement_id, component, valid, payee_id, quantity, facts, source_line_id, succession_id, created_at)
    SELECT v.entitlement_id, v.component, '[2026-09-01,2026-10-01)', %s, v.quantity, v.facts, v.source_line_id,
           v.succession_id, now() FROM recipients_entitlementversion v WHERE v.succession_id = %s LIMIT 1"""


def passed_and_ended(here):
    """The head's right passed to the wife, and hers ended by hand from September."""
    change_head(here, here.wife, cause="agreed", day=JULY)
    right = Entitlement.objects.get(beneficiary=here.wife)
    entitlements.take_step(
        right.pk, "end", actor=here["department"], note="不再符合", happened=date(2026, 8, 5)
    )
    here.declare([here.wife], "2026Q4")
    return Succession.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize("set_aside", [False, True])
def test_nothing_passes_to_a_head_whose_record_was_set_aside(set_aside):
    here = quarterly()
    son = here.person(household=here.head.household)
    right = Entitlement.objects.get(beneficiary=here.head)
    lists.suspended(right, "withheld", date(2026, 2, 1))  # so that nothing passed by itself
    deaths.record_death(here.head.pk, died_on=date(2026, 3, 10), actor=here["village"])
    change = change_head(here, here.wife, cause="died", day=None)
    if set_aside:  # which takes another head first
        change_head(here, son, cause="agreed", day=date(2026, 4, 10))
        records.void_person(here.wife.pk, reason="建重了", actor=here["town_check"])
    place = {"county_code": right.county_code, "division_code": right.division_code}
    later = Entitlement.objects.create(policy=right.policy, beneficiary=here.wife, **place)
    pass_on = """INSERT INTO recipients_succession (change_id, household_id, policy_id, earlier_id, later_id, ending_id)
        VALUES (%s, %s, %s, %s, %s, %s)"""
    given = (change.pk, change.household_id, right.policy_id, right.pk, later.pk, right.endings.get().pk)
    if set_aside:
        refused("只随复核通过的户主变更承接", pass_on, *given)
    else:
        sql(pass_on, *given)


def test_the_proof_finds_a_right_of_a_record_that_was_set_aside(committed_db, owner_connection):
    here = quarterly()
    right = Entitlement.objects.get(beneficiary=here.neighbour)
    entitlements.take_step(right.pk, "end", actor=here["department"], note="错", happened=date(2026, 2, 5))
    records.void_person(here.neighbour.pk, reason="身份证号错", actor=here["town_check"])
    assert of_people.records_set_aside_have_no_right() == (1, [])
    again = "UPDATE recipients_entitlement SET status = 'active' WHERE id = %s"
    as_owner(owner_connection, "recipients_entitlement", again, right.pk)
    assert len(of_people.records_set_aside_have_no_right()[1]) == 1


@pytest.mark.django_db
def test_what_passes_to_a_new_head_is_paid_to_that_one():
    here = quarterly()
    made = passed_and_ended(here)
    refused("承接的享受资格与原户主的不符", PASS_ON, here.head.pk, made.pk)


def test_nothing_passes_by_a_change_that_is_over(committed_db, owner_connection):
    here = quarterly()
    made = passed_and_ended(here)
    for payee in (here.head, here.wife):
        refused("承接的享受资格与原户主的不符", PASS_ON, payee.pk, made.pk)
    assert of_people.payees_are_as_declared()[1] == of_people.ended_days_stay_ended()[1] == []
    as_owner(owner_connection, "recipients_entitlementversion", PASS_ON, here.head.pk, made.pk)
    assert len(of_people.payees_are_as_declared()[1]) == 1
    assert len(of_people.ended_days_stay_ended()[1]) == 1


SET_ASIDE = "UPDATE recipients_person SET status = 'void', voided_by_id = %s WHERE id = %s"


@pytest.mark.django_db
def test_a_record_is_set_aside_only_by_another_with_the_trail_and_no_right_and_never_comes_back():
    here = quarterly()
    one, other = here.neighbour, here["town_check"]
    refused("由另一个人", "UPDATE recipients_person SET status = 'void' WHERE id = %s", one.pk)
    refused("停用、恢复要登记", "UPDATE recipients_person SET status = 'suspended' WHERE id = %s", one.pk)
    refused("由另一个人", SET_ASIDE, one.created_by_id, one.pk)
    refused("还有享受资格", SET_ASIDE, other.pk, one.pk)
    refused("没有留痕", SET_ASIDE, other.pk, here.wife.pk)
    records.void_person(here.wife.pk, reason="不是这一户的", actor=other)
    refused("不能恢复", "UPDATE recipients_person SET status = 'normal' WHERE id = %s", here.wife.pk)
    refused("不能改", "UPDATE recipients_household SET status = 'void' WHERE id = %s", one.household_id)
    assert of_people.records_are_set_aside_by_another()[1] == []


def test_the_proof_finds_records_set_aside_or_brought_back_behind_the_trail(committed_db, owner_connection):
    here = quarterly()
    records.void_person(here.wife.pk, reason="不是这一户的", actor=here["town_check"])
    as_owner(
        owner_connection,
        "recipients_person",
        "UPDATE recipients_person SET status = CASE id WHEN %s THEN 'normal' ELSE 'void' END WHERE id IN (%s, %s)",
        *(here.wife.pk, here.wife.pk, here.neighbour.pk),
    )
    assert len(of_people.records_are_set_aside_by_another()[1]) == 2
    assert Person.objects.filter(status="void").count() == 1


@pytest.mark.django_db
def test_the_proof_finds_an_account_that_was_closed_and_not_followed():
    here = quarterly()
    records.void_person(here.wife.pk, reason="不是这一户的", actor=here["town_check"])
    assert of_people.closed_accounts_are_followed() == (1, [])
    Account.objects.filter(person=here.neighbour).update(is_active=False)
    assert len(of_people.closed_accounts_are_followed()[1]) == 1


AT_OTHERS = "UPDATE recipients_account SET bank_id = %s WHERE bank_name = '中国农业银行'"


def one_at_none():
    """Four lists' people, one of whom has an account at none of the county's two paying banks."""
    here = make.world(4, at=lambda n: "中国农业银行" if n == 1 else "金寨农村商业银行")
    here.rosters = [one.pk for one in make.approved(here, make.issued_batch(here))]
    return here, post_bank()


@pytest.mark.django_db
def test_no_account_is_at_another_bank_for_the_moment_in_which_an_order_is_made():
    _, second = one_at_none()
    refused("没有留痕不能改", AT_OTHERS, second.pk)


def test_the_proof_finds_an_order_of_a_bank_at_which_its_accounts_are_not(committed_db, owner_connection):
    here, second = one_at_none()
    as_owner(owner_connection, "recipients_account", AT_OTHERS, second.pk)
    (made,) = order(here, bank_id=second.pk)
    assert list(made.parts.values_list("bank_id", "is_across")) == [(0, False)]
    assert one_order_per_line()[1] == []
    as_owner(owner_connection, "recipients_account", AT_OTHERS, None)
    assert len(one_order_per_line()[1]) == 1
