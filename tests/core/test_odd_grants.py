"""A grant that is odd for its place, its office or beside another one is given when each oddity is said to be meant."""

import re
from datetime import date, timedelta
from itertools import product
from uuid import uuid4

import pytest
from django.urls import reverse

from huimin.core import clock
from huimin.core.account_forms import GrantForm
from huimin.core.accounts import seats, services
from huimin.core.accounts.seats import Extent
from huimin.core.authority import scope
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, Refused, StepRefused
from huimin.core.models import AuditEvent, Department, Division, Grant, Level, Office, User
from huimin.demo import accounts as demo
from tests.core.test_views_staff import signed_in
from tests.factories import (
    ANYTHING,
    COUNTY,
    OTHER_TOWN,
    OTHER_VILLAGE,
    TOWN,
    VILLAGE,
    DivisionFactory,
    OfficeFactory,
    UserFactory,
    county,
)

DAY = date(2026, 3, 1)


def place(code):
    return Division.objects.get(pk=code)


@pytest.fixture
def security(db):
    county()
    return UserFactory(role=Role.SECURITY_ADMIN)


@pytest.fixture
def clerk(security):
    """Of the county's department: the whole county may be given to them."""
    return UserFactory(
        office=OfficeFactory(name="县农业农村局", kind=Office.Kind.DEPARTMENT, division=county()), name="丁磊"
    )


@pytest.fixture
def reviewer(security):
    office = OfficeFactory(name="梅山镇财政所", kind=Office.Kind.TOWNSHIP, division_id=TOWN)
    return UserFactory(office=office, name="汪立新")


def give(user, role, at, security, *, acknowledged=(), **more):
    days = {"first_day": DAY, "last_day": None} | more
    return services.grant_role(
        user, role, office=user.office, division=place(at), actor=security, acknowledged=acknowledged, **days
    )


def codes(user, role, at, security, **more):
    """What is asked about; nothing is given."""
    with pytest.raises(BadInput) as refused:
        give(user, role, at, security, **more)
    assert refused.value.field == "acknowledged"
    return refused.value


def test_a_department_s_post_over_every_policy_is_asked_about_and_over_its_own_is_not(security, clerk):
    (odd,) = codes(clerk, Role.DEPARTMENT_REVIEWER, COUNTY, security).doubts
    assert "部门审核一般只管一个部门的政策，这一条没有限定部门，也没有限定政策" in odd.text
    farm = Department.objects.create(code="NY", name="农业农村局")
    give(clerk, Role.DEPARTMENT_REVIEWER, COUNTY, security, department=farm)
    (same,) = codes(clerk, Role.DEPARTMENT_CLERK, COUNTY, security).doubts
    give(clerk, Role.DEPARTMENT_CLERK, COUNTY, security, acknowledged=[same.code])


def test_a_village_role_over_a_county_is_asked_about_and_given_when_it_is_meant(security, clerk):
    odd = codes(clerk, Role.VILLAGE_CLERK, COUNTY, security)
    text, (level, office) = str(odd), [one.code for one in odd.doubts]
    assert "村信息员一般管一个村，这一条管的是金寨县（2 个乡镇、2 个村）" in text
    assert "村信息员一般是“村（居）委会”的人，丁磊在县农业农村局（主管部门）" in text
    assert not Grant.objects.filter(user=clerk).exists()
    codes(clerk, Role.VILLAGE_CLERK, COUNTY, security, acknowledged=[level])
    give(clerk, Role.VILLAGE_CLERK, COUNTY, security, acknowledged=[level, office])
    said = AuditEvent.objects.get(action="grant.give").detail["acknowledged"]
    assert len(said) == 2
    assert "金寨县" in said[0]


def test_a_usual_grant_is_not_asked_about(security, clerk, reviewer):
    give(reviewer, Role.TOWNSHIP_REVIEWER, TOWN, security)
    give(
        clerk,
        Role.DEPARTMENT_CLERK,
        COUNTY,
        security,
        department=Department.objects.create(code="NY", name="农业农村局"),
    )
    events = AuditEvent.objects.filter(action="grant.give")
    assert all("acknowledged" not in one.detail for one in events)


def test_a_county_role_over_a_village_is_asked_about(security, clerk):
    assert "部门经办一般管全县，这一条管的是梅山镇梅山村" in str(
        codes(clerk, Role.DEPARTMENT_CLERK, VILLAGE, security)
    )


