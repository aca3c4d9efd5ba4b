"""What `check --deploy` tells before a county runs on it."""

from datetime import date

import pytest

from huimin.core import checks, clock
from huimin.core.authority.roles import Role
from huimin.core.desk import todos
from huimin.core.models import CalendarDay
from tests.factories import UserFactory


def ids(found):
    return [one.id for one in found]


@pytest.mark.django_db
def test_the_app_role_passes_and_the_owner_is_told(db):
    assert ids(checks.two_roles()) == []


def test_a_connection_as_owner_is_told(committed_db, owner_connection, monkeypatch):
    monkeypatch.setattr(checks, "connection", owner_connection)
    assert ids(checks.two_roles()) == ["huimin.W001"]


def test_a_moved_clock_is_an_error_and_a_still_one_is_none(committed_db, move_clock):
    assert ids(checks.clock_not_moved()) == []
    move_clock(3)
    assert ids(checks.clock_not_moved()) == ["huimin.E002"]


@pytest.mark.parametrize(
    ("providers", "found"), [({}, ["huimin.W003"]), ({"sms": "off"}, []), ({"sms": "a.B"}, [])]
)
def test_a_channel_without_a_provider_is_told_unless_it_is_off(settings, providers, found):
    settings.MESSAGE_PROVIDERS = providers
    assert ids(checks.messages_have_a_way()) == found


def test_the_next_year_is_asked_for_in_november(committed_db, owner_connection):
    today = clock.today()
    first = date(today.year, 11, 2)
    owner_connection.execute(
        "UPDATE core_clock SET shift = make_interval(days => %s)", [(first - today).days]
    )
    owner_connection.commit()
    CalendarDay.objects.bulk_create(
        CalendarDay(day=date(today.year, month, 1), is_workday=False) for month in (1, 5, 10)
    )
    (todo,) = todos.for_user(UserFactory(role=Role.SYSTEM_ADMIN))
    assert [one.id for one in checks.calendar_is_loaded()] == ["huimin.W004"]
    assert (todo.title, todo.due) == (f"{today.year + 1}年工作日历待载入", date(today.year, 12, 31))
