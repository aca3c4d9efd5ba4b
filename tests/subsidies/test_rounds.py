"""一次性发放: a round is opened before anybody is declared for it, numbered by the house, and has the day that decides."""

import re
from datetime import date
from html import unescape
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from huimin.core.records import audit
from recipients.services import review
from subsidies import proofs, services
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


def told(policy, actor, period):
    """The trail knows of a round that somebody writes by SQL."""
    detail = {"round": period, "title": "另一次", "day": FLOOD.isoformat()}
    audit.record(policy, action="open_round", actor=actor, detail=detail)


def test_the_database_knows_a_round_once_and_never_changed(relief):
    one = opened(relief)
    copy = {
        field.attname: getattr(one, field.attname)
        for field in PaymentRound._meta.concrete_fields
        if field.name != "id"
    }
    with pytest.raises(IntegrityError, match="round_number_once"), transaction.atomic():
        PaymentRound.objects.create(**copy | {"title": "另一次"})
    told(relief, one.opened_by, "2025#9")
    with pytest.raises(IntegrityError, match="round_day_in_its_year"), transaction.atomic():
        PaymentRound.objects.create(**copy | {"title": "另一次", "number": 9, "year": 2025})
    with pytest.raises(DatabaseError), transaction.atomic():
        PaymentRound.objects.filter(pk=one.pk).update(day=date(2026, 7, 11))


def test_a_regular_policy_has_no_rounds_by_sql_either(relief, office):
    one = opened(relief)
    regular = published(*office)
    told(regular, one.opened_by, "2026#1")
    with pytest.raises(IntegrityError, match="只有一次性的政策按次发放"):
        PaymentRound.objects.create(
            policy=regular,
            year=2026,
            number=1,
            title="洪灾",
            day=FLOOD,
            opened_by=one.opened_by,
            opened_at=one.opened_at,
            county_code=one.county_code,
            division_code=one.division_code,
        )


def test_a_round_that_nobody_used_is_given_up_with_a_reason_by_whoever_opened_it_too(relief, office):
    one = opened(relief, actor=office[0])
    with pytest.raises(StepRefused, match="写明原因"):
        services.discard_round(one.pk, note="", actor=office[0])
    gone = services.discard_round(one.pk, note="基准日打错了", actor=office[0])
    assert (gone.given_up_by, gone.given_up_reason) == (office[0], "基准日打错了")
    assert AuditEvent.objects.get(action="discard_round").detail["day"] == "2026-07-10"
    with pytest.raises(StepRefused, match="已经放弃过"):
        services.discard_round(one.pk, note="再一次", actor=office[0])
    assert opened(relief).period.text == "2026#2", "the number stays, the title is free"


def test_an_older_round_is_given_up_as_well_as_the_newest(relief, office):
    first = opened(relief)
    opened(relief, "8月风灾", date(2026, 8, 1))
    services.discard_round(first.pk, note="基准日打错了", actor=office[0])
    assert [one.title for one in relief.rounds.open()] == ["8月风灾"]


def test_nothing_is_declared_or_listed_under_a_round_that_was_given_up(office):
    policy = lists.policy(frequency="one_off")
    one = opened(policy)
    services.discard_round(one.pk, note="基准日打错了", actor=office[0])
    with pytest.raises(BadInput, match="已经放弃，不能申报"):
        services.version_for(policy, "2026#1", act="申报")
    assert services.periods_of(Policy.objects.filter(pk=policy.pk), today=date(2026, 11, 2)) == []


