"""更正身份证号: by two people, on the record, with birth date and sex; two records may exchange theirs; by SQL nobody else."""

import re
from datetime import date
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, FileRefused, Refused, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from huimin.core.values.doubts import Doubtful
from recipients import proofs
from recipients.models import NumberChange, Person
from recipients.rules import is_strangers
from recipients.services import numbers, records, registry
from tests.factories import ANYTHING, OTHER_TOWN, OTHER_VILLAGE, TOWN, UserFactory
from tests.recipients import factories as make
from tests.recipients.sheets import member, person_id
from tests.recipients.test_heads import PHOTO, clerk, reviewer
from tests.recipients.test_voiding import take

pytestmark = pytest.mark.django_db
RIGHT = person_id(77, born="19610203")


def right(number=RIGHT, **more):
    given = {"reason": "建档时抄错一位", "proof": PHOTO, "acknowledged": ANYTHING} | more
    return numbers.RightNumber(number, **given)


def asked(one, number=RIGHT, *, actor=None, **more):
    return numbers.ask_number_change(one.pk, right(number, **more), actor=actor or clerk())


def approve(change, *, actor=None, **more):
    given = {"number_again": change.id_number, "acknowledged": ANYTHING} | more
    return numbers.check_number_change(change.pk, "approve", actor=actor or reviewer(), **given)


def corrected(one, number=RIGHT, **more):
    return approve(asked(one, number, **more))


def key(number):
    return crypto.blind_index("id_number", number)


def test_a_wrong_number_is_corrected_on_the_record_with_birth_date_and_sex():
    (one,) = make.household(1)
    old = one.id_number
    change = corrected(one)
    now = Person.objects.get(pk=one.pk)
    assert (now.id_number, bytes(now.id_key)) == (RIGHT, key(RIGHT))
    assert (now.birth_date, now.sex) == (date(1961, 2, 3), "1" if int(RIGHT[16]) % 2 else "2")
    assert bytes(NumberChange.objects.get().old_key) == key(old)
    assert change.status == "approved"
    event = AuditEvent.objects.get(subject=f"recipients.person:{one.pk}", action="number")
    assert RIGHT not in str(event.detail)
    assert proofs.commitments()[1] == []


def test_nothing_changes_before_another_human_being_has_read_the_same_number():
    (one,) = make.household(1)
    asker = clerk()
    change = asked(one, actor=asker)
    assert Person.objects.get(pk=one.pk).id_number == one.id_number
    with pytest.raises(StepRefused, match="换一位同事"):
        approve(change, actor=reviewer(id_number=asker.id_number))
    with pytest.raises(BadInput, match="再输一遍"):
        approve(change, number_again="")
    with pytest.raises(BadInput, match="不一样"):
        approve(change, number_again=person_id(78))
    numbers.check_number_change(change.pk, "refuse", actor=reviewer(), note="照片看不清")
    assert Person.objects.get(pk=one.pk).id_number == one.id_number
    assert corrected(one).status == "approved"


def test_what_follows_from_another_birth_date_is_told_before_it_is_asked_and_again_before_it_is_approved():
    (one,) = make.household(1)
    with pytest.raises(Doubtful) as told:
        asked(one, acknowledged=())
    assert "1961年2月3日" in told.value.doubts[0].text
    change = asked(one)
    with pytest.raises(Doubtful):
        approve(change, acknowledged=())


def test_a_number_of_another_record_is_refused_with_its_township_and_the_ways_on():
    one, other = make.household(1)[0], make.household(1)[0]
    with pytest.raises(BadInput, match=r"另一份档案里.*建重的.*互换"):
        asked(one, other.id_number)
    with pytest.raises(BadInput, match="不在别的档案里"):
        asked(one, exchange=True)
    with pytest.raises(BadInput, match="相同"):
        asked(one, one.id_number)