@pytest.mark.parametrize("at", [OTHER_TOWN, COUNTY])
def test_a_place_beside_or_above_the_office_is_refused_whatever_is_acknowledged(security, reviewer, at):
    with pytest.raises(BadInput, match="管不到"):
        give(reviewer, Role.TOWNSHIP_CLERK, at, security, acknowledged=ANYTHING)


def test_a_grant_inside_one_that_exists_is_refused_and_says_which(security, reviewer):
    give(reviewer, Role.TOWNSHIP_CLERK, TOWN, security)
    inside = {"first_day": DAY + timedelta(days=30), "last_day": DAY + timedelta(days=60)}
    with pytest.raises(StepRefused, match=r"已有“乡镇经办”（梅山镇，2026年3月1日起长期）.*先收回"):
        give(reviewer, Role.TOWNSHIP_CLERK, VILLAGE, security, acknowledged=ANYTHING, **inside)
    assert Grant.objects.filter(user=reviewer).count() == 1


def test_a_wider_or_overlapping_one_is_asked_about_and_a_renewal_is_not(security, reviewer):
    give(reviewer, Role.TOWNSHIP_CLERK, TOWN, security, last_day=DAY + timedelta(days=30))
    assert "把它全包在里面" in str(codes(reviewer, Role.TOWNSHIP_CLERK, TOWN, security))
    later = {"first_day": DAY + timedelta(days=20), "last_day": DAY + timedelta(days=90)}
    odd = codes(reviewer, Role.TOWNSHIP_CLERK, TOWN, security, **later)
    assert "与这一条有重叠" in str(odd)
    give(reviewer, Role.TOWNSHIP_CLERK, TOWN, security, first_day=DAY + timedelta(days=31))
    with pytest.raises(Refused):
        give(
            reviewer,
            Role.TOWNSHIP_CLERK,
            TOWN,
            security,
            acknowledged=[one.code for one in odd.doubts],
            **later,
        )


def test_what_was_taken_back_is_not_asked_about(security, reviewer):
    services.revoke_grant(give(reviewer, Role.TOWNSHIP_CLERK, TOWN, security), note="调离", actor=security)
    give(reviewer, Role.TOWNSHIP_CLERK, TOWN, security)


def test_grants_of_two_departments_or_over_two_places_stand_beside_one_another(security, clerk):
    farm, forest = (Department.objects.create(code=code, name=code) for code in ("AGRI", "FOREST"))
    give(clerk, Role.DEPARTMENT_CLERK, COUNTY, security, department=farm)
    give(clerk, Role.DEPARTMENT_CLERK, COUNTY, security, department=forest)
    assert "把它全包在里面" in str(codes(clerk, Role.DEPARTMENT_CLERK, COUNTY, security))
    give(clerk, Role.VILLAGE_CLERK, VILLAGE, security, acknowledged=ANYTHING)
    give(clerk, Role.VILLAGE_CLERK, OTHER_VILLAGE, security, acknowledged=ANYTHING)


PLACES = (COUNTY, TOWN, VILLAGE, OTHER_TOWN)
LIMITS = ((None, None), (frozenset({1}), None), (frozenset({1, 2}), None), (None, 7), (None, 8))
DAYS = ((1, 5), (3, 5), (5, 9))


def gives(one):
    """Every (day, village or office, policy) of an extent; policies 1 and 3 are of department 7, 2 of 8, 4 will be of 7."""
    named, department = one.named, one.department
    policies = named if named is not None else {7: {1, 3, 4}, 8: {2}}.get(department, {1, 2, 3, 4})
    days = range(one.first.day, one.end.day)
    return set(product(days, (code for code in PLACES if scope.covers(one.place, code)), policies))


def test_an_extent_holds_another_when_every_day_place_and_policy_is_in_it():
    every = [
        Extent(date(2026, 1, first), date(2026, 1, end), at, *limit)
        for (first, end), at, limit in product(DAYS, PLACES, LIMITS)
    ]
    for one, other in product(every, every):
        if one.holds(other):
            assert gives(other) <= gives(one)
        if not one.touches(other):
            # named policies and a department are compared as if they met: what the department has changes
            assert not gives(one) & gives(other)
        assert one.touches(other) == other.touches(one)