def test_a_round_with_a_book_under_way_stays_and_one_whose_books_were_set_aside_goes_by_another_person(
    office,
):
    policy = lists.policy(frequency="one_off")
    opener = UserFactory(role=Role.DEPARTMENT_CLERK)
    one = opened(policy, actor=opener)
    book = lists.declaration(policy, period="2026#1")
    with pytest.raises(StepRefused, match="有申报册正在办"):
        services.discard_round(one.pk, note="基准日打错了", actor=office[0])
    review.take_step(book.pk, "withdraw", actor=book.made_by, note="基准日打错了")
    twin = UserFactory(role=Role.DEPARTMENT_CLERK, id_number=opener.id_number)
    for same in (opener, twin):
        with pytest.raises(StepRefused, match="要由另一个人放弃"):
            services.discard_round(one.pk, note="基准日打错了", actor=same)
    services.discard_round(one.pk, note="基准日打错了", actor=office[0])
    copy = type(book).objects.get(pk=book.pk)
    copy.pk, copy.serial, copy.status = None, 77, "draft"
    with pytest.raises(DatabaseError, match="没有开过，或与那一次不符"), transaction.atomic():
        copy.save(force_insert=True)


INSERT = """INSERT INTO subsidies_paymentround
        (policy_id, year, number, title, day, opened_by_id, opened_at, given_up_reason, county_code, division_code)
    SELECT policy_id, year, number + 1, '另一次', day, opened_by_id, opened_at, '', county_code, division_code
    FROM subsidies_paymentround WHERE id = %s"""
GIVE_UP = """UPDATE subsidies_paymentround SET given_up_at = now(), given_up_by_id = opened_by_id, given_up_reason = 'x'
    WHERE id = %s"""


def sql(text, *given):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text, given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (INSERT, "开一次发放要有留痕"),
        (GIVE_UP, "放弃一次发放要有留痕"),
        ("UPDATE subsidies_paymentround SET title = '改' WHERE id = %s", "不能修改，只能放弃"),
        ("DELETE FROM subsidies_paymentround WHERE id = %s", "Cannot delete"),
    ],
)
def test_by_sql_no_round_comes_goes_or_changes_without_a_word_on_the_trail(relief, text, words):
    one = opened(relief)
    with pytest.raises(DatabaseError, match=words):
        sql(text, one.pk)


def test_the_proof_finds_a_round_that_nobody_had_the_duty_to_open(relief):
    one = opened(relief)
    assert proofs.rounds_were_opened_by_somebody() == (1, [])
    told(relief, one.opened_by, "2026#2")
    sql(INSERT, one.pk)
    assert len(proofs.rounds_were_opened_by_somebody()[1]) == 1


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
    assert gone in text
    assert "基准日2026年7月10日" in browser.get(gone).content.decode()
    assert "请填写放弃的原因" in browser.post(gone, {"note": "", "action_key": uuid4()}).content.decode()
    assert browser.post(gone, {"note": "打错了", "action_key": uuid4()}).status_code == 302
    assert not relief.rounds.open().exists()
    text = browser.get(page).content.decode()
    assert "已放弃" in text
    assert gone not in text
    assert browser.get(gone).status_code == 302


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


def test_who_gives_a_round_up_is_led_to_the_books_and_batches_that_hinder(browser):
    policy = lists.policy(frequency="one_off")
    one = opened(policy)
    opened(policy, "8月风灾", date(2026, 8, 1))
    hinders, other = (lists.declaration(policy, period=period) for period in ("2026#1", "2026#2"))
    text = browser.get(reverse("subsidies:round-discard", args=[one.pk])).content.decode()
    books, batches = re.findall(r'href="(/desk/[^"]*\?policy=[^"]*)"', text)
    found = [row.pk for row in browser.get(unescape(books)).context["page"]]
    assert found == [hinders.pk]
    assert other.pk not in found
    assert browser.get(unescape(batches)).status_code == 200


def test_who_cannot_give_a_round_up_is_asked_to_change_nothing_on_the_page(browser):
    policy = lists.policy(frequency="one_off")
    one = opened(policy)
    lists.declaration(policy, period="2026#1")
    given = {"note": "打错了", "action_key": uuid4()}
    text = browser.post(reverse("subsidies:round-discard", args=[one.pk]), given).content.decode()
    assert "还不能放弃" in text
    assert "请改一处" not in text
