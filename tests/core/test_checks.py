"""What `check --deploy` tells before a county runs on it."""

import pytest

from huimin.core import checks


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
