"""Reach for sets of rows says the same as holds() for one row, and the wrong post is told in one sentence."""

from dataclasses import dataclass, field
from itertools import product

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huimin.core.authority import posts, scope
from huimin.core.authority.roles import Role
from huimin.core.desk.history import history, setbacks
from huimin.core.errors import StepForbidden
from huimin.core.models import AuditEvent, Department, Division, Office
from huimin.core.records import audit
from huimin.core.work.workflow_docs import flows
from tests.factories import (
    COUNTY,
    OTHER_TOWN,
    OTHER_VILLAGE,
    TOWN,
    VILLAGE,
    DivisionFactory,
    UserFactory,
    county,
)

CITY = "341500000000"
PLACES = (COUNTY, TOWN, OTHER_TOWN, VILLAGE, OTHER_VILLAGE)
WANTED = frozenset({Role.TOWNSHIP_CLERK, Role.FINANCE_CLERK})


@dataclass(frozen=True)
class Grant:
    role: str
    division_id: str
    policy_ids: list[int] | None


@dataclass(frozen=True)
class Holder:
    active_grants: list[Grant] = field(default_factory=list)


grants = st.builds(
    Grant,
    st.sampled_from([Role.TOWNSHIP_CLERK, Role.FINANCE_CLERK, Role.BANK]),
    st.sampled_from([CITY, *PLACES]),
    st.none() | st.lists(st.sampled_from([1, 2]), max_size=2),
)


@pytest.fixture
def rows(db):
    for place, policy in product(PLACES, (1, 2)):
        AuditEvent.objects.create(
            subject="tests.thing:1", action="reach", business_at="2026-01-01T00:00:00Z", county_code=COUNTY,
            division_code=place, policy_id=policy,
        )  # fmt: skip
    return AuditEvent.objects.filter(action="reach")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(grants, max_size=3))
def test_reach_is_holds_for_every_row(rows, held):
    user = Holder(held)
    seen = set(rows.filter(scope.reach(user, WANTED, policy="policy_id")).values_list("pk", flat=True))
    allowed = {
        row.pk
        for row in rows
        if scope.holds(user, WANTED, division_code=row.division_code, policy_id=row.policy_id)
    }
    assert seen == allowed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(grants, max_size=3))
def test_patterns_roots_and_policies_say_what_holds_says(rows, held):
    user = Holder(held)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT division_code FROM core_auditevent WHERE action = 'reach' AND division_code LIKE ANY(%s)",
            [scope.patterns(user, WANTED)],
        )
        reached = {row[0] for row in cursor.fetchall()}
    assert reached == {place for place in PLACES if scope.holds(user, WANTED, division_code=place)}
    assert scope.holds_anywhere(user, WANTED) is bool(scope.roots(user, WANTED))
    for place, policy in product(PLACES, (1, 2)):
        policies = scope.policies_held(user, WANTED, division_code=place)
        assert (policies is None or policy in policies) is scope.holds(
            user, WANTED, division_code=place, policy_id=policy
        )


def test_the_place_may_be_another_field_and_limited_grants_may_count_for_nothing(rows):
    town = Holder([Grant(Role.TOWNSHIP_CLERK, TOWN, [1])])
    assert not rows.filter(scope.reach(town, WANTED, place="county_code")).exists()
    assert not rows.filter(scope.reach(town, WANTED, policy=lambda _: scope.NOTHING)).exists()
    own = scope.reach(town, WANTED, place=lambda code: Q(division_code=code))
    assert set(rows.filter(own).values_list("division_code", flat=True)) == {TOWN}


def test_the_wrong_post_is_told_whose_it_is():
    nobody = Holder()
    with pytest.raises(StepForbidden, match=r"^“改档案”不归您的岗位办理，须由乡镇经办、财政经办办理。$"):
        posts.require_role(nobody, sorted(WANTED), division_code=TOWN, act="改档案")
    assert str(posts.not_your_post({Role.BANK})) == "这一步不归您的岗位办理，须由代发银行办理。"
    posts.require_role(Holder([Grant(Role.FINANCE_CLERK, COUNTY, None)]), WANTED, division_code=TOWN)


def test_places_are_named_in_one_way(db):
    county()
    codes = [COUNTY, TOWN, VILLAGE, "999999999999"]
    assert Division.objects.titles(codes) == {
        COUNTY: "金寨县",
        TOWN: "梅山镇",
        VILLAGE: "梅山镇梅山村",
        "999999999999": "999999999999",
    }
    assert Division.objects.titles([VILLAGE], between=" ") == {VILLAGE: "梅山镇 梅山村"}
    assert Division.objects.names([VILLAGE, ""]) == {VILLAGE: "梅山村"}


def test_a_history_joins_its_objects_and_shows_what_went_back(db):
    first, second = county(), Division.objects.get(pk=TOWN)
    person = UserFactory()
    audit.record(first, action="make", actor=person, label="登记")
    audit.record(second, action="rework", actor=None, note="缺材料", label="退回")
    found = [(one.text, one.who, one.state, one.note) for one in history(first, second)]
    assert found == [("退回", "系统", "back", "缺材料"), ("登记", person.name, "", "")]
    assert [one.text for one in history(first, second, limit=1)] == ["退回"]


def test_no_name_goes_back_in_one_workflow_and_forward_in_another():
    forward = {one.name for flow in flows() for one in (*flow.steps, *flow.acts) if one.style != "danger"}
    assert not forward & setbacks()
    assert {"exclude", "deliberate.failed", "stop_line", "withdraw"} <= setbacks()


@pytest.mark.django_db
def test_villages_of_one_name_have_an_office_each_and_a_place_no_two_of_one_name():
    county()
    Office.objects.create(name="黄河村委会", kind="village", division_id=VILLAGE)
    Office.objects.create(name="黄河村委会", kind="village", division_id=OTHER_VILLAGE)
    with pytest.raises(IntegrityError, match="office_name_once_per_place"), transaction.atomic():
        Office.objects.create(name="黄河村委会", kind="village", division_id=VILLAGE)


@pytest.mark.django_db
def test_two_counties_have_a_department_of_one_name_each_and_a_county_no_two():
    top = county()
    other = DivisionFactory(code="341525000000", name="霍山县", level=top.level)
    for of in (top, other, None):
        Department.objects.create(code="AGRI", name="农业农村局", county=of)
        for again in ({"code": "XX", "name": "农业农村局"}, {"code": "AGRI", "name": "林业局"}):
            with pytest.raises(IntegrityError, match="once_per_county"), transaction.atomic():
                Department.objects.create(county=of, **again)
    found = Department.objects.of_county(VILLAGE).values_list("county", flat=True)
    assert sorted(found, key=str) == [COUNTY, None]