def test_father_and_son_exchange_their_numbers_by_one_change():
    father, son = make.household(2)
    numbers_of = (father.id_number, son.id_number)
    corrected(father, son.id_number, exchange=True)
    now = [Person.objects.get(pk=one.pk) for one in (father, son)]
    assert tuple(one.id_number for one in now) == numbers_of[::-1]
    assert [bytes(one.id_key) for one in now] == [key(number) for number in numbers_of[::-1]]
    assert [one.birth_date for one in now] == [son.birth_date, father.birth_date]
    assert proofs.commitments()[1] == []


def test_a_column_that_slipped_by_a_row_is_mended_pair_by_pair():
    a, b, c = (make.household(1)[0] for _ in range(3))
    first = [one.id_number for one in (a, b, c)]
    corrected(a, b.id_number, exchange=True)
    corrected(b, c.id_number, exchange=True)
    assert [Person.objects.get(pk=one.pk).id_number for one in (a, b, c)] == [first[1], first[2], first[0]]


def test_records_of_two_townships_exchange_numbers_by_posts_that_reach_both():
    one, other = make.household(1)[0], make.household(1, village=OTHER_VILLAGE)[0]
    with pytest.raises(BadInput, match="不归您管"):
        asked(one, other.id_number, exchange=True)
    change = asked(one, other.id_number, exchange=True, actor=UserFactory(role=Role.DEPARTMENT_CLERK))
    with pytest.raises(StepForbidden):
        approve(change)
    approve(change, actor=UserFactory(role=Role.DEPARTMENT_REVIEWER))
    assert Person.objects.get(pk=other.pk).id_number == one.id_number


def test_who_registered_that_number_meanwhile_is_seen_when_the_change_is_approved():
    (one,) = make.household(1)
    change = asked(one)
    other = make.household(1)[0]
    corrected(other)
    with pytest.raises(StepRefused, match="请退回"):
        approve(change)
    assert numbers.check_number_change(change.pk, "refuse", actor=reviewer(), note="重办").status == "refused"


def test_a_record_with_a_change_that_waits_is_not_set_aside_also_by_sql():
    (one,) = make.household(1)
    change = asked(one)
    with pytest.raises(StepRefused, match="更正身份证号的申请"):
        records.void_person(one.pk, reason="建重了", actor=reviewer())
    with pytest.raises(DatabaseError, match="更正身份证号"), transaction.atomic():
        make.set_aside(one)
    numbers.check_number_change(change.pk, "refuse", actor=reviewer(), note="重办")
    assert records.void_person(one.pk, reason="建重了", actor=reviewer()).status == "void"
    with pytest.raises(StepRefused, match="已经作废"):
        asked(one)


def sql(statement, *given):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, given)


FORGED = {
    "the key": "UPDATE recipients_person SET id_key = sha256('x') WHERE id = %(one)s",
    "the number": "UPDATE recipients_person SET id_number = sha256('x') WHERE id = %(one)s",
    "the birth date": "UPDATE recipients_person SET birth_date = '1940-01-01' WHERE id = %(one)s",
    "the sex": "UPDATE recipients_person SET sex = CASE sex WHEN '1' THEN '2' ELSE '1' END WHERE id = %(one)s",
    "the commitment": "UPDATE recipients_person SET id_commitment = sha256('x') WHERE id = %(one)s",
    "the values of an approved change": """UPDATE recipients_person p SET id_key = c.id_key, id_number = c.id_number,
        id_commitment = c.id_commitment, birth_date = c.birth_date, sex = c.sex
        FROM recipients_numberchange c WHERE c.person_id = p.id AND p.id = %(other)s""",
    "the old values of an approved change": """UPDATE recipients_person p SET id_key = c.old_key
        FROM recipients_numberchange c WHERE c.person_id = p.id AND p.id = %(other)s""",
    "between two": "UPDATE recipients_person SET id_key = sha256(('exchanging ' || id)::bytea) WHERE id = %(one)s",
    "approved without anybody": "UPDATE recipients_numberchange SET status = 'approved' WHERE person_id = %(one)s",
    "approved by the asker": """UPDATE recipients_numberchange SET status = 'approved', checked_by_id = asked_by_id
        WHERE person_id = %(one)s""",
    "another number on the change": """UPDATE recipients_numberchange SET id_key = sha256('x')
        WHERE person_id = %(one)s""",
    "a change again": "UPDATE recipients_numberchange SET status = 'asked' WHERE person_id = %(other)s",
}


