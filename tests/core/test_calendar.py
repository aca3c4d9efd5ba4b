"""A year whose 放假安排 nobody has loaded is told to those who load it."""

from datetime import date

import pytest
from django.core.management import call_command

from huimin.core import checks, clock, reference
from huimin.core.authority.roles import Role
from huimin.core.desk import todos
from huimin.core.errors import FileRefused
from huimin.core.models import AuditEvent, CalendarDay
from tests.factories import TOWN, DivisionFactory, UserFactory

pytestmark = pytest.mark.django_db
HEAD = "day,is_workday,name\n"


def announced(year):
    return (
        f"{year}-01-01,0,元旦\n{year}-05-01,0,劳动节\n{year}-10-01,0,国庆节\n{year}-10-09,1,国庆节调休上班\n"
    )


def load(*years):
    days = reference.read_calendar((HEAD + "".join(map(announced, years))).encode())
    return reference.fill_calendar(days, actor=None)


def waiting(user):
    return [todo for todo in todos.for_user(user) if "工作日历" in todo.title]


def test_the_system_administrator_is_asked_for_this_year_until_it_is_loaded():
    admin, year = UserFactory(role=Role.SYSTEM_ADMIN), clock.today().year
    asked = [todo.title for todo in waiting(admin)]
    assert f"{year}年工作日历待载入" in asked
    load(year, year + 1)
    assert waiting(admin) == []


def test_nobody_else_is_asked():
    assert waiting(UserFactory(role=Role.FINANCE_CLERK)) == []
    assert waiting(UserFactory(role=Role.SYSTEM_ADMIN, at=TOWN)) == []


def test_the_deploy_check_names_the_missing_year_once_there_is_a_county():
    year = clock.today().year
    assert checks.calendar_is_loaded() == []
    DivisionFactory()
    assert [one.id for one in checks.calendar_is_loaded()] == ["huimin.W004"]
    assert str(year) in checks.calendar_is_loaded()[0].msg
    load(year, year + 1)
    assert checks.calendar_is_loaded() == []


def test_a_new_year_is_loaded_from_a_file_and_leaves_its_trace(tmp_path):
    path = tmp_path / "days.csv"
    path.write_text(HEAD + announced(2031), encoding="utf-8")
    call_command("fill_calendar", file=path)
    assert CalendarDay.objects.over(date(2031, 3, 1), date(2031, 3, 2)) == {
        date(2031, 1, 1): False,
        date(2031, 5, 1): False,
        date(2031, 10, 1): False,
        date(2031, 10, 9): True,
    }
    assert AuditEvent.objects.get(action="calendar.fill").detail == {"days": 4}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("日期,上班\n", "第一行应为列名"),
        (HEAD + "2031-13-01,0,元旦\n", "1 处要改"),
        (HEAD + "2031-01-01,休,元旦\n", "1 处要改"),
        (HEAD + announced(2031) + "2031-10-09,0,重\n", "1 处要改"),
        (HEAD + "2031-01-01,0,元旦\n", "2031年缺"),
    ],
)
def test_a_faulty_calendar_is_refused_whole(text, sentence):
    with pytest.raises(FileRefused, match=sentence):
        reference.read_calendar(text.encode())
