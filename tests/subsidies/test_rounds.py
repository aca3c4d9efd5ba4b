"""一次性发放: a round is opened before anybody is declared for it, numbered by the house, and has the day that decides."""

from datetime import date
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from subsidies import services
from subsidies.models import PaymentRound, Policy
from tests.factories import UserFactory
from tests.recipients import factories as lists
from tests.subsidies.factories import people, published, version_facts

pytestmark = pytest.mark.django_db
FLOOD = date(2026, 7, 10)


@pytest.fixture
def office():
    return people()


@pytest.fixture
def relief(office):
    return published(*office, frequency="one_off")


def opened(policy, title="7月洪灾救助", day=FLOOD, actor=None):
    return services.open_round(
        policy, title=title, day=day, actor=actor or UserFactory(role=Role.DEPARTMENT_CLERK)
    )


def test_rounds_of_a_year_are_numbered_by_the_house_without_end(relief, office):
    made = [opened(relief, f"第{n}户火灾", actor=office[0]) for n in range(1, 13)]
    assert [one.period.text for one in made][-1] == "2026#12"
    assert opened(relief, day=date(2027, 1, 5), actor=office[0]).period.text == "2027#1"


def test_the_period_of_a_round_is_its_day_and_its_version_the_one_of_that_day(office):
    clerk, checker = office
    policy = published(clerk, checker, frequency="one_off", version={"valid_from": date(2026, 7, 1)})
    opened(policy, actor=clerk)
    services.add_version(policy, actor=clerk, **version_facts(valid_from=date(2026, 11, 1)))
    later = policy.versions.get(number=2)
    services.advance_version(later.pk, "submit", actor=clerk)
    services.advance_version(later.pk, "publish", actor=checker)
    opened(policy, "11月补助", date(2026, 11, 5), actor=clerk)
    when, version = services.version_for(policy, "2026#1", act="申报")
    assert (when.first, when.last, version.number) == (FLOOD, FLOOD, 1)
    assert services.version_for(policy, "2026#2", act="申报")[1].number == 2


def test_a_round_that_nobody_opened_is_no_period(relief):
    with pytest.raises(BadInput, match="还没有开2026年第3次，不能申报。请部门先在政策页面开一次发放"):
        services.version_for(relief, "2026#3", act="申报")


@pytest.mark.parametrize(
    ("day", "said"),
    [(date(2025, 7, 10), "没有已发布的标准"), (date(2062, 7, 10), "一年以内")],
)
def test_a_day_without_a_standard_or_far_ahead_opens_no_round(relief, day, said):
    with pytest.raises(BadInput, match=said):
        opened(relief, day=day)


def test_a_title_is_used_once_a_year_and_says_something(relief):
    opened(relief)
    with pytest.raises(BadInput, match="已经叫“7月洪灾救助”"):
        opened(relief)
    with pytest.raises(BadInput, match="写明这一次是为什么发的"):
        opened(relief, " ")


def test_rounds_are_opened_by_who_makes_batches_for_public_one_off_policies(relief, office):
    for role in (Role.VILLAGE_CLERK, Role.DEPARTMENT_REVIEWER):
        with pytest.raises(StepForbidden):
            opened(relief, actor=UserFactory(role=role))
    with pytest.raises(StepRefused, match="按年发放，按期次办"):
        opened(published(*office))
    services.advance_policy(relief.pk, "suspend", actor=office[1], note="审计要求")
    with pytest.raises(StepRefused, match="公开以后才能开"):
        opened(relief)


def test_the_database_knows_a_round_once_and_never_changed(relief):
    one = opened(relief)
    copy = {
        field.attname: getattr(one, field.attname)
        for field in PaymentRound._meta.concrete_fields
        if field.name != "id"
    }
    with pytest.raises(IntegrityError, match="round_number_once"), transaction.atomic():
        PaymentRound.objects.create(**copy | {"title": "另一次"})
    with pytest.raises(IntegrityError, match="round_day_in_its_year"), transaction.atomic():
        PaymentRound.objects.create(**copy | {"title": "另一次", "number": 9, "year": 2025})
    with pytest.raises(DatabaseError), transaction.atomic():
        PaymentRound.objects.filter(pk=one.pk).update(day=date(2026, 7, 11))


