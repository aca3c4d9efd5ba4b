"""The levels of a review: none is jumped, a failed meeting is no passed one, and the page shows the levels that hold."""

import pytest
from django.db import IntegrityError, connection, transaction

from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.errors import StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Involvement
from recipients import queries
from recipients.models import Declaration, DeliberationRecord
from recipients.rules import Votes
from recipients.services import notices, objections, review
from recipients.states import REVIEW_ORDER
from recipients.views.stations import stations
from subsidies.rules.levels import levels_of
from tests.factories import UserFactory, grant
from tests.recipients.factories import NOTHING, chain, declaration, household, policy

pytestmark = pytest.mark.django_db
EVERY = {
    "deliberation": "required",
    "has_village_notice": True,
    "has_township_review": True,
    "has_township_notice": True,
    "has_county_review": True,
    "has_county_notice": True,
    "joint_parties": ["department"],
}
MEETING = {"deliberation": "required"}


def votes(agreed, against, abstained=0, **more):
    present = agreed + against + abstained
    return Votes(
        clock.today(), "村部", "李主持", 18, 12, present, agreed, against, abstained, "见记录", **more
    )


def set_status(one, status):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE recipients_declaration SET status = %s WHERE id = %s", [status, one.pk])


@pytest.mark.parametrize("target", REVIEW_ORDER[1:])
def test_sql_cannot_carry_a_draft_over_a_level_that_the_policy_asks_for(target):
    one = declaration(**EVERY)
    with pytest.raises(IntegrityError, match="不能跳过"):
        set_status(one, target)
    set_status(one, "deliberation")


@pytest.mark.parametrize(
    ("level", "flags"),
    [
        ("village_notice", {"has_village_notice": True}),
        ("township_review", {"has_township_review": True}),
        ("township_notice", {"has_township_notice": True}),
        ("county_review", {"has_county_review": True, "joint_parties": ["department"]}),
        ("county_notice", {"has_county_notice": True}),
    ],
)
def test_each_single_level_of_a_policy_holds_the_list(level, flags):
    one = declaration(**NOTHING | flags)
    with pytest.raises(IntegrityError, match=level):
        set_status(one, "confirmed")


def test_levels_that_the_policy_does_not_ask_for_are_passed_over_in_sql_too():
    one = declaration(**NOTHING)
    set_status(one, "confirmed")
    one.refresh_from_db()
    assert one.status == "confirmed"


def test_the_database_and_the_rule_ask_for_the_same_levels_after_an_upheld_objection():
    people = chain()
    one = declaration(
        actor=people["village"], **NOTHING | {"deliberation": "on_objection", "has_village_notice": True}
    )
    assert "deliberation" not in levels_of(one.version, objected=queries.was_objected(one))
    review.take_step(one.pk, "submit", actor=people["village"])
    assert "评议" not in [station.label for station in stations(Declaration.objects.get(pk=one.pk))]
    notice = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    objections.file_objection(notice, "整册都不对")
    objections.answer_objection(
        notice.objections.get().pk, upheld=True, answer="属实", send_back=True, actor=people["clerk"]
    )
    one.refresh_from_db()
    assert "评议" in [station.label for station in stations(one)]
    with pytest.raises(IntegrityError, match="deliberation 不能跳过"):
        set_status(one, "village_notice")
    assert review.take_step(one.pk, "submit", actor=people["village"]).status == "deliberation"


