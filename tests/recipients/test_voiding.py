"""作废: a record made by mistake is set aside by another person, and its ID number is registered anew."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, FileRefused, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from recipients.models import AccountChange, Entitlement, HeadChange, Person
from recipients.services import accounts, entitlements, heads, records, registry, registry_import, review
from recipients.services.accounts import NewAccount
from tests.factories import TOWN, UserFactory, county
from tests.recipients import factories as make
from tests.recipients.sheets import member, workbook

pytestmark = pytest.mark.django_db
WHY = "身份证号登记错了"


@pytest.fixture
def clerk():
    county()
    return UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)


@pytest.fixture
def second():
    return UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN)


def take(rows, clerk):
    return registry_import.import_now(workbook(rows), filename=f"{uuid4()}.xlsx", actor=clerk)


def test_a_head_who_lives_alone_is_set_aside_and_registered_anew_in_the_same_household(clerk, second):
    take([member(1)], clerk)
    wrong = Person.objects.get()
    with pytest.raises(FileRefused, match="要改"):
        take([member(7)], clerk)
    records.void_person(wrong.pk, reason=WHY, actor=second)
    assert not wrong.accounts.filter(is_active=True).exists()
    take([member(7)], clerk)
    heads = Person.objects.filter(is_holder=True, household=wrong.household)
    assert heads.exclude(status="void").count() == 1
    event = AuditEvent.objects.get(subject=f"recipients.person:{wrong.pk}", action="void")
    assert (event.note, event.after) == (WHY, "void")


def test_a_head_whose_people_stay_is_not_set_aside_also_by_sql_since_two_people_say_who_is_head(
    clerk, second
):
    take([member(1), member(2, holder=1)], clerk)
    head = Person.objects.get(is_holder=True)
    with pytest.raises(StepRefused, match="先把家里另一个人改为户主"):
        records.void_person(head.pk, reason=WHY, actor=second)
    with pytest.raises(IntegrityError, match="家里还有别人"), transaction.atomic():
        Person.objects.filter(pk=head.pk).update(status="void", voided_by=second)
    records.void_person(Person.objects.get(is_holder=False).pk, reason=WHY, actor=second)
    records.void_person(head.pk, reason=WHY, actor=second)
    assert set(Person.objects.values_list("status", flat=True)) == {"void"}


def test_a_number_set_aside_is_registered_again(clerk, second):
    take([member(1)], clerk)
    records.void_person(Person.objects.get().pk, reason=WHY, actor=second)
    take([member(1, house=2)], clerk)
    assert sorted(Person.objects.values_list("status", flat=True)) == ["normal", "void"]


def test_who_registered_a_record_does_not_set_it_aside_and_a_reason_is_wanted(clerk, second):
    take([member(1)], clerk)
    one = Person.objects.get()
    with pytest.raises(StepRefused, match="要由另一个人作废"):
        records.void_person(one.pk, reason=WHY, actor=clerk)
    with pytest.raises(BadInput, match="原因"):
        records.void_person(one.pk, reason=" ", actor=second)
    with pytest.raises((StepForbidden, Person.DoesNotExist)):
        records.void_person(one.pk, reason=WHY, actor=UserFactory(role=Role.VILLAGE_CLERK, at=make.VILLAGE))


def test_rights_and_open_books_come_first(second):
    book = make.declaration(**make.NOTHING)
    one = book.lines.first().beneficiary
    with pytest.raises(StepRefused, match="还在没有办完的申报册里"):
        records.void_person(one.pk, reason=WHY, actor=second)
    review.take_step(book.pk, "submit", actor=book.made_by)
    with pytest.raises(StepRefused, match="请先终止"):
        records.void_person(one.pk, reason=WHY, actor=second)
    keeper = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    right = Entitlement.objects.get(beneficiary=one)
    entitlements.take_step(right.pk, "end", actor=keeper, note="登记错了")
    assert records.void_person(one.pk, reason=WHY, actor=second).status == "void"
    with pytest.raises(StepRefused, match="已作废，不能再改"):
        registry.edit_person(one.pk, {}, actor=UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))


def ask_for_a_card(person, by):
    new = NewAccount("passbook", person.name, "10009900000000001", "县农村商业银行")
    return accounts.ask_account_change(person.pk, new, reason="旧卡丢了", actor=by)


def test_what_waits_is_decided_before_a_record_is_set_aside_also_by_sql(clerk, second):
    head, wife = make.household(2)
    card = ask_for_a_card(wife, clerk)
    heads.ask_head_change(wife.pk, made_head(head), actor=clerk)
    with pytest.raises(StepRefused, match="待复核的换卡申请、这一户的户主变更申请"):
        records.void_person(wife.pk, reason=WHY, actor=second)
    with pytest.raises(IntegrityError, match="待复核的换卡、户主变更"):
        make.set_aside(wife)
    accounts.check_account_change(card.pk, "refuse", note="档案要作废", actor=second)
    with pytest.raises(StepRefused, match="待复核的这一户的户主变更申请"):
        records.void_person(wife.pk, reason=WHY, actor=second)
    heads.check_head_change(HeadChange.objects.get().pk, "refuse", note="档案要作废", actor=second)
    assert records.void_person(wife.pk, reason=WHY, actor=second).status == "void"


def made_head(head):
    photo = b"\x89PNG\r\n\x1a\n a page of the household's book IEND\xaeB`\x82"
    return heads.NewHead("agreed", "商定", clock.today(), {head.pk: "97"}, photo, [])


def test_a_record_that_was_set_aside_gets_no_card_asked_for_or_approved_also_by_sql(clerk, second):
    (one,) = make.household(1)
    change = make.approved_change(one)
    make.set_aside(one)
    with pytest.raises(StepRefused, match="已经作废，不能换卡"):
        ask_for_a_card(one, clerk)
    again = AccountChange.objects.get(pk=change.pk)
    again.pk, again.status, again.checked_by = None, "asked", None
    with pytest.raises(IntegrityError, match="档案已作废"), transaction.atomic():
        again.save()
    with pytest.raises(IntegrityError, match="档案已作废"), transaction.atomic():
        make.account_of(change, bank_id=None)


def test_the_page_says_before_anything_is_typed_why_a_record_is_not_set_aside(clerk, second):
    (one,) = make.household(1)
    client = Client()
    client.force_login(second)
    page, void = (reverse(f"recipients:{name}", args=[one.pk]) for name in ("person-detail", "person-void"))
    assert 'id="void_reason"' in client.get(page).content.decode()
    records.pause_record(one.pk, reason="联系不上", actor=clerk)
    text = client.get(page).content.decode()
    assert "这份档案停用着。请先由停用、导入的人以外的一位恢复使用，再作废" in text
    assert f'action="{void}"' in text
    assert 'id="void_reason"' not in text


def test_the_page_offers_it_and_takes_it(clerk, second):
    take([member(1)], clerk)
    one = Person.objects.get()
    client = Client()
    client.force_login(second)
    url = reverse("recipients:person-void", args=[one.pk])
    assert url in client.get(reverse("recipients:person-detail", args=[one.pk])).content.decode()
    client.post(url, {"reason": WHY, "action_key": str(uuid4())})
    one.refresh_from_db()
    assert one.status == "void"