@pytest.mark.parametrize("what", FORGED)
def test_by_sql_nobody_changes_a_number(what):
    one, other = make.household(1)[0], make.household(1)[0]
    asked(one)
    corrected(other, person_id(79))
    corrected(other, person_id(80))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORGED[what], {"one": one.pk, "other": other.pk})
    assert {bytes(one.id_key) for one in Person.objects.all()} == {bytes(one.id_key), key(person_id(80))}


@pytest.mark.parametrize("exchange", [False, True])
def test_by_sql_no_change_is_asked_for_what_a_record_does_not_bear(exchange):
    one, other, third = (make.household(1)[0] for _ in range(3))
    change = asked(one, other.id_number, exchange=True) if exchange else asked(one)
    again = NumberChange.objects.get(pk=change.pk)
    again.pk, again.person = None, third
    with pytest.raises(DatabaseError, match="已有变动"), transaction.atomic():
        again.save()
    again.person, again.id_key = one, key(third.id_number)
    numbers.check_number_change(change.pk, "refuse", actor=reviewer(), note="重办")
    with pytest.raises(DatabaseError, match=r"已有变动|另一份档案"), transaction.atomic():
        again.save()


# --- one name in one household -----------------------------------------------------------------------------------------


def test_two_of_one_name_in_one_household_are_not_registered_by_a_workbook(clerk_):
    with pytest.raises(FileRefused) as refused:
        take([member(1), member(2, holder=1, name="王同名"), member(3, holder=1, name="王同名")], clerk_)
    (fault,) = refused.value.errors
    assert "同户同名" in fault.message
    assert "（大）" in fault.message
    take(
        [member(1), member(2, holder=1, name="王同名（大）"), member(3, holder=1, name="王同名（小）")],
        clerk_,
    )
    with pytest.raises(FileRefused) as refused:
        take([member(4, holder=1, name="王同名（大）")], clerk_)
    assert "更正身份证号" in refused.value.errors[0].message


@pytest.mark.parametrize(
    "names",
    [
        ("王同名（大）", "王同名"),
        ("王同名", "王同名（小）"),
        ("王同名（大）", "王同名（小）", "王同名（小）"),
    ],
)
def test_who_bears_the_name_bare_beside_a_namesake_is_asked_about_in_one_workbook_and_in_two(clerk_, names):
    rows = [member(n, holder=1, name=name) for n, name in enumerate(names, 2)]
    with pytest.raises(FileRefused) as refused:
        take([member(1), *rows], clerk_)
    assert "同户同名" in refused.value.errors[0].message
    take([member(1), *rows[:-1]], clerk_)
    with pytest.raises(FileRefused) as refused:
        take(rows[-1:], clerk_)
    assert "已有同名的人" in refused.value.errors[0].message


_EARLIEST = """UPDATE recipients_person p SET (id_number, id_key, id_commitment, birth_date, sex) =
    (SELECT c.id_number, c.id_key, c.id_commitment, c.birth_date, c.sex FROM recipients_numberchange c ORDER BY c.id LIMIT 1)
    WHERE p.id = %s"""


def test_by_sql_an_earlier_correction_is_not_put_back_nor_the_text_of_another_s_number():
    one, other = make.household(2)
    corrected(one)
    corrected(Person.objects.get(pk=one.pk), person_id(78, born="19590101"))
    with pytest.raises(DatabaseError, match="更正身份证号"):
        sql(_EARLIEST, one.pk)
    text = "UPDATE recipients_person SET id_number = (SELECT id_number FROM recipients_person WHERE id = %s) WHERE id = %s"
    with pytest.raises(DatabaseError, match="更正身份证号"):
        sql(text, other.pk, one.pk)


