import pytest
from django.db import IntegrityError, connection, transaction

from huimin.core import clock
from huimin.core.authority.duties import CONFLICTS, Duty
from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from huimin.core.models import AuditEvent, Involvement
from huimin.core.records import audit
from huimin.core.work import workflow
from tests.factories import UserFactory, grant

pytestmark = pytest.mark.django_db


class Thing:
    """Something with a name on the trail, without a table of its own."""

    pk = 1

    class _meta:  # noqa: N801
        label_lower = "tests.thing"


@pytest.mark.parametrize(("first", "second"), CONFLICTS, ids=str)
def test_one_person_may_not_have_both_duties_of_a_pair(first, second):
    user = UserFactory()
    workflow.take_duty(Thing(), first, actor=user)
    with pytest.raises(StepRefused, match="不相容岗位"):
        workflow.take_duty(Thing(), second, actor=user)


def test_two_accounts_of_one_person_count_as_one():
    first = UserFactory()
    second = UserFactory(id_number=first.id_number)
    workflow.take_duty(Thing(), Duty.ORDER_MAKE, actor=first)
    with pytest.raises(StepRefused):
        workflow.take_duty(Thing(), Duty.ORDER_SIGN, actor=second)


def test_two_people_may_share_a_pair():
    workflow.take_duty(Thing(), Duty.ORDER_MAKE, actor=UserFactory())
    workflow.take_duty(Thing(), Duty.ORDER_SIGN, actor=UserFactory())
    assert Involvement.objects.count() == 2


def test_the_same_duty_twice_is_one_involvement():
    user = UserFactory()
    workflow.take_duty(Thing(), Duty.ROSTER_MAKE, actor=user)
    workflow.take_duty(Thing(), Duty.ROSTER_MAKE, actor=user)
    assert Involvement.objects.count() == 1


def inherited(thing, duty, user):
    """As disbursement.services.inherited puts the people behind a thing on record."""
    Involvement.objects.create(
        subject=workflow.duty_subject(thing),
        duty=duty,
        user=user,
        inherited=True,
        person_key=user.person_key,
        conflicts=[],
    )


def test_an_inherited_duty_excludes_as_well():
    maker = UserFactory()
    target = Thing()
    inherited(target, Duty.DECLARATION_MAKE, maker)
    with pytest.raises(StepRefused):
        workflow.take_duty(target, Duty.ROSTER_FINANCE_CHECK, actor=maker)


def test_duties_from_two_sources_do_not_stop_the_thing_made_of_both():
    person = UserFactory()
    roster = Thing()
    roster.pk = 3
    inherited(roster, Duty.DECLARATION_MAKE, person)
    inherited(roster, Duty.TOWNSHIP_REVIEW, person)
    assert Involvement.objects.filter(subject="tests.thing:3", inherited=True).count() == 2
    with pytest.raises(StepRefused):
        workflow.take_duty(roster, Duty.ROSTER_TOWNSHIP_CHECK, actor=person)


def test_sql_cannot_name_another_person_for_a_duty():
    user = UserFactory()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_involvement (subject, duty, user_id, inherited, person_key, conflicts) VALUES ('x:1', 'order.make', %s, false, 'forged', '{}')",
            [user.pk],
        )
    assert bytes(Involvement.objects.get().person_key) == bytes(user.person_key)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE core_auditevent SET note = 'x'",
        "DELETE FROM core_auditevent",
        "TRUNCATE core_auditevent CASCADE",
    ],
)
def test_the_app_role_cannot_change_the_trail(sql):
    audit.record("x:1", action="test", actor=UserFactory())
    with (
        pytest.raises(Exception, match=r"permission denied|annot"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert AuditEvent.objects.count() == 1


def test_the_app_role_cannot_move_the_clock():
    with (
        pytest.raises(Exception, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE core_clock SET shift = '7 days'")
    assert clock.offset().days == 0


def test_the_three_administrators_exclude_one_another_and_every_business_role():
    user = UserFactory(role=Role.SYSTEM_ADMIN)
    with pytest.raises(IntegrityError, match="three_administrators"), transaction.atomic():
        grant(user, Role.AUDIT_ADMIN)
    other_account = UserFactory(id_number=user.id_number)
    with pytest.raises(IntegrityError, match="three_administrators"), transaction.atomic():
        grant(other_account, Role.FINANCE_CLERK)


def test_a_sealed_chain_verifies_and_names_the_link_that_was_changed(owner_connection):
    user = UserFactory()
    for number in range(5):
        audit.record("x:1", action=f"step{number}", actor=user)
    assert audit.seal() == 5
    assert audit.seal() == 0
    assert audit.verify_chain().broken_at == 0