def test_a_failed_vote_stays_on_record_and_the_list_stays_where_it_is():
    one = declaration(**NOTHING | MEETING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    assert review.deliberate(one.pk, votes(9, 6), actor=one.made_by).status == "deliberation"
    record = one.deliberations.get()
    assert (record.passed, record.agreed, record.conclusion) == (False, 9, "见记录")
    event = AuditEvent.objects.get(action="deliberate.failed")
    assert (event.subject, event.detail["agreed"]) == (f"recipients.declaration:{one.pk}", 9)
    with pytest.raises(StepRefused, match="登记到会人数"):
        review.take_step(one.pk, "deliberate", actor=one.made_by)


def test_the_page_says_that_a_vote_failed(client):
    one = declaration(**NOTHING | MEETING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    client.force_login(one.made_by)
    given = {
        "held_on": str(clock.today()),
        "place": "村部",
        "host": "李主持",
        "members": 18,
        "representatives": 12,
        "present": 15,
    }
    given |= {"agreed": 9, "against": 6, "abstained": 0, "note": "有分歧"}
    given["action_key"] = "6f1f2a34-0000-4000-8000-000000000001"
    page = client.post(f"/desk/recipients/declarations/{one.pk}/step/deliberate/", given, follow=True)
    text = page.content.decode()
    assert "评议没有通过，结果已登记" in text
    assert "没有通过" in text[text.index("应到 18 人") :]


def record(one, **more):
    values = {
        "declaration": one,
        "revision": one.revision,
        "held_on": clock.today(),
        "place": "村部",
        "host": "李主持",
        "members": 18,
        "representatives": 12,
        "present": 15,
        "agreed": 10,
        "against": 5,
        "abstained": 0,
        "passed": True,
        "recorded_by": one.made_by,
    } | more
    with transaction.atomic():
        return DeliberationRecord.objects.create(**values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"agreed": 9, "against": 6},
        {"passed": False},
        {"present": 12, "agreed": 7, "against": 5},
    ],
)
def test_the_database_knows_two_thirds(wrong):
    one = declaration(**NOTHING | MEETING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    with pytest.raises(IntegrityError, match="two_thirds"):
        record(one, **wrong)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"members": 6, "representatives": 4, "present": 4, "agreed": 4, "against": 0}, "has_a_group"),
        ({"representatives": 11}, "is_the_villagers"),
        ({"representatives": 19}, "is_the_villagers"),
        ({"members": 24, "representatives": 16}, "has_quorum"),
    ],
)
def test_the_database_knows_who_makes_a_meeting(wrong, rule):
    one = declaration(**NOTHING | MEETING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    with pytest.raises(IntegrityError, match=rule):
        record(one, **wrong)


def test_objections_of_another_policy_are_neither_listed_nor_opened(client):
    people = chain()
    one = declaration(actor=people["village"], **NOTHING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=people["village"])
    notice = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    code = objections.file_objection(notice, "张三多报")
    found = notice.objections.get()
    assert found.policy_id == one.policy_id
    limited = UserFactory()
    grant(limited, Role.DEPARTMENT_CLERK, policies=[one.policy_id + 1])
    client.force_login(limited)
    assert code not in client.get("/desk/recipients/objections/").content.decode()
    assert client.get(f"/desk/recipients/objections/{found.pk}/").status_code == 404
    permitted = UserFactory()
    grant(permitted, Role.DEPARTMENT_CLERK, policies=[one.policy_id])
    client.force_login(permitted)
    assert code in client.get("/desk/recipients/objections/").content.decode()


def test_an_objection_cannot_be_put_under_another_policy():
    people = chain()
    one = declaration(actor=people["village"], **NOTHING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=people["village"])
    notice = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    objections.file_objection(notice, "张三多报")
    other = policy(name="另一项补贴", **NOTHING)
    with pytest.raises(IntegrityError, match="应与公示相同"), transaction.atomic():
        notice.objections.update(policy=other)


def jointly():
    """Three people before the joint review of two offices."""
    people = chain()
    asked = {"has_county_review": True, "joint_parties": ["department", "finance"]}
    one = declaration(actor=people["village"], lines=[household(1)[0] for _ in range(3)], **NOTHING | asked)
    review.take_step(one.pk, "submit", actor=people["village"])
    one.refresh_from_db()
    assert one.status == "county_review"
    return one, people


def test_nobody_is_taken_off_a_list_for_which_an_office_has_signed():
    one, people = jointly()
    first, second, _ = one.lines.order_by("pk")
    review.exclude_line(first.pk, reason="已迁出", actor=people["department"])
    review.take_step(one.pk, "sign_finance", actor=people["finance"])
    with pytest.raises(StepRefused, match="已有部门会签"):
        review.exclude_line(second.pk, reason="已迁出", actor=people["department"])
    with pytest.raises(IntegrityError, match="明细不能再改"), transaction.atomic():
        one.lines.filter(pk=second.pk).update(excluded_at_level="county_review", excluded_reason="x")


def test_who_takes_somebody_off_at_the_joint_review_belongs_to_an_office_that_signs_and_is_on_record():
    one, people = jointly()
    line = one.lines.first()
    with pytest.raises(StepForbidden, match="须由会签部门"):
        review.exclude_line(line.pk, reason="已迁出", actor=people["supervisor"])
    review.exclude_line(line.pk, reason="已迁出", actor=people["department"])
    duties = Involvement.objects.filter(subject=f"recipients.declaration:{one.pk}", user=people["department"])
    assert [found.duty for found in duties] == ["declaration.department"]
