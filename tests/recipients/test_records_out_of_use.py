"""停用 and 恢复: a record is put out of use and back by rows of two people, and by no other hand."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from huimin.core.authority.posts import what_it_shuts
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Involvement
from huimin.core.records import audit, proofs
from huimin.core.work import verbs, workflow
from recipients.models import Person, RecordPause
from recipients.services import records, registry_import
from recipients.states import RECORD_FLOW
from tests.factories import TOWN, UserFactory, county
from tests.recipients import factories as make
from tests.recipients.sheets import member, workbook

pytestmark = pytest.mark.django_db
WHY = "联系不上本人，先核对"
PROOF = "每一份停用的档案都有一条没有恢复的停用记录，恢复由另一个人办"


@pytest.fixture
def clerk():
    county()
    return UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)


@pytest.fixture
def second():
    county()
    return UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN)


def status(person):
    return Person.objects.get(pk=person.pk).status


def faults(name=PROOF):
    (found,) = (one.faults for one in proofs.run_all() if one.name == name)
    return found


def test_a_record_is_put_out_of_use_and_back_by_two_people_with_their_reasons(clerk, second):
    (one,) = make.household(1)
    pause = records.pause_record(one.pk, reason=WHY, actor=clerk)
    assert status(one) == "suspended"
    assert faults() == []
    with pytest.raises(StepRefused, match=r"停用档案.*不能再办.*恢复档案"):
        records.lift_pause(pause.pk, "lift", note="核对过", actor=clerk)
    with pytest.raises(StepRefused, match="写明原因"):
        records.lift_pause(pause.pk, "lift", actor=second)
    verbs.advance(audit.subject_of(pause), "lift", actor=second, note="本人带证件来过")
    pause.refresh_from_db()
    assert (status(one), pause.status, pause.lifted_by) == ("normal", "lifted", second)
    assert pause.made_at <= pause.lifted_at
    told = AuditEvent.objects.filter(subject=audit.subject_of(one)).order_by("pk")
    assert [(e.action, e.before, e.after, e.note) for e in told] == [
        ("pause", "normal", "suspended", WHY),
        ("resume", "suspended", "normal", "本人带证件来过"),
    ]
    assert faults() == []


def test_a_second_account_of_who_paused_it_does_not_lift_it(clerk):
    (one,) = make.household(1)
    pause = records.pause_record(one.pk, reason=WHY, actor=clerk)
    twin = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN, id_number=clerk.id_number)
    with pytest.raises(StepRefused, match="不能再办"):
        records.lift_pause(pause.pk, "lift", note="核对过", actor=twin)


def test_it_wants_a_reason_a_post_and_a_record_in_use(clerk):
    (one,) = make.household(1)
    with pytest.raises(BadInput, match="原因"):
        records.pause_record(one.pk, reason=" ", actor=clerk)
    with pytest.raises((StepForbidden, Person.DoesNotExist)):
        records.pause_record(one.pk, reason=WHY, actor=UserFactory(role=Role.FINANCE_CHECKER))
    records.pause_record(one.pk, reason=WHY, actor=clerk)
    with pytest.raises(StepRefused, match="现在是“停用”"):
        records.pause_record(one.pk, reason=WHY, actor=clerk)


def test_a_record_out_of_use_is_put_back_by_another_before_it_is_set_aside(clerk, second):
    """Otherwise who put it out of use would register it anew in use."""
    (one,) = make.household(1)
    pause = records.pause_record(one.pk, reason=WHY, actor=clerk)
    with pytest.raises(StepRefused, match="停用、导入的人以外的一位恢复使用，再作废"):
        records.void_person(one.pk, reason="建错了", actor=second)
    refused("先恢复，再作废", lambda: make.set_aside(one))
    records.lift_pause(pause.pk, "lift", note="要作废", actor=second)
    records.void_person(one.pk, reason="建错了", actor=second)
    assert faults() == []


def test_it_may_be_paused_again_after_it_was_lifted(clerk, second):
    (one,) = make.household(1)
    for _ in range(2):
        pause = records.pause_record(one.pk, reason=WHY, actor=clerk)
        records.lift_pause(pause.pk, "lift", note="核对过", actor=second)
    assert status(one) == "normal"
    assert one.pauses.count() == 2


def test_who_is_imported_as_paused_is_put_back_by_another_than_the_importer(clerk, second):
    rows = [member(1), member(2, holder=1, 状态="2-停用")]
    registry_import.import_now(workbook(rows), filename="a.xlsx", actor=clerk)
    one = Person.objects.get(is_holder=False)
    assert status(one) == "suspended"
    assert Person.objects.get(is_holder=True).pauses.count() == 0
    (pause,) = one.pauses.all()
    assert (pause.made_by, pause.made_at is None) == (clerk, False)
    duty = Involvement.objects.get(subject=audit.subject_of(pause))
    assert (duty.user_id, duty.duty) == (clerk.pk, "record.pause")
    event = AuditEvent.objects.get(subject=audit.subject_of(pause.registry_import), action="pause")
    assert event.detail == {"people": 1}
    assert faults() == []
    with pytest.raises(StepRefused, match="不能再办"):
        records.lift_pause(pause.pk, "lift", note="核对过", actor=clerk)
    records.lift_pause(pause.pk, "lift", note="核对过", actor=second)
    assert status(one) == "normal"


def refused(match, act):
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        act()


def test_no_status_changes_by_sql_beside_the_rows(clerk):
    (one,), (paused,) = make.household(1), make.household(1)
    records.pause_record(paused.pk, reason=WHY, actor=clerk)
    for person, to in ((one, "suspended"), (paused, "normal")):
        refused("要登记", lambda who=person, to=to: Person.objects.filter(pk=who.pk).update(status=to))
    refused("建档时在用", lambda: make.household(1, status="suspended"))


def row(person, by, **more):
    place = {"county_code": person.county_code, "division_code": person.division_code}
    return RecordPause.objects.create(person=person, reason=WHY, made_by=by, **place, **more)


def test_a_row_by_sql_wants_its_event_on_the_trail_and_a_record_in_use(clerk):
    (one,) = make.household(1)
    refused("没有留痕", lambda: row(one, clerk))
    records.pause_record(one.pk, reason=WHY, actor=clerk)
    audit.record(one, action="pause", actor=clerk)
    refused(r"one_standing_record_pause|停用的是在用的档案", lambda: row(one, clerk))


def test_an_import_pauses_nobody_whom_it_did_not_register(clerk):
    done = registry_import.import_now(workbook([member(1)]), filename="a.xlsx", actor=clerk)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recipients_person SET note = 'x'")
    audit.record(done, action="pause", actor=UserFactory())
    refused("没有留痕", lambda: row(Person.objects.get(), clerk, registry_import=done))
    other = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    audit.record(done, action="pause", actor=other)
    refused("只停用它自己登记的人", lambda: row(Person.objects.get(), other, registry_import=done))


def test_lifting_by_sql_wants_another_person_their_duty_and_the_trail(clerk, second):
    (one,) = make.household(1)
    pause = records.pause_record(one.pk, reason=WHY, actor=clerk)
    rows = RecordPause.objects.filter(pk=pause.pk)
    twin = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN, id_number=clerk.id_number)

    def lift(by):
        return lambda: rows.update(status="lifted", lifted_by=by, lift_reason="核对过")

    refused(r"另一个人|没有留痕|没有经办人", lift(twin))
    audit.record(one, action="resume", actor=second)
    refused("没有经办人", lift(second))
    workflow.take_duty(pause, RECORD_FLOW["lift"].duty, actor=UserFactory(role=Role.TOWNSHIP_REVIEWER))
    refused("恢复档案没有经办人", lift(second))
    workflow.take_duty(pause, RECORD_FLOW["lift"].duty, actor=second)
    audit.record(one, action="resume", actor=twin)
    refused("另一个人恢复", lift(twin))
    refused("不能修改", lambda: rows.update(reason="别的"))
    lift(second)()
    assert status(one) == "normal"
    refused("不能修改", lambda: rows.update(lift_reason="别的"))
    with pytest.raises(Exception, match=r"ransition|不能修改"), transaction.atomic():
        rows.update(status="standing")


def test_the_page_offers_both_acts_and_says_what_they_come_to(clerk, second):
    (one,) = make.household(1)
    url = reverse("recipients:person-detail", args=[one.pk])
    browser = Client()
    browser.force_login(clerk)
    page = browser.get(url).content.decode()
    assert "恢复要另一个人办" in page
    browser.post(
        reverse("recipients:person-pause", args=[one.pk]), {"reason": WHY, "action_key": str(uuid4())}
    )
    pause = one.pauses.get()
    page = browser.get(url).content.decode()
    lift = reverse("recipients:pause-step", args=[one.pk, pause.pk, "lift"])
    assert WHY in page
    assert "不相容岗位" in page
    browser.force_login(second)
    page = browser.get(url).content.decode()
    assert lift in page
    assert what_it_shuts(RECORD_FLOW["lift"].duty) in page
    browser.post(lift, {"note": "核对过", "action_key": str(uuid4())})
    assert status(one) == "normal"
    edit = browser.get(reverse("recipients:person-edit", args=[one.pk]))
    assert edit.status_code != 200 or "status" not in edit.context["form"].fields


def test_the_list_of_people_finds_those_that_are_out_of_use(clerk):
    (one,), (other,) = make.household(1), make.household(1)
    records.pause_record(one.pk, reason=WHY, actor=clerk)
    browser = Client()
    browser.force_login(clerk)
    page = browser.get(reverse("recipients:person-list"), {"status": "suspended"})
    assert [found.pk for found in page.context["rows"]] == [one.pk]
    assert other.pk not in [found.pk for found in page.context["rows"]]