def test_by_sql_nobody_is_left_between_two_numbers():
    one, other = make.household(2)
    corrected(one, other.id_number, exchange=True)
    between = "UPDATE recipients_person SET id_key = sha256(('exchanging ' || id)::bytea) WHERE id = %s"
    with pytest.raises(DatabaseError, match="互换身份证号没有办完"):
        sql(f"{between}; SET CONSTRAINTS ALL IMMEDIATE", one.pk)


def test_nobody_is_given_the_name_of_another_of_the_household_also_by_sql(clerk_):
    one, other = make.household(2)
    changes = {"name": other.name, "group_name": "一组", "note": ""} | dict.fromkeys(Person.MARKS, False)
    with pytest.raises(BadInput, match="（大）"):
        registry.edit_person(one.pk, changes, actor=clerk_)
    with pytest.raises(DatabaseError, match="name_once_per_household"):
        sql("UPDATE recipients_person SET name = %s WHERE id = %s", other.name, one.pk)
    younger = changes | {"name": f"{other.name}（小）"}
    with pytest.raises(BadInput, match="（大）"):
        registry.edit_person(one.pk, younger, actor=clerk_)
    registry.edit_person(other.pk, changes | {"name": f"{other.name}（大）"}, actor=clerk_)
    assert registry.edit_person(one.pk, younger, actor=clerk_).name == younger["name"]


def test_an_account_is_named_without_what_tells_two_of_one_name_apart():
    assert not is_strangers("王同名", own="王同名（大）", head="王一")
    assert is_strangers("王同", own="王同名（大）", head="王一")


@pytest.fixture
def clerk_():
    return clerk()


# --- pages -------------------------------------------------------------------------------------------------------------


def test_the_pages_take_a_change_from_one_to_another(client):
    (one,) = make.household(1)
    asker, checker = clerk(), reviewer()
    client.force_login(asker)
    url = reverse("recipients:number-ask", args=[one.pk])
    assert url in client.get(reverse("recipients:person-detail", args=[one.pk])).content.decode()
    data = {"number": RIGHT, "reason": "抄错一位", "action_key": str(uuid4())}
    first = client.post(url, data | {"proof": SimpleUploadedFile("id.png", PHOTO)}).content.decode()
    assert "1961年2月3日" in first
    boxes = re.findall(r'name="acknowledged" value="([0-9a-f]+)"', first)
    data |= {"proof": SimpleUploadedFile("id.png", PHOTO), "acknowledged": boxes}
    client.post(url, data)
    change = NumberChange.objects.get()
    page = reverse("recipients:number-detail", args=[change.pk])
    client.force_login(checker)
    shown = client.get(page)
    assert RIGHT not in shown.content.decode()
    step = reverse("recipients:number-step", args=[change.pk, "approve"])
    given = {"number_again": RIGHT, "acknowledged": boxes, "action_key": str(uuid4())}
    assert "已更正" in client.post(step, given, follow=True).content.decode()
    assert Person.objects.get().id_number == RIGHT
    assert client.get(reverse("recipients:number-list")).status_code == 200
    assert client.get(reverse("recipients:number-export")).getvalue()
    assert client.get(reverse("recipients:number-proof", args=[change.pk])).content == PHOTO
    client.force_login(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=OTHER_TOWN))
    assert client.get(page).status_code == 404


def test_who_may_not_ask_is_told_so_before_anything_is_typed(client):
    (one,) = make.household(1)
    client.force_login(UserFactory(role=Role.WINDOW_CLERK, at=TOWN))
    answer = client.get(reverse("recipients:number-ask", args=[one.pk]), follow=True)
    assert "申请更正身份证号" in answer.content.decode()
    with pytest.raises(Refused):
        asked(one, actor=UserFactory(role=Role.WINDOW_CLERK, at=TOWN))
