"""Who gets the money is changed by two people, and the database knows that too."""

import re
from datetime import date
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Involvement
from huimin.core.values.doubts import Doubtful
from huimin.core.work import verbs, workflow
from recipients.models import AccountChange
from recipients.services import accounts, deaths
from recipients.services.accounts import NewAccount
from tests.factories import ANYTHING, TOWN, UserFactory
from tests.recipients.factories import household

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked():
    person = household(1)[0]
    new = NewAccount("passbook", person.name, "10009900000000001", "县农村商业银行")
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    return accounts.ask_account_change(person.pk, new, reason="旧卡丢了", actor=clerk)


def reviewer(**more):
    return UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN, **more)


def by_sql(change, **values):
    with transaction.atomic():
        AccountChange.objects.filter(pk=change.pk).update(**values)


def test_asking_and_checking_are_duties_that_exclude_one_another(asked):
    twin = reviewer(id_number=asked.asked_by.id_number)
    with pytest.raises(StepRefused, match=r"换卡申请.*不能再办.*换卡复核"):
        accounts.check_account_change(asked.pk, "approve", actor=twin)
    accounts.check_account_change(asked.pk, "approve", number_again=asked.number, actor=reviewer())
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
    accounts.check_account_change(asked.pk, "refuse", note="号码不清", actor=second)
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
        accounts.check_account_change(asked.pk, "refuse", actor=reviewer())
    with pytest.raises(StepForbidden):
        accounts.check_account_change(
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


GOOD, WRONG = "6217990000000000014", "6217990000000000013"  # the same but for the check digit


def ask(person, **more):
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    meant = more.pop("meant", ())
    given = {"kind": "card", "holder_name": person.name, "number": GOOD, "bank_name": "县农商行"} | more
    return accounts.ask_account_change(
        person.pk, NewAccount(**given), reason="旧卡丢了", actor=clerk, acknowledged=meant
    )


def test_who_approves_types_the_number_from_the_card(asked):
    for typed, said in (("", "再输一遍"), ("10009900000000002", "与申请的不一样")):
        with pytest.raises(BadInput, match=said):
            accounts.check_account_change(asked.pk, "approve", number_again=typed, actor=reviewer())
    accounts.check_account_change(asked.pk, "approve", number_again="1000 9900 0000 0000 1", actor=reviewer())
    assert asked.person.accounts.get(is_active=True).tail == "0001"


def test_the_checker_sees_the_old_and_the_new_tail_and_no_number(client, asked):
    old = asked.person.accounts.get(is_active=True).tail
    client.force_login(reviewer())
    for name, args in (
        ("change-list", ()),
        ("person-detail", (asked.person_id,)),
        ("change-detail", (asked.pk,)),
    ):
        text = client.get(reverse(f"recipients:{name}", args=args)).content.decode()
        assert f"{old} → 0001" in text, name
        assert asked.number not in text, name


def test_a_card_with_a_wrong_check_digit_is_asked_for_by_who_says_that_it_is_meant():
    person = household(1)[0]
    with pytest.raises(Doubtful, match="尾号 0013 的卡号的校验位不对") as odd:
        ask(person, number=WRONG)
    change = ask(person, number=WRONG, meant=[one.code for one in odd.value.doubts])
    assert "校验位不对" in accounts.doubts_about(change)[0].text
    event = AuditEvent.objects.get(subject=f"recipients.accountchange:{change.pk}", action="ask")
    assert event.detail["acknowledged"] == [odd.value.doubts[0].text]


def the_form(client, person):
    """The address of the form, and what a clerk types into it but for the number."""
    client.force_login(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    given = {"kind": "card", "holder_name": person.name, "bank_name": "农商行", "reason": "换卡"}
    return reverse("recipients:account-ask", args=[person.pk]), given


def boxes(page):
    """The boxes beside what is odd, by code, and whether each is ticked."""
    found = re.findall(
        r'<input type="checkbox" name="acknowledged" value="(\w+)"([^>]*)>', page.content.decode()
    )
    return {code: "checked" in rest for code, rest in found}


def test_the_form_asks_for_a_tick_only_when_the_digits_look_wrong(client):
    url, given = the_form(client, household(1)[0])
    assert not boxes(client.get(url))
    (code,) = boxes(client.post(url, given | {"action_key": uuid4(), "number": WRONG}))
    assert not AccountChange.objects.exists()
    ticked = given | {"action_key": uuid4(), "number": WRONG, "acknowledged": [code]}
    assert client.post(url, ticked).status_code == 302
    assert AccountChange.objects.get().tail == WRONG[-4:]


@pytest.mark.parametrize("other", ["6217990000000000021", "6217990000000020013"])
def test_a_tick_beside_one_number_says_nothing_of_another_also_of_one_with_the_same_tail(client, other):
    url, given = the_form(client, household(1)[0])
    (code,) = boxes(client.post(url, given | {"action_key": uuid4(), "number": WRONG}))
    retyped = given | {"action_key": uuid4(), "number": other, "acknowledged": [code]}
    (asked,) = boxes(client.post(url, retyped)).items()
    assert asked[0] != code
    assert not asked[1]
    assert not AccountChange.objects.exists()


def test_a_strangers_account_is_asked_for_with_the_relation_alone():
    holder, member = household(2)
    with pytest.raises(BadInput, match="不是本人也不是户主"):
        ask(member, holder_name="王建国国")
    assert accounts.doubts_about(ask(holder)) == []
    change = ask(member, holder_name="王建国国", holder_relation="监护人")
    (doubt,) = accounts.doubts_about(change)
    assert "监护人" in doubt.text
    with pytest.raises(Doubtful, match="监护人"):
        accounts.check_account_change(change.pk, "approve", number_again=GOOD, actor=reviewer())
    accounts.check_account_change(
        change.pk, "approve", number_again=GOOD, actor=reviewer(), acknowledged=[doubt.code]
    )
    assert member.accounts.get(is_active=True).holder_relation == "监护人"


def test_a_relation_is_kept_only_of_a_stranger():
    holder, member = household(2)
    assert ask(member, holder_name=holder.name, holder_relation="父亲").holder_relation == ""


def test_the_database_refuses_a_stranger_without_a_relation():
    person = household(1)[0]
    with pytest.raises(IntegrityError, match="与本人关系"), transaction.atomic():
        AccountChange.objects.create(
            person=person,
            holder_name="别的人",
            number=GOOD,
            tail=GOOD[-4:],
            bank_name="县农商行",
            reason="换卡",
            asked_by=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN),
            county_code=person.county_code,
            division_code=person.division_code,
        )


def test_an_account_of_another_household_is_asked_for_with_a_tick_and_doubted_by_the_checker(client):
    first, member = household(2)
    neighbour = household(1)[0]
    accounts.check_account_change(ask(first).pk, "approve", number_again=GOOD, actor=reviewer())
    assert accounts.doubts_about(ask(member)) == []  # of the same household
    with pytest.raises(Doubtful, match="另有 1 户在用"):
        ask(neighbour)
    url, given = the_form(client, neighbour)
    (code,) = boxes(client.post(url, given | {"number": GOOD, "action_key": uuid4()}))
    ticked = given | {"number": GOOD, "action_key": uuid4(), "acknowledged": [code]}
    assert client.post(url, ticked).status_code == 302
    (doubt,) = accounts.doubts_about(AccountChange.objects.get(person=neighbour))
    assert "另有 1 户在用" in doubt.text


def test_two_households_that_ask_for_one_number_are_both_doubted_until_somebody_says_that_it_is_meant(client):
    first, second = (household(1)[0] for _ in range(2))
    asked = ask(first)
    with pytest.raises(Doubtful, match="另有 1 户也在申请换成它"):
        ask(second)
    again = ask(second, meant=ANYTHING)
    for change, said in ((asked, "也在申请换成它"), (again, "在用")):
        (doubt,) = accounts.doubts_about(change)
        assert said in doubt.text
        with pytest.raises(Doubtful, match=said):
            accounts.check_account_change(change.pk, "approve", number_again=GOOD, actor=reviewer())
        check_by_the_page(client, change)
    assert {one.accounts.get(is_active=True).tail for one in (first, second)} == {GOOD[-4:]}


def check_by_the_page(client, change):
    """Approved on the page: without the boxes nothing happens."""
    client.force_login(reviewer())
    url = reverse("recipients:change-detail", args=[change.pk])
    shown = boxes(client.get(url))
    given = {"number_again": change.number, "action_key": uuid4()}
    step = reverse("recipients:change-step", args=[change.pk, "approve"])
    client.post(step, given)
    change.refresh_from_db()
    assert change.status == "asked"
    client.post(step, given | {"action_key": uuid4(), "acknowledged": list(shown)})
    change.refresh_from_db()
    assert change.status == "approved"


def test_what_another_household_asked_for_and_was_refused_is_no_doubt():
    first, second = (household(1)[0] for _ in range(2))
    accounts.check_account_change(ask(first).pk, "refuse", note="号码不清", actor=reviewer())
    assert accounts.doubts_about(ask(second)) == []


def test_the_card_of_the_dead_is_changed_by_two_who_were_told_and_the_way_of_the_house_is_named(client):
    head, wife = household(2)
    deaths.record_death(
        head.pk, died_on=date(2026, 1, 5), actor=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    )
    with pytest.raises(Doubtful, match=r"登记死亡.*改为户主.*亡故证明"):
        ask(head)
    change = ask(head, meant=ANYTHING)
    client.force_login(reviewer())
    page = client.get(reverse("recipients:change-detail", args=[change.pk])).content.decode()
    assert "登记死亡" in page
    assert "亡故证明、领取人的身份证" in page
    check_by_the_page(client, change)
    assert accounts.doubts_about(ask(wife)) == []  # of the same household, alive


def test_of_the_dead_without_a_house_that_goes_on_no_head_is_named():
    (alone,) = household(1)
    deaths.record_death(
        alone.pk, died_on=date(2026, 1, 5), actor=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    )
    with pytest.raises(Doubtful, match="登记死亡") as odd:
        ask(alone)
    assert "改为户主" not in str(odd.value)