def test_a_regular_policy_has_no_rounds_by_sql_either(relief, office):
    one = opened(relief)
    with pytest.raises(IntegrityError, match="只有一次性的政策按次发放"):
        PaymentRound.objects.create(
            policy=published(*office),
            year=2026,
            number=1,
            title="洪灾",
            day=FLOOD,
            opened_by=one.opened_by,
            opened_at=one.opened_at,
            county_code=one.county_code,
            division_code=one.division_code,
        )


def test_a_round_that_nobody_used_is_given_up_with_a_reason(relief, office):
    one = opened(relief)
    with pytest.raises(StepRefused, match="写明原因"):
        services.discard_round(one.pk, note="", actor=office[0])
    services.discard_round(one.pk, note="基准日打错了", actor=office[0])
    assert AuditEvent.objects.get(action="discard_round").detail["day"] == "2026-07-10"
    assert opened(relief).period.text == "2026#1"


def test_a_round_with_a_declaration_stays(office):
    policy = lists.policy(frequency="one_off")
    one = opened(policy)
    lists.declaration(policy, period="2026#1")
    with pytest.raises(StepRefused, match="已经有申报册或批次"):
        services.discard_round(one.pk, note="基准日打错了", actor=office[0])


# --- choosing one --------------------------------------------------------------------------------------------------------


def test_the_select_offers_the_rounds_of_each_policy_under_its_name(relief, office):
    other = published(*office, frequency="one_off")
    opened(relief)
    opened(other, "3月火灾", date(2026, 3, 3))
    opened(other, "12月雪灾", date(2026, 12, 3))
    groups = dict(services.periods_of(Policy.objects.all(), today=date(2026, 11, 2)))
    assert groups[f"一次性：{relief}"] == [
        (f"{relief.pk}:2026#1", "2026年第1次：7月洪灾救助（基准日2026年7月10日）")
    ]
    assert [value for value, _ in groups[f"一次性：{other}"]] == [f"{other.pk}:2026#2", f"{other.pk}:2026#1"]


def test_a_round_of_another_policy_is_not_taken_for_ones_own(relief):
    assert services.period_chosen(relief, f"{relief.pk}:2026#1") == "2026#1"
    with pytest.raises(BadInput, match="请在它的名下选"):
        services.period_chosen(relief, f"{relief.pk + 1}:2026#1")


# --- pages ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser():
    client = Client()
    client.force_login(UserFactory(role=Role.DEPARTMENT_CLERK))
    return client


def test_a_round_is_opened_and_given_up_on_the_policys_page(browser, relief):
    page, new = (reverse(f"subsidies:{name}", args=[relief.pk]) for name in ("policy-detail", "round-open"))
    assert "还没有开过" in browser.get(page).content.decode()
    given = {"title": "7月洪灾救助", "day": "2026-07-10", "action_key": uuid4()}
    assert browser.post(new, given).status_code == 302
    text = browser.get(page).content.decode()
    assert "2026年第1次" in text
    assert "7月洪灾救助" in text
    gone = reverse("subsidies:round-discard", args=[relief.rounds.get().pk])
    browser.post(gone, {"note": "打错了", "action_key": uuid4()})
    assert not relief.rounds.exists()


def test_a_refused_day_is_told_on_the_page_with_what_was_typed(browser, relief):
    given = {"title": "7月洪灾救助", "day": "2025-07-10", "action_key": uuid4()}
    text = browser.post(reverse("subsidies:round-open", args=[relief.pk]), given).content.decode()
    assert "没有已发布的标准" in text
    assert "7月洪灾救助" in text


def test_a_policy_of_regular_periods_shows_no_rounds_and_opens_none(browser, office):
    regular = published(*office)
    assert (
        "一次性发放"
        not in browser.get(reverse("subsidies:policy-detail", args=[regular.pk])).content.decode()
    )
    assert browser.get(reverse("subsidies:round-open", args=[regular.pk])).status_code == 302