def test_the_page_shows_what_is_odd_with_a_box_for_each_and_keeps_what_was_chosen(client, security, clerk):
    signed_in(client, security)
    url = reverse("core:grant-give", args=[clerk.pk])
    typed = {
        "role": Role.VILLAGE_CLERK, "division": COUNTY, "policies": [], "first_day": DAY, "last_day": "", "confirmed": "on",
    }  # fmt: skip
    page = client.post(url, typed | {"action_key": str(uuid4())}).content.decode()
    shown = re.findall(r'name="acknowledged" value="([0-9a-f]+)"', page)
    assert len(shown) == 2
    assert '<option value="village_clerk" selected>' in page
    assert not Grant.objects.filter(user=clerk).exists()
    boxes = {"acknowledged": shown}
    other = client.post(
        url, typed | boxes | {"role": Role.TOWNSHIP_CLERK, "action_key": str(uuid4())}
    ).content.decode()
    assert "乡镇经办一般" in other  # ticked for another sentence
    assert not Grant.objects.filter(user=clerk).exists()
    assert client.post(url, typed | boxes | {"action_key": str(uuid4())}).status_code == 302
    assert Grant.objects.get(user=clerk).role == Role.VILLAGE_CLERK


def test_an_untouched_page_asks_about_nothing(client, security, clerk):
    signed_in(client, security)
    page = client.get(reverse("core:staff-detail", args=[clerk.pk])).content.decode()
    assert "acknowledged" not in page


def test_two_villages_of_one_name_are_told_apart_where_they_are_chosen_listed_and_exported(
    client, security, clerk
):
    DivisionFactory(code="341524101002", name="梅山村委会", level=Level.VILLAGE, parent=place(OTHER_TOWN))
    told = dict(GrantForm(user=clerk).fields["division"].choices)
    told = {str(code): label for code, label in told.items()}
    assert told[VILLAGE] == "梅山镇 · 梅山村"
    assert told["341524101002"] == "麻埠镇 · 梅山村"
    assert told[TOWN] == "梅山镇（全乡镇）"
    assert told[COUNTY] == "金寨县（全县）"
    give(clerk, Role.VILLAGE_CLERK, "341524101002", security, acknowledged=ANYTHING)
    signed_in(client, security)
    for page in (reverse("core:staff"), reverse("core:staff-detail", args=[clerk.pk])):
        assert "麻埠镇 梅山村" in client.get(page).content.decode()


def test_somebody_of_a_city_is_told_the_county_of_each_place(security):
    city = DivisionFactory(code="341500000000", name="六安市", level=Level.CITY)
    Division.objects.filter(pk=COUNTY).update(parent=city)
    watcher = UserFactory(office=OfficeFactory(name="市财政局", division=city))
    told = {str(code): label for code, label in GrantForm(user=watcher).fields["division"].choices}
    assert told[VILLAGE] == "金寨县 · 梅山镇 · 梅山村"
    assert told["341500000000"] == "六安市（全市）"


def test_a_village_office_is_told_its_town(security):
    office = OfficeFactory(name="梅山村委会", kind=Office.Kind.VILLAGE, division_id=VILLAGE)
    told = [label for _, label in GrantForm(user=UserFactory(office=office)).fields["division"].choices]
    assert told == ["梅山镇 · 梅山村"]


def test_every_role_has_a_seat_and_the_demo_sits_as_usual():
    assert set(seats.SEATS) == set(Role)
    for post in demo._FIXED:
        assert post.office.kind in seats.SEATS[post.role][1], post


def test_two_administrators_at_once_see_one_anothers_grant(run_in_threads):
    county()
    administrators = [UserFactory(role=Role.SECURITY_ADMIN) for _ in range(2)]
    office = OfficeFactory(name="梅山镇财政所", kind=Office.Kind.TOWNSHIP, division_id=TOWN)
    pk = UserFactory(office=office).pk

    def one(number):
        user = User.objects.select_related("office").get(pk=pk)
        return give(user, Role.TOWNSHIP_CLERK, TOWN, administrators[number])

    found = run_in_threads(one, 2)
    assert sorted(type(each).__name__ for each in found) == ["Grant", "StepRefused"]
    assert Grant.objects.filter(user_id=pk).count() == 1


def test_the_house_itself_is_not_asked(security, clerk):
    grant = services.grant_role(
        clerk,
        Role.VILLAGE_CLERK,
        office=clerk.office,
        division=county(),
        first_day=clock.today(),
        actor=None,
    )
    assert grant.pk
