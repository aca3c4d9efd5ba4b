"""Who gets the money is changed by two people, and the database knows that too."""

import pytest
from django.db import IntegrityError, transaction

from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.errors import StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Involvement
from huimin.core.work import verbs, workflow
from recipients.models import AccountChange
from recipients.services import registry
from recipients.services.registry import NewAccount
from tests.factories import TOWN, UserFactory
from tests.recipients.factories import household

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked():
    person = household(1)[0]
    new = NewAccount("passbook", person.name, "10009900000000001", "县农村商业银行")
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    return registry.ask_account_change(person.pk, new, reason="旧卡丢了", actor=clerk)


def reviewer(**more):
    return UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN, **more)


def by_sql(change, **values):
    with transaction.atomic():
        AccountChange.objects.filter(pk=change.pk).update(**values)


def test_asking_and_checking_are_duties_that_exclude_one_another(asked):
    twin = reviewer(id_number=asked.asked_by.id_number)
    with pytest.raises(StepRefused, match=r"换卡申请.*不能再办.*换卡复核"):
        registry.check_account_change(asked.pk, "approve", actor=twin)
    registry.check_account_change(asked.pk, "approve", actor=reviewer())
    duties = Involvement.objects.filter(subject=f"recipients.accountchange:{asked.pk}")
    assert set(duties.values_list("duty", flat=True)) == {"account.ask", "account.check"}


def test_a_second_account_of_the_asker_cannot_approve_by_sql(asked):
    twin = reviewer(id_number=asked.asked_by.id_number)
    with pytest.raises(IntegrityError, match="另一个人复核"):
        by_sql(asked, status="approved", checked_by=twin)
    second = reviewer()
    with pytest.raises(IntegrityError, match="没有经办人"):
        by_sql(asked, status="approved", checked_by=second)
    workflow.take_duty(asked, Duty.ACCOUNT_CHECK, actor=second)
    by_sql(asked, status="approved", checked_by=second)


def test_what_was_checked_is_not_asked_again_and_nothing_of_it_changes(asked):
    with pytest.raises(IntegrityError, match="不能修改"):
        by_sql(asked, holder_name="别人")
    second = reviewer()
    workflow.take_duty(asked, Duty.ACCOUNT_CHECK, actor=second)
    with pytest.raises(IntegrityError, match="checked_by_somebody"):
        by_sql(asked, status="approved")
    registry.check_account_change(asked.pk, "refuse", note="号码不清", actor=second)
    for status in ("asked", "approved"):
        with pytest.raises(Exception, match=r"ransition|不能修改"):
            by_sql(asked, status=status)
    with pytest.raises(Exception, match=r"annot delete|permission"), transaction.atomic():
        AccountChange.objects.filter(pk=asked.pk).delete()


def test_a_change_is_never_written_as_approved(asked):
    with pytest.raises(IntegrityError, match="先申请"), transaction.atomic():
        AccountChange.objects.create(
            person=household(1)[0],
            holder_name="甲",
            number="10009900000000002",
            bank_name="县农村商业银行",
            reason="换卡",
            status="approved",
            asked_by=asked.asked_by,
            checked_by=reviewer(),
            county_code=asked.county_code,
            division_code=asked.division_code,
        )


def test_a_refusal_wants_its_reason_and_leaves_before_and_after_on_the_trail(asked):
    with pytest.raises(StepRefused, match="写明原因"):
        registry.check_account_change(asked.pk, "refuse", actor=reviewer())
    with pytest.raises(StepForbidden):
        registry.check_account_change(
            asked.pk, "refuse", note="号码不清", actor=UserFactory(role=Role.DEPARTMENT_CLERK)
        )
    verbs.advance(f"recipients.accountchange:{asked.pk}", "refuse", actor=reviewer(), note="号码不清")
    event = AuditEvent.objects.get(subject=f"recipients.accountchange:{asked.pk}", action="refuse")
    assert (event.before, event.after, event.note) == ("asked", "refused", "号码不清")
    assert asked.person.accounts.get(is_active=True).tail != "0001"


@pytest.mark.parametrize(
    "name", ["王小明", "欧阳娜娜", "欧阳", "司马光", "李", "诸葛亮", "阿依·古丽", "𠮷田"]
)
def test_the_mask_of_lists_is_the_mask_of_python(name):
    from django.db import connection

    from huimin.core.values.identity import mask_name_surname

    with connection.cursor() as cursor:
        cursor.execute("SELECT hm_mask_surname(%s)", [name])
        assert cursor.fetchone()[0] == mask_name_surname(name)


def test_every_compound_surname_is_known_to_the_database():
    from django.db import connection

    from huimin.core.values.identity import COMPOUND_SURNAMES, mask_name_surname

    names = [surname + "明" for surname in sorted(COMPOUND_SURNAMES)] + ["王明明", "李小明"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, hm_mask_surname(name) FROM unnest(%s::text[]) AS name", [names])
        assert dict(cursor.fetchall()) == {name: mask_name_surname(name) for name in names}
