"""The databases that every other test stands on."""

import socket

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, ProgrammingError, connection, transaction

from tests import servers


def databases():
    with psycopg.connect(servers.owner_url()) as owner:
        return {name for (name,) in owner.execute("SELECT datname FROM pg_database")}


@pytest.mark.django_db
def test_tests_run_with_the_rights_of_the_app():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        role, is_super, bypasses = cursor.fetchone()
    if role != "huimin_app":
        pytest.skip("the environment names one role for everything")
    assert not is_super
    assert not bypasses


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["CREATE TABLE made (n int)", "TRUNCATE core_auditevent", "CREATE SCHEMA made"]
)
def test_the_app_may_not_change_the_schema_nor_empty_a_table(statement):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement)


def test_what_a_test_commits_is_seen_by_other_connections_and_by_the_owner(
    committed_db, run_in_threads, owner_connection
):
    ContentType.objects.create(app_label="trial", model="one")
    assert run_in_threads(lambda _: ContentType.objects.filter(app_label="trial").count(), 3) == [1, 1, 1]
    found = owner_connection.execute("SELECT count(*) FROM django_content_type WHERE app_label = 'trial'")
    assert found.fetchone() == (1,)


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_committed_database_is_fresh_each_time(committed_db, time):
    assert not ContentType.objects.filter(app_label="trial").exists()
    ContentType.objects.create(app_label="trial", model="one")


def test_threads_meet_at_the_database_and_one_wins(run_in_threads):
    results = run_in_threads(lambda _: ContentType.objects.create(app_label="trial", model="same"), 4)
    assert sorted(isinstance(result, IntegrityError) for result in results) == [False, True, True, True]


def test_committed_databases_are_dropped():
    assert not {name for name in databases() if name.startswith(f"{servers.TEST_DATABASE}_")}


@pytest.mark.django_db
def test_the_shared_database_keeps_nothing_of_committed_ones():
    assert not ContentType.objects.filter(app_label="trial").exists()


@pytest.mark.parametrize("host", ["192.0.2.1", "huimin.example"])
def test_no_test_can_leave_the_machine(host):
    with pytest.raises(AssertionError, match=host):
        socket.create_connection((host, 443), timeout=1)
