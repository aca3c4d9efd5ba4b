"""Databases, threads and the closed network for every test."""

import itertools
import os
import socket
import threading
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from tests import servers

numbers = itertools.count(1)


def pytest_sessionstart(session):
    """After the options were understood: a misspelt one waits for no server. Who only divides the work needs none."""
    if not session.config.getoption("tx"):
        servers.start()


def pytest_unconfigure():
    """A process that shares the work ends without its exit handlers."""
    servers.SESSION.stop()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker):
    """Instead of pytest-django's: migrate a template as the owner, run the tests in a copy as the app's role."""
    with django_db_blocker.unblock():
        servers.make_template()
    servers.clone(servers.TEST_DATABASE)
    with servers.pointing_at(servers.TEST_DATABASE):
        yield
    servers.drop(servers.TEST_DATABASE)
    servers.drop_template()


@pytest.fixture
def committed_db(request, django_db_setup, django_db_blocker):
    """A database of its own, for tests that commit or need several connections; yields its name.

    The app's role may not TRUNCATE, so nothing can be cleaned: the copy is dropped.
    """
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        pytest.fail("committed_db stands alone: drop the db fixture and the django_db mark")
    name = f"{servers.TEST_DATABASE}_{next(numbers)}"
    servers.clone(name)
    try:
        with django_db_blocker.unblock(), servers.pointing_at(name):
            yield name
    finally:
        servers.drop(name)


@pytest.fixture
def transactional_db():
    """pytest-django's would TRUNCATE every table, which the app's role may not."""
    pytest.fail("use committed_db instead of transactional_db or live_server")


@pytest.fixture
def owner_connection(django_db_setup, django_db_blocker):
    """A psycopg connection as the owner to the current test's database; rolled back unless the test commits.

    Commit only under committed_db: the shared test database is never cleaned.
    """
    from django.db import connection

    url = servers.owner_url(connection.settings_dict["NAME"])
    with psycopg.connect(url) as owner:
        yield owner
        owner.rollback()


@pytest.fixture
def run_in_threads(committed_db, django_db_blocker):
    """run(fn, n): call fn(0) … fn(n - 1) at once, each with its own connection; results or exceptions, in order."""
    from django.db import connections

    def run(fn, n):
        barrier = threading.Barrier(n)
        results = [None] * n

        def one(index):
            try:
                barrier.wait(timeout=30)
                results[index] = fn(index)
            except Exception as error:
                results[index] = error
            finally:
                connections.close_all()

        threads = [threading.Thread(target=one, args=(index,)) for index in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads), "a thread is still waiting after a minute"
        return results

    return run


def allowed_hosts():
    """This machine, and the servers that the environment names."""
    named = (urlsplit(os.environ.get(name, "")).hostname for name in ("REDIS_URL", "DATABASE_URL"))
    return {"localhost", "127.0.0.1", "::1", *(unquote(host) for host in named if host)}


@pytest.fixture(autouse=True)
def closed_network(monkeypatch):
    """No test may leave the machine; unix sockets and localhost are open."""
    allowed = allowed_hosts()

    def guarded(real):
        def connect(self, address):
            if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in allowed:
                raise AssertionError(f"a test tried to reach {address[0]}")
            return real(self, address)

        return connect

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    real_lookup = socket.getaddrinfo

    def lookup(host, *args, **kwargs):
        if host not in allowed and host is not None:
            raise AssertionError(f"a test tried to look up {host}")
        return real_lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@pytest.fixture
def move_clock(committed_db, owner_connection):
    """move_clock(days): the business clock goes on by so many days, as only the owner can."""

    def move(days):
        owner_connection.execute("UPDATE core_clock SET shift = shift + make_interval(days => %s)", [days])
        owner_connection.commit()

    return move
