"""A last day in 工作日 that was counted through a year without its 放假安排 is shown as what it is: a guess."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from huimin.core import clock, reference
from huimin.core.desk import todos
from huimin.core.models import CalendarDay
from recipients.models import Declaration
from recipients.queries import notice_days
from recipients.services import notices, objections, review
from recipients.states import DECLARATION_FLOW
from tests.recipients.factories import NOTHING, chain, declaration

pytestmark = pytest.mark.django_db
WORKDAYS = NOTHING | {"has_village_notice": True, "notice_in_workdays": True, "notice_days": 5}
SENTENCE = "放假安排还没有公布"


def submitted(people, **version):
    one = declaration(actor=people["village"], **WORKDAYS | version)
    return review.take_step(one.pk, "submit", actor=people["village"])


def posted(people, **version):
    one = submitted(people, **version)
    return one, notices.post_notice(one.pk, place="公开栏", actor=people["village"])


def know(*years):
    marks = [date(year, month, 1) for year in years for month in (1, 5, 10)]
    CalendarDay.objects.bulk_create(CalendarDay(day=day, is_workday=False) for day in marks)


def know_now():
    year = clock.today().year
    know(year, year + 1)


def page(client, user, name, *args):
    client.force_login(user)
    return client.get(reverse(f"recipients:{name}", args=args)).content.decode()


PAGES = ("declaration-detail", "notice-detail", "notice-list", "objection-detail")


def shown(client, people, one, notice):
    """Which of the pages say that the day is a guess."""
    objection = notice.objections.get()
    pk = {"declaration-detail": [one.pk], "notice-detail": [notice.pk], "objection-detail": [objection.pk]}
    return [name for name in PAGES if SENTENCE in page(client, people["clerk"], name, *pk.get(name, []))]


def test_every_page_with_the_day_says_that_it_is_guessed(client):
    people = chain()
    one, notice = posted(people)
    objections.file_objection(notice, "多报了面积")
    assert shown(client, people, one, notice) == list(PAGES)


def test_none_says_so_when_the_year_is_loaded(client):
    know_now()
    people = chain()
    one, notice = posted(people)
    objections.file_objection(notice, "多报了面积")
    assert shown(client, people, one, notice) == []


def test_a_term_in_natural_days_is_no_guess(client):
    people = chain()
    one, notice = posted(people, notice_in_workdays=False)
    objections.file_objection(notice, "多报了面积")
    assert shown(client, people, one, notice) == []


def test_who_posts_is_told_before(client):
    people = chain()
    one = submitted(people)
    assert SENTENCE in page(client, people["village"], "declaration-detail", one.pk)
    know_now()
    assert SENTENCE not in page(client, people["village"], "declaration-detail", one.pk)


def test_a_step_that_waits_for_the_day_says_so():
    people = chain()
    one, _ = posted(people)
    waits = review.blocked(Declaration.objects.get(pk=one.pk), DECLARATION_FLOW["end_village_notice"])
    assert "次日才能进入下一步" in waits
    assert SENTENCE in waits


def test_the_work_list_says_so_of_objections():
    people = chain()
    _, notice = posted(people)
    objections.file_objection(notice, "多报了面积")
    (todo,) = [one for one in todos.for_user(people["clerk"]) if "异议" in one.title]
    assert SENTENCE in todo.note
    know_now()
    (todo,) = [one for one in todos.for_user(people["clerk"]) if "异议" in one.title]
    assert todo.note == "答复前不能进入下一步。"


def test_only_a_year_that_the_term_touches_counts():
    know(2026)
    assert notice_days.warning(date(2026, 12, 20), date(2026, 12, 31)) == ""
    assert "2027年" in notice_days.warning(date(2026, 12, 20), date(2027, 1, 4))


def test_a_calendar_loaded_after_posting_shows_the_day_it_asks_for():
    people = chain()
    _, notice = posted(people)
    know_now()
    assert notice_days.warning_of(notice) == ""
    CalendarDay.objects.bulk_create(
        [CalendarDay(day=notice.starts_on + timedelta(days=n), is_workday=False) for n in range(15)],
        ignore_conflicts=True,
    )
    assert "应公示到" in notice_days.warning_of(notice)


def test_the_seeded_calendar_knows_its_years():
    reference.fill_calendar(actor=None)
    assert notice_days.warning(date(2004, 1, 1), date(2026, 12, 31)) == ""
